"""Where schema ids come from: the committed catalogue, or a Schema Registry."""

from collections.abc import Iterable
from typing import Protocol

from common.errors import RegistryDownError, UndecodableError
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


class AnsweringSource(SchemaSource, Protocol):
    """A source that can be asked whether it is there."""

    def answers(self) -> None:
        """Raises RegistryDownError, with what is wrong, when it does not answer us."""
        ...


class LocalSchemas:
    """The committed ids of this release."""

    def __init__(self, committed: Catalogue | None = None) -> None:
        self._committed = committed or catalogue()

    def answers(self) -> None:
        """It is always there."""

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


class IdsAhead:
    """Ids that a thread of its own looks up: whoever encodes never waits, as an event loop must not."""

    def __init__(self, source: AnsweringSource) -> None:
        self._source, self._ids = source, dict[str, int]()
        self._trouble = "the ids of our schemas have not been looked up yet"

    def answers(self) -> None:
        """As the source behind it."""
        self._source.answers()

    def look_up(self, topics: Iterable[str]) -> None:
        """Look up what is not known yet; raises the last RegistryDownError once all were tried."""
        failure: RegistryDownError | None = None
        for topic in topics:
            try:
                self._look_up(topic)
            except RegistryDownError as error:
                failure, self._trouble = error, str(error)
        if failure:
            raise failure

    def id_for(self, topic: str) -> int:
        """The id that was looked up; raises RegistryDownError while there is none."""
        try:
            return self._ids[topic]
        except KeyError:
            raise RegistryDownError(self._trouble) from None

    def schema(self, schema_id: int) -> Schema:
        """As the source behind it."""
        return self._source.schema(schema_id)

    def _look_up(self, topic: str) -> None:
        if topic not in self._ids:
            self._ids[topic] = self._source.id_for(topic)
