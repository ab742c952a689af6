"""Settings of a file drop: where files come from, and which mapping reads them."""

from pathlib import Path

from pydantic import Field, field_validator

from common.settings.sections import Section


class FileDrop(Section):
    """One kind of file."""

    mapping: Path = Field(description="The mapping file: which column is which field of an event (docs/files.md).")
    folder: Path | None = Field(
        None, description="The folder that is watched; without one, files are only given by hand (`ingest file`)."
    )
    pattern: str = Field("*", min_length=1, description="Names of the files that are taken: `*.csv`.")
    interval_s: float = Field(5, ge=0.1, le=3600, description="Seconds between two looks into the folder.")
    settle_s: float = Field(
        5,
        ge=0,
        le=86400,
        description="A file that was written to less than so many seconds ago is left alone: it is still being copied.",
    )
    bad_max: int = Field(
        10_000,
        ge=0,
        description="A file with more bad lines than this is stopped: its mapping is wrong, not its lines.",
    )

    @field_validator("mapping")
    @classmethod
    def _is_file(cls, path: Path) -> Path:
        if not path.is_file():
            raise ValueError(f"no such file: {path}")
        return path

    @field_validator("folder")
    @classmethod
    def _is_folder(cls, path: Path | None) -> Path | None:
        if path is not None and not path.is_dir():
            raise ValueError(f"no such folder: {path}; create it, writable for the worker")
        return path
