"""The entrance: whatever waits for a profile, the order of a partition is kept, and nothing is lost or made twice."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from common.event import Event, PartitionId
from common.reasons import Reason
from tests.support.clock import ManualClock
from workers.sinks.entrance import Entrance
from workers.sinks.gate import Gate, Pulse
from workers.sinks.planner import Late, Unusable
from workers.sinks.progress import NOTHING, Inherited, Mark
from workers.sinks.told import Told
from workers.sinks.undecided import Undecided
from workers.sinks.window import Limits, Partition, Window

TOPIC = "t"
GOLD, SILVER, BOTH = 1, 2, 3
"""Flows by their hashes: one of two by the profile, and one that is always made."""

PLAIN, NONE, LATE, BAD = "plain", "none", "late", "bad"
kinds = st.lists(st.sampled_from([PLAIN, NONE, LATE, LATE, BAD]), max_size=12)


@dataclass
class Scene:
    """One partition with records of given kinds, and whoever takes part."""

    kinds: list[str]
    inherited: Inherited = NOTHING
    doomed: list[int] = field(default_factory=list)
    asked: list[Undecided] = field(default_factory=list)
    came_out: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        clock, id_ = ManualClock(), PartitionId(TOPIC, 0)
        self.partition = Partition(0, Gate("0", clock, Pulse(clock), 20.0))
        self.window = Window(id_, self.partition, 0, self.inherited, Limits(1000, 10**6), lambda _: True)
        planner = SimpleNamespace(retry_topic="r", decide=self._decide, orphans=self._orphans)
        copies = SimpleNamespace(read=lambda record, plan: self.read.extend([record.offset] * bool(plan)))
        takes = SimpleNamespace(doom_record=lambda record, *_: self.doomed.append(record.offset))
        profiles = SimpleNamespace(await_profile=self.asked.append)
        self.read: list[int] = []
        parts = [cast(Any, part) for part in (planner, copies, takes, profiles)]
        self.entrance = Entrance(parts[0], parts[1], parts[2], parts[3], "g")

    def read_all(self) -> None:
        """As the reader does, record by record."""
        for offset, kind in enumerate(self.kinds):
            record = cast(Any, SimpleNamespace(topic=TOPIC, offset=offset, value=b"v"))
            self._out(self.entrance.admit(record, self.window, self._plan(kind, offset)))

    def answer(self, one: Undecided, is_gold: bool) -> None:
        """The store tells about one customer."""
        one.told = Told(None, None, None, 0.0, 0.0, {"gold": is_gold})
        self._out(self.entrance.decided())

    def _out(self, deliveries: Any) -> None:
        self.came_out += [(one.record.offset, one.flow_hash) for one in deliveries]

    def _plan(self, kind: str, offset: int) -> Any:
        match kind:
            case "plain":
                return [self._delivery(offset, BOTH)]
            case "none":
                return []
            case "bad":
                return Unusable(cast(Any, None), Reason.MALFORMED, "")
            case _:
                return Late(Event(TOPIC, b"k", {"customer": {"customer_id": f"c{offset}"}}), None)

    def _decide(self, late: Any, profile: Any, taken: set[int], record: Any, window: Window) -> list[Any]:
        chosen = next(iter(taken & {GOLD, SILVER}), GOLD if profile["gold"] else SILVER)
        return [self._delivery(record.offset, chosen), self._delivery(record.offset, BOTH)]

    def _orphans(self, record: Any, window: Window, named: set[int]) -> list[Any]:
        return [self._delivery(record.offset, flow) for flow in named]

    @staticmethod
    def _delivery(offset: int, flow: int) -> Any:
        record = SimpleNamespace(offset=offset)
        lane = (offset, flow)  # a lane of its own: everything is a head at once
        return SimpleNamespace(
            record=record, flow_hash=flow, mark=Mark(offset, flow), lane=lane, size=1, copy=None, doubt=None
        )


@given(kinds=kinds, data=st.data())
def test_the_order_of_a_partition_is_kept(kinds: list[str], data: st.DataObject) -> None:
    """In whatever order answers come, deliveries leave in the log's order, each once."""
    scene = Scene(kinds)
    scene.read_all()
    for one in data.draw(st.permutations(scene.asked)):
        scene.answer(one, data.draw(st.booleans()))

    offsets = [offset for offset, _ in scene.came_out]
    wanted = [n for n, kind in enumerate(kinds) for _ in range({PLAIN: 1, LATE: 2}.get(kind, 0))]
    assert offsets == wanted
    assert scene.doomed == [n for n, kind in enumerate(kinds) if kind == BAD]
    assert scene.read == sorted(scene.read)
    assert not scene.entrance.is_waiting


@given(kinds=kinds, data=st.data())
def test_nothing_is_done_before_it_is_done(kinds: list[str], data: st.DataObject) -> None:
    """The watermark stays below what waits, and reaches the end once all is settled; so do the bytes."""
    scene = Scene(kinds)
    scene.read_all()
    if LATE in kinds:
        assert scene.window.progress.watermark <= kinds.index(LATE)
    for one in scene.asked:
        scene.answer(one, True)
    for offset, flow in scene.came_out:
        scene.window.resolve(offset, flow, 1)
    for offset in scene.doomed:
        scene.window.resolve(offset, -1, 1)

    assert scene.window.progress.watermark == len(kinds)
    assert scene.window.size == 0


@given(begun=st.sampled_from([GOLD, SILVER]), is_gold=st.booleans(), is_settled=st.booleans())
def test_what_a_former_owner_chose_stays_chosen(begun: int, is_gold: bool, is_settled: bool) -> None:
    """Settled: nothing of the choice is made again. Named: that very flow is in doubt, no other is made."""
    marks = frozenset({Mark(0, begun)})
    scene = Scene([LATE], Inherited(settled=marks) if is_settled else Inherited(intents=marks))
    scene.read_all()
    assert (scene.window.progress.intents == marks) is not is_settled

    scene.answer(scene.asked[0], is_gold)

    assert scene.came_out == ([(0, BOTH)] if is_settled else [(0, begun), (0, BOTH)])
    assert scene.window.progress.intents == (set() if is_settled else marks)


@given(kind=st.sampled_from([LATE, PLAIN, NONE]))
def test_what_was_named_for_a_flow_that_is_gone_is_not_forgotten(kind: str) -> None:
    """Nobody can tell whether it was sent: it comes out first, and its record is not done before it."""
    marks = frozenset({Mark(0, 99)})
    scene = Scene([kind], Inherited(intents=marks))
    scene.read_all()
    for one in scene.asked:
        scene.answer(one, True)

    assert scene.window.progress.intents == marks
    assert scene.came_out == [(0, 99)] + {LATE: [(0, GOLD), (0, BOTH)], PLAIN: [(0, BOTH)], NONE: []}[kind]
    for offset, flow in scene.came_out:
        assert scene.window.progress.watermark == 0
        scene.window.resolve(offset, flow, 1)
    assert scene.window.progress.watermark == 1
    assert scene.window.progress.intents == set()


def test_partitions_that_were_taken_away_are_forgotten() -> None:
    """The next owner reads them again."""
    scene = Scene([LATE, PLAIN])
    scene.read_all()
    scene.partition.is_ours = False

    scene.entrance.forget()
    scene.answer(scene.asked[0], True)

    assert scene.came_out == []
    assert not scene.entrance.is_waiting
