"""Any crash point, any page sizes, any overlap: what the source shows is committed once, in its order."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from common.event import OutRecord
from common.reasons import Cause
from tests.support.clock import ManualClock
from tests.support.marketo_poll import KeptLog, config, ids, maker
from workers.ingest.pollers.api import Item, Page, PausedError, Position
from workers.ingest.pollers.hooks import Unheard
from workers.ingest.pollers.marketo.mapping import MarketoTranslation
from workers.ingest.pollers.session import Session, Terms
from workers.ingest.pollers.slice import Slice
from workers.ingest.sources.api import NewEvent

TRANSLATION = MarketoTranslation(config("https://123-abc-456.mktorest.com"))
SINCE = datetime(2026, 3, 1, tzinfo=UTC)


class Crash(BaseException):
    """The process is gone."""


class Rows:
    """A log of so many rows, shown in pages that begin a little before their position."""

    name, interval_s = "marketo.activities-1", 60.0

    def __init__(self, count: int, size: int, overlap: int, fates: Iterator[str]) -> None:
        self._count, self._size, self._overlap, self._fates = count, size, overlap, fates

    def start(self, since: datetime) -> Position:
        """The first row."""
        return 0

    def fetch(self, position: Position) -> Page:
        """Rows again, and new ones; or the source's refusal, or the end of the process."""
        match next(self._fates, ""):
            case "refuse":
                raise PausedError(Cause.THROTTLED, "scripted", 1.0)
            case "die":
                raise Crash
        end = min(position + self._size, self._count)
        shown = range(max(0, position - self._overlap), end)
        return Page([Item(f"guid:{number}", _row(number)) for number in shown], end, end >= self._count)

    def translate(self, item: Item, received_at: datetime) -> Sequence[NewEvent]:
        """As Marketo's."""
        return TRANSLATION.activity(item.signal, received_at)


class Dying(KeptLog):
    """A log whose writer dies before or after a commit."""

    def __init__(self, fates: Iterator[str]) -> None:
        super().__init__()
        self._fates = fates

    def commit(self, records: Sequence[OutRecord]) -> None:
        """All or nothing, and then perhaps the end."""
        fate = next(self._fates, "")
        if fate == "die":
            raise Crash
        super().commit(records)
        if fate == "refuse":
            raise Crash


def _row(number: int) -> dict[str, object]:
    row = {"marketoGUID": str(number), "leadId": 1, "activityDate": "2026-03-01T00:00:00Z", "activityTypeId": 10}
    return {"row": row, "person": {"customerNumber": "C-1"}}


def _life(log: Dying, feed: Rows, clock: ManualClock) -> bool:
    """One process: whether it came to the end."""
    budget = Slice(100, 20, 1000, "UTC", clock, lambda _: False)
    session = Session([feed], log, log.kept, maker(), budget, Terms("", 500, 1, SINCE), clock, Unheard())
    try:
        readings = session.begin()
        while readings[0].cursor.position is None or readings[0].failures or readings[0].due_at <= clock.monotonic():
            if not session.turn(readings):
                clock.advance(2)
    except Crash:
        return False
    return True


@given(
    count=st.integers(0, 60),
    size=st.integers(1, 25),
    overlap=st.integers(0, 10),
    fetches=st.lists(st.sampled_from(["", "refuse", "die"]), max_size=12),
    commits=st.lists(st.sampled_from(["", "refuse", "die"]), max_size=8),
)
def test_once_and_in_order(count: int, size: int, overlap: int, fetches: list[str], commits: list[str]) -> None:
    """The log holds each row's event once, in the order of the source."""
    clock, log = ManualClock(), Dying(iter(commits))
    feed = Rows(count, size, overlap, iter(fetches))

    while not _life(log, feed, clock):
        pass

    expected = [TRANSLATION.activity(_row(number), SINCE)[0].event_id for number in range(count)]
    assert list(ids(log.events())) == expected
