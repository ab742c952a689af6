"""The requests of one batch: paid for, permitted, authenticated, judged; split where an address is refused.

**One refused address may cost the whole job** (§9 #4), and nobody says which. So a refused job is halved, each
half under an id of its own, down to the address, within a bound.
"""

import logging
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from common.errors import AmbiguousError, BudgetGoneError, NotSentError
from common.http import Answer, Permit
from common.reasons import Cause, Reason
from workers.sinks.api import Batch, Hold, Refused, Scope
from workers.sinks.notifications.alert_answers import judge_alert
from workers.sinks.notifications.answers import judge
from workers.sinks.notifications.client import AlertClient, MessagingClient
from workers.sinks.notifications.config import HttpAlertConfig, MessagingConfig
from workers.sinks.notifications.jobs import Call, Job, Send
from workers.sinks.notifications.rules import Accepted, Collided, Judgement, Said
from workers.sinks.notifications.tally import Tally
from workers.sinks.notifications.tokens import Tokens, judge_token
from workers.vendors.answered import Failure
from workers.vendors.notifications.tokens import Granted

_MOST_SPLITS = 16
_MOST_REMEMBERED = 10_000
_SPLITTABLE = (Reason.INVALID_FIELD, Reason.OVERSIZED)

log = logging.getLogger(__name__)


class Purse:
    """Pays for requests: the first of a batch is paid for by the runner."""

    def __init__(self, spend: Callable[[], None]) -> None:
        self._spend, self._paid = spend, 1

    def reserve(self, requests: int) -> None:
        """Pay for so many before the first is sent; raises BudgetGoneError while nothing is out yet."""
        while self._paid < requests:
            self._spend()
            self._paid += 1

    def take(self) -> None:
        """One request."""
        if not self._paid:
            self._spend()
            self._paid += 1
        self._paid -= 1


class Remembered:
    """The jobs that this process knows to be accepted, so that a second try leaves them out. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: OrderedDict[str, Accepted] = OrderedDict()

    def get(self, message_id: str) -> Accepted | None:
        """What was said to this id."""
        with self._lock:
            return self._jobs.get(message_id)

    def put(self, message_id: str, said: Accepted) -> None:
        """Keep it, and forget the oldest when there are too many."""
        with self._lock:
            self._jobs[message_id] = said
            if len(self._jobs) > _MOST_REMEMBERED:
                self._jobs.popitem(last=False)


class Way(Protocol):
    """How a job of one kind is submitted."""

    def submit(self, job: Job, permit: Permit, purse: Purse) -> Judgement:
        """One job; raises what the permit raises, and BudgetGoneError."""
        ...


class MessagingWay:
    """To the messaging platform, with a password or a token."""

    def __init__(
        self, config: MessagingConfig, client: MessagingClient, tokens: Tokens, now: Callable[[], datetime]
    ) -> None:
        self._config, self._client, self._tokens, self._now = config, client, tokens, now
        self._secret = client.secret()

    def submit(self, job: Job, permit: Permit, purse: Purse) -> Judgement:
        """One job; a token that is refused is renewed once (§9 #1)."""
        assert isinstance(job, Send)
        return self._authenticated(lambda token: self._client.submit(job, token, permit), purse)

    def probe(self) -> Answer | Failure | Hold:
        """The status of a job that does not exist."""
        try:
            token = self._token(None, Purse(_free))
            return token if isinstance(token, Hold) else self._client.status_of_nothing(token)
        except (NotSentError, AmbiguousError) as error:
            return error

    def _authenticated(self, request: Callable[[str | None], Answer], purse: Purse) -> Judgement:
        stale: str | None = None
        while True:
            token = self._token(stale, purse)
            if isinstance(token, Hold):
                return Judgement("token", token)
            purse.take()
            came = _tried(lambda: request(token))  # noqa: B023
            is_used_up = isinstance(came, Answer) and came.status == 401 and token is not None and stale is None
            if not is_used_up:
                return judge(came, self._now())
            stale = token

    def _token(self, stale: str | None, purse: Purse) -> str | Hold | None:
        """The token to send; None with Basic."""
        if not self._config.is_bearer:
            return None

        def ask() -> Granted | Hold:
            purse.take()
            return judge_token(_tried(self._client.token), self._now())

        secret = self._client.secret()
        if secret != self._secret:  # a token that another secret brought is not used any more
            self._secret = secret
            self._tokens.forget()
        return self._tokens.other_than(stale, ask)


class AlertWay:
    """To a site's own alert system."""

    def __init__(self, config: HttpAlertConfig, client: AlertClient, now: Callable[[], datetime]) -> None:
        self._config, self._client, self._now = config, client, now

    def submit(self, job: Job, permit: Permit, purse: Purse) -> Judgement:
        """One call."""
        assert isinstance(job, Call)
        purse.take()
        return judge_alert(_tried(lambda: self._client.call(job, permit)), self._config, self._now())


def submitted(jobs: Iterable[Job], batch: Batch, way: Way, remembered: Remembered) -> Tally:
    """Submit jobs one after the other until one does not go out; what is out already is left out."""
    tally, pending, splits = Tally(), deque(jobs), _MOST_SPLITS
    purse = Purse(batch.spend)
    purse.reserve(sum(remembered.get(job.message_id) is None for job in pending))
    while pending and tally.stop is None:
        job = pending.popleft()
        said = remembered.get(job.message_id) or _submitted(job, batch, way, purse, has_begun=bool(tally.accepted))
        match said:
            case Accepted():
                remembered.put(job.message_id, said)
                tally.accept(job, said)
            case Collided() if isinstance(job, Send) and not job.renamed:
                pending.appendleft(replace(job, renamed=True))
            case Collided():
                tally.stop = _taken()
            case Refused(reason) if reason in _SPLITTABLE and len(job.recipients) > 1 and splits:
                pending.extendleft(reversed(job.halves()))
                splits -= 1
            case Refused():
                tally.refuse(job, said)
            case _:
                tally.stop = said
    if tally.accepted and tally.refused:
        log.warning("notifications: %d addresses were refused (%s)", tally.refused_addresses, tally.refused[0].detail)
    return tally


def _submitted(job: Job, batch: Batch, way: Way, purse: Purse, *, has_begun: bool) -> Said:
    try:
        return way.submit(job, batch.permit, purse).said
    except BudgetGoneError as error:
        if not has_begun:
            raise  # nothing was accepted: the whole batch may wait
        return Hold(Cause.THROTTLED, Scope.ACTION, str(error) or "the budget is used up")


def _taken() -> Hold:
    detail = "other customers have our message ids: make sinks.notifications.messaging.message_prefix longer (§3)"
    return Hold(Cause.CONFIGURATION, Scope.ACTION, detail)


def _tried(request: Callable[[], Answer]) -> Answer | Failure:
    try:
        return request()
    except (NotSentError, AmbiguousError) as error:
        return error


def _free() -> None:
    """A probe's requests are the runner's to count."""
