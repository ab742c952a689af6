"""What became of our messages, job by job: the platform lists none, so our own receipts name them (§4).

A position is the moment up to which everything due was asked about. Within a round it also names the last job that
was, so that a crash repeats a page at most, whose facts were seen.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from common.clock import Clock
from common.errors import InvalidEventError
from workers.ingest.event_id import canonical_json, hash_of
from workers.ingest.pollers.api import Item, Page, Position
from workers.ingest.pollers.notifications.book import Book, Job
from workers.ingest.pollers.notifications.config import NotificationsPollerConfig
from workers.ingest.pollers.notifications.reads import GoneError, Reads
from workers.ingest.sources.api import NewEvent
from workers.ingest.sources.notifications import NotificationsTranslation
from workers.ingest.sources.notifications_payload import ENDS, JobStatus
from workers.ingest.sources.reading import read

_A_PAGE = 20


class StatusFeed:
    """The outcomes of one account's jobs."""

    name = "notifications.status"

    def __init__(self, config: NotificationsPollerConfig, reads: Reads, book: Book, clock: Clock) -> None:
        self.interval_s = config.interval_s
        self._reads, self._book, self._clock = reads, book, clock
        self._translation = NotificationsTranslation(config.instance)
        self._asked: dict[str, list[Item]] = {}

    def start(self, since: datetime) -> Position:
        """The jobs that were accepted since then."""
        return {"since": since.isoformat(), "upto": since.isoformat(), "job": ""}

    def fetch(self, position: Position) -> Page:
        """The status of some jobs that are due; a round ends with what was due when it began."""
        until = self._until(position)
        after = (datetime.fromisoformat(position["upto"]), position["job"])
        due = self._book.due(after, until, datetime.fromisoformat(position["since"]))
        page, is_last = due[:_A_PAGE], len(due) <= _A_PAGE
        items = [item for _, job in page for item in self._items(job)]
        self._asked.clear()
        went = {"since": position["since"]}
        if is_last:
            return Page(items, {**went, "upto": until.isoformat(), "job": ""}, is_last=True)
        at, last = page[-1]
        return Page(items, {**went, "upto": at.isoformat(), "job": last.id, "round": until.isoformat()}, is_last=False)

    def translate(self, item: Item, received_at: datetime) -> Sequence[NewEvent]:
        """The event of one fact; nothing of a job that is not ours."""
        return self._translation.outcomes(item.signal["status"], received_at, item.signal.get("outcome"))

    def _until(self, position: Position) -> datetime:
        if "round" in position:
            return datetime.fromisoformat(position["round"])
        now = self._clock.now()
        self._book.catch_up(now)
        return max(now, datetime.fromisoformat(position["upto"]))

    def _items(self, job: Job) -> list[Item]:
        """The facts about a job; what was asked for a page is kept until all of the page is."""
        if job.id not in self._asked:
            try:
                self._asked[job.id] = self._facts(job, self._reads.status(job.channel, job.id))
            except GoneError:
                self._asked[job.id] = []
        return self._asked[job.id]

    def _facts(self, job: Job, said: Mapping[str, Any]) -> list[Item]:
        try:
            status = read(JobStatus, dict(said), "the status of one job")
        except InvalidEventError:
            return [Item(f"{job.id}\n{hash_of(canonical_json(said))}", {"status": said})]
        job.has_ended = all(ENDS & set(delivery.outcomes) for delivery in status.deliveries)
        found = []
        for raw, delivery in zip(said["deliveries"], status.deliveries, strict=True):
            one = {**said, "deliveries": [raw]}
            who = delivery.ref or delivery.address or ""
            found += [
                Item(f"{job.id}\n{who}\n{outcome}", {"status": one, "outcome": outcome})
                for outcome in delivery.outcomes
            ]
        return found
