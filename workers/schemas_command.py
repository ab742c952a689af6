"""`commfleet schemas list`."""

from dataclasses import dataclass

from schemas.catalogue import catalogue
from schemas.fields import fields


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
