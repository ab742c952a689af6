"""A mapping against the schema of its topic: every fault with its line, before any file is read."""

from collections.abc import Iterator
from collections.abc import Mapping as AnyMapping
from pathlib import Path
from typing import Any

from common.errors import ForbiddenTopicError, LocatedError, UnknownTopicError
from common.yaml import Document
from schemas.catalogue import catalogue
from schemas.fields import field
from workers.ingest.files.convert import CannotConvertError, converter
from workers.ingest.files.mapping import FaultyMappingError, Format, Mapping, Rule, read_mapping
from workers.ingest.sources.canonical import check_topic

OURS = ("event_id", "source", "source_instance", "ingested_at", "customer")
"""What is not mapped as a field: `id`, `source`, `instance` and `customer` of the mapping say it."""

_NEEDED = ("type", "occurred_at")


def load_mapping(path: Path) -> Mapping:
    """A mapping that fits its topic. Raises LocatedError or FaultyMappingError, which names every fault."""
    mapping, document = read_mapping(path)
    if faults := list(_faults(mapping, document)):
        raise FaultyMappingError(faults)
    return mapping


def _faults(mapping: Mapping, document: Document) -> Iterator[LocatedError]:
    try:
        check_topic(mapping.topic, catalogue().topics)
    except (UnknownTopicError, ForbiddenTopicError) as error:
        yield document.error(str(error), "topic")
        return
    schema = catalogue().schema(mapping.topic)
    for path, rule in mapping.rules().items():
        if fault := _field_fault(schema, path, rule):
            yield document.error(f"{path}: {fault}", "fields", path)
    for name in _missing(mapping, schema):
        yield document.error(f"{name} is required by {mapping.topic}: map it under `fields`", "fields")
    for name in mapping.customer.known if mapping.customer else ():
        found = field(schema, f"customer.{name}")
        if found is None or found.kind != "string" or name == "customer_id":
            yield document.error(f"{name} is no text of the customer record", "customer", "known", name)
    if mapping.format is Format.CSV and (columns := mapping.csv.columns):
        for name in mapping.columns:
            if name not in columns:
                yield document.error(f"{name} is not in csv.columns, and the mapping reads it", "csv", "columns")
    if mapping.format is not Format.CSV and "csv" in mapping.model_fields_set:
        yield document.error(f"csv says how CSV is written, and the format is {mapping.format}", "csv")


def _field_fault(schema: AnyMapping[str, Any], path: str, rule: Rule) -> str:
    if path.partition(".")[0] in OURS:
        return "is ours to fill: see `id`, `source`, `instance` and `customer`"
    target = field(schema, path)
    if target is None:
        return "is not a field of this topic"
    try:
        convert = converter(target, rule)
        for constant in _constants(rule):
            convert(constant)
    except CannotConvertError as error:
        return str(error)
    return ""


def _constants(rule: Rule) -> Iterator[Any]:
    """What the mapping itself puts into the event."""
    yield from (one for one in (rule.value, rule.default) if one is not None)
    yield from rule.words


def _missing(mapping: Mapping, schema: AnyMapping[str, Any]) -> Iterator[str]:
    mapped = {path.partition(".")[0] for path in mapping.fields}
    for declared in schema["fields"]:
        name = declared["name"]
        found = field(schema, name)
        is_needed = name in _NEEDED or (found is not None and not found.has_default and not found.nullable)
        if is_needed and name not in OURS and name not in mapped:
            yield name
