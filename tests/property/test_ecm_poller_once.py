"""Any crash point, any order of a server's doings: the last state of each workspace is told, and no state twice."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from common.event import OutRecord
from common.reasons import Cause
from tests.support.clock import ManualClock
from tests.support.ecm_poll import config
from tests.support.marketo_poll import KeptLog
from tests.support.polling import Crash, maker
from workers.ingest.pollers.api import PausedError
from workers.ingest.pollers.ecm.feed import WorkspacesFeed
from workers.ingest.pollers.ecm.reads import Account, GoneError, Listed, Reads, Whole
from workers.ingest.pollers.hooks import Unheard
from workers.ingest.pollers.session import Session, Terms
from workers.ingest.pollers.slice import Slice

SINCE = datetime(1969, 12, 1, tzinfo=UTC)


class Server(Reads):
    """Workspaces that are made, changed and removed while they are listed, which moves all others."""

    def __init__(self, doings: Iterator[str], clock: ManualClock) -> None:
        self._doings, self._clock = doings, clock
        self.milestones: dict[str, int] = {}
        self._dates: dict[str, datetime] = {}
        self._made = 0

    def workspaces(self, type_id: int, page: int, size: int) -> Listed:
        """A page, as the list is by then."""
        assert type_id
        self.go_on()
        nodes = sorted(self.milestones, key=lambda node: (self._dates[node], int(node)), reverse=True)
        return Listed([self._row(node) for node in nodes[(page - 1) * size : page * size]], len(nodes))

    def workspace(self, node: str) -> Whole:
        """As it is by then."""
        self.go_on()
        if node not in self.milestones:
            raise GoneError(node)
        return Whole(node, self._row(node), {}, {"100_2": f"C-{node}", "100_3": str(self.milestones[node])})

    def children(self, node: str) -> Sequence[Mapping[str, Any]]:
        """Empty, all of them."""
        return []

    def audit(self, node: str, since: str) -> Sequence[Mapping[str, Any]]:
        """Nothing is known of who did it."""
        self.go_on()
        return []

    def account(self) -> Account:
        """Ours."""
        return Account("1", "commfleet")

    def go_on(self) -> None:
        """What happens next, if anything: changes, a refusal, the end of the process."""
        self._clock.advance(1)
        match next(self._doings, ""):
            case "make":
                for _ in range(3):
                    self._made += 1
                    self._touched(str(self._made), 0)
            case "change" if self.milestones:
                oldest = min(self.milestones, key=lambda node: (self._dates[node], int(node)))
                self._touched(oldest, self.milestones[oldest] + 1)
            case "remove" if self.milestones:
                newest = max(self.milestones, key=lambda node: (self._dates[node], int(node)))
                del self.milestones[newest]
            case "refuse":
                raise PausedError(Cause.THROTTLED, "scripted", 1.0)
            case "die":
                raise Crash

    def _touched(self, node: str, milestone: int) -> None:
        self.milestones[node] = milestone
        self._dates[node] = self._clock.now().replace(microsecond=0)

    def _row(self, node: str) -> dict[str, Any]:
        at = self._dates[node].replace(tzinfo=None).isoformat()
        return {"id": int(node), "name": f"W{node}", "type": 848, "modify_date": at, "create_date": at}


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


def live(log: Dying, server: Server, clock: ManualClock) -> bool:
    """One process, for some looks: whether it lived."""
    feed = WorkspacesFeed(config(overlap_s=0, sweep_every_s=3600), server, clock)
    budget = Slice(100, 20, 1000, "UTC", clock, lambda _: False)
    session = Session([feed], log, log.kept, maker("ecm"), budget, Terms("", 500, 1, SINCE), clock, Unheard())
    try:
        readings = session.begin()
        for _ in range(12):
            session.turn(readings)
            clock.advance(700)
    except Crash:
        return False
    return True


@given(
    doings=st.lists(st.sampled_from(["make", "make", "change", "change", "remove", "refuse", "die", ""]), max_size=40),
    commits=st.lists(st.sampled_from(["", "before", "after"]), max_size=8),
)
def test_the_last_state_is_told_and_none_twice(doings: list[str], commits: list[str]) -> None:
    """However rows move between pages, and whenever the process dies."""
    clock = ManualClock()
    server, log = Server(iter(doings), clock), Dying(iter(commits))

    while not live(log, server, clock):
        pass
    clock.advance(timedelta(hours=2).total_seconds())
    assert live(log, server, clock)

    events = log.events()
    last = {event["workspace_id"]: int(event["milestone"]) for event in events}
    assert {node: last.get(node) for node in server.milestones} == server.milestones
    states = Counter((event["workspace_id"], event["milestone"]) for event in events)
    assert set(states.values()) <= {1}
    assert len({event["event_id"] for event in events}) == len(events)
