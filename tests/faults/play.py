"""A seeded plan, played on a scene: a slice of events under way, then something goes wrong, and so on to quiet."""

import time
from collections.abc import Iterable
from contextlib import suppress
from typing import assert_never

from tests.faults.events import FLOWS, LATER_FLOWS
from tests.faults.plan import Fault, Mood, Plan, Step
from tests.faults.scene import LETTERS, SESSION_S, Member, Scene
from tests.faults.vendor import of, work
from tests.support.broker import Broker
from tests.support.poll import eventually

AWAY_S = 4.0
UNDER_WAY_S = 4.0


def play(scene: Scene, plan: Plan, without: Iterable[str] = ()) -> str:
    """Play it to its end and check everything; a line of what was counted."""
    later = tuple(flow for flow in LATER_FLOWS if flow not in FLOWS)
    scene.open(flows=FLOWS, optional_flows=later)
    scene.vendor.poison.update(plan.poison)
    scene.produce(plan.slice(0))
    for number in range(plan.workers):
        scene.member(f"w{number}").start()
    for member in scene.fleet:
        member.ready()
    for number, step in enumerate(plan.steps, 1):
        made = len(scene.vendor.acts)
        scene.upstream.submit(plan.slice(number))
        _wait_under_way(scene, made)
        _take(scene, step)
    scene.vendor.calm()
    if not scene.fleet:
        scene.member("w0").start()
    try:
        return f"{plan}: " + scene.check(scene.end(90), without)
    except AssertionError as error:
        raise AssertionError(f"{plan}: {error}") from None


def _wait_under_way(scene: Scene, made: int) -> None:
    """Until some of a slice is done; a group that balances at the moment is not waited for."""
    with suppress(AssertionError):
        eventually(lambda: len(scene.vendor.acts) > made + 5, UNDER_WAY_S, what="a slice is under way")


def _take(scene: Scene, step: Step) -> None:
    if isinstance(step.what, Mood):
        assert step.script is not None
        scene.vendor.script(step.script, of(step.action) if step.action else work, step.times)
        return
    fleet = scene.fleet
    who = fleet[step.who % len(fleet)] if fleet else scene.member("w0").start()
    match step.what:
        case Fault.KILL:
            who.kill()
            who.start()
        case Fault.SLEEP:
            who.sleep()
        case Fault.RESTART:
            who.stop()
            who.start()
        case Fault.JOIN:
            scene.member(f"w{len(scene.lives)}").start()
        case Fault.LEAVE if len(fleet) > 1:
            who.stop()
        case Fault.LEAVE:
            scene.member(f"w{len(scene.lives)}").start()
        case Fault.DEPLOY:
            _deploy(fleet)
        case Fault.BROKER:
            broker_away(scene)
        case Fault.LETTERS_AWAY:
            _letters_away(scene)
        case _:
            assert_never(step.what)


def _deploy(fleet: list[Member]) -> None:
    for member in fleet:
        member.stop()
        member.start(flows=LATER_FLOWS).ready()


def broker_away(scene: Scene) -> None:
    """Stop the scene's own broker and start it again."""
    assert isinstance(scene.broker, Broker), "a shared broker is not stopped"
    since = time.monotonic()
    scene.broker.stop()
    scene.broker.start()
    scene.outages.append((since, time.monotonic() + SESSION_S))


def _letters_away(scene: Scene) -> None:
    """The topic refuses every letter for a while; what stands on it stays."""
    scene.log.refuse(LETTERS, is_refused=True)
    since = time.monotonic()
    eventually(lambda: time.monotonic() - since > AWAY_S, AWAY_S + 2, every_s=0.2)
    scene.log.refuse(LETTERS, is_refused=False)
