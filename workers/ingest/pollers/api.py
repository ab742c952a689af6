"""What a poller's author sees: Item, Page, Feed. Nothing of Kafka.

A feed is one thing that is asked for again and again: a log that is paged through, or a list of things whose state
is looked at. It fetches a page behind a position (`fetch`, the only I/O) and turns items into events (`translate`,
pure). What is new, what is committed and when to ask again is the session's business.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from common.errors import CommfleetError
from common.reasons import Cause
from workers.ingest.sources.api import NewEvent

Position = Any
"""Where a feed goes on: JSON that only the feed understands. It is small: it is written with every page."""


class PausedError(CommfleetError):
    """The source cannot be asked now: nothing of the page is kept, the cursor stays.

    `wait_s` is how long that means, where it is known. `is_all` says whether the source's other feeds would fare
    the same.
    """

    def __init__(self, cause: Cause, detail: str, wait_s: float | None = None, *, is_all: bool = True) -> None:
        super().__init__(f"{cause}: {detail}")
        self.cause, self.detail, self.wait_s, self.is_all = cause, detail, wait_s, is_all


@dataclass(frozen=True, slots=True)
class Item:
    """One thing of a page: its natural id in this source, and the signal in the source's own shape, as JSON.

    Items of a log have an id of their own. An item of a list names in `level` the thing whose state it is; its id
    is that of this very state, and it is new when it is not the last that was seen of the thing.
    """

    id: str
    signal: Any
    level: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Items in order, the position behind them, and whether this was the last page for now."""

    items: Sequence[Item]
    position: Position
    is_last: bool


class Feed(Protocol):
    """One feed of a source. `name` is the cursor's name: `marketo.activities`."""

    name: str
    interval_s: float

    def start(self, since: datetime) -> Position:
        """The position of everything since a moment; the first one ever. Raises PausedError."""
        ...

    def fetch(self, position: Position) -> Page:
        """The page behind a position. Raises PausedError: the same position will be asked for again."""
        ...

    def translate(self, item: Item, received_at: datetime) -> Sequence[NewEvent]:
        """The events of one item, none where it says nothing for us; pure.

        Raises InvalidEventError naming every field that is missing or wrong.
        """
        ...


class Receipts(Protocol):
    """What our own sinks wrote on `comms.receipt.v1`: for a source that answers only about what it is asked."""

    def news(self, since: datetime) -> Iterable[Mapping[str, Any]]:
        """The receipts since the last call; at the first, since a moment. Raises TopicUnreadableError."""
        ...


class NoReceipts:
    """There are none: for whoever only wants to know a source's feeds."""

    def news(self, since: datetime) -> Iterable[Mapping[str, Any]]:  # noqa: ARG002
        """Nothing."""
        return ()


@runtime_checkable
class DetailedFeed(Protocol):
    """A feed whose list does not say enough: what more there is to ask is asked of new items only."""

    def detailed(self, items: Sequence[Item]) -> Sequence[Item]:
        """The same items, in order, with levels as they were. Raises PausedError: nothing is kept.

        An id stays, too, but where the state that it names is not one to be remembered.
        """
        ...
