"""What a feed has seen: the window of ids, the states of a list, and what of it is written."""

from hypothesis import given
from hypothesis import strategies as st

from workers.ingest.pollers.api import Item
from workers.ingest.pollers.seen import SLOT_IDS, Seen


def items(*ids: str) -> list[Item]:
    return [Item(id_, {}) for id_ in ids]


def states(**levels: str) -> list[Item]:
    return [Item(state, {}, name) for name, state in levels.items()]


def test_an_id_is_new_once() -> None:
    """On one page, and on the next."""
    seen = Seen(500)
    assert [each.id for each in seen.fresh(items("a", "b", "a"))] == ["a", "b"]
    seen.note(items("a", "b"))

    assert [each.id for each in seen.fresh(items("b", "c"))] == ["c"]


@given(st.lists(st.integers(0, 3000), max_size=4000), st.integers(500, 1200))
def test_the_window_is_never_smaller_than_promised(numbers: list[int], remembered: int) -> None:
    """Whatever came: the latest so many are known, also after a restart."""
    seen, slots = Seen(remembered), {}
    distinct: list[str] = []
    for start in range(0, len(numbers), 300):
        fresh = seen.fresh(items(*map(str, numbers[start : start + 300])))
        distinct += [each.id for each in fresh]
        slots.update(seen.note(fresh))

    restored = Seen.restored(remembered, slots)

    assert restored.fresh(items(*distinct[-remembered:])) == []


def test_what_is_older_than_the_window_is_forgotten() -> None:
    """Memory and topic are bounded."""
    seen, slots = Seen(500), {}
    for start in range(0, 5000, 250):
        slots.update(seen.note(items(*(str(number) for number in range(start, start + 250)))))

    assert len(slots) == 2
    assert len(seen.fresh(items("0", "4999"))) == 1
    assert all(len(content["ids"]) <= SLOT_IDS for content in slots.values() if isinstance(content["ids"], list))


def test_a_page_writes_its_slot_only() -> None:
    """A few kilobytes, not everything."""
    seen = Seen(100_000)
    seen.note(items(*map(str, range(5000))))

    assert list(seen.note(items("new"))) == ["seen-10"]


def test_a_state_is_new_when_it_is_not_the_last() -> None:
    """There and back again is news, too."""
    seen = Seen(500)
    seen.note(states(block="v1"))
    assert seen.fresh(states(block="v1")) == []

    assert len(seen.fresh(states(block="v2"))) == 1
    seen.note(states(block="v2"))
    assert len(seen.fresh(states(block="v1"))) == 1


def test_states_survive_a_restart() -> None:
    """All of them, however many other ids came."""
    seen, slots = Seen(500), {}
    slots.update(seen.note(states(**{f"block-{number}": "v1" for number in range(300)})))
    slots.update(seen.note(items(*map(str, range(5000)))))

    restored = Seen.restored(500, slots)

    assert restored.fresh(states(**{f"block-{number}": "v1" for number in range(300)})) == []


def test_a_restart_goes_on_in_the_slot_that_is_being_filled() -> None:
    """No id falls out because a slot was begun too early."""
    slots = dict(Seen(500).note(items("a")))

    assert list(Seen.restored(500, slots).note(items("b"))) == ["seen-0"]
