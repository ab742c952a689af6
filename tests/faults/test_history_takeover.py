"""Takeovers: a worker dies, sleeps past its session, is stuck or replaced, and another goes on with its partitions."""

from pathlib import Path

from tests.faults.events import (
    COMMUNICATION,
    ENGAGEMENT,
    KEPT,
    SEEN,
    SENT,
    TOLD,
    TRACK,
    WORKSPACE,
    Delivery,
    FlowLine,
    History,
    Mark,
)
from tests.faults.play import broker_away
from tests.faults.scene import GROUP, LETTERS, Scene, marks
from tests.faults.script import Accept, Reset, Slow
from tests.faults.stage import history
from tests.faults.vendor import about
from tests.support.poll import eventually

ONE_AT_A_TIME = {"max_objects": 1, "max_recipients": 1, "max_in_flight": 1}


@history()
def test_a_worker_killed_in_the_middle(scene: Scene) -> str:
    """kill -9 while requests run: its successor takes up what was not settled, and no once-action is made twice."""
    scene.open(flows=(TOLD, KEPT), braze={"max_objects": 5})
    everything = list(History(1, customers=12, each=25).marks())
    first = scene.member("a").start().ready()
    scene.upstream.submit(everything)
    scene.wait_made(len(everything) // 2)
    first.kill()
    scene.member("b").start()
    return scene.verify()


@history()
def test_a_settle_stopped_before_its_commit_leaves_nothing(scene: Scene) -> None:
    """2: A's letter is produced and not committed when A is stopped; B delivers; nothing of A's ever lands."""
    scene.open(flows=(KEPT,), partitions=1)
    (mark,) = marks("c-0", 1, WORKSPACE)
    scene.vendor.poison[Delivery("kept", mark)] = "named"
    first = scene.member("a").start(patch="sleep_in_transaction").ready()
    scene.produce([mark])
    eventually(first.process.is_suspended, 30, what="A stands still in its transaction")
    scene.vendor.poison.clear()
    scene.member("b").start()
    first.nap(until=lambda: scene.vendor.made("kept"))
    first.settle_down()
    story = scene.end()
    assert [act.delivery.mark for act in story.acts] == [mark]
    assert story.letters == []


@history()
def test_a_named_intent_whose_owner_sleeps_before_the_request(scene: Scene) -> None:
    """4: B inherits what A named and never sent: nobody may send it again, and A's gate is closed when it wakes."""
    scene.open(flows=(TOLD,), partitions=1)
    (mark,) = marks("c-0", 1, WORKSPACE)
    first = scene.member("a").start(patch="sleep_before_request").ready()
    scene.produce([mark])
    eventually(first.process.is_suspended, 30, what="A stands still before its request")
    scene.member("b").start()
    first.nap(until=lambda: scene.vendor.made("told") or scene.log.letters(LETTERS))
    story = scene.end()
    assert story.acts == []
    assert [(letter.mark, letter.reason) for letter in story.letters] == [(mark, "in_doubt")]


@history()
def test_a_once_action_whose_answer_nobody_waited_for(scene: Scene) -> None:
    """The vendor has acted when A is killed: B cannot know, and does not do it again."""
    scene.open(flows=(SENT,), partitions=1, braze={"max_recipients": 3})
    everything = [Mark(COMMUNICATION, f"c-{n}", 0) for n in range(12)]
    scene.vendor.usual = Accept(1.5)
    first = scene.member("a").start().ready()
    scene.produce(everything)
    scene.wait_made(6)
    first.kill()
    scene.vendor.usual = Accept(0.02)
    scene.member("b").start()
    story = scene.end()
    made = [act.delivery.mark for act in story.acts]
    doubted = {letter.mark for letter in story.letters}
    assert len(made) == len(set(made)), "a campaign reached somebody twice"
    assert {*made, *doubted} == {*everything}
    assert {act.delivery.mark for act in story.acts if act.by == "a.1"} & doubted, "what A had out is in doubt"
    scene.check(story)


@history()
def test_a_stuck_poll_thread_sends_nothing_after_the_takeover(scene: Scene) -> None:
    """5: delivery threads that live while the poll thread is stuck past `max.poll.interval` find the gate closed."""
    flag = str(scene.folder / "flag")
    scene.open(flows=(KEPT,), partitions=2, kafka={"max.poll.interval.ms": "6000"})
    scene.member("a").start(patch="stuck_poll", FAULT_FLAG=flag).ready()
    scene.produce(Mark(WORKSPACE, f"c-{n}", number) for number in range(4) for n in range(6))
    eventually(Path(flag + ".stuck").exists, 30, what="A's threads are stuck")
    scene.member("b").start()
    scene.wait_made(24)
    Path(flag + ".go").touch()
    story = scene.end()
    assert {act.by for act in story.acts} == {"b.1"}
    scene.check(story, without=["too_many_repeats"])


@history()
def test_a_static_member_is_replaced_while_it_sleeps(scene: Scene) -> str:
    """6: the successor of the same name takes over at once; the old one is fenced and nothing of it lands."""
    scene.open(flows=(TOLD, KEPT), kafka={"session.timeout.ms": "30000"}, braze={"max_objects": 5})
    everything = list(History(6, customers=8, each=16).marks())
    first = scene.member("a").start(COMMFLEET_STATIC_MEMBER="true").ready()
    scene.upstream.submit(everything)
    scene.wait_made(len(everything) // 2)
    first.process.suspend()
    made = len(scene.vendor.acts)
    scene.member("a2", worker_name="a").start(COMMFLEET_STATIC_MEMBER="true").ready()
    eventually(lambda: len(scene.vendor.acts) > made, 20, what="the successor works before the session ends")
    first.nap(at_least_s=1.0)
    code = first.process.wait_end(40)
    assert code != 0, "a fenced worker must end, and say so"
    first.worker = None
    return scene.verify()


@history()
def test_a_deploy_with_other_flows_keeps_what_is_done(scene: Scene) -> None:
    """7: 3,000 once-deliveries above the watermark are done; the new flow list makes none doubtful, none twice."""
    stuck = FlowLine("kept", WORKSPACE, "update_attributes", kind="slow")
    done = FlowLine("told", WORKSPACE, TRACK, kind="c")
    later = (FlowLine("noted", ENGAGEMENT, TRACK), SEEN, done, stuck)
    scene.open(flows=(stuck, done), partitions=1, braze={"max_objects": 75, "window_records": 5000})
    rule = scene.vendor.script(Reset(), about("slow-0"))
    first = scene.member("a").start().ready()
    scene.produce([Mark(WORKSPACE, "slow-0", 0)])
    scene.produce(Mark(WORKSPACE, f"c-{n}", number) for number in range(50) for n in range(60))
    scene.wait_made(3000, "told")
    first.stop()
    assert scene.log.stored(GROUP, [WORKSPACE])[WORKSPACE, 0].offset == 0, "the watermark is not held back"
    scene.member("a").start(flows=later).ready()
    scene.produce([Mark(WORKSPACE, "c-0", 50)])
    scene.wait_made(3001, "told")
    scene.vendor.calm(rule)
    scene.wait_made(1, "kept")
    story = scene.end()
    assert len(story.acts) == 3002
    assert story.letters == []


@history()
def test_a_member_joins_while_requests_run(scene: Scene) -> str:
    """18: requests shorter than the revocation's bound end where they began; none is doubtful, none made twice."""
    scene.open(flows=(TOLD,), braze={"max_objects": 4})
    scene.vendor.usual = Accept(1.0)
    everything = list(History(18, customers=16, each=3).marks())
    scene.member("a").start().ready()
    scene.produce(everything)
    scene.wait_made(4)
    scene.member("b").start().ready()
    story = scene.end()
    assert [letter for letter in story.letters if letter.reason == "in_doubt"] == []
    assert len(story.acts) == len(everything)
    return scene.check(story)


@history()
def test_a_member_joins_while_long_requests_run(scene: Scene) -> None:
    """18: a request that outlives the revocation's bound goes on where its partition stays; nothing is made twice."""
    scene.open(flows=(TOLD,), braze={"max_in_flight": 8, "max_objects": 1, "read_timeout_s": 30})
    slow = scene.vendor.script(Slow(14.0))
    everything = [Mark(WORKSPACE, f"c-{n}", 0) for n in range(8)]
    scene.member("a").start().ready()
    scene.produce(everything)
    eventually(lambda: len(scene.vendor.requests) == 8, 20, what="every partition has requests running")
    scene.vendor.calm(slow)
    scene.member("b").start().ready()
    story = scene.end()
    assert len(story.acts) == len(everything), "something was made twice"
    doubted = [letter.mark for letter in story.letters if letter.reason == "in_doubt"]
    assert len(doubted) < len(everything), "what stayed with its owner is not doubtful"


@history()
def test_an_idle_owner_then_a_new_one(scene: Scene) -> None:
    """20: an event between two owners is read, whatever `start_from` says."""
    scene.open(flows=(TOLD,), braze={"start_from": "end"})
    scene.member("a").start().ready().stop()
    scene.produce(Mark(WORKSPACE, f"c-{n}", 0) for n in range(8))
    scene.member("b").start().ready()
    story = scene.end()
    assert len(story.acts) == 8
    scene.check(story)


@history()
def test_an_owner_for_a_moment_is_noticed(scene: Scene) -> None:
    """21: B sends and dies before it commits progress; A, asleep meanwhile, does not believe that nobody was there."""
    scene.open(flows=(KEPT,), partitions=1, braze=ONE_AT_A_TIME)
    everything = marks("c-0", 8, WORKSPACE)
    first = scene.member("a").start().ready()
    scene.produce(everything[:2])
    scene.wait_made(2)
    scene.wait_quiet()
    before = scene.log.stored(GROUP, [WORKSPACE])[WORKSPACE, 0]
    first.process.suspend()
    scene.produce(everything[2:5])
    second = scene.member("b").start(patch="die_after_request")
    second.died(60)
    after = scene.log.stored(GROUP, [WORKSPACE])[WORKSPACE, 0]
    assert after.offset == before.offset
    assert after.metadata != before.metadata, "nothing shows that B was there"
    first.nap(at_least_s=0.5)
    scene.produce(everything[5:])
    story = scene.end()
    assert [act.delivery.mark.number for act in story.acts if act.by == "a.1"] == [0, 1, 2, 3, 4, 5, 6, 7]
    scene.check(story)


@history(own_broker=True)
def test_a_broker_stopped_and_started(scene: Scene) -> str:
    """The sink and the upstream producer outlive the outage; nobody restarts them."""
    scene.open(flows=(TOLD, KEPT))
    everything = list(History(3, customers=12, each=20).marks())
    member = scene.member("a").start().ready()
    scene.upstream.submit(everything[:120])
    scene.wait_made(60)
    scene.upstream.submit(everything[120:])
    broker_away(scene)
    member.ready()
    return scene.verify()
