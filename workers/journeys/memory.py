"""What a batch knows and changes: rows loaded before it, changed in memory, written at its end.

A `Shelf` is one table; `Memory` has them all, the timeline and the outbox. Nothing here does I/O, so reducers are
plain functions over it and are tested without a database.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, TypeVar
from uuid import UUID, uuid5

from common.store import shapes
from common.store.rows import Key, Shape
from common.store.times import moment_of
from common.store.values import (
    Alert,
    Decision,
    Entry,
    Evidence,
    Instance,
    Link,
    Outgoing,
    Profile,
    SystemView,
    Timer,
    Tombstone,
    Workspace,
)

V = TypeVar("V")

OURSELVES = "commfleet"
"""The source of derived events."""

_NAMESPACE = UUID("2a1a7d0e-8c43-5e0b-9b1e-6d0c1f6a3b52")
"""Ours, fixed for ever: another one would give a derived event, published twice, two ids."""


class Shelf(Generic[V]):
    """The rows of one table that a batch has to do with; a row that was not asked for must not be read."""

    def __init__(self, shape: Shape[V]) -> None:
        self.shape = shape
        self._rows: dict[Key, V] = {}
        self._changed: set[Key] = set()
        self._dropped: set[Key] = set()

    def load(self, rows: Iterable[V]) -> None:
        """Take in what stands in the database; what was changed here stays."""
        for row in rows:
            key = self.shape.key_of(row)
            if key not in self._changed and key not in self._dropped:
                self._rows[key] = row

    def get(self, *key: str) -> V | None:
        """The row of a key."""
        return self._rows.get(key)

    def put(self, row: V) -> None:
        """Insert or replace a row."""
        key = self.shape.key_of(row)
        self._rows[key] = row
        self._changed.add(key)
        self._dropped.discard(key)

    def drop(self, *key: str) -> None:
        """Delete a row, whether it is there or not."""
        self._rows.pop(key, None)
        self._changed.discard(key)
        self._dropped.add(key)

    def where(self, is_meant: Callable[[V], bool]) -> list[V]:
        """The rows that are meant, of those at hand."""
        return [row for row in self._rows.values() if is_meant(row)]

    @property
    def changed(self) -> list[V]:
        """What is to be written."""
        return [self._rows[key] for key in self._changed]

    @property
    def dropped(self) -> set[Key]:
        """What is to be deleted."""
        return self._dropped


class Memory:
    """Everything that reducers read and change in one transaction; `now` and all times in microseconds."""

    def __init__(self, partition: int, now: int) -> None:
        self.partition, self.now = partition, now
        self.profiles: Shelf[Profile] = Shelf(shapes.PROFILES)
        self.evidence: Shelf[Evidence] = Shelf(shapes.EVIDENCE)
        self.decisions: Shelf[Decision] = Shelf(shapes.DECISIONS)
        self.systems: Shelf[SystemView] = Shelf(shapes.SYSTEMS)
        self.workspaces: Shelf[Workspace] = Shelf(shapes.WORKSPACES)
        self.alerts: Shelf[Alert] = Shelf(shapes.ALERTS)
        self.instances: Shelf[Instance] = Shelf(shapes.INSTANCES)
        self.timers: Shelf[Timer] = Shelf(shapes.TIMERS)
        self.links: Shelf[Link] = Shelf(shapes.LINKS)
        self.tombstones: Shelf[Tombstone] = Shelf(shapes.TOMBSTONES)
        self.timeline: dict[str, Entry] = {}
        self.outbox: list[Outgoing] = []
        self.erased: list[str] = []
        self.counts: Counter[tuple[str, str]] = Counter()
        self.adoptions: set[tuple[str, str]] = set()
        """Substitutes whose rows are to become a customer's: (substitute, customer id)."""

    @property
    def shelves(self) -> tuple[Shelf[Any], ...]:
        """Every shelf, in the order in which a transaction writes them."""
        return (
            self.tombstones,
            self.links,
            self.profiles,
            self.evidence,
            self.decisions,
            self.systems,
            self.workspaces,
            self.alerts,
            self.instances,
            self.timers,
        )

    def emit(self, topic: str, key: bytes, value: Mapping[str, Any], *name: str) -> None:
        """Publish a derived event on this partition number, once: `name` says which it is, for ever the same.

        `value` is complete but for event_id, source and ingested_at; its times are datetimes.
        """
        event_id = str(uuid5(_NAMESPACE, "\n".join((topic, *name))))
        whole = {"event_id": event_id, "source": OURSELVES, "ingested_at": moment_of(self.now), **value}
        self.outbox.append(Outgoing(event_id, self.partition, 0, topic, key, whole))

    def count(self, journey: str, what: str) -> None:
        """Something to be counted once the transaction stands: a journey, and what became of a step or a start."""
        self.counts[journey, what] += 1

    def forget(self, topic: str, key: bytes, *name: str) -> None:
        """Delete a key from a compacted topic."""
        event_id = str(uuid5(_NAMESPACE, "\n".join((topic, "tombstone", *name))))
        self.outbox.append(Outgoing(event_id, self.partition, 0, topic, key, None))
