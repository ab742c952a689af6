"""Lanes and batches: one head a key, in order, whatever ends when."""

from collections import defaultdict
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from workers.sinks.api import Action, Contacts, Item, Repeat
from workers.sinks.batcher import Batcher
from workers.sinks.lanes import Lanes


class NoParameters(BaseModel):
    """None."""


def action(name: str = "act", max_items: int = 3, max_bytes: int = 100) -> Action:
    return Action(name, Repeat.REPEATABLE, Contacts.NOBODY, NoParameters, max_items, max_bytes, 1.0)


@dataclass(frozen=True)
class Thing:
    number: int
    action: Action
    item: Item


@given(st.lists(st.integers(0, 4), max_size=80), st.randoms(use_true_random=False), st.data())
def test_a_key_is_served_in_order_one_at_a_time(keys: list[int], rng: object, data: st.DataObject) -> None:
    """At most the head of a lane is out; heads that wait come back; the order is the order of arrival."""
    lanes: Lanes[tuple[int, int]] = Lanes()
    served: dict[int, list[int]] = defaultdict(list)
    out: list[tuple[int, int]] = []
    now = 0.0
    for number, key in enumerate(keys):
        if lanes.add(key, (key, number)):
            out.append((key, number))
    while out or lanes.waiting:
        now += 1.0
        out.extend(lanes.due(now))
        if not out:
            continue
        assert len({key for key, _ in out}) == len(out)
        chosen = out.pop(data.draw(st.integers(0, len(out) - 1)))
        if data.draw(st.booleans(), label="held back"):
            lanes.wait(chosen, now + data.draw(st.floats(0, 3)))
            continue
        served[chosen[0]].append(chosen[1])
        if (following := lanes.done(chosen[0])) is not None:
            out.append(following)
    assert {key: sorted(numbers) for key, numbers in served.items()} == dict(served)
    assert sum(map(len, served.values())) == len(keys)
    assert len(lanes) == 0


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 2), st.integers(1, 120)), max_size=60))
def test_a_draft_keeps_to_the_limits_and_loses_nobody(entries: list[tuple[str, int, int]]) -> None:
    """One action and one shared_by a draft, at most its items and bytes, unless one item alone is larger."""
    actions = {name: action(name) for name in "ab"}
    batcher: Batcher[Thing] = Batcher(linger_s=1.0)
    for number, (name, shared, size) in enumerate(entries):
        batcher.add(Thing(number, actions[name], Item(None, size, shared)), now=0.0)
    taken: list[int] = []
    while draft := batcher.take(5.0, lambda a: a.max_items):
        assert {(t.action.name, t.item.shared_by) for t in draft.deliveries} == {(draft.action.name, draft.shared_by)}
        assert len(draft.deliveries) <= 3
        assert len(draft.deliveries) == 1 or sum(t.item.size for t in draft.deliveries) <= 100
        taken.extend(t.number for t in draft.deliveries)
    assert sorted(taken) == list(range(len(entries)))
    assert len(batcher) == 0


def test_a_draft_waits_for_company_or_its_linger() -> None:
    """Not full and not lingered: nothing leaves; full: at once; lingered: as it is."""
    batcher: Batcher[Thing] = Batcher(linger_s=1.0)
    batcher.add(Thing(1, action(), Item(None, 1)), now=0.0)
    assert batcher.take(0.5, lambda a: a.max_items) is None
    assert batcher.take(1.0, lambda a: a.max_items) is not None
    for number in range(3):
        batcher.add(Thing(number, action(), Item(None, 1)), now=2.0)
    assert batcher.take(2.0, lambda a: a.max_items) is not None


def test_a_held_route_keeps_its_pile() -> None:
    """Another action's deliveries go past a held one's."""
    batcher: Batcher[Thing] = Batcher(linger_s=0.0)
    batcher.add(Thing(1, action("held"), Item(None, 1)), now=0.0)
    batcher.add(Thing(2, action("open"), Item(None, 1)), now=0.0)
    draft = batcher.take(1.0, lambda a: 0 if a.name == "held" else a.max_items)
    assert draft is not None
    assert draft.action.name == "open"
    assert batcher.take(1.0, lambda a: 0 if a.name == "held" else a.max_items) is None
    assert len(batcher) == 1


def test_what_was_not_tried_goes_first_again() -> None:
    """A batch that came back untried keeps its place."""
    batcher: Batcher[Thing] = Batcher(linger_s=1.0)
    things = [Thing(number, action(), Item(None, 1)) for number in range(4)]
    batcher.add(things[3], now=0.0)
    batcher.put_back(things[:3], now=0.0)
    draft = batcher.take(0.0, lambda a: a.max_items)
    assert draft is not None
    assert [t.number for t in draft.deliveries] == [0, 1, 2]


def test_deliveries_of_lost_partitions_are_dropped() -> None:
    """What is not ours any more leaves the piles."""
    batcher: Batcher[Thing] = Batcher(linger_s=0.0)
    for number in range(3):
        batcher.add(Thing(number, action(), Item(None, 1)), now=0.0)
    batcher.drop(lambda thing: thing.number != 1)
    draft = batcher.take(1.0, lambda a: a.max_items)
    assert draft is not None
    assert [t.number for t in draft.deliveries] == [1]


@given(st.integers(1, 50))
def test_halves_are_smaller_and_together_the_whole(count: int) -> None:
    """Bisecting ends: each half is smaller, none is lost, the order stays."""
    batcher: Batcher[Thing] = Batcher(linger_s=0.0)
    big = action(max_items=100, max_bytes=1000)
    for number in range(count):
        batcher.add(Thing(number, big, Item(None, 1)), now=0.0)
    draft = batcher.take(1.0, lambda a: a.max_items)
    assert draft is not None
    first, second = draft.halves()
    assert [t.number for t in (*first.deliveries, *second.deliveries)] == list(range(count))
    assert count == 1 or max(len(first.deliveries), len(second.deliveries)) < count
