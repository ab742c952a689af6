"""A sink, wired: settings in, one runner for each of its groups."""

import gc
import logging
import os
import random
import sys
import threading
from collections.abc import Callable
from typing import Any

from common.codec import Decoder, Encoder
from common.errors import ConfigurationError
from common.kafka.clients import consumer_config, producer_config
from common.kafka.consumer import GroupConsumer
from common.kafka.log_reader import LogReader
from common.kafka.past_reader import PastReader
from common.kafka.plain import PlainProducer
from common.kafka.transactions import TransactionalProducer
from common.meters import SinkMeter, VendorMeter
from topics.catalogue import dead_letter_topic, flow_topics, retry_topic, topics
from workers.bootstrap.store import store_access
from workers.bootstrap.worker import Worker
from workers.catalogue import VENDORS, all_flows, sink_problems, start_of, vendor_config
from workers.flows.catalogue import Flows
from workers.rotation import Fixed, Latest, Rotating, secret_files
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

_log = logging.getLogger(__name__)

_SESSION_MS = 45_000
_TRANSACTION_MS = 10_000
_STUCK_S = 120.0
_RELEASE_S = 5.0
_SWITCH_S = 0.0005


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
    for left in flows.for_sink(name, "main").left_out:
        _log.warning("%s", left, extra={"flow": left.name})
    if problems := sink_problems(sink, flows):
        raise ConfigurationError("\n".join(problems))
    groups = _groups(sink, group)
    for one in groups:
        start_of(name, config, flows.for_sink(name, one))
        worker.health.ready_when(f"{name}.{one}", lambda: "not started yet")
    with worker.running():
        needed = [*flow_topics(), RECEIPTS, dead_letter_topic(name), *(retry_topic(name, one) for one in groups)]
        if worker.await_topics(needed) and worker.await_registry(worker.schemas.answers):
            worker.follow_letters(name)
            _calm_collector()
            _share_interpreter()
            _run_all(worker, [build_runner(worker, sink, config, one, flows) for one in groups])


def sink_section(name: str, config: Any, reread: Callable[[], Settings] | None) -> Latest[Any]:
    """A sink's section with the secrets that its files hold."""
    files = secret_files(os.environ, f"COMMFLEET_SINKS__{name.upper()}__")
    return Rotating(config, files, lambda: vendor_config(reread(), name)) if files and reread else Fixed(config)


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
    consumer = GroupConsumer(consumer_config(kafka, group_id=group_id, **worker.membership()), worker.broker_state)
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
        store=store_access(settings, own),
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
