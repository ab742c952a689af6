"""Waiting past the patience: a key is parked on the retry topic, everything of it, and comes back in order."""

from tests.faults.events import KEPT, TOLD, WORKSPACE, FlowLine, Mark
from tests.faults.scene import RETRY, Scene, marks
from tests.faults.script import Reset
from tests.faults.stage import history
from tests.faults.vendor import about
from tests.support.poll import eventually

ALONE = {"max_objects": 1, "patience_s": 1.0}
PARKED_S = 20.0


@history()
def test_a_key_parked_by_one_who_dies_before_the_commit(scene: Scene) -> None:
    """1: A parks e1-e3 and dies in the transaction; B takes over; the key is served e1 e2 e3, once."""
    scene.open(flows=(KEPT,), partitions=1, braze=ALONE)
    rule = scene.vendor.script(Reset(), about("slow-0"))
    first = scene.member("a").start(patch="die_in_transaction").ready()
    scene.produce(marks("slow-0", 3, WORKSPACE))
    first.died(PARKED_S)
    scene.vendor.calm(rule)
    scene.member("b").start()
    story = scene.end()
    assert [act.delivery.mark.number for act in story.acts] == [0, 1, 2]
    scene.check(story)


@history()
def test_what_was_parked_is_read_back_before_its_settle_is_confirmed(scene: Scene) -> None:
    """3: A's own retry record is there two seconds before A learns that its transaction stands."""
    scene.open(flows=(KEPT,), partitions=1, braze=ALONE)
    rule = scene.vendor.script(Reset(), about("slow-0"))
    scene.member("a").start(patch="learn_late_of_transaction").ready()
    scene.produce(marks("slow-0", 3, WORKSPACE))
    eventually(lambda: scene.log.parked(RETRY, WORKSPACE), PARKED_S, every_s=0.2, what="the key is parked")
    scene.vendor.calm(rule)
    scene.produce(marks("slow-0", 2, WORKSPACE, first=3))
    story = scene.end()
    assert [act.delivery.mark.number for act in story.acts] == [0, 1, 2, 3, 4]
    scene.check(story)


@history()
def test_two_flows_of_one_event_are_both_parked(scene: Scene) -> None:
    """8: one event, two flows: both wait on the retry topic, in catalogue order, and both come back."""
    also = FlowLine("also", WORKSPACE, "update_attributes")
    scene.vendor.knows(also)
    scene.open(flows=(KEPT, also), partitions=1, braze=ALONE)
    rule = scene.vendor.script(Reset(), about("slow-0"))
    scene.member("a").start().ready()
    scene.produce(marks("slow-0", 2, WORKSPACE))
    eventually(lambda: len(scene.log.parked(RETRY, WORKSPACE)) >= 4, PARKED_S, every_s=0.2, what="all four are parked")
    scene.vendor.calm(rule)
    story = scene.end()
    assert [(act.delivery.flow, act.delivery.mark.number) for act in story.acts] == [
        ("kept", 0), ("also", 0), ("kept", 1), ("also", 1)
    ]  # fmt: skip
    scene.check(story)


@history()
def test_what_is_parked_stands_in_order(scene: Scene) -> None:
    """13: whatever failed first, a key's records stand on the retry topic in the order of its events."""
    scene.open(flows=(KEPT,), partitions=1, braze=ALONE)
    rule = scene.vendor.script(Reset(), about("slow-0"))
    scene.member("a").start().ready()
    scene.produce(marks("slow-0", 5, WORKSPACE))
    eventually(lambda: len(scene.log.parked(RETRY, WORKSPACE)) >= 5, PARKED_S, every_s=0.2, what="the key is parked")
    assert [mark.number for mark in scene.log.parked(RETRY, WORKSPACE)] == [0, 1, 2, 3, 4]
    scene.vendor.calm(rule)
    scene.check(scene.end())


@history()
def test_other_keys_flow_past_a_key_that_waits(scene: Scene) -> None:
    """A failing delivery holds back its own lane only; in the end the key has everything, in order."""
    scene.open(flows=(TOLD, KEPT), partitions=1, braze={"max_objects": 1})
    rule = scene.vendor.script(Reset(), about("slow-0", "update_attributes"))
    scene.member("a").start().ready()
    scene.produce([*marks("slow-0", 3, WORKSPACE), *(Mark(WORKSPACE, f"c-{n}", 0) for n in range(6))])
    scene.wait_made(6 * 2 + 1)
    assert {mark.customer for mark in scene.vendor.made("kept")} == {f"c-{n}" for n in range(6)}
    scene.vendor.calm(rule)
    scene.check(scene.end())
