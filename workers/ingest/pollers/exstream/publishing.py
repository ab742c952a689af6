"""The feed of published flow models of one domain (§4.4): what production runs are composed by from now on.

The list says what is published and since no time. So what the first look shows is known, and not told; a flow model
that appears later, or in another version, was published in between.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from workers.ingest.event_id import canonical_json, hash_of
from workers.ingest.pollers.api import Item, Page, Position
from workers.ingest.pollers.exstream.config import ExstreamPollerConfig
from workers.ingest.pollers.exstream.mapping import ExstreamPollTranslation
from workers.ingest.pollers.exstream.paging import id_of
from workers.ingest.pollers.exstream.reads import Reads
from workers.ingest.sources.api import NewEvent


class PublishedFeed:
    """The published flow models, all of them in one look."""

    name = "exstream.published"

    def __init__(self, config: ExstreamPollerConfig, reads: Reads, translation: ExstreamPollTranslation) -> None:
        self.interval_s = config.content_every_s
        self._reads, self._translation = reads, translation

    def start(self, since: datetime) -> Position:
        """Nobody has looked yet."""
        return {"since": since.isoformat()}

    def fetch(self, position: Position) -> Page:
        """The whole list (§4.4). Raises PausedError."""
        is_first = not position.get("looked")
        items = [_item(row, is_first=is_first) for row in self._reads.published()]
        return Page(items, {**position, "looked": True}, is_last=True)

    def translate(self, item: Item, received_at: datetime) -> Sequence[NewEvent]:
        """The event of a publication; none of what was published before the first look."""
        return self._translation.flow_model(item.signal, received_at)


def _item(row: Any, *, is_first: bool) -> Item:
    """Its state is its version."""
    identifier, signal = id_of(row), {"flow_model": row, "is_first": is_first}
    if not identifier:
        return Item(f"row:{hash_of(canonical_json(row))}", signal)
    return Item(hash_of(identifier, str(row.get("version")), str(row.get("revision"))), signal, level=identifier)
