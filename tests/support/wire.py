"""Payloads of other writers, and schema sources that know their schemas."""

import struct
from io import BytesIO
from typing import Any

from fastavro import parse_schema, schemaless_writer

from common.errors import UndecodableError
from common.reasons import Reason
from schemas.catalogue import Schema


class KnownSchemas:
    """A Schema Registry that answers from a dict, and counts how often it was asked."""

    def __init__(self, known: dict[int, Schema]) -> None:
        self.known = known
        self.asked: list[int] = []

    def id_for(self, topic: str) -> int:
        """The only id it has."""
        return next(iter(self.known))

    def schema(self, schema_id: int) -> Schema:
        """The schema it was given for an id."""
        self.asked.append(schema_id)
        if schema_id not in self.known:
            raise UndecodableError(Reason.UNKNOWN_SCHEMA, f"schema id {schema_id}")
        return self.known[schema_id]


def framed(schema_id: int, body: bytes) -> bytes:
    """A body behind the five bytes of the Confluent wire format."""
    return struct.pack(">bI", 0, schema_id) + body


def written(schema: Schema, value: dict[str, Any], schema_id: int) -> bytes:
    """What another writer, with its own schema, puts on the wire."""
    body = BytesIO()
    schemaless_writer(body, parse_schema(schema), value)
    return framed(schema_id, body.getvalue())
