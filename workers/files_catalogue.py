"""The configured sources of files, with their mappings read and checked."""

from collections.abc import Iterator

from common.errors import CommfleetError, ConfigurationError
from workers.ingest.files.config import FileDrop
from workers.ingest.files.mapping import FaultyMappingError
from workers.ingest.files.mapping_check import load_mapping
from workers.ingest.files.translate import Translation
from workers.ingest.files.work import Source
from workers.settings import Settings


def drop_of(settings: Settings, name: str) -> FileDrop:
    """A source's settings. Raises ConfigurationError when there is none of this name."""
    if name not in settings.ingest.files:
        known = ", ".join(settings.ingest.files) or "none"
        raise ConfigurationError(
            f"there is no source of files {name!r}; there are: {known}. Add ingest.files.{name} to the configuration "
            "file (docs/files.md)"
        )
    return settings.ingest.files[name]


def file_source(settings: Settings, name: str) -> Source:
    """A source, ready to read. Raises ConfigurationError for a mapping that cannot work."""
    drop = drop_of(settings, name)
    mapping = load_mapping(drop.mapping)
    return Source(name, mapping, Translation(mapping), drop.bad_max)


def mapping_problems(settings: Settings) -> Iterator[str]:
    """Everything that is wrong with the mappings, each with its file and line; and folders that are shared."""
    folders: dict[str, str] = {}
    for name, drop in settings.ingest.files.items():
        try:
            load_mapping(drop.mapping)
        except FaultyMappingError as error:
            yield from map(str, error.errors)
        except CommfleetError as error:
            yield str(error)
        if drop.folder is not None:
            place = f"{drop.folder.resolve()} {drop.pattern}"
            if place in folders:
                yield f"ingest.files.{name} and ingest.files.{folders[place]} take the same files: {place}"
            folders[place] = name
