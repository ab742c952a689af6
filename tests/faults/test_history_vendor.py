"""What vendors do: fail for minutes, know no campaign, act after we gave up, count our requests."""

from tests.faults.events import COMMUNICATION, KEPT, SENT, TOLD, TRIGGER, UPDATE, WORKSPACE, History, Mark
from tests.faults.scene import Scene, marks
from tests.faults.script import Fail, Hang, Throttle
from tests.faults.stage import history
from tests.faults.story import PROBE
from tests.faults.vendor import anything, of
from tests.support.poll import eventually


@history()
def test_a_campaign_call_that_fails_for_long(scene: Scene) -> str:
    """10: 503 for as long as it lasts costs no more letters than what was in flight at its onset."""
    scene.open(flows=(SENT, KEPT), braze={"max_recipients": 5})
    rule = scene.vendor.script(Fail(503), anything)
    for name in ("a", "b"):
        scene.member(name).start()
    for member in scene.fleet:
        member.ready()
    scene.produce(History(10, customers=20, each=10, topics=(COMMUNICATION, WORKSPACE)).marks())
    eventually(lambda: len([one for one in scene.vendor.requests if one.action == PROBE]) >= 6, 60, what="it is probed")
    scene.vendor.calm(rule)
    story = scene.end()
    assert len(story.letters) <= 2 * 3 * 5
    return scene.check(story)


@history()
def test_a_wrong_campaign_holds_itself_only(scene: Scene) -> str:
    """11: the trigger is held and nothing of it is dead; opt-outs of the same and of other customers keep flowing."""
    scene.open(flows=(SENT, KEPT))
    rule = scene.vendor.script(Fail(400, message="Invalid Campaign ID"), of(TRIGGER))
    member = scene.member("a").start(patch="attributes_are_consent", group="").ready()
    scene.produce(Mark(COMMUNICATION, f"c-{n}", number) for number in range(3) for n in range(6))
    eventually(lambda: "configuration" in member.process.holds(), 30, what="the action is held")
    scene.produce(Mark(WORKSPACE, f"c-{n}", number) for number in range(3) for n in range(12))
    scene.wait_made(36, "kept", 20)
    assert scene.vendor.made("sent") == []
    scene.vendor.calm(rule)
    return scene.verify(without=["at_once"])  # two groups: independent of each other, also for one customer


@history()
def test_a_request_that_acts_after_we_gave_up(scene: Scene) -> None:
    """14: the late first request overwrites nothing: the newest value wins in the end."""
    scene.open(flows=(KEPT,), partitions=1, braze={"read_timeout_s": 1, "settle_after_s": 3})
    scene.vendor.script(Hang(4.0, acts_after_s=2.5), of(UPDATE), times=1)
    scene.member("a").start().ready()
    scene.produce(marks("c-0", 4, WORKSPACE))
    story = scene.end()
    assert story.acts[-1].delivery.mark.number == 3
    assert [act.delivery.mark.number for act in story.acts] == [0, 0, 1, 2, 3]
    scene.check(story)


@history()
def test_a_vendor_that_throttles_is_left_alone(scene: Scene) -> str:
    """A 429 is obeyed for as long as it says, by the action it is about; the others go on."""
    scene.open(flows=(TOLD, SENT))
    scene.vendor.script(Throttle(4.0), of(TRIGGER), times=1)
    scene.member("a").start().ready()
    scene.produce(History(1, customers=8, each=6, topics=(COMMUNICATION,)).marks())
    eventually(lambda: scene.vendor.requests, 20, what="the vendor was called")
    scene.produce(Mark(WORKSPACE, f"d-{n}", 0) for n in range(8))
    scene.wait_made(8, "told", 3)
    return scene.verify()


@history()
def test_a_restart_gets_no_fresh_quota(scene: Scene) -> None:
    """17: each life reads what is left of the hour before it takes a part of it, and the hour is never used up."""
    scene.open(flows=(TOLD,), partitions=1, braze={"requests_per_hour": 60, "max_objects": 1})
    scene.vendor.an_hour = 60
    scene.produce(Mark(WORKSPACE, f"c-{n}", 0) for n in range(120))
    member = scene.member("a")
    for _ in range(3):
        before = len(scene.vendor.acts)
        member.start().ready()
        scene.wait_made(before + 5)  # one tells how much is left; then a sixth of that may go in a minute
        member.stop()
    scene.vendor.an_hour = _tracked(scene) + 2  # others use the quota, too
    member.start().ready()
    eventually(lambda: "quota" in member.process.holds(), 20, what="the quota is held")
    assert [one.status for one in scene.vendor.requests if one.status == 429] == []
    assert _tracked(scene) <= 3 * 11 + 2


def _tracked(scene: Scene) -> int:
    return len([one for one in scene.vendor.requests if one.action != PROBE])
