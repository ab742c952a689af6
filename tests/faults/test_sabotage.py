"""The checkers notice: in each history here a worker breaks one promise on purpose, and a checker says so.

A patched collaborator does it (`patched.py`), in a real process on a real broker: what the harness cannot
notice here, it would not notice anywhere.
"""

from dataclasses import dataclass, field

import pytest

from tests.faults.checks import complaints
from tests.faults.events import COMMUNICATION, FLOWS, WORKSPACE, Delivery, Mark
from tests.faults.scene import Scene
from tests.faults.script import Accept, Throttle
from tests.faults.stage import history
from tests.faults.vendor import of
from tests.support.poll import eventually

TOPICS = (WORKSPACE, COMMUNICATION)
EVENTS = [Mark(topic, f"c-{n}", number) for number in range(6) for topic in TOPICS for n in range(6)]


@dataclass(frozen=True)
class Sabotage:
    """A patch, the checkers that must complain, and what helps it along."""

    patch: str
    noticed_by: frozenset[str]
    delay_s: float = 0.02
    throttled: bool = False
    poison: tuple[Delivery, ...] = field(default=())
    twice: tuple[Mark, ...] = field(default=())


def _by(*checks: str) -> frozenset[str]:
    return frozenset(checks)


SABOTAGES = (
    Sabotage("loses", _by("lost", "miscounted")),
    Sabotage("makes_up", _by("invented", "lost")),
    Sabotage("reorders", _by("out_of_order")),
    Sabotage("goes_back", _by("stale", "too_many_repeats")),
    Sabotage("makes_twice", _by("once_twice", "too_many_repeats")),
    Sabotage("overtakes_itself", _by("at_once"), delay_s=0.3),
    Sabotage("hurries", _by("called_while_told_to_stop"), throttled=True),
    Sabotage("condemns", _by("deliverable_dead")),
    Sabotage("doubts", _by("too_much_doubt")),
    Sabotage("miscounts", _by("miscounted")),
    Sabotage("writes_letters_twice", _by("letters_twice"), poison=(Delivery("told", EVENTS[0]),)),
    Sabotage("forgets_receipts", _by("without_receipt")),
    Sabotage("forgets_duplicates", _by("made_for_a_duplicate"), twice=tuple(EVENTS[:5])),
)


@pytest.mark.parametrize("sabotage", SABOTAGES, ids=[one.patch for one in SABOTAGES])
@history()
def test_a_broken_promise_is_noticed(scene: Scene, sabotage: Sabotage) -> None:
    """One worker, no fault but its own; the checkers of that promise complain."""
    scene.open(flows=FLOWS, partitions=1, braze={"max_in_flight": 2, "max_objects": 3, "max_recipients": 3})
    scene.vendor.usual = Accept(sabotage.delay_s)
    scene.vendor.poison.update(dict.fromkeys(sabotage.poison, "named"))
    if sabotage.throttled:
        scene.vendor.script(Throttle(4.0), of("track_event"), times=1)
    scene.member("a").start(patch=sabotage.patch).ready()
    scene.produce([*EVENTS, *sabotage.twice])
    found = complaints(scene.end())
    assert sabotage.noticed_by <= found.keys(), f"only {', '.join(found) or 'nobody'} complained"


@history()
def test_a_worker_that_breaks_is_noticed(scene: Scene) -> None:
    """It ends by itself, nothing is settled: the checkers of ends, offsets and losses complain."""
    scene.open(partitions=1)
    member = scene.member("a").start(patch="breaks").ready()
    scene.produce(EVENTS[:5])
    eventually(lambda: not member.process.is_running, 30, what="the worker ends")
    member.stop()
    assert complaints(scene.story()).keys() >= _by("ended_badly", "uncommitted", "lost")


@history()
def test_an_honest_worker_is_not_complained_about(scene: Scene) -> None:
    """The same history without a patch: silence means something."""
    scene.open(flows=FLOWS, partitions=1, braze={"max_in_flight": 2, "max_objects": 3, "max_recipients": 3})
    scene.member("a").start().ready()
    scene.produce(EVENTS)
    story = scene.end()
    scene.check(story)
    assert len(story.acts) == len(EVENTS) // 2 * 3
