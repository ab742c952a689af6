"""What a runner knows of the customer store: what waits for an answer, and why there is none.

A delivery of a flow that asks waits here as head of its lane until it has leave (leave.py), and a record of which only
the profile tells who wants it, until it can be planned (entrance.py). Many are asked about together, in another thread,
one look-up at a time. Where the store is behind or away they go on waiting and are asked about again: no attempt is
spent, nothing is dead-lettered, and deliveries that ask nothing flow past. Used by one thread, the runner's.
"""

import logging
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import assert_never

from common.backoff import full_jitter
from common.clock import Clock
from common.errors import ConfigurationError
from common.reasons import Cause, Reason
from workers.consent.config import ConsentSettings
from workers.flows.flow import Flow
from workers.sinks.api import Rejected, Suppressed
from workers.sinks.asker import Asker, Heard, Store
from workers.sinks.delivery import Delivery, Doubt
from workers.sinks.leave import Leave, Leaves, Stale, compares, question_of
from workers.sinks.ledger import Ledger
from workers.sinks.pool import Inbox
from workers.sinks.routes import RouteHold
from workers.sinks.told import Cache, Question, Told, who_of
from workers.sinks.undecided import Undecided

log = logging.getLogger(__name__)

_BASE_S, _CAP_S = 0.5, 5.0
_MOST_ASKED = 500
"""Questions of one look-up: what is asked meanwhile goes with the next."""
_GATHER_S, _MOSTLY = 0.05, 4
"""While most deliveries of a backlog find their answer kept, the others gather: a look-up costs as much as fifty
customers in it."""


@dataclass(frozen=True, slots=True)
class StoreAccess:
    """The customer store as a runner gets it, with the site's rules of consent."""

    store: Store
    consent: ConsentSettings


_Waiting = tuple[Delivery | Undecided, Question]


class Memory:
    """The waiting room of one runner. `freed` takes deliveries that have leave."""

    def __init__(
        self, access: StoreAccess | None, flows: Iterable[Flow], ledger: Ledger, freed: Callable[[Delivery], None],
        clock: Clock, inbox: Inbox,
    ) -> None:  # fmt: skip
        self._ledger, self._freed, self._clock = ledger, freed, clock
        self.concerned = frozenset(flow for flow in flows if flow.asks or compares(flow)) if access else frozenset()
        """Flows whose deliveries need leave."""
        self._leaves = Leaves(access.consent if access else ConsentSettings())
        self._asker = Asker(access.store, clock, inbox) if access else None
        self._cache, self._rng = Cache(), random.Random()
        self._waiting: list[_Waiting] = []
        self._asked: list[_Waiting] = []
        self._stale: list[_Waiting] = []
        """Those whose answer was too old: asked about again at `_again_at`, while others are asked about at once."""
        self._failures, self._again_at, self._away_until = 0, 0.0, 0.0
        self._kept, self._asked_at = 0, float("-inf")
        self._hold: RouteHold | None = None

    @property
    def is_asking(self) -> bool:
        """Whether an answer is on its way."""
        return bool(self._asked)

    @property
    def hold(self) -> RouteHold | None:
        """Why what asks the store stands still; None while all is well."""
        return self._hold

    def close(self) -> None:
        """Ask no more."""
        if self._asker is not None:
            self._asker.close()

    # -- who waits ----------------------------------------------------------------------------

    def has_leave(self, delivery: Delivery, now: float) -> bool:
        """Whether a head may be prepared; one that may not yet waits here until it is freed, or ends here."""
        if delivery.leave is not None and delivery.leave.until > now:
            return True
        question = question_of(delivery.flow, delivery.event)
        told = None if delivery.leave else self._cache.find(question, delivery.record.timestamp_ms, now)
        if told is None:
            delivery.leave = None
            self._waiting.append((delivery, question))
            return False
        self._kept += 1
        self._judge(delivery, question, told, now)
        return delivery.leave is not None

    def ask_again(self, delivery: Delivery) -> None:
        """A delivery whose answer counts no more: what is asked from now on decides."""
        delivery.leave = None
        self._waiting.append((delivery, question_of(delivery.flow, delivery.event)))

    def await_profile(self, record: Undecided) -> None:
        """A record waits for the profile of its customer; `told` is filled in."""
        now, question = self._clock.monotonic(), Question(who_of(record.late.event))
        if question.who is None:
            record.told = Told(None, None, None, now, 0.0)
        else:
            record.told = self._cache.find(question, record.record.timestamp_ms, now)
        if record.told is None:
            self._waiting.append((record, question))

    def outdated(self, deliveries: Iterable[Delivery], now: float) -> list[Delivery]:
        """Those about to be sent whose leave is over."""
        return [one for one in deliveries if one.leave is not None and one.leave.until <= now]

    def heads(self) -> Iterator[Delivery]:
        """The heads of lanes that wait here."""
        return (one for one, _ in (*self._asked, *self._stale, *self._waiting) if isinstance(one, Delivery))

    def take_out(self, wanted: Callable[[Delivery], bool]) -> list[Delivery]:
        """Remove deliveries that are to be parked: while the store is behind or away, none else."""
        if self._hold is None:
            return []
        waiting = (*self._stale, *self._waiting)
        taken = [one for one, _ in waiting if isinstance(one, Delivery) and wanted(one)]
        gone = set(map(id, taken))
        self._keep(lambda one: id(one) not in gone)
        return taken

    def forget(self) -> None:
        """Drop what stands on partitions that are not ours."""
        self._keep(lambda one: one.window.partition.is_ours)

    def _keep(self, wanted: Callable[[Delivery | Undecided], bool]) -> None:
        self._waiting = [entry for entry in self._waiting if wanted(entry[0])]
        self._stale = [entry for entry in self._stale if wanted(entry[0])]

    # -- asking -------------------------------------------------------------------------------

    def ask_due(self, now: float) -> None:
        """Ask about what waits, when no answer is on its way and the store was not just away."""
        if self._asker is None or self._asked or now < self._away_until:
            return
        if self._stale and now >= self._again_at:
            self._waiting, self._stale = [*self._stale, *self._waiting], []
        if self._waiting and (now - self._asked_at >= _GATHER_S or self._kept < _MOSTLY * len(self._waiting)):
            self._kept, self._asked_at = 0, now
            self._asked, self._waiting = self._waiting[:_MOST_ASKED], self._waiting[_MOST_ASKED:]
            self._asker.ask({question for _, question in self._asked})
        elif not (self._waiting or self._stale):
            self._go_on()

    def heard(self, message: Heard) -> None:
        """An answer came, or none: each that waited for it is freed, ends, or goes on waiting."""
        asked, self._asked = self._asked, []
        if message.error is not None:
            self._waiting = [*asked, *self._waiting]
            self.forget()
            is_away = not isinstance(message.error, ConfigurationError)
            self._stand_still(Cause.STORE_DOWN if is_away else Cause.CONFIGURATION, str(message.error))
            self._away_until = self._again_at
            return
        self._cache.put(message.answers)
        now = self._clock.monotonic()
        ours = (entry for entry in asked if entry[0].window.partition.is_ours)
        stale = [why for one, question in ours if (why := self._take(one, question, message.answers[question], now))]
        if stale:
            self._stand_still(Cause.CONSENT_STALE, stale[0].detail)
        elif not self._stale:
            self._go_on()

    # -- pieces -------------------------------------------------------------------------------

    def _take(self, one: Delivery | Undecided, question: Question, told: Told, now: float) -> Stale | None:
        if isinstance(one, Undecided):
            one.told = told
            return None
        stale = self._judge(one, question, told, now)
        if one.leave is not None:
            self._freed(one)
        return stale

    def _judge(self, delivery: Delivery, question: Question, told: Told, now: float) -> Stale | None:
        """It has leave now, has ended, or goes on waiting because the store is behind."""
        match judged := self._leaves.judge(delivery.flow, delivery.event, told, now):
            case Leave():
                delivery.leave = judged
            case Stale():
                self._stale.append((delivery, question))
                return judged
            case Suppressed() | Rejected():
                self._end(delivery, judged)
            case _:
                assert_never(judged)
        return None

    def _end(self, delivery: Delivery, verdict: Suppressed | Rejected) -> None:
        """Nothing is sent. What a former request may have done already, a person has to look at."""
        if isinstance(verdict, Rejected):
            self._ledger.doom(delivery, verdict, "prepare")
        elif delivery.is_once and delivery.doubt is not Doubt.NONE:
            detail = f"nobody can tell whether it was sent, and now it may not be ({verdict.reason})"
            self._ledger.doom(delivery, Rejected(Reason.IN_DOUBT, detail), "deliver")
        else:
            self._ledger.resolve([(delivery, verdict)])

    def _stand_still(self, cause: Cause, detail: str) -> None:
        if self._hold is None or self._hold.cause is not cause:
            log.warning("flows that ask the customer store are held (%s): %s", cause, detail)
        self._failures += 1
        self._again_at = self._clock.monotonic() + full_jitter(self._failures, _BASE_S, _CAP_S, self._rng)
        self._hold = RouteHold("", cause, detail, self._again_at)

    def _go_on(self) -> None:
        if self._hold is not None:
            log.info("flows that ask the customer store go on: they were held (%s)", self._hold.cause)
            self._hold, self._failures = None, 0
