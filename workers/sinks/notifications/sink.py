"""Notifications as a sink: notify, http_alert, raise_alert.

`notify` and `http_alert` contact staff and are made once; `raise_alert` makes no request at all, its verdict
carries the event. The three have no host in common, so each is held alone.

**One delivery, several requests.** A message of two channels, or for more addresses than a job takes, is several
jobs. They are paid for before the first is sent. When a part is out and the rest is not, the whole is repeated only
where the vendor recognises the part (`repeats_recognised`); else it is unsure, and a person decides.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel

from common.clock import Clock
from common.errors import AmbiguousError, BudgetGoneError, GateClosedError, NotSentError
from common.event import Event
from common.http import HttpClient, RequestMeter
from common.reasons import Reason
from workers.rotation import Fixed, Latest, Part
from workers.sinks.api import (
    Action,
    Answered,
    Batch,
    Count,
    Deferred,
    Delivered,
    Hold,
    Item,
    Limit,
    Outcome,
    Refused,
    Suppressed,
    Unsure,
    Verdict,
    Yielded,
)
from workers.sinks.notifications import mapping
from workers.sinks.notifications.actions import HTTP_ALERT, NOTIFY, RAISE_ALERT, actions
from workers.sinks.notifications.alert_answers import judge_health
from workers.sinks.notifications.answers import judge_probe
from workers.sinks.notifications.audience import expand
from workers.sinks.notifications.client import AlertClient, MessagingClient
from workers.sinks.notifications.config import HttpAlertConfig, MessagingConfig, NotificationsConfig
from workers.sinks.notifications.firsts import Firsts
from workers.sinks.notifications.jobs import Job, calls, sends
from workers.sinks.notifications.mapping import ALERTS, Called
from workers.sinks.notifications.message import Message
from workers.sinks.notifications.parameters import AUDIENCE, HttpAlert, Notify, RaiseAlert, Severity
from workers.sinks.notifications.sender import AlertWay, MessagingWay, Remembered, Way, submitted
from workers.sinks.notifications.throttle import Throttle
from workers.sinks.notifications.tokens import Tokens

NAME = "notifications"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Messaging:
    config: MessagingConfig
    way: MessagingWay


@dataclass(frozen=True, slots=True)
class _Endpoint:
    config: HttpAlertConfig
    client: AlertClient
    way: AlertWay


class NotificationsSink:
    """Implements `workers.sinks.api.Sink`; `deliver` and `probe` are called from several threads."""

    name = NAME

    def __init__(
        self, config: NotificationsConfig, http: HttpClient, messaging: _Messaging | None, endpoint: _Endpoint | None,
        clock: Clock,
    ) -> None:  # fmt: skip
        self._config, self._http, self._clock = config, http, clock
        self._messaging, self._endpoint = messaging, endpoint
        self._throttle = Throttle(config.per_hour, clock.monotonic)
        self._remembered, self._raised = Remembered(), Firsts(clock.monotonic)
        self._told = {name: Firsts(clock.monotonic, config.same_alert_h * 3600) for name in (NOTIFY, HTTP_ALERT)}
        self.actions: Mapping[str, Action] = actions(config)
        self.limits: Sequence[Limit] = (Limit(config.requests_per_second, 1.0),)
        self.at_once: int | None = None

    @classmethod
    def connect(
        cls,
        config: NotificationsConfig,
        clock: Clock,
        meter: RequestMeter | None = None,
        latest: Latest[NotificationsConfig] | None = None,
    ) -> "NotificationsSink":
        """A sink with connections of its own; nothing is contacted yet."""
        messaging = endpoint = None
        http, now = HttpClient(config.http_limits(), meter), latest or Fixed(config)
        if account := config.messaging:
            client = MessagingClient(account, http, Part(now, lambda each: each.messaging or account))
            tokens = Tokens(clock.monotonic)
            messaging = _Messaging(account, MessagingWay(account, client, tokens, clock.now))
        if theirs := config.http_alert:
            caller = AlertClient(theirs, http, clock.now, Part(now, lambda each: each.http_alert or theirs))
            endpoint = _Endpoint(theirs, caller, AlertWay(theirs, caller, clock.now))
        return cls(config, http, messaging, endpoint, clock)

    def problems(self, action: Action, possible: Callable[[str], Sequence[str] | None]) -> list[str]:
        """What the settings lack for a flow's action, and severities that no flow may say."""
        if action.name == NOTIFY and self._messaging is None:
            return ["notify needs sinks.notifications.messaging: the account that sends e-mail and SMS"]
        if action.name == HTTP_ALERT and self._endpoint is None:
            return ["http_alert needs sinks.notifications.http_alert: the endpoint that takes alerts"]
        known = {*Severity, "UNKNOWN"}
        wrong = [
            f"severity {name!r} is none of {', '.join(Severity)}; correct the flow"
            for name in possible("severity") or ()
            if name not in known
        ]
        return wrong + self._strangers(possible("audience") or ())

    def prepare(self, action: Action, event: Event, parameters: BaseModel) -> Item:
        """Map an event to one message or alert; raises UnusableEventError with a Reason."""
        match parameters:
            case Notify():
                return mapping.notify(event, parameters, self._config, self._has(self._messaging, action).config)
            case HttpAlert():
                return mapping.http_alert(event, parameters, self._config, self._has(self._endpoint, action).config)
            case RaiseAlert():
                return mapping.raise_alert(event, parameters)
        raise TypeError(f"{action.name} has no parameters of type {type(parameters).__name__}")

    def deliver(self, batch: Batch) -> Outcome:
        """Make the requests of a batch; raises GateClosedError and BudgetGoneError when nothing may be sent."""
        if batch.action.name == RAISE_ALERT:
            return Answered([self._raise(item) for item in batch.items])
        late = [self._is_late(batch.action, _message(item)) for item in batch.items]
        live = [item for item, reason in zip(batch.items, late, strict=True) if reason is None]
        return _spread(self._tell(batch, live) if live else Answered(()), late)

    def look_up(self, action: Action, items: Sequence[Item]) -> Sequence[Delivered | Unsure | None]:
        """Never asked: status needs a job_id, which an answer that never came did not bring (§4)."""
        raise NotImplementedError(f"notifications.{action.name} cannot be looked up ({len(items)} items)")

    def counted(self, spend: Callable[[], None]) -> Count | None:
        """None: the page knows of no daily count (§8)."""
        del spend
        return None

    def probe(self, action: Action) -> Hold | None:
        """Whether the action's host is well, by a read that contacts nobody; without one the next trial tells."""
        now = self._clock.now()
        if action.name == NOTIFY and self._messaging:
            came = self._messaging.way.probe()
            return came if isinstance(came, Hold) else judge_probe(came, now)
        if action.name == HTTP_ALERT and self._endpoint:
            try:
                answer = self._endpoint.client.health()
            except (NotSentError, AmbiguousError) as error:
                return judge_health(error, now)
            return judge_health(answer, now) if answer else None
        return None

    def close(self) -> None:
        """Let connections go."""
        self._http.close()

    def _strangers(self, audience: Sequence[str]) -> list[str]:
        """Names of an audience that stand for nobody, where it is this sink that has to know."""
        if self._messaging is None and (self._endpoint is None or self._endpoint.config.target_style == "audience"):
            return []
        return [
            f"the audience {name} is nobody: add it to sinks.notifications.audiences (or people)"
            for name in audience
            if re.fullmatch(AUDIENCE, name) and not expand([name], self._config).users
        ]

    # -- one batch --------------------------------------------------------------------------------

    def _raise(self, item: Item) -> Verdict:
        if not self._raised.is_first(item.body["event_id"], item.body["caused_by"]):
            return Suppressed(Reason.DUPLICATE)
        ids = {"alert_event_id": item.body["event_id"]}
        return Delivered(ids, events=[Yielded(ALERTS, item.body)])

    def _is_late(self, action: Action, message: Message) -> Reason | None:
        """Why nobody needs to hear of it any more: its time is over, or another event told of the same alert."""
        if message.expires_at <= self._clock.now():
            return Reason.EXPIRED
        if message.is_raised and not self._told[action.name].is_first(message.alert_key, message.event_id):
            return Reason.DUPLICATE
        return None

    def _tell(self, batch: Batch, items: Sequence[Item]) -> Outcome:
        """Items that share their audience, unless the audience was told too often lately."""
        first = _message(items[0])
        is_critical = first.alert.severity is Severity.CRITICAL
        wait_s = self._throttle.take(first.told, always=is_critical)
        if wait_s is not None:
            return Answered([Deferred(Reason.THROTTLED, wait_s)] * len(items))
        try:
            outcome = self._submitted(batch, items)
        except (GateClosedError, BudgetGoneError):
            self._throttle.give_back(first.told)
            raise
        if isinstance(outcome, Hold | Refused):
            self._throttle.give_back(first.told)
        return outcome

    def _submitted(self, batch: Batch, items: Sequence[Item]) -> Outcome:
        jobs, way = self._jobs(batch.action, items)
        tally = submitted(jobs, batch, way, self._remembered)
        more = {"message_id": jobs[0].message_id, "unknown": ", ".join(_message(items[0]).unknown)[:200]}
        return tally.outcome(len(items), recognised=batch.action.recognises_repeats, more=more)

    def _jobs(self, action: Action, items: Sequence[Item]) -> tuple[Sequence[Job], Way]:
        if action.name == HTTP_ALERT:
            called: Called = items[0].body
            endpoint = self._has(self._endpoint, action)
            return calls(called.message, called.alert_key, self._config, endpoint.config), endpoint.way
        messaging = self._has(self._messaging, action)
        return sends([_message(item) for item in items], self._config, messaging.config), messaging.way

    @staticmethod
    def _has(side: T | None, action: Action) -> T:
        if side is None:
            raise TypeError(f"{action.name} is not configured: `problems` tells so at start-up")
        return side


def _message(item: Item) -> Message:
    body: Message | Called = item.body
    return body.message if isinstance(body, Called) else body


def _spread(outcome: Outcome, late: Sequence[Reason | None]) -> Outcome:
    """The verdicts in the batch's order; what comes too late is suppressed, whatever became of the rest."""
    if not isinstance(outcome, Answered) or not any(late):
        return outcome
    told = iter(outcome.verdicts)
    return Answered([Suppressed(reason) if reason else next(told) for reason in late], outcome.hold)
