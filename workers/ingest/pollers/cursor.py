"""A feed's cursor, and how it stands on the checkpoint topic. Pure.

The key is the feed's name, `marketo.activities`; slots of seen ids stand beside it, `marketo.activities#seen-3`. All
of it is on partition 0. The topic is compacted: the latest record of a key counts.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import orjson

from common.errors import ConfigurationError
from common.event import OutRecord
from workers.ingest.pollers.api import Position
from workers.ingest.pollers.seen import Slots

TOPIC = "comms.checkpoint.v1"
PARTITION = 0
_SLOT = "#"


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a feed is read.

    `as_of`: everything that the source showed before this moment is published. `day` and `requests` are how many
    requests the source's pollers have made in the quota's day.
    """

    feed: str
    position: Position
    as_of: datetime
    day: str = ""
    requests: int = 0


@dataclass(slots=True)
class Saved:
    """What the checkpoint topic says of one feed; without a cursor it has never been polled."""

    cursor: Cursor | None = None
    slots: dict[str, Mapping[str, object]] = field(default_factory=dict)


class Kept(Protocol):
    """A record of the checkpoint topic, as far as it is looked at."""

    @property
    def key(self) -> bytes | None:
        """Its key."""
        ...

    @property
    def value(self) -> bytes | None:
        """Its value."""
        ...


def records(prefix: str, cursor: Cursor, slots: Slots) -> list[OutRecord]:
    """The records of a cursor and of the slots that changed with it."""
    shown = {
        "position": cursor.position,
        "as_of": cursor.as_of.isoformat(),
        "day": cursor.day,
        "requests": cursor.requests,
    }
    return [
        *(_record(prefix, key_of_slot(cursor.feed, name), content) for name, content in slots.items()),
        _record(prefix, cursor.feed.encode(), shown),
    ]


def saved(found: Iterable[Kept]) -> dict[str, Saved]:
    """What is kept of each feed, by its name: of the records of partition 0 in their order.

    Raises ConfigurationError for a record that is not ours: reading on without it could repeat or skip.
    """
    feeds: dict[str, Saved] = {}
    for record in found:
        name, slash, slot = (record.key or b"").decode("utf-8", "replace").partition(_SLOT)
        one = feeds.setdefault(name, Saved())
        if slash:
            one.slots.pop(slot, None)
            if record.value is not None:
                one.slots[slot] = _json(name, record.value)
        else:
            one.cursor = None if record.value is None else _cursor(name, record.value)
    return feeds


def key_of_slot(feed: str, slot: str) -> bytes:
    """The key of a slot's record."""
    return f"{feed}{_SLOT}{slot}".encode()


def _record(prefix: str, key: bytes, content: Any) -> OutRecord:
    return OutRecord(prefix + TOPIC, key, orjson.dumps(content), (), PARTITION)


def _cursor(name: str, value: bytes) -> Cursor:
    found = _json(name, value)
    try:
        as_of = datetime.fromisoformat(str(found["as_of"]))
        if as_of.tzinfo is None:
            raise ValueError("no zone")
        return Cursor(name, found["position"], as_of, str(found.get("day", "")), int(str(found.get("requests", 0))))
    except (KeyError, ValueError) as error:
        raise _foreign(name) from error


def _json(name: str, value: bytes) -> Mapping[str, Any]:
    try:
        found = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise _foreign(name) from error
    if not isinstance(found, dict):
        raise _foreign(name)
    return found


def _foreign(name: str) -> ConfigurationError:
    return ConfigurationError(
        f"the checkpoint topic has a record of {name[:80]!r} that is not ours: nothing but commfleet may write there; "
        "set the cursor anew with `commfleet cursors set`"
    )
