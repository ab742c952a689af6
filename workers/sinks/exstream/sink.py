"""Exstream as a sink: start_service, publish_preferences.

`start_service` starts what contacts a customer, and is made once; no delivery thread waits for a job: its ids are in
the receipt, and a poller follows them (`job_status`). `publish_preferences` drops files that hold the latest
decisions, which may be read twice. The two have nothing in common but the name, so each is held alone.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel

from common.clock import Clock
from common.event import Event
from common.http import HttpClient, RequestMeter
from common.reasons import Cause
from workers.rotation import Fixed, Latest, Part
from workers.sinks.api import (
    Action,
    Answered,
    Batch,
    Contacts,
    Count,
    Delivered,
    Hold,
    Item,
    Limit,
    Outcome,
    Repeat,
    Scope,
    Unsure,
)
from workers.sinks.exstream import feed, mapping
from workers.sinks.exstream.answers import judge_probe
from workers.sinks.exstream.approvals import Approvals
from workers.sinks.exstream.caller import Caller, Purse
from workers.sinks.exstream.client import ExstreamClient
from workers.sinks.exstream.communications import Way
from workers.sinks.exstream.config import ApiConfig, ExstreamConfig, FeedConfig
from workers.sinks.exstream.driver_data import compiled
from workers.sinks.exstream.jobs import JobGone, JobSeen, judge_job
from workers.sinks.exstream.lookup import LookUp
from workers.sinks.exstream.order import Order
from workers.sinks.exstream.parameters import PublishPreferences, StartService
from workers.sinks.exstream.sender import Sender
from workers.sinks.exstream.sent import Sent
from workers.vendors.exstream.tokens import Tokens

NAME = "exstream"
START_SERVICE, PUBLISH_PREFERENCES = "start_service", "publish_preferences"
_MOST_RECORDS = 1000
_WINDOW_S = 20.0
"""Long enough that each partition of each group has a request in it: a second's two could not be shared."""


def actions(config: ExstreamConfig | None = None) -> dict[str, Action]:
    """The actions by name, with the limits of a configuration or our own defaults."""
    settings = config or ExstreamConfig()
    starts_jobs = any(each.way is not Way.GENERATE for each in settings.communications.values())
    made = (
        Action(
            START_SERVICE,
            Repeat.ONCE,
            Contacts.CUSTOMER,
            StartService,
            1,
            settings.max_body_bytes,
            settings.settle_after_s,
            can_look_up=starts_jobs,
        ),
        Action(
            PUBLISH_PREFERENCES,
            Repeat.REPEATABLE,
            Contacts.NOBODY,
            PublishPreferences,
            settings.feed.max_records if settings.feed else _MOST_RECORDS,
            settings.max_body_bytes,
            0,
            group="consent",
            writes_state=True,
        ),
    )
    return {each.name: each for each in made}


@dataclass(frozen=True, slots=True)
class _Api:
    client: ExstreamClient
    caller: Caller
    approvals: Approvals | None
    sender: Sender
    lookup: LookUp


class ExstreamSink:
    """Implements `workers.sinks.api.Sink`; `deliver`, `look_up` and `probe` are called from several threads."""

    name = NAME

    def __init__(
        self, config: ExstreamConfig, http: HttpClient, clock: Clock, latest: Latest[ExstreamConfig] | None = None
    ) -> None:
        self._config, self._http, self._clock = config, http, clock
        self.actions: Mapping[str, Action] = actions(config)
        self.limits: Sequence[Limit] = [Limit(int(config.requests_per_second * _WINDOW_S), _WINDOW_S)]
        self.at_once: int | None = None
        self._communications = {
            name: (each, compiled(each.driver_data, each.format)) for name, each in config.communications.items()
        }
        self._api = self._connected(config.api, latest or Fixed(config)) if config.api else None

    @classmethod
    def connect(
        cls,
        config: ExstreamConfig,
        clock: Clock,
        meter: RequestMeter | None = None,
        latest: Latest[ExstreamConfig] | None = None,
    ) -> "ExstreamSink":
        """A sink with connections of its own; nothing is contacted yet."""
        return cls(config, HttpClient(config.http_limits(), meter), clock, latest)

    def problems(self, action: Action, possible: Callable[[str], Sequence[str] | None]) -> list[str]:
        """What the settings lack for a flow: a section, a communication of this name."""
        if action.name == PUBLISH_PREFERENCES:
            lacks = self._config.feed is None
            return ["publish_preferences needs sinks.exstream.feed: the directory that files go to"] if lacks else []
        if self._api is None:
            return ["start_service needs sinks.exstream.api: where Exstream is"]
        return [
            f"communication {name!r} is not in sinks.exstream.communications: add it, or correct the flow"
            for name in possible("communication") or ()
            if name not in self._communications
        ]

    def prepare(self, action: Action, event: Event, parameters: BaseModel) -> Item:
        """Map an event to driver data or to a record; raises UnusableEventError with a Reason."""
        match parameters:
            case StartService():
                return mapping.start_service(event, parameters, self._communications, self._config.max_body_bytes)
            case PublishPreferences():
                return mapping.preference(event, parameters, self._feed(), self._config.max_body_bytes)
        raise TypeError(f"{action.name} has no parameters of type {type(parameters).__name__}")

    def deliver(self, batch: Batch) -> Outcome:
        """Start one communication, or drop one file; raises GateClosedError and BudgetGoneError."""
        if batch.action.name == PUBLISH_PREFERENCES:
            return self._dropped(batch)
        (item,) = batch.items
        order: Order = item.body
        return self._started().sender.send(order, batch)

    def look_up(self, action: Action, items: Sequence[Item]) -> Sequence[Delivered | Unsure | None]:
        """Which job holds the delivery's id in its input (§8)."""
        assert action.can_look_up
        lookup, now = self._started().lookup, self._clock.now()
        return [lookup.look_up(item.body, now) for item in items]

    def counted(self, spend: Callable[[], None]) -> Count | None:
        """None: the page knows of no count of Exstream's own (§9)."""
        del spend
        return None

    def probe(self, action: Action) -> Hold | None:
        """Whether orchestration lets us in and what was not approved is now; or the directory can be written.

        What is not configured has nothing to be asked.
        """
        if action.name == PUBLISH_PREFERENCES:
            directory = self._config.feed.directory if self._config.feed else None
            is_well = directory is None or feed.is_writable(directory)
            return None if is_well else _away(f"cannot write into {directory}")
        if self._api is None:
            return None
        api, purse = self._api, Purse(_free)
        came = api.caller.ask(lambda token: api.client.jobs({"mode": "BATCH"}, 1, 0, token), purse)
        hold = came if isinstance(came, Hold) else judge_probe(came, self._clock.now())
        return hold or (api.approvals.refused(purse) if api.approvals else None)

    def job_status(self, job_id: str) -> JobSeen | JobGone | Hold:
        """What became of a job that a receipt names; one GET, for a poller (§4.1, §4.5)."""
        api = self._started()
        came = api.caller.ask(lambda token: api.client.job(job_id, token), Purse(_free))
        return judge_job(came, self._clock.now())

    def flow_instance_status(self, instance_id: str) -> JobSeen | JobGone | Hold:
        """The same of one flow instance: a job may have several (§3, §4.5)."""
        api = self._started()
        came = api.caller.ask(lambda token: api.client.flow_instance(instance_id, token), Purse(_free))
        return judge_job(came, self._clock.now())

    def close(self) -> None:
        """Let connections go."""
        self._http.close()

    def _dropped(self, batch: Batch) -> Outcome:
        """One file with the records of a batch, under the permit: nothing is written once the gate is closed."""
        config = self._feed()
        content = feed.written([item.body for item in batch.items], config)
        name = feed.name_of(content, config, self._clock.now())
        with batch.permit():
            try:
                feed.drop(content, name, config.directory)
            except OSError as error:
                return _away(f"cannot write into {config.directory}: {error.strerror or type(error).__name__}")
        return Answered([Delivered({"file": name})] * len(batch.items))

    def _connected(self, api: ApiConfig, latest: Latest[ExstreamConfig]) -> _Api:
        clock, client = self._clock, ExstreamClient(api, self._http, Part(latest, lambda now: now.api or api))
        caller = Caller(api, client, Tokens(clock.monotonic), clock.now)
        sent = Sent()
        approvals = Approvals(client, caller, api.approval_valid_s, clock) if api.check_approval else None
        sender = Sender(client, caller, approvals, sent, clock.now)
        return _Api(client, caller, approvals, sender, LookUp(self._config, client, caller, sent))

    def _started(self) -> _Api:
        if self._api is None:
            raise TypeError("start_service is not configured: `problems` tells so at start-up")
        return self._api

    def _feed(self) -> FeedConfig:
        if self._config.feed is None:
            raise TypeError("publish_preferences is not configured: `problems` tells so at start-up")
        return self._config.feed


def _away(detail: str) -> Hold:
    """A disk that is full, or a directory that is not mounted: nothing appeared under the name."""
    return Hold(Cause.CONFIGURATION, Scope.ACTION, detail)


def _free() -> None:
    """A probe's requests are the runner's to count."""
