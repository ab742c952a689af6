"""Where schema ids come from: the committed catalogue, or a Schema Registry."""

from typing import Protocol

from common.errors import UndecodableError
from common.reasons import Reason
from schemas.catalogue import Catalogue, Schema, catalogue


class SchemaSource(Protocol):
    """Where schema ids come from: the committed catalogue, or a Schema Registry."""

    def id_for(self, topic: str) -> int:
        """The id to write before a value of this topic; raises RegistryDownError."""
        ...

    def schema(self, schema_id: int) -> Schema:
        """The schema that an id means.

        Raises UndecodableError(UNKNOWN_SCHEMA) when there is certainly none, RegistryDownError when
        nobody can tell now.
        """
        ...


class LocalSchemas:
    """The committed ids of this release."""

    def __init__(self, committed: Catalogue | None = None) -> None:
        self._committed = committed or catalogue()

    def id_for(self, topic: str) -> int:
        """The id of the topic's current schema."""
        return self._committed.id_of(topic)

    def schema(self, schema_id: int) -> Schema:
        """The schema of a committed id, current or earlier."""
        found = self._committed.by_id(schema_id)
        if found is None:
            detail = f"schema id {schema_id} is not in schemas/ids.json, and no Schema Registry is configured"
            raise UndecodableError(Reason.UNKNOWN_SCHEMA, detail)
        return found[1]
