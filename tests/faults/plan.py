"""What goes wrong in a seeded history: drawn from its seed, the same for the same seed. Pure."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from tests.faults.events import COMMUNICATION, ENGAGEMENT, TRACK, TRIGGER, UPDATE, WORKSPACE, Delivery, Mark
from tests.faults.script import Fail, Hang, Reset, Script, Slow, Throttle

CUSTOMERS = 9
A_SLICE = 8
TOPICS = (WORKSPACE, COMMUNICATION, ENGAGEMENT)


class Fault(StrEnum):
    """What happens to processes, to the broker, or to the topics."""

    KILL = "kill"
    SLEEP = "sleep"  # SIGSTOP longer than the session, then SIGCONT
    RESTART = "restart"  # SIGTERM, then a new life
    JOIN = "join"
    LEAVE = "leave"
    DEPLOY = "deploy"  # every worker restarted in turn, with changed flows
    BROKER = "broker"  # stopped and started
    LETTERS_AWAY = "letters away"  # the dead-letter topic takes nothing for a while


class Mood(StrEnum):
    """What the vendor does to a few requests."""

    THROTTLED = "429"
    FAILING = "5xx"
    HANGING = "hang"
    ACTS_THEN_TIMES_OUT = "act then time out"
    ACTS_LATE = "act late"
    RESETS = "reset"
    SLOW = "slow"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that goes wrong, while a slice of events is under way. `who` chooses a worker."""

    what: Fault | Mood
    who: int = 0
    script: Script | None = None
    action: str = ""
    times: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """A seeded history: so many workers, these steps, this poison, and what upstream sends twice."""

    seed: int
    workers: int
    steps: tuple[Step, ...]
    poison: Mapping[Delivery, str]
    twice: frozenset[Mark]

    @property
    def needs_own_broker(self) -> bool:
        """Whether the broker itself goes away."""
        return any(step.what is Fault.BROKER for step in self.steps)

    def slice(self, number: int) -> list[Mark]:
        """The events of one slice, customers and topics interleaved; what is sent twice follows itself."""
        chance = random.Random(f"{self.seed}/{number}")
        left = {
            (topic, f"c-{n}"): list(range(number * A_SLICE // 2, (number + 1) * A_SLICE // 2))
            for topic in TOPICS
            for n in range(CUSTOMERS)
        }
        made: list[Mark] = []
        while left:
            which = chance.choice(sorted(left))
            mark = Mark(*which, left[which].pop(0))
            made += [mark] * (2 if mark in self.twice else 1)
            if not left[which]:
                del left[which]
        return made

    def __str__(self) -> str:
        return f"seed {self.seed}: {self.workers} workers; " + ", ".join(str(step.what) for step in self.steps)


def draw(seed: int, steps: int = 5) -> Plan:
    """The plan of a seed: faults and moods, each at most twice, the slow ones at most once."""
    chance = random.Random(seed)
    slow = (Fault.SLEEP, Fault.BROKER, Fault.DEPLOY)
    drawn: list[Fault | Mood] = []
    kinds: list[Fault | Mood] = [*Fault, *Mood]
    while len(drawn) < steps:
        one = chance.choice(kinds)
        if drawn.count(one) < (1 if one in slow else 2):
            drawn.append(one)
    made = tuple(_step(what, chance) for what in drawn)
    return Plan(seed, chance.randint(2, 3), made, _poison(chance, steps), _twice(chance, steps))


_SCRIPTS: Mapping[Mood, Callable[[random.Random], Script]] = {
    Mood.THROTTLED: lambda _: Throttle(2.0),
    Mood.FAILING: lambda chance: Fail(chance.choice((500, 502, 503, 504)), acts=chance.random() < 0.5),
    Mood.HANGING: lambda _: Hang(3.6),
    Mood.ACTS_THEN_TIMES_OUT: lambda _: Hang(3.6, acts_after_s=0.0),
    Mood.ACTS_LATE: lambda _: Hang(4.0, acts_after_s=3.5),
    Mood.RESETS: lambda chance: Reset(acts=chance.random() < 0.5),
    Mood.SLOW: lambda _: Slow(1.2),
}


def _step(what: Fault | Mood, chance: random.Random) -> Step:
    who = chance.randrange(10)
    if isinstance(what, Fault):
        return Step(what, who)
    action = chance.choice(("", TRACK, UPDATE, TRIGGER))
    return Step(what, who, _SCRIPTS[what](chance), action, chance.randint(1, 4))


def _poison(chance: random.Random, steps: int) -> dict[Delivery, str]:
    """A few deliveries that the vendor refuses for good: by name, or the whole request for their sake."""
    kinds = [("told", WORKSPACE, "named"), ("kept", WORKSPACE, "named"), ("sent", COMMUNICATION, "nameless")]
    last = (steps + 1) * A_SLICE // 2
    return {
        Delivery(flow, Mark(topic, f"c-{chance.randrange(CUSTOMERS)}", chance.randrange(last))): how
        for flow, topic, how in kinds
    }


def _twice(chance: random.Random, steps: int) -> frozenset[Mark]:
    last = (steps + 1) * A_SLICE // 2
    return frozenset(
        Mark(topic, f"c-{chance.randrange(CUSTOMERS)}", chance.randrange(last)) for topic in TOPICS for _ in range(2)
    )
