"""Dead letters and what stands beside them: redrive, size, marks that survive, offsets that expired."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.faults.events import COMMUNICATION, KEPT, SENT, TOLD, WORKSPACE, Delivery, FlowLine, Mark
from tests.faults.processes import spawn
from tests.faults.scene import GROUP, LETTERS, RETRY, Scene, marks
from tests.faults.script import Reset
from tests.faults.stage import history
from tests.faults.vendor import about
from tests.support.poll import eventually

BIG = 1_048_576 - 600  # an event this long, and what Kafka and Avro put around it, is just what the topic takes


def poisoned(scene: Scene, found: list[Mark], flow: str = "told") -> None:
    """The vendor refuses these for good, until it is calmed."""
    scene.vendor.poison.update({Delivery(flow, mark): "named" for mark in found})


@history()
def test_a_redriven_letter_is_no_duplicate(scene: Scene) -> None:
    """9: its event_id is inside the duplicate window, at its own position: it is delivered."""
    scene.open(flows=(TOLD,), partitions=1)
    (mark,) = marks("c-0", 1, WORKSPACE)
    poisoned(scene, [mark])
    scene.member("a").start().ready()
    scene.produce([mark])
    eventually(lambda: scene.log.letters(LETTERS), 30, every_s=0.2, what="the letter is written")
    scene.vendor.poison.clear()
    scene.redrive()
    scene.wait_made(1)
    story = scene.end()
    assert [act.delivery.mark for act in story.acts] == [mark]


@history()
def test_an_upstream_duplicate_is_made_once(scene: Scene) -> None:
    """An event that upstream sends twice is one action, also when a takeover lies between the two."""
    scene.open(flows=(TOLD, SENT), partitions=2)
    first = [Mark(topic, f"c-{n}", 0) for n in range(4) for topic in (WORKSPACE, COMMUNICATION)]
    member = scene.member("a").start().ready()
    scene.produce(first)
    scene.wait_made(len(first))
    scene.produce(first)
    scene.wait_quiet()
    member.stop()
    scene.member("b").start().ready()
    scene.produce(first)
    story = scene.end()
    assert len(story.acts) == len(first)
    assert story.letters == []


@history()
def test_a_redrive_killed_and_repeated_in_parallel(scene: Scene) -> None:
    """15: killed between two letters, started again, and a second one beside it: each letter goes out once."""
    scene.open(flows=(TOLD,), partitions=2)
    everything = [Mark(WORKSPACE, f"c-{n}", 0) for n in range(12)]
    poisoned(scene, everything)
    scene.member("a").start().ready()
    for mark in everything:  # one by one: a refusal of all at once would look like a flood
        scene.produce([mark])
    eventually(lambda: len(scene.log.letters(LETTERS)) == 12, 30, every_s=0.2, what="the letters are written")
    scene.vendor.poison.clear()
    settings = scene.settings_for("tool", "tool")
    arguments = ["dlq", "redrive", "--sink", "braze", "--yes", "--rate", "2"]
    killed = spawn(arguments, settings, scene.folder / "redrive.log")
    scene.wait_made(2)
    killed.kill()
    killed.wait()
    flag = scene.folder / "flag"
    late = spawn(arguments, settings | {"FAULT_FLAG": str(flag)}, scene.folder / "late.log", "transact_late")
    eventually(Path(f"{flag}.stuck").exists, 30, what="the second operator has made its plan")
    scene.redrive("--rate", "20")
    Path(f"{flag}.go").touch()
    late.wait(60)
    scene.wait_made(12)
    story = scene.end()
    assert sorted(act.delivery.mark for act in story.acts) == sorted(everything)
    assert len(scene.log.parked(RETRY, WORKSPACE)) == 12


@history()
def test_a_letter_of_the_largest_event_is_written(scene: Scene) -> None:
    """16: an event just under its topic's limit, and the letter's headers, fit on the dead-letter topic."""
    scene.open(flows=(TOLD, KEPT), partitions=1)
    big, after = marks("c-0", 2, WORKSPACE)
    poisoned(scene, [big])
    scene.member("a").start().ready()
    scene.produce([big], padding="x" * BIG)
    scene.produce([after])
    story = scene.end()
    assert [(letter.mark, letter.reason) for letter in story.letters] == [(big, "invalid_field")]
    scene.check(story)


@history()
def test_a_dead_letter_topic_that_refuses(scene: Scene) -> None:
    """The route is held and nothing more is sent; the letter is written once when the topic takes it again."""
    refuse = scene.log.refuse
    _away(scene, lambda: refuse(LETTERS, is_refused=True), lambda: refuse(LETTERS, is_refused=False))


@history()
def test_a_dead_letter_topic_that_is_gone(scene: Scene) -> None:
    """The same for one that somebody deleted, and made again."""
    _away(scene, lambda: scene.log.delete([LETTERS]), lambda: scene.log.create([LETTERS], 1))


def _away(scene: Scene, go: Callable[[], None], come_back: Callable[[], None]) -> None:
    scene.open(flows=(TOLD,), partitions=1, braze={"max_objects": 1, "max_in_flight": 1})
    bad, *others = marks("c-0", 4, WORKSPACE)
    poisoned(scene, [bad])
    member = scene.member("a").start().ready()
    go()
    scene.produce([bad, *others, *(Mark(WORKSPACE, "d-0", n) for n in range(20))])
    eventually(lambda: "dead_letters_away" in member.process.holds(), 45, what="the route is held")
    made = len(scene.vendor.requests)
    with pytest.raises(AssertionError):
        eventually(lambda: len(scene.vendor.requests) > made + 1, 2, what="it sends more")
    come_back()
    story = scene.end()
    assert [letter.mark for letter in story.letters] == [bad]
    assert [act.delivery.mark for act in story.acts if act.delivery.mark.customer == "c-0"] == others
    scene.check(story)


@history()
def test_a_commit_beside_a_settle_loses_no_mark(scene: Scene) -> None:
    """19: plain commits and transactions alternate above a watermark that stands; a successor repeats nothing."""
    stuck = FlowLine("kept", WORKSPACE, "update_attributes", kind="slow")
    done = FlowLine("told", WORKSPACE, "track_event", kind="c")
    scene.open(flows=(stuck, done), partitions=1, braze={"max_objects": 3, "commit_interval_s": 0.05})
    rule = scene.vendor.script(Reset(), about("slow-0"))
    everything = [Mark(WORKSPACE, f"c-{n}", number) for number in range(20) for n in range(12)]
    bad = everything[5::30]
    poisoned(scene, bad)
    first = scene.member("a").start().ready()
    scene.produce([Mark(WORKSPACE, "slow-0", 0)])
    for start in range(0, len(everything), 24):
        scene.produce(everything[start : start + 24])
        scene.wait_made(min(start, len(everything)) // 2, "told")
    scene.wait_made(len(everything) - len(bad), "told")
    eventually(lambda: len(scene.log.letters(LETTERS)) == len(bad), 20, every_s=0.2, what="the letters are written")
    before = scene.log.stored(GROUP, [WORKSPACE])
    eventually(lambda: scene.log.stored(GROUP, [WORKSPACE]) == before, 10, every_s=0.5, what="commits are done")
    first.kill()
    second = scene.member("b").start().ready()
    scene.vendor.calm(rule)
    scene.wait_made(1, "kept")
    story = scene.end()
    assert [act for act in story.acts if act.by == second.life.name and act.delivery.flow == "told"] == []  # type: ignore[union-attr]
    assert len(story.letters) == len(bad)
    scene.check(story)


@history()
def test_offsets_that_expired_are_not_begun_anew(scene: Scene) -> None:
    """12: without a member for longer than offsets are kept, nothing is sent again; the worker says what to do."""
    scene.open(flows=(TOLD,))
    member = scene.member("a").start().ready()
    scene.produce(Mark(WORKSPACE, f"c-{n}", 0) for n in range(8))
    scene.wait_made(8)
    scene.wait_quiet()
    member.stop()
    scene.log.forget_offsets(GROUP)
    scene.member("a").start()
    with suppress(AssertionError):
        member.process.wait_ready()
    eventually(
        lambda: "offsets accept" in member.process.log_tail(200) or len(scene.vendor.acts) > 8, 30, what="it says so"
    )
    assert len(scene.vendor.acts) == 8
    assert "offsets accept" in member.process.log_tail(200)
