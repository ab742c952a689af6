"""A row becomes an event: the mapping, compiled once. Pure."""

from collections.abc import Mapping as AnyMapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from common.codec import from_json
from common.errors import InvalidEventError
from schemas.catalogue import catalogue
from schemas.fields import Field, field
from workers.ingest.event_id import event_id
from workers.ingest.files.convert import CannotConvertError, Convert, converter
from workers.ingest.files.mapping import Mapping, Rule
from workers.ingest.identity import customer_of
from workers.ingest.sources.api import NewEvent

Columns = AnyMapping[str, Any]
Errors = list[tuple[str, str]]

_NOTHING: Any = object()


@dataclass(frozen=True, slots=True)
class _Target:
    """One field: its steps, where it comes from, and what stands there where the column is empty."""

    steps: tuple[str, ...]
    column: str
    convert: Convert
    default: Any
    is_needed: bool


class Translation:
    """Rows of one mapping as events."""

    def __init__(self, mapping: Mapping) -> None:
        self._mapping = mapping
        schema = catalogue().schema(mapping.topic)
        found = {path: field(schema, path) for path in mapping.fields}
        self._constants: list[tuple[tuple[str, ...], Any]] = []
        self._targets: list[_Target] = []
        for path, rule in mapping.rules().items():
            if (target := found[path]) is not None:
                self._add(target, rule)

    @property
    def topic(self) -> str:
        """Where its events go."""
        return self._mapping.topic

    def __call__(self, columns: Columns, natural_id: str, received_at: datetime) -> NewEvent:
        """The event of one row; `natural_id` is that of its place, used where the mapping names no id.

        Raises InvalidEventError naming every field that is missing or wrong, and its column.
        """
        errors: Errors = []
        value: dict[str, Any] = {}
        for steps, constant in self._constants:
            _put(value, steps, constant)
        for target in self._targets:
            self._fill(value, target, columns, errors)
        customer = self._customer(columns)
        identity = self._identity(columns, natural_id, errors)
        if errors:
            raise InvalidEventError(errors)
        value |= {
            "event_id": event_id(self._mapping.source, identity),
            "source": self._mapping.source,
            "source_instance": self._mapping.instance or None,
            "ingested_at": received_at,
            "customer": customer,
        }
        return NewEvent(self.topic, from_json(self.topic, value), is_checked=True)

    def _add(self, target: Field, rule: Rule) -> None:
        steps, convert = tuple(target.path.split(".")), converter(target, rule)
        if rule.column is None:
            self._constants.append((steps, convert(rule.value)))
            return
        default = _NOTHING if rule.default is None else convert(rule.default)
        is_needed = not target.nullable and not target.has_default
        self._targets.append(_Target(steps, rule.column, convert, default, is_needed))

    def _fill(self, value: dict[str, Any], target: _Target, columns: Columns, errors: Errors) -> None:
        given = _at(columns, target.column)
        if given is None or (isinstance(given, str) and (not given or given.isspace())):
            if target.default is not _NOTHING:
                _put(value, target.steps, target.default)
            elif target.is_needed:
                errors.append((".".join(target.steps), f"is missing: the column {target.column} is empty"))
            return
        try:
            _put(value, target.steps, target.convert(given))
        except CannotConvertError as error:
            errors.append((".".join(target.steps), f"{error} (column {target.column})"))

    def _customer(self, columns: Columns) -> dict[str, Any] | None:
        rule = self._mapping.customer
        if rule is None:
            return None
        known = {name: _text_at(columns, column) for name, column in rule.known.items()}
        site, local, address = (_at(columns, name) if name else None for name in (rule.id, rule.local_id, rule.address))
        given = address if isinstance(address, str) else None
        return customer_of(self._mapping.source, self._mapping.instance, site, local, given, **known)

    def _identity(self, columns: Columns, natural_id: str, errors: Errors) -> str:
        """The mapped id, which belongs to the topic, or that of the place."""
        if not self._mapping.id:
            return natural_id
        parts = [_text_at(columns, name) for name in self._mapping.id]
        for name, part in zip(self._mapping.id, parts, strict=True):
            if part is None:
                errors.append(("event_id", f"cannot be made: the column {name} is empty"))
        return "\n".join([self.topic, *(part or "" for part in parts)])


def _at(columns: Columns, name: str) -> Any:
    """A column; in JSON and Avro also a name inside, behind dots."""
    if name in columns or "." not in name:
        return columns.get(name)
    found: Any = columns
    for step in name.split("."):
        found = found.get(step) if isinstance(found, dict) else None
    return found


def _text_at(columns: Columns, name: str) -> str | None:
    found = _at(columns, name)
    if found is None or isinstance(found, bool | dict | list | float | bytes):
        return None
    return str(found).strip() or None


def _put(value: dict[str, Any], steps: tuple[str, ...], given: Any) -> None:
    for step in steps[:-1]:
        value = value.setdefault(step, {})
    value[steps[-1]] = given
