"""Schema ids of a Schema Registry: looked up, never made (`commfleet schemas register` registers).

What the registry says about an id is kept, what it does not say is a hold: only its own "schema not found"
makes a record undecodable.
"""

import threading
from collections import OrderedDict
from typing import Any

from common.clock import Clock
from common.errors import RegistryDownError, UndecodableError
from common.kafka.registry import NotThereError, Registry, subject_of
from common.reasons import Reason
from common.settings.registry import RegistrySettings
from schemas.catalogue import FIRST_LOCAL_ID, Schema, catalogue

_LARGEST_ID = 2**31 - 1
"""A registry's ids are positive Java ints."""


def connect(settings: RegistrySettings, prefix: str, clock: Clock) -> "RegistrySchemas":
    """The ids of a site's registry; contacts nobody yet. Raises ConfigurationError."""
    return RegistrySchemas(Registry(settings, clock), prefix, settings, clock)


class RegistrySchemas:
    """Schema ids of a registry; the committed local ones stay readable. For any thread."""

    def __init__(self, registry: Registry, prefix: str, settings: RegistrySettings, clock: Clock) -> None:
        self._registry, self._prefix, self._clock = registry, prefix, clock
        self._max, self._unknown_s = settings.schemas_max, settings.unknown_s
        self._known: OrderedDict[int, Any] = OrderedDict()
        self._unknown: OrderedDict[int, float] = OrderedDict()
        self._ids: dict[str, int] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        """Let connections go."""
        self._registry.close()

    def answers(self) -> None:
        """Raises RegistryDownError when the registry does not answer us."""
        self._registry.answers()

    def id_for(self, topic: str) -> int:
        """The registered id of the topic's current schema.

        Raises RegistryDownError when it cannot be told, or when nobody has registered it yet.
        """
        if topic not in self._ids:
            subject = subject_of(self._prefix, topic)
            found = self._registry.id_of(subject, catalogue().schema(topic))
            if found is None:
                raise RegistryDownError(
                    f"the Schema Registry at {self._registry.url} does not have our schema of {subject}: "
                    "register it with `commfleet schemas register`"
                )
            self._ids[topic] = found
        return self._ids[topic]

    def schema(self, schema_id: int) -> Schema:
        """The schema that an id means.

        Raises UndecodableError(UNKNOWN_SCHEMA) when the registry itself says that there is none, and
        RegistryDownError.
        """
        with self._lock:
            if schema_id in self._known:
                self._known.move_to_end(schema_id)
                known: Schema = self._known[schema_id]
                return known
            if self._unknown.get(schema_id, 0.0) > self._clock.monotonic():
                raise self._nobodys(schema_id)
        return self._learn(schema_id)

    def _learn(self, schema_id: int) -> Schema:
        if schema_id >= FIRST_LOCAL_ID and (local := catalogue().by_id(schema_id)):
            return local[1]
        if schema_id > _LARGEST_ID:  # no registry has such ids, and some answer 404 without a code
            raise self._nobodys(schema_id)
        try:
            found: Schema = self._registry.whole(self._registry.by_id(schema_id))
        except NotThereError as error:
            self._remember_unknown(schema_id)
            raise self._nobodys(schema_id) from error
        except ValueError as error:
            detail = f"schema id {schema_id} of the registry cannot be used: {error}"
            raise UndecodableError(Reason.INCOMPATIBLE_SCHEMA, detail) from error
        self._remember(schema_id, found)
        return found

    def _remember(self, schema_id: int, found: Schema) -> None:
        with self._lock:
            self._known[schema_id] = found
            while len(self._known) > self._max:
                self._known.popitem(last=False)
                self._registry.forget()

    def _remember_unknown(self, schema_id: int) -> None:
        with self._lock:
            self._unknown[schema_id] = self._clock.monotonic() + self._unknown_s
            self._unknown.move_to_end(schema_id)
            while len(self._unknown) > self._max:
                self._unknown.popitem(last=False)

    def _nobodys(self, schema_id: int) -> UndecodableError:
        detail = f"the Schema Registry at {self._registry.url} says that it has no schema id {schema_id}"
        return UndecodableError(Reason.UNKNOWN_SCHEMA, detail)
