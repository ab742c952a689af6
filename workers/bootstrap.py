"""The composition root: settings in, a wired worker out. Only here are clients, threads and servers created."""

import gc
import logging
import os
import random
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from functools import partial
from importlib.metadata import version
from types import FrameType
from typing import Any

from common import log
from common.clock import SystemClock
from common.codec import Decoder, Encoder
from common.errors import BrokerDownError, ConfigurationError, RegistryDownError
from common.event import PartitionId
from common.health import Health
from common.health_server import HealthServer
from common.kafka.admin import TopicAdmin, check_partitions
from common.kafka.clients import consumer_config, producer_config
from common.kafka.consumer import GroupConsumer
from common.kafka.ends import Ends
from common.kafka.log_reader import LogReader
from common.kafka.past_reader import PastReader
from common.kafka.plain import PlainProducer
from common.kafka.producer import ConfirmedProducer
from common.kafka.transactions import TransactionalProducer
from common.meters import IngestMeter, JourneyMeter, SinkMeter, VendorMeter
from common.metrics import Metrics
from common.schema_source import AnsweringSource, IdsAhead
from common.store.config import StoreSettings
from common.store.database import Database
from common.store.deployments import deployments
from common.store.look_ups import LookUps
from common.store.opening import open_as_reader, open_as_writer, pseudonyms_of
from common.store.times import micros
from schemas.catalogue import catalogue
from topics.catalogue import dead_letter_topic, flow_topics, retry_topic, topics
from workers.catalogue import VENDORS, all_flows, sink_problems, start_of, vendor_config
from workers.consent.api import ConsentApi
from workers.consent.settle import Settlement
from workers.flows.catalogue import Flows
from workers.ingest.config import WebhookConfig
from workers.ingest.intake import Intake
from workers.ingest.letters import INGEST, IngestLetters
from workers.ingest.rotation import VARIABLES as SOURCE_SECRETS
from workers.ingest.rotation import follow
from workers.ingest.server import listen, serve
from workers.ingest.sources.source_config import OnBad, VendorSource
from workers.ingest.webhook import Webhook
from workers.journeys.applier import Applier
from workers.journeys.erasure import Identities
from workers.journeys.firing import Firing
from workers.journeys.interpreter import Journeys
from workers.journeys.outbox import Outbox
from workers.journeys.parts import Parts
from workers.journeys.preferences import Preferences
from workers.journeys.reading import DEAD, Reading, read_topics
from workers.journeys.reducers import Facts
from workers.journeys.worker import JourneyWorker
from workers.journeys_command import all_journeys
from workers.oldest_letter import OpenLetters
from workers.oldest_letter import follow as follow_letters
from workers.rotation import Fixed, Latest, Rotating, Watch, secret_files
from workers.schema_ids import schema_ids
from workers.settings import Settings
from workers.sinks.api import Repeat, Sink
from workers.sinks.budget import Budget
from workers.sinks.copies import Copies
from workers.sinks.duplicates import Duplicates, DuplicateWindow
from workers.sinks.holdings import Terms
from workers.sinks.ledger import Writers
from workers.sinks.letters import Letters
from workers.sinks.pace import Pace
from workers.sinks.planner import Planner
from workers.sinks.receipts import TOPIC as RECEIPTS
from workers.sinks.receipts import Receipts
from workers.sinks.recent import EventIds, Recent
from workers.sinks.retries import Retries
from workers.sinks.runner import Clients, Runner
from workers.sinks.slices import groups_of, slices
from workers.sinks.starts import FirstStarts
from workers.sinks.tails import Tails
from workers.sinks.window import Limits
from workers.sinks.yields import Yields
from workers.store_command import partitions_of, store_settings

_log = logging.getLogger(__name__)

_SESSION_MS = 45_000
_TRANSACTION_MS = 10_000
_RETRY_S = 2.0
_STUCK_S = 120.0
_RELEASE_S = 5.0
_SWITCH_S = 0.0005


class Worker:
    """What every worker has: logs, metrics, a health port, and a signal that tells it to stop."""

    def __init__(self, settings: Settings) -> None:
        log.configure(settings.log, settings.worker_name)
        self.settings = settings
        self.clock = SystemClock()
        self.metrics = Metrics(version("commfleet"))
        self.health = Health()
        self.stop = threading.Event()
        self._broker_trouble = "not reached yet"
        self.health.ready_when("stop", lambda: "told to stop" if self.stop.is_set() else "")
        self.health.ready_when("broker", lambda: self._broker_trouble)
        self.schemas = self._schemas()

    def _schemas(self) -> AnsweringSource:
        """Schema ids of this worker; a registry that does not answer keeps it unready until it has."""
        self._registry_trouble = "" if self.settings.registry is None else "not reached yet"
        if self.settings.registry is not None:
            self.health.ready_when("registry", lambda: self._registry_trouble)
        return schema_ids(self.settings, self.clock)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Serve health and listen to SIGTERM and SIGINT."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        at = self.settings.health
        token = at.token.get_secret_value() if at.token else ""
        with HealthServer(self.health, self.metrics.render, at.host, at.port, token) as server:
            _log.info("health on port %s", server.port, extra={"port": server.port})
            yield

    def broker_state(self, trouble: str | None) -> None:
        """What a client last learned of the brokers; None is well."""
        self._broker_trouble = trouble or ""

    def await_topics(self, needed: list[str]) -> bool:
        """Wait for the broker, then check the topics; False when told to stop meanwhile.

        Raises ConfigurationError when topics are missing or their partition counts are wrong.
        """
        admin, wanted = TopicAdmin(self.settings.kafka.client()), [topics()[name] for name in needed]
        while not self.stop.is_set():
            try:
                problems = check_partitions(admin, self.settings.prefix, wanted, self.settings.topics.partitions)
            except BrokerDownError as error:
                _log.warning("%s; tried again until it answers", error)
                self.broker_state(str(error))
                self.stop.wait(_RETRY_S)
                continue
            if problems:
                raise ConfigurationError("\n".join(problems))
            self.broker_state(None)
            return True
        return False

    def await_registry(self, ask: Callable[[], None]) -> bool:
        """Ask the Schema Registry until it answers; False when told to stop meanwhile."""
        while not self.stop.is_set():
            try:
                ask()
            except RegistryDownError as error:
                _log.warning("%s; tried again until it answers", error)
                self._registry_trouble = str(error)
                self.stop.wait(_RETRY_S)
            else:
                self._registry_trouble = ""
                return True
        return False

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        _log.info("told to stop by %s", signal.Signals(number).name)
        self.stop.set()


def run_sink(
    settings: Settings, name: str, group: str | None = None, reread: Callable[[], Settings] | None = None
) -> None:
    """Run a sink until SIGTERM: all its groups, or one. Raises CommfleetError when it cannot go on.

    `reread` loads the settings anew, for secrets that change while it runs.
    """
    config = vendor_config(settings, name)
    flows = all_flows(settings)
    worker = Worker(settings)
    sink = VENDORS[name].connect(
        config, worker.clock, VendorMeter(worker.metrics, name), sink_section(name, config, reread)
    )
    if problems := sink_problems(sink, flows):
        raise ConfigurationError("\n".join(problems))
    groups = _groups(sink, group)
    for one in groups:
        start_of(name, config, flows.for_sink(name, one))
        worker.health.ready_when(f"{name}.{one}", lambda: "not started yet")
    with worker.running():
        needed = [*flow_topics(), RECEIPTS, dead_letter_topic(name), *(retry_topic(name, one) for one in groups)]
        if worker.await_topics(needed) and worker.await_registry(worker.schemas.answers):
            _follow_letters(worker, name)
            _calm_collector()
            _share_interpreter()
            _run_all(worker, [build_runner(worker, sink, config, one, flows) for one in groups])


def sink_section(name: str, config: Any, reread: Callable[[], Settings] | None) -> Latest[Any]:
    """A sink's section with the secrets that its files hold."""
    files = secret_files(os.environ, f"COMMFLEET_SINKS__{name.upper()}__")
    return Rotating(config, files, lambda: vendor_config(reread(), name)) if files and reread else Fixed(config)


def _follow_letters(worker: Worker, sink: str) -> None:
    """Show how long a sink's oldest dead letter has been open."""
    settings = worker.settings
    letters = OpenLetters(LogReader(settings.kafka.client()), settings.prefix + dead_letter_topic(sink))
    tell = worker.metrics.dead_letter_oldest.labels(sink).set
    threading.Thread(
        target=follow_letters, name="letters", args=(letters, tell, worker.clock, worker.stop), daemon=True
    ).start()


def _calm_collector() -> None:
    """The garbage collector need not look at what lives for ever; events are freed without it.

    Measured: 93 instead of 107 µs an event.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def _share_interpreter() -> None:
    """A delivery thread whose answer has come waits half a millisecond for the runner's thread, not five.

    Measured, vendor at 20 ms, four in flight, busy machine: 7,300 instead of 4,200 events a second, CPU the same.
    """
    sys.setswitchinterval(_SWITCH_S)


def build_runner(worker: Worker, sink: Sink, config: Any, group: str, flows: Flows) -> Runner:
    """One group of a sink, wired."""
    settings, own = worker.settings, flows.for_sink(sink.name, group)
    start_from = start_of(sink.name, config, own)
    kafka = settings.kafka.client()
    group_id = f"{settings.prefix}commfleet.{sink.name}.{group}"
    retry = settings.prefix + retry_topic(sink.name, group)
    session_s = int(kafka.get("session.timeout.ms", _SESSION_MS)) / 1000
    consumer = GroupConsumer(consumer_config(kafka, group_id=group_id, **_member(settings)), worker.broker_state)
    transactions = TransactionalProducer(
        producer_config(
            kafka,
            transactional_id=f"{group_id}.{settings.worker_name}",
            transaction_timeout_ms=_TRANSACTION_MS,
        )
    )
    encoder = Encoder(worker.schemas)
    planner = Planner(group_id, Decoder(worker.schemas), own, topics(), settings.prefix, retry)
    tails = Tails(LogReader(kafka), retry, planner.lane_of)
    meter = SinkMeter(worker.metrics, sink.name, group)
    runner = Runner(
        group=group_id,
        topics=[*(settings.prefix + topic for topic in flow_topics()), retry],
        sink=sink,
        planner=planner,
        clients=Clients(consumer, transactions, PlainProducer(producer_config(kafka))),
        starts=FirstStarts(consumer, tails, transactions, start_from, retry),
        tails=tails,
        copies=_copies(worker, config, own, retry),
        writers=Writers(
            Letters(settings.prefix + dead_letter_topic(sink.name), sink.name, group, settings.worker_name),
            Receipts(encoder, sink.name, group_id, settings.prefix),
            Retries(retry, group_id),
            Yields(encoder, topics(), settings.prefix),
        ),
        terms=Terms(
            session_s,
            config.commit_interval_s,
            Limits(config.window_records, config.window_bytes),
            settings.static_member,
        ),
        pace=Pace(
            max_in_flight=config.max_in_flight,
            linger_s=config.linger_s,
            backoff_base_s=config.base_backoff_s,
            backoff_cap_s=config.max_backoff_s,
            patience_s=config.patience_s,
            give_up_s=config.give_up_s,
            give_up_once_s=config.give_up_once_s,
            drain_s=config.drain_s,
            in_hand=config.in_hand_records,
        ),
        budget=Budget(slices(sink, config.consent_share)[group], worker.clock, tails.partition_count(), meter=meter),
        clock=worker.clock,
        meter=meter,
    )
    # receipts, and whatever an action yields: once it works, a runner does not wait for the registry to write
    worker.await_registry(lambda: encoder.load([RECEIPTS, *flow_topics()]))
    _watch(worker, f"{sink.name}.{group}", runner)
    return runner


def _copies(worker: Worker, config: Any, flows: Flows, retry_topic: str) -> Copies:
    """What tells upstream's duplicates of the events that once-flows are on."""
    prefix, window = worker.settings.prefix, DuplicateWindow(config.duplicate_window_s, config.duplicate_ids)
    topics = {prefix + flow.topic for flow in flows if flow.action.repeat is Repeat.ONCE}
    past, rebuilding = PastReader(worker.settings.kafka.client()), EventIds(Decoder(worker.schemas), prefix)
    recent = Recent(past, rebuilding, topics, window, worker.clock, random.Random())
    reading = EventIds(Decoder(worker.schemas), prefix)  # a decoder is for one thread
    return Copies(Duplicates(window, worker.clock), recent, reading, topics, retry_topic)


def _member(settings: Settings) -> dict[str, str]:
    return {"group_instance_id": settings.worker_name} if settings.static_member else {}


def run_webhook(settings: Settings, reread: Callable[[], Settings] | None = None) -> None:
    """Run the HTTP door until SIGTERM. Raises CommfleetError when it cannot go on.

    `reread` loads the settings anew, for secrets that change while it runs.
    """
    worker = Worker(settings)
    door = settings.ingest.webhook
    if not door.sources:
        raise ConfigurationError("ingest.webhook.sources is empty: nobody may send; add a source (docs/settings.md)")
    producer = ConfirmedProducer(
        producer_config(settings.kafka.client()),
        confirm_timeout_s=door.confirm_timeout_s,
        max_unconfirmed=door.max_unconfirmed,
    )
    ids = IdsAhead(worker.schemas)
    intake = Intake(producer, Encoder(ids), topics(), settings.prefix)
    worker.health.ready_when("producer", lambda: producer.trouble)
    with worker.running():
        listener = listen(door)
        _log.info("webhook on port %s", listener.getsockname()[1], extra={"port": listener.getsockname()[1]})
        letters = IngestLetters(settings.prefix, settings.worker_name)
        webhook = Webhook(door, intake, worker.clock, IngestMeter(worker.metrics), letters, catalogue().topics)
        if reread:
            _follow_secrets(worker, webhook, reread)
        for checking in (partial(_check_topics, worker), partial(_look_up, worker, ids)):
            threading.Thread(target=checking, daemon=True).start()
        gc.collect()
        gc.freeze()  # what is there now stays: the collector need not walk over it for every few requests
        serve(webhook.app(), door, worker.stop, listener=listener)
        producer.close()


def run_journeys(settings: Settings, since: datetime | None = None) -> None:
    """Run the journey worker until SIGTERM; journeys start from `since` on, instead of their first deployment.

    Raises CommfleetError when it cannot go on.
    """
    all_journeys(settings)  # what is wrong with them is told before anything starts
    store, worker = store_settings(settings), Worker(settings)
    worker.health.ready_when("journeys", lambda: "not started yet")
    with worker.running():
        needed = [*read_topics(), DEAD]
        if worker.await_topics(needed) and worker.await_registry(worker.schemas.answers):
            kafka = settings.kafka.client()
            partitions = LogReader(kafka).partition_count(settings.prefix + read_topics()[0])
            with closing(open_as_writer(store, partitions)) as database:
                build_journeys(worker, store, database, since).run(worker.stop)


def build_journeys(
    worker: Worker, store: StoreSettings, database: Database, since: datetime | None = None
) -> JourneyWorker:
    """The journey worker, wired."""
    settings, kafka = worker.settings, worker.settings.kafka.client()
    group = f"{settings.prefix}commfleet.journeys"
    transactional_id = f"{group}.{settings.worker_name}"
    encoder, decoder = Encoder(worker.schemas), Decoder(worker.schemas)
    pseudonyms = pseudonyms_of(store)
    identities = Identities(pseudonyms)
    facts = Facts(Preferences(Settlement(settings.consent), pseudonyms), identities)
    meter, journeys = JourneyMeter(worker.metrics), _interpreter(worker, database, since)
    applier = Applier(database, facts, identities, worker.clock, store.timeline_days, [journeys])
    letters = Letters(settings.prefix + DEAD, "journeys", "main", settings.worker_name)
    ended: list[Callable[[PartitionId, int], None]] = []
    consumer = GroupConsumer(
        consumer_config(kafka, group_id=group, enable_partition_eof=True, **_member(settings)),
        worker.broker_state,
        lambda partition, offset: ended[0](partition, offset),
    )
    producer = producer_config(kafka, transactional_id=transactional_id, transaction_timeout_ms=_TRANSACTION_MS)
    parts = Parts(
        consumer,
        TransactionalProducer(producer),
        Ends(kafka, worker.broker_state),
        database,
        applier,
        Reading(decoder, letters, group, settings.prefix),
        Outbox(encoder, settings.prefix),
        Firing(database, applier, journeys, meter, worker.clock, settings.journeys.fire_per_s),
        meter,
    )
    built = JourneyWorker(read_topics(), settings.prefix, parts, settings.journeys, store.timeline_days, worker.clock)
    ended.append(built.ended)
    worker.await_registry(lambda: encoder.load(flow_topics()))
    _watch_journeys(worker, built)
    return built


def _interpreter(worker: Worker, database: Database, since: datetime | None) -> Journeys:
    """The journeys of this deployment, each from its first deployment on."""
    settings = worker.settings
    found, now = all_journeys(settings), micros(worker.clock.now())
    names, at = [one.name for one in found], micros(since) if since else None
    deployed = database.write(lambda connection: deployments(connection, names, now, at))
    return Journeys(found, deployed, settings.journeys.own_actors)


def _watch_journeys(worker: Worker, journeys: JourneyWorker) -> None:
    def liveness() -> str:
        at = journeys.status.at
        idle_s = worker.clock.monotonic() - at
        return f"its thread has been stuck for {idle_s:.0f} s" if at and idle_s > _STUCK_S else ""

    def holds() -> list[dict[str, str | float]]:
        return [
            {"route": f"journeys.{number}", "cause": cause, "detail": detail}
            for number, cause, detail in journeys.status.holds
        ]

    worker.health.ready_when("journeys", lambda: "" if journeys.status.is_ready else "no partitions taken over yet")
    worker.health.live_while("journeys", liveness)
    worker.health.show_holds(holds)


def run_consent_api(settings: Settings) -> None:
    """Run the read-only door of consent until SIGTERM. Raises CommfleetError when it cannot go on."""
    at = settings.consent.api
    if not at.callers:
        raise ConfigurationError("consent.api.callers is empty: nobody may ask; add a caller (docs/settings.md)")
    store = store_settings(settings)
    database = open_as_reader(store)
    worker, partitions = Worker(settings), partitions_of(database)
    worker.broker_state(None)  # it needs none
    look_ups = LookUps(database, pseudonyms_of(store), partitions)
    door = WebhookConfig(host=at.host, port=at.port)
    with worker.running(), closing(database):
        listener = listen(door, "the consent API", "consent.api")
        _log.info("consent API on port %s", listener.getsockname()[1], extra={"port": listener.getsockname()[1]})
        serve(ConsentApi(settings.consent, look_ups, worker.clock).app(), door, worker.stop, listener=listener)


def _follow_secrets(worker: Worker, webhook: Webhook, reread: Callable[[], Settings]) -> None:
    door = worker.settings.ingest.webhook
    if files := secret_files(os.environ, SOURCE_SECRETS):
        follow_them = partial(
            follow,
            Watch(files),
            lambda: reread().ingest.webhook.sources,
            door.sources,
            webhook.recognise,
            worker.stop,
            door.reread_s,
        )
        threading.Thread(target=follow_them, name="secrets", daemon=True).start()


def _check_topics(worker: Worker) -> None:
    """The door is open while the broker is away (it answers 503); what is wrong with topics keeps it unready."""
    try:
        worker.await_topics([*flow_topics(), *_kept_in(worker.settings.ingest.webhook)])
    except ConfigurationError as error:
        _log.error("%s", error)
        worker.broker_state(str(error))


def _kept_in(door: WebhookConfig) -> list[str]:
    """Where bad signals go, where a source keeps them."""
    keeps = any(isinstance(source, VendorSource) and source.on_bad is OnBad.KEEP for source in door.sources.values())
    return [dead_letter_topic(INGEST)] if keeps else []


def _look_up(worker: Worker, ids: IdsAhead) -> None:
    """The door is open while the registry is away (it answers 503 for what has no id yet)."""
    worker.await_registry(partial(ids.look_up, flow_topics()))


def _groups(sink: Sink, only: str | None) -> list[str]:
    groups = groups_of(sink)
    if only is not None and only not in groups:
        raise ConfigurationError(f"sink {sink.name} has no group {only!r}; it has: {', '.join(groups)}")
    return [only] if only else groups


def _run_all(worker: Worker, runners: list[Runner]) -> None:
    """Each runner in a thread of its own; when one ends badly, all stop."""
    failures: list[BaseException] = []

    def run(runner: Runner) -> None:
        try:
            runner.run(worker.stop)
        except BaseException as error:  # the first one is raised again below
            failures.append(error)
        finally:
            worker.stop.set()

    threads = [threading.Thread(target=run, args=(runner,), name="runner") for runner in runners]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def _watch(worker: Worker, name: str, runner: Runner) -> None:
    """Readiness, liveness and holds of one runner."""

    def readiness() -> str:
        status = runner.status
        unready = status.trouble or "no partitions assigned yet, or commits are not confirmed"
        return "" if status.is_ready else unready

    def liveness() -> str:
        at = runner.status.at
        idle_s = worker.clock.monotonic() - at
        return f"its thread has been stuck for {idle_s:.0f} s" if at and idle_s > _STUCK_S else ""

    def holds() -> list[dict[str, str | float]]:
        return [
            {"route": f"{name}.{hold.action}" if hold.action else name, "cause": hold.cause, "detail": hold.detail}
            for hold in runner.status.holds
        ]

    def release(route: str) -> bool:
        if route != name and not route.startswith(f"{name}."):
            return False
        return runner.release(route[len(name) + 1 :]).result(_RELEASE_S)

    worker.health.ready_when(name, readiness)
    worker.health.live_while(name, liveness)
    worker.health.show_holds(holds)
    worker.health.release_with(release)
