"""Braze's lists under any crash point, while rows come, change and go: each address once, each last state told."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.reasons import Cause
from tests.property.test_poller_once import Crash, Dying
from tests.support.braze_poll import config
from tests.support.clock import ManualClock
from tests.support.marketo_poll import maker
from workers.ingest.pollers.api import Feed, PausedError
from workers.ingest.pollers.braze import addresses, assets
from workers.ingest.pollers.braze.addresses import UNSUBSCRIBES, AddressFeed
from workers.ingest.pollers.braze.assets import AssetFeed
from workers.ingest.pollers.braze.config import AssetKind
from workers.ingest.pollers.braze.mapping import AddressTranslation, AssetTranslation
from workers.ingest.pollers.braze.reads import Reads
from workers.ingest.pollers.hooks import Unheard
from workers.ingest.pollers.session import Session, Terms
from workers.ingest.pollers.slice import Slice

CONFIG = config(interval_s=60, assets_every_s=60, sweep_every_s=300)
SINCE = ManualClock().now() - timedelta(days=1)
FATES = st.lists(st.sampled_from(["", "refuse", "die"]), max_size=12)


class Lists:
    """Braze's two ways of listing, with a fate for each request; the world moves on before each."""

    def __init__(self, clock: ManualClock, fates: Iterator[str], world: Iterator[None]) -> None:
        self.addresses: list[tuple[str, datetime]] = []
        self.blocks: dict[str, tuple[str, datetime]] = {}
        self._clock, self._fates, self._world = clock, fates, world
        self.is_calm = False

    def page(self, path: str, query: Mapping[str, str], field: str, action: str) -> list[Any]:
        """A page by offset of what is there now."""
        self._befalls()
        rows = self._unsubscribed(query) if field == "emails" else self._edited(query)
        start = int(query.get("offset", 0))
        return rows[start : start + int(query["limit"])]

    def one(self, path: str, query: Mapping[str, str], action: str) -> Mapping[str, Any] | None:
        """A block as it is now."""
        self._befalls()
        content, _ = self.blocks[query["content_block_id"]]
        return {"content": content, "tags": ["approved"], "message": "success"}

    def _befalls(self) -> None:
        next(self._world, None)
        fate = next(self._fates, None)
        self.is_calm = fate is None
        match fate:
            case "refuse":
                raise PausedError(Cause.THROTTLED, "scripted", 1.0)
            case "die":
                raise Crash

    def _unsubscribed(self, query: Mapping[str, str]) -> list[Any]:
        start, end = (datetime.fromisoformat(query[name]).replace(tzinfo=UTC) for name in ("start_date", "end_date"))
        return [
            {"email": email, "unsubscribed_at": f"{at:%Y-%m-%d %H:%M:%S} +0000"}
            for email, at in sorted(self.addresses, key=lambda each: (each[1], each[0]))
            if start <= at < end
        ]

    def _edited(self, query: Mapping[str, str]) -> list[Any]:
        after = datetime.fromisoformat(query["modified_after"])
        return [
            {"content_block_id": id_, "name": id_, "last_edited": at.isoformat(), "tags": ["approved"]}
            for id_, (_, at) in self.blocks.items()
            if at > after
        ]


def _live(log: Dying, feed: Feed, clock: ManualClock, until: Callable[[], bool]) -> bool:
    """One process: whether it came to the end."""
    budget = Slice(10_000, 20, 100_000, "UTC", clock, lambda _: False)
    session = Session([feed], log, log.kept, maker(), budget, Terms("", 5_000, 1, SINCE), clock, Unheard())
    try:
        readings = session.begin()
        looks = 0
        while looks < 3 or not until():
            if not session.turn(readings):
                clock.advance(61)
                looks += until()
    except Crash:
        return False
    return True


@pytest.fixture(autouse=True)
def short_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of a few rows, so that there are many."""
    for module, name, value in ((addresses, "_LIMIT", 5), (addresses, "_STEP", 4), (assets, "_PAGE", 4)):
        monkeypatch.setattr(module, name, value)
    monkeypatch.setattr(assets, "_STEP", 3)


@given(groups=st.lists(st.integers(1, 6), max_size=8), fetches=FATES, commits=FATES)
def test_every_address_once(groups: Sequence[int], fetches: list[str], commits: list[str]) -> None:
    """Addresses come while the list is paged, on several days; each is one event."""
    clock, log = ManualClock(), Dying(iter(commits))
    left = list(groups)

    def world() -> Iterator[None]:
        while left:
            count = left.pop()
            begun = len(lists.addresses)
            lists.addresses += [(f"u{begun + one}@example.com", clock.now()) for one in range(count)]
            clock.advance(7200 if count > 4 else 1)
            yield

    lists = Lists(clock, iter(fetches), world())
    feed = AddressFeed(
        "braze.unsubscribes", UNSUBSCRIBES, CONFIG, cast(Reads, lists), clock, AddressTranslation(CONFIG).unsubscribed
    )
    while not _live(log, feed, clock, lambda: lists.is_calm and not left):
        pass

    found = [event["address"] for event in log.events()]
    assert sorted(found) == sorted(email for email, _ in lists.addresses)


@given(edits=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 2)), max_size=25), fetches=FATES, commits=FATES)
def test_the_last_state_of_everything_is_told(
    edits: Sequence[tuple[int, int]], fetches: list[str], commits: list[str]
) -> None:
    """Blocks are made and edited while they are listed; no state is told twice in a row, and the last one is."""
    clock, log = ManualClock(), Dying(iter(commits))
    left = list(edits)

    def world() -> Iterator[None]:
        while left:
            number, content = left.pop()
            clock.advance(1)
            lists.blocks[f"cb-{number}"] = (str(content), clock.now())
            yield

    lists = Lists(clock, iter(fetches), world())
    kind = AssetKind.CONTENT_BLOCKS
    feed = AssetFeed(kind, CONFIG, cast(Reads, lists), clock, AssetTranslation(kind, CONFIG))
    while not _live(log, feed, clock, lambda: lists.is_calm and not left):
        pass

    told: dict[str, list[str]] = {}
    for event in log.events():
        told.setdefault(event["content_id"], []).append(event["body"])
    assert {id_: bodies[-1] for id_, bodies in told.items()} == {id_: now for id_, (now, _) in lists.blocks.items()}
    assert not [bodies for bodies in told.values() for a, b in pairwise(bodies) if a == b]
