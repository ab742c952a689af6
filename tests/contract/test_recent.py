"""What is known of duplicates is rebuilt from the log; on librdkafka's own broker, which cannot look up times."""

from collections.abc import Callable, Iterator, Mapping

import pytest

from common.errors import RegistryDownError
from common.event import Headers, PartitionId, Position
from common.kafka.embedded import EmbeddedBroker
from tests.support.past import PastRig, StubbornPast, event_id
from tests.support.poll import eventually


@pytest.fixture
def rig(embedded: EmbeddedBroker, prefix: str) -> PastRig:
    return PastRig(embedded.bootstrap, prefix)


WRITTEN_MS = 1_700_000_000_000


class Copy:
    """A record of any topic, in memory."""

    def __init__(self, topic: str, offset: int, name: str) -> None:
        self.topic, self.partition, self.offset = topic, 0, offset
        self.key: bytes | None = b"c1"
        self.value: bytes | None = b"x"
        self.headers: Headers = (("ce_id", event_id(name).encode()),)
        self.position, self.timestamp_ms = Position(topic, 0, offset), WRITTEN_MS


def test_records_before_the_start_are_known_and_later_ones_are_not(rig: PastRig) -> None:
    """By header or by value, per partition, whoever delivered them; the worker itself reads on from the start."""
    rig.write(("a", 30), ("b", 20))
    rig.write(("c", 10), has_header=False)
    rig.write(("d", 5))
    rig.write(("a", 1), partition=1)
    rig.rebuilt({0: 3, 1: 1})
    assert [rig.first(name, 9) for name in "abc"] == [0, 1, 2]
    assert rig.first("d", 3) is None


def test_the_window_ends_before_the_record_that_is_read_next(rig: PastRig) -> None:
    """In a backlog of a day, an hour before the next record counts, not an hour before now."""
    rig.write(("a", 26 * 60), ("b", 24 * 60 + 50), ("c", 24 * 60), ("d", 1))
    rig.rebuilt({0: 2})
    assert rig.first("b", 9, minutes=24 * 60) == 1
    assert rig.first("a", 8, minutes=24 * 60) is None


def test_what_has_no_id_is_passed_over(rig: PastRig) -> None:
    """Tombstones, and bytes that are no event."""
    rig.write_raw(None, 3, 0)
    rig.write_raw(b"no event", 2, 0)
    rig.write(("a", 1))
    rig.rebuilt({0: 3})
    assert rig.first("a", 5) == 2
    assert len(rig.duplicates) == 1


def test_nothing_before_the_start_is_nothing_to_wait_for(rig: PastRig) -> None:
    """An empty topic, and numbers of which no topic has once-flows."""
    rig.write(("a", 1), partition=1)
    rig.rebuilt({0: 0, 1: 0})
    with rig.rebuilding() as recent:
        recent.gained({PartitionId("some.other.topic", 3): 7})
        assert recent.is_rebuilt(3)


def test_a_rebuild_that_fails_is_told_and_tried_again(rig: PastRig) -> None:
    """Its once-deliveries wait; what was found twice counts once."""
    records = [Copy(rig.topic, offset, name) for offset, name in enumerate("abab")]
    past = StubbornPast([*records], [RegistryDownError("no answer")])
    with rig.rebuilding(past) as recent:
        recent.gained({PartitionId(rig.topic, 0): 4})
        eventually(lambda: "no answer" in recent.trouble)
        assert not recent.is_rebuilt(0)
        rig.finish(recent, 0)
        assert eventually(lambda: not recent.trouble)
    assert len(rig.duplicates) == 2
    assert rig.duplicates.seen(event_id("a"), Position(rig.topic, 0, 9), WRITTEN_MS) == Position(rig.topic, 0, 0)


def test_a_bug_in_a_rebuild_ends_the_runner(rig: PastRig) -> None:
    """What nobody decided about is raised in the runner's thread."""
    with rig.rebuilding(StubbornPast([], [ZeroDivisionError("a bug")])) as recent:
        recent.gained({PartitionId(rig.topic, 0): 4})

        def collected() -> bool:
            recent.collect(rig.duplicates)
            return False

        with pytest.raises(ZeroDivisionError):
            eventually(collected)


def test_what_was_lost_meanwhile_is_not_remembered(rig: PastRig) -> None:
    """A partition that went and came back waits for its own, new rebuild."""

    class Endless:
        """Says the same for ever, until it is told that nobody wants it."""

        def records(
            self, ends: Mapping[PartitionId, int], window_ms: int, now_ms: int, is_over: Callable[[], bool]
        ) -> Iterator[Copy]:
            """Never ends by itself."""
            while not is_over():
                yield Copy(rig.topic, 0, "a")

    with rig.rebuilding(Endless()) as recent:
        recent.gained({PartitionId(rig.topic, 0): 4})
        eventually(lambda: recent.collect(rig.duplicates) == set() and len(rig.duplicates))
        recent.lost([0])
        rig.duplicates.drop(0)
        recent.collect(rig.duplicates)
        assert not recent.is_rebuilt(0)
        assert len(rig.duplicates) == 0
