"""Event records as bytes: Avro in the Confluent wire format (magic byte 0, schema id, Avro binary).

A record is read with its writer's schema and resolved to ours. Whatever arrives, decoding ends in a value
that fits our schema or in one error that says why, within bounds: payloads are capped before they are
read, and writer schemas that make a few bytes explode are refused when they are loaded.
"""

import struct
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from io import BytesIO
from typing import Any, cast

from fastavro import parse_schema, schemaless_reader
from fastavro.read import SchemaResolutionError

from common.avro_reader import GIVES_UP, Read, compile_reader
from common.avro_writer import compile_writer
from common.errors import InvalidEventError, ReaderTooOldError, UndecodableError, UnknownTopicError
from common.event_json import checked, from_json, headers_of, to_json
from common.reasons import Reason
from common.schema_source import LocalSchemas, SchemaSource
from schemas.catalogue import Schema, catalogue, fingerprint
from schemas.fields import Field, field, fields
from schemas.safety import danger

__all__ = [
    "MAX_PAYLOAD_BYTES",
    "Decoder",
    "Encoder",
    "LocalSchemas",
    "SchemaSource",
    "checked",
    "from_json",
    "headers_of",
    "to_json",
]

MAX_PAYLOAD_BYTES = 2**20
"""The largest record value of an event topic: 1 MiB."""

_PREFIX = struct.Struct(">bI")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KEPT_LOGICAL_TYPES = ("timestamp-micros", "timestamp-millis")


class Encoder:
    """Values to payloads, in the current schema of their topic."""

    def __init__(self, schemas: SchemaSource) -> None:
        self._schemas = schemas
        self._writers: dict[str, tuple[bytes, Callable[[bytes, Mapping[str, Any]], bytes]]] = {}

    def load(self, topics: Iterable[str]) -> None:
        """Learn the ids of these topics now, so that encoding asks nobody; raises RegistryDownError."""
        for topic in topics:
            self._load(topic)

    def encode(self, topic: str, value: Mapping[str, Any]) -> bytes:
        """The payload of one event.

        Raises InvalidEventError naming each field that does not fit, UnknownTopicError, and
        RegistryDownError while the id of the topic's schema is not known.
        """
        return self.encode_checked(topic, checked(topic, value))

    def encode_checked(self, topic: str, whole: Mapping[str, Any]) -> bytes:
        """`encode` of what `from_json` or `checked` gave for this topic, without a second look at it."""
        prefix, write = self._writers.get(topic) or self._load(topic)
        return write(prefix, whole)

    def _load(self, topic: str) -> tuple[bytes, Callable[[bytes, Mapping[str, Any]], bytes]]:
        prefix = _PREFIX.pack(0, self._schemas.id_for(topic))
        self._writers[topic] = prefix, compile_writer(catalogue().schema(topic))
        return self._writers[topic]


class Decoder:
    """Payloads to values that fit our schemas, whoever wrote them."""

    def __init__(self, schemas: SchemaSource, max_bytes: int = MAX_PAYLOAD_BYTES) -> None:
        self._schemas = schemas
        self._max_bytes = max_bytes
        self._readers: dict[str, dict[int, _Reader]] = {topic: {} for topic in catalogue().topics}

    def decode(self, topic: str, payload: bytes | None) -> dict[str, Any]:
        """The event in a record's value; `topic` is the logical name.

        Raises UndecodableError with its Reason, ReaderTooOldError when the writer wrote a `type` that our
        schema lacks, RegistryDownError, and UnknownTopicError.
        """
        if payload is None:
            raise UndecodableError(Reason.TOMBSTONE, f"a record of {topic} without a value")
        if len(payload) > self._max_bytes:
            detail = f"{len(payload)} bytes, more than the {self._max_bytes} of a record"
            raise UndecodableError(Reason.OVERSIZED, detail)
        if len(payload) < _PREFIX.size or payload[0] != 0:
            detail = f"{topic} takes Avro in the Confluent wire format: byte 0, schema id, value"
            raise UndecodableError(Reason.NOT_AVRO, detail)
        schema_id = _PREFIX.unpack_from(payload)[1]
        try:
            reader = self._readers[topic][schema_id]
        except KeyError:
            reader = self._load(topic, schema_id)
        return reader.read(payload)

    def _load(self, topic: str, schema_id: int) -> "_Reader":
        if topic not in self._readers:
            raise UnknownTopicError(f"{topic} is not an event topic: its records are not decoded")
        reader = _Reader(topic, schema_id, self._schemas.schema(schema_id))
        self._readers[topic][schema_id] = reader
        return reader


class _Reader:
    """Reads what was written with one writer schema as events of one topic."""

    def __init__(self, topic: str, schema_id: int, written: Schema) -> None:
        """Raises UndecodableError when the writer's schema is unsafe, no schema, or another event's."""
        self._topic, self._id = topic, schema_id
        ours = catalogue().schema(topic)
        if _record_name(written) != ours["name"]:
            raise self._incompatible(f"it is not a record {ours['name']}")
        unsafe = danger(written)
        if unsafe:
            raise UndecodableError(Reason.UNSAFE_SCHEMA, f"schema id {schema_id}: {unsafe}")
        try:
            self._writer = parse_schema(_plain(written))
        except Exception as error:  # whatever fastavro makes of somebody's schema
            raise self._incompatible(f"no Avro schema ({type(error).__name__})") from error
        self._symbols = frozenset(cast(Field, field(ours, "type")).symbols)
        self._times = tuple(one.path for one in fields(ours) if one.kind == "timestamp")
        is_ours = fingerprint(written) == fingerprint(ours)
        self._ours = None if is_ours else parse_schema(ours)
        self._usual = _usual_reader(topic) if is_ours else None

    def read(self, payload: bytes) -> dict[str, Any]:
        """The event after the prefix."""
        if self._usual is None:
            return self._resolved(payload)
        try:
            return self._usual(payload, _PREFIX.size)
        except GIVES_UP:
            return self._decode(payload, None)

    def _resolved(self, payload: bytes) -> dict[str, Any]:
        try:
            value = self._decode(payload, self._ours)
            if value["type"] == "UNKNOWN":
                self._refuse_new_type(payload)
            return checked(self._topic, self._with_times(value))
        except SchemaResolutionError as error:
            self._refuse_new_type(payload)
            raise self._incompatible(str(error)) from error
        except InvalidEventError as error:
            raise self._incompatible(str(error)) from error

    def _decode(self, payload: bytes, ours: Any) -> dict[str, Any]:
        body = BytesIO(payload)
        body.seek(_PREFIX.size)
        try:
            value = schemaless_reader(body, self._writer, ours)
        except SchemaResolutionError:
            raise
        except Exception as error:  # fastavro promises nothing about garbage
            detail = f"not a value of schema id {self._id} ({type(error).__name__})"
            raise UndecodableError(Reason.MALFORMED, detail) from error
        if body.tell() != len(payload):
            detail = f"{len(payload) - body.tell()} bytes behind the value of schema id {self._id}"
            raise UndecodableError(Reason.MALFORMED, detail)
        return cast(dict[str, Any], value)

    def _refuse_new_type(self, payload: bytes) -> None:
        """Asks what the writer wrote, before resolution made UNKNOWN of it; a written UNKNOWN is ordinary."""
        written = self._decode(payload, None)
        symbol = written.get("type") if isinstance(written, dict) else None
        if isinstance(symbol, str) and symbol not in self._symbols:
            newer = f"type {symbol!r} of schema id {self._id} is newer than this reader"
            raise ReaderTooOldError(f"{self._topic}: {newer}; upgrade it, the record waits")

    def _with_times(self, value: dict[str, Any]) -> dict[str, Any]:
        """Avro resolves plain longs to our timestamps; fastavro leaves them numbers."""
        for name in self._times:
            if isinstance(value[name], int):
                value[name] = self._time(value[name])
        return value

    def _time(self, micros: int) -> datetime:
        try:
            return _EPOCH + timedelta(microseconds=micros)
        except OverflowError as error:
            detail = f"a time beyond the year 9999 in a value of schema id {self._id}"
            raise UndecodableError(Reason.MALFORMED, detail) from error

    def _incompatible(self, why: str) -> UndecodableError:
        detail = f"schema id {self._id} does not resolve to ours of {self._topic}: {why[:200]}"
        return UndecodableError(Reason.INCOMPATIBLE_SCHEMA, detail)


@cache
def _usual_reader(topic: str) -> Read:
    return compile_reader(catalogue().schema(topic))


def _record_name(schema: Any) -> str | None:
    """The name without its namespace: records resolve by it (Avro 1.12 specification, Schema Resolution)."""
    if not isinstance(schema, dict) or schema.get("type") != "record":
        return None
    return str(schema.get("name")).rpartition(".")[2]


def _plain(node: Any) -> Any:
    """The schema without logical types that would change a value's kind: ours has timestamps only."""
    if isinstance(node, dict):
        foreign = node.get("logicalType") not in _KEPT_LOGICAL_TYPES
        return {key: _plain(part) for key, part in node.items() if not (foreign and key == "logicalType")}
    if isinstance(node, list):
        return [_plain(part) for part in node]
    return node
