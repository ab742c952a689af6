"""The requests of one delivery: paid for, permitted, authenticated, judged.

A procedure reads as a path of `ask`s; an answer that ends the delivery leaves it as `EndedError`.
"""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

from common.http import Permit
from common.reasons import Reason
from workers.sinks.api import Answered, Batch, Deferred, Outcome, Rejected, Unsure, Verdict
from workers.sinks.ecm.answers import Judgement, judge
from workers.sinks.ecm.rules import Asked, Meaning
from workers.vendors.ecm.ask import Ask
from workers.vendors.ecm.client import EcmClient
from workers.vendors.ecm.reply import Reply
from workers.vendors.ecm.signs import Signs
from workers.vendors.ecm.tickets import Tickets
from workers.vendors.retry_after import wait_s


class EndedError(Exception):
    """A delivery is at its end, with this outcome; `is_absent` when what it was about is not there."""

    def __init__(self, outcome: Outcome, row: str = "", *, is_absent: bool = False) -> None:
        super().__init__(row)
        self.outcome, self.row, self.is_absent = outcome, row, is_absent


@dataclass(frozen=True, slots=True)
class Desk:
    """What all deliveries share."""

    client: EcmClient
    tickets: Tickets
    signs: Signs
    login_backoff_s: float
    now: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Said:
    """An answer that the procedure goes on with."""

    meaning: Meaning
    reply: Reply


class Caller:
    """One delivery's (or look-up's) requests. Without a batch it may only read, and nobody counts."""

    def __init__(self, desk: Desk, action: str, batch: Batch | None = None) -> None:
        self._desk, self._action, self._batch = desk, action, batch
        self._is_first = True
        self.remembered: list[str] = []
        """Node ids that came out of the cache, and may be gone."""

    @property
    def may_write(self) -> bool:
        """Whether there is leave to write."""
        return self._batch is not None

    def ask(self, ask: Ask, *expected: Meaning) -> Said:
        """Make a request; raises EndedError unless it was done, or means what the procedure expects."""
        judgement, reply = self.attempt(ask)
        outcome = judgement.outcome
        if not isinstance(outcome, Meaning):
            raise EndedError(outcome, judgement.row)
        if outcome is not Meaning.DONE and outcome not in expected:
            raise EndedError(
                Answered([_unexpected(outcome, reply)]), judgement.row, is_absent=outcome is Meaning.ABSENT
            )
        return Said(outcome, reply)

    def attempt(self, ask: Ask) -> tuple[Judgement, Reply]:
        """Make a request, with a log-in before or after it where one is needed. Raises what the permit raises."""
        with closing(self._desk.tickets.authenticated(ask)) as conversation:
            try:
                wanted = next(conversation)
                while True:
                    wanted = conversation.send(self.send(wanted))
            except StopIteration as end:
                answered, reply = end.value
        return self.judged(answered, reply), reply

    def judged(self, ask: Ask, reply: Reply) -> Judgement:
        """What an answer means."""
        hint = wait_s(reply.headers, self._desk.now())
        return judge(reply, Asked(ask, self._desk.signs, self._desk.login_backoff_s, hint))

    def send(self, ask: Ask) -> Reply:
        """One request, paid for: the first of a batch is paid for by the runner."""
        permit: Permit | None = None
        if self._batch is not None:
            permit = self._batch.permit
            if not self._is_first:
                self._batch.spend()
            self._is_first = False
        elif ask.writes:
            raise TypeError("a look-up or a probe must not write")
        return self._desk.client.send(ask, permit, self._action)


def ended(verdict: Verdict) -> EndedError:
    """The end of a delivery with a verdict."""
    return EndedError(Answered([verdict]))


def absent(detail: str) -> EndedError:
    """What the delivery is about is not there."""
    return EndedError(Answered([Rejected(Reason.MISSING_TARGET, detail, "ABSENT")]), is_absent=True)


def unreadable(what: str) -> EndedError:
    """A write was accepted, and its answer is not this API's."""
    return ended(Unsure(Reason.VENDOR_ERROR, f"accepted, but the answer has no {what}"))


def _unexpected(meaning: Meaning, reply: Reply) -> Verdict:
    match meaning:
        case Meaning.ABSENT:
            detail = f"{reply.status}: deleted, or hidden from our account"
            return Rejected(Reason.MISSING_TARGET, detail, "ABSENT")
        case Meaning.TAKEN:
            return Rejected(Reason.REFUSED, f"{reply.status}: the name is taken", "NAME_TAKEN")
        case _:
            return Deferred(Reason.CONFLICT)
