"""The feeds of one domain: batch jobs (§4), the approval of content (§5.2), and what is published (publishing.py).

Neither is a log. Jobs are listed by state and, once they ended, by day; resources are listed whole. Each look begins
at the first page again, and what was seen is passed over: a job's id with its state, a resource's latest state.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from common.clock import Clock
from workers.ingest.event_id import canonical_json, hash_of
from workers.ingest.feeds import Signal
from workers.ingest.pollers.api import Feed, Item, Page, Position
from workers.ingest.pollers.exstream.config import ExstreamPollerConfig
from workers.ingest.pollers.exstream.details import Details, details_of
from workers.ingest.pollers.exstream.mapping import ExstreamPollTranslation
from workers.ingest.pollers.exstream.paging import Place, id_of
from workers.ingest.pollers.exstream.publishing import PublishedFeed
from workers.ingest.pollers.exstream.reads import Listed, Reads
from workers.ingest.sources.api import NewEvent
from workers.vendors.exstream.moments import moment

_OPEN, _ENDED = "open", "ended"
_STATUSES = {_OPEN: "uninitialized,started,waiting,holding", _ENDED: "complete,error,canceled"}
_WITH_DETAILS = ("complete", "error")
_DAY = timedelta(days=1)


class JobsFeed:
    """Batch jobs: what runs, then what ended since a day.

    A position holds the list and the place in it, the day whose ended jobs are listed, and the day that comes next.
    A look moves the day to the one before the look before it began, so every ended job is shown by two whole looks.
    """

    name = "exstream.jobs"

    def __init__(
        self, config: ExstreamPollerConfig, reads: Reads, translation: ExstreamPollTranslation, clock: Clock
    ) -> None:
        self.interval_s = config.interval_s
        self._reads, self._translation, self._clock = reads, translation, clock
        self._known: dict[str, Details] = {}

    def start(self, since: datetime) -> Position:
        """The jobs that run, and those that ended since then."""
        day = since.astimezone(UTC).date().isoformat()
        return {"list": _OPEN, "day": day, "next": day, "since": since.isoformat()}

    def fetch(self, position: Position) -> Page:
        """A page of the jobs that run, else of those that ended (§4.5)."""
        kind, place = position["list"], Place.read(position)
        wanted = {"mode": "BATCH", "statuses": _STATUSES[kind]}
        if kind == _ENDED:
            wanted["endDateStart"] = position["day"]
        listed = self._reads.jobs(wanted, place.page)
        after = place.after(listed)
        went = {name: position[name] for name in ("list", "day", "next", "since")}
        went["began"] = position.get("began") or self._clock.now().astimezone(UTC).date().isoformat()
        if after is not None:
            went["place"] = after.shown_as()
        elif kind == _OPEN:
            went["list"] = _ENDED
        else:
            went = _next_look(went, is_whole=place.is_still_whole(listed))
        return Page(_jobs(listed, position), went, is_last=after is None and kind == _ENDED)

    def detailed(self, items: Sequence[Item]) -> Sequence[Item]:
        """With steps and volume of the jobs that ended; what was asked is kept until all of it is."""
        for item in items:
            if _status(item.signal["job"]) in _WITH_DETAILS and item.id not in self._known:
                self._known[item.id] = details_of(id_of(item.signal["job"]), self._reads)
        found = [Item(item.id, {**item.signal, **self._known.get(item.id, {})}) for item in items]
        self._known.clear()
        return found

    def translate(self, item: Item, received_at: datetime) -> Sequence[NewEvent]:
        """The events of a job's state."""
        return self._translation.job(item.signal, received_at)


class ContentFeed:
    """Resources whose approval is followed, a type after the other; there is no cursor in it but where to begin."""

    name = "exstream.content"

    def __init__(self, config: ExstreamPollerConfig, reads: Reads, translation: ExstreamPollTranslation) -> None:
        self.interval_s = config.content_every_s
        self._types, self._reads, self._translation = sorted(config.content), reads, translation

    def start(self, since: datetime) -> Position:
        """What changed before is known, and not told."""
        return {"since": since.isoformat()}

    def fetch(self, position: Position) -> Page:
        """A page of the resources of a type (§5.1); a type that the settings no longer name is the end of the look."""
        kind, place = position.get("type") or self._types[0], Place.read(position)
        listed = self._reads.resources(kind, place.page)
        after, went = place.after(listed), {"since": position["since"]}
        following = [kind] if after is not None else [each for each in self._types if each > kind]
        if following:
            went |= {"type": following[0]} | ({"place": after.shown_as()} if after is not None else {})
        return Page([_resource(row, position["since"]) for row in listed.rows], went, is_last=not following)

    def translate(self, item: Item, received_at: datetime) -> Sequence[NewEvent]:
        """The event of a resource's state."""
        return self._translation.resource(item.signal, received_at)


def feeds(config: ExstreamPollerConfig, reads: Reads, clock: Clock) -> list[Feed]:
    """Every feed that the settings ask for."""
    translation, made = ExstreamPollTranslation(config), list[Feed]()
    if Signal.BATCH_STATUS in config.trusted:
        made.append(JobsFeed(config, reads, translation, clock))
    if Signal.CONTENT_STATUS in config.trusted:
        made.append(ContentFeed(config, reads, translation))
        if config.flow_models:
            made.append(PublishedFeed(config, reads, translation))
    return made


def _next_look(went: dict[str, Any], *, is_whole: bool) -> dict[str, Any]:
    """From the first page; the previous day always belongs to it (§4.5)."""
    began = datetime.fromisoformat(went.pop("began")).date() - _DAY
    days = {"day": went["next"], "next": max(went["next"], began.isoformat())} if is_whole else {}
    return {**went, "list": _OPEN, **days}


def _jobs(listed: Listed, position: Position) -> list[Item]:
    since = datetime.fromisoformat(position["since"])
    return [Item(_id_of(row), {"job": row}) for row in listed.rows if not _is_before(row, since)]


def _is_before(row: Any, since: datetime) -> bool:
    """Whether it ended before polling began: its day is asked for as a whole."""
    ended = moment(row.get("endDate")) if isinstance(row, dict) else None
    return ended is not None and ended < since


def _id_of(row: Any) -> str:
    """Dedupe on job and status (§4.5)."""
    return f"{id_of(row)}:{_status(row)}" if id_of(row) else f"row:{hash_of(canonical_json(row))}"


def _status(row: Any) -> str:
    found = row.get("status") if isinstance(row, dict) else None
    return found if isinstance(found, str) else ""


def _resource(row: Any, since: str) -> Item:
    """Its state is what the page says to compare: id, version, state, lastModifiedDate (§5.2)."""
    identifier = id_of(row)
    if not identifier:
        return Item(f"row:{hash_of(canonical_json(row))}", {"resource": row, "since": since})
    parts = (str(row.get(name)) for name in ("version", "state", "lastModifiedDate"))
    return Item(hash_of(identifier, *parts), {"resource": row, "since": since}, level=identifier)
