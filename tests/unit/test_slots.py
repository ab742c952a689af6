"""Requests at once, for the fleet: whole slots, on partitions, resting where the former owner may still have one."""

from workers.sinks.slots import Slots


def slots(count: int | None = 3, owned: range = range(12), rest_s: float = 20.0) -> Slots:
    """Of a group on twelve partitions, gained at 0."""
    made = Slots(count, 12, rest_s)
    made.assigned(owned, owned, 0.0)
    return made


def test_slots_of_gained_partitions_rest() -> None:
    """A request of their former owner may still run; asking again is worth it when the first has rested."""
    it = slots()
    assert it.wait_s(0.0) == 20.0
    assert it.wait_s(19.0) == 1.0
    assert it.wait_s(20.0) == 0.0


def test_a_slot_is_busy_until_its_request_ends() -> None:
    """Three of twelve partitions' four each: the owner of all has three, and asks again soon while they are busy."""
    it = slots()
    for _ in range(3):
        assert it.wait_s(30.0) == 0.0
        it.taken()
    assert 0 < it.wait_s(30.0) < 0.05
    it.freed()
    assert it.wait_s(30.0) == 0.0


def test_what_runs_goes_on_counting_when_its_partition_is_lost() -> None:
    """Whoever gains it waits a bound only."""
    it = slots()
    it.taken()
    it.taken()
    it.assigned(range(4), (), 30.0)  # one slot is left
    assert it.wait_s(30.0) > 0
    it.freed(2)
    assert it.wait_s(30.0) == 0.0


def test_who_owns_no_slot_says_so() -> None:
    """Slots lie on 0, 4 and 8; and where nothing is bounded everybody may."""
    assert slots(owned=range(4)).has_part()
    assert not slots(owned=range(9, 12)).has_part()
    free = slots(None, range(9, 12))
    assert free.has_part()
    assert free.wait_s(0.0) == 0.0
