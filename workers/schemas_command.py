"""`commfleet schemas list|check|register`, wired."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import orjson

from common.clock import SystemClock
from common.errors import ConfigurationError, InvalidEventError
from common.event_json import from_json
from common.settings import RegistrySettings
from schemas.catalogue import catalogue
from schemas.compatibility import Mode
from schemas.example_files import examples, review_examples
from schemas.fields import fields
from schemas.history import HERE, against
from schemas.review import review
from workers.registering import Step, Subjects
from workers.settings import Settings


@dataclass(frozen=True, slots=True)
class SchemaRow:
    """One event schema, for people."""

    topic: str
    id: int
    types: int
    fields: int
    personal: int


def schema_rows() -> list[SchemaRow]:
    """Every event schema: its current local id, and how many types, fields and personal fields it has."""
    return [_schema_row(topic) for topic in catalogue().topics]


def _schema_row(topic: str) -> SchemaRow:
    found = list(fields(catalogue().schema(topic)))
    types = next(len(field.symbols) for field in found if field.path == "type")
    return SchemaRow(topic, catalogue().id_of(topic), types, len(found), sum(field.pii for field in found))


def schema_problems(
    settings: Settings, compare_with: str | None = None, mode: str | None = None, folder: Path = HERE
) -> list[str]:
    """What must be mended before the schemas may be committed; nobody is contacted.

    They are held to the released ones, or to a folder or git revision that `compare_with` names. Raises
    ConfigurationError when there is nothing to compare with.
    """
    before = None if compare_with is None else against(compare_with, folder)
    found = review(folder, before, Mode(mode or compatibility_of(settings)))
    return found or [*review_examples(catalogue(), folder), *_unfit(folder)]


def _unfit(folder: Path) -> Iterator[str]:
    """Examples that are no events of their topic."""
    for path in examples(folder):
        if path.parent.name not in catalogue().topics:
            continue
        try:
            from_json(path.parent.name, orjson.loads(path.read_bytes()))
        except (InvalidEventError, ValueError) as error:
            yield f"{path.relative_to(folder)}: {error}"


def compatibility_of(settings: Settings) -> str:
    """What schemas are held to here."""
    return settings.registry.compatibility if settings.registry else Mode.BACKWARD_TRANSITIVE


def registration_plan(settings: Settings, keep_levels: bool = False) -> list[Step]:
    """What `register` would do at the configured registry, and what stands in its way.

    Raises RegistryDownError and ConfigurationError.
    """
    configured = _configured(settings)
    with closing(_subjects(settings, configured)) as subjects:
        return subjects.plan(Mode(configured.compatibility), keep_levels)


def register(settings: Settings, steps: Sequence[Step], on_done: Callable[[str], None]) -> None:
    """Take the steps of a plan; raises ConfigurationError before anything is done when one is a problem."""
    with closing(_subjects(settings, _configured(settings))) as subjects:
        subjects.apply(steps, on_done)


def _configured(settings: Settings) -> RegistrySettings:
    if settings.registry is None:
        raise ConfigurationError("no Schema Registry is configured: set registry.url (docs/settings.md)")
    return settings.registry


def _subjects(settings: Settings, configured: RegistrySettings) -> Subjects:
    from common.kafka.registry import Registry  # a client that takes a quarter of a second to import

    return Subjects(Registry(configured, SystemClock()), settings.prefix)
