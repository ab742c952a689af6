"""Any crash point, any order of a domain's doings: each end of a run is committed once, with its details."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from common.event import OutRecord
from common.reasons import Cause
from tests.support.clock import ManualClock
from tests.support.exstream_poll import config
from tests.support.marketo_poll import KeptLog
from tests.support.polling import Crash, maker
from workers.ingest.pollers.api import PausedError
from workers.ingest.pollers.exstream.feeds import JobsFeed
from workers.ingest.pollers.exstream.mapping import ExstreamPollTranslation
from workers.ingest.pollers.exstream.reads import Listed, Reads
from workers.ingest.pollers.hooks import Unheard
from workers.ingest.pollers.session import Session, Terms
from workers.ingest.pollers.slice import Slice

SIZE = 10
SINCE = datetime(1969, 12, 1, tzinfo=UTC)


class Domain(Reads):
    """Runs that begin and end while they are listed; the ended ones grow at the front, which moves all others."""

    def __init__(self, doings: Iterator[str]) -> None:
        self._doings, self.started, self.ended = doings, list[str](), list[str]()

    def jobs(self, wanted: Mapping[str, str], page: int) -> Listed:
        """A page, as the list is by then."""
        self.go_on()
        is_open = "started" in wanted["statuses"]
        rows = [self._row(job) for job in (self.started if is_open else reversed(self.ended))]
        return Listed(rows[page * SIZE : (page + 1) * SIZE], len(rows))

    def instances(self, job_id: str) -> Sequence[Any]:
        """One flow instance."""
        self.go_on()
        return [{"id": job_id}]

    def steps(self, instance_id: str) -> Sequence[Any]:
        """One output."""
        return [{"id": instance_id, "stepType": "output", "stepName": "Email", "status": "complete"}]

    def manifest(self, step_id: str) -> str:
        """Five customers."""
        return '<outputList customersProcessed="5"/>'

    def go_on(self) -> None:
        """What happens next, if anything: runs, a refusal, the end of the process."""
        match next(self._doings, ""):
            case "start":
                self.started += [str(len(self.started) + len(self.ended) + number) for number in range(7)]
            case "end" if self.started:
                self.ended += self.started[:5]
                del self.started[:5]
            case "refuse":
                raise PausedError(Cause.THROTTLED, "scripted", 1.0)
            case "die":
                raise Crash

    def _row(self, job: str) -> dict[str, Any]:
        is_over = job in self.ended
        return {"id": job, "status": "complete" if is_over else "started", "channel": "x", "endDate": None}


class Dying(KeptLog):
    """A log whose writer dies before or after a commit."""

    def __init__(self, fates: Iterator[str]) -> None:
        super().__init__()
        self._fates = fates

    def commit(self, records: Sequence[OutRecord]) -> None:
        """All or nothing, and then perhaps the end."""
        fate = next(self._fates, "")
        if fate == "before":
            raise Crash
        super().commit(records)
        if fate == "after":
            raise Crash


def live(log: Dying, domain: Domain, clock: ManualClock) -> bool:
    """One process, for some looks: whether it lived."""
    settings = config(page_size=SIZE)
    feed = JobsFeed(settings, domain, ExstreamPollTranslation(settings), clock)
    budget = Slice(100, 20, 1000, "UTC", clock, lambda _: False)
    terms = Terms("", 500, 1, SINCE)
    session = Session([feed], log, log.kept, maker("exstream"), budget, terms, clock, Unheard())
    try:
        readings = session.begin()
        for _ in range(12):
            session.turn(readings)
            clock.advance(700)
    except Crash:
        return False
    return True


@given(
    doings=st.lists(st.sampled_from(["start", "start", "end", "end", "refuse", "die", ""]), max_size=40),
    commits=st.lists(st.sampled_from(["", "before", "after"]), max_size=8),
)
def test_each_end_is_told_once_with_its_details(doings: list[str], commits: list[str]) -> None:
    """However rows move between pages, and whenever the process dies."""
    domain, clock, log = Domain(iter(doings)), ManualClock(), Dying(iter(commits))

    while not live(log, domain, clock):
        pass
    assert live(log, domain, clock)

    events = log.events()
    completed = [event for event in events if event["type"] == "COMPLETED"]
    assert sorted(event["job_id"] for event in completed) == sorted(domain.ended)
    assert {event["volume"] for event in completed} <= {5}
    assert len({event["event_id"] for event in events}) == len(events)
