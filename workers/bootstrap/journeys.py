"""The journey worker, wired."""

import logging
from collections.abc import Callable
from contextlib import closing
from datetime import datetime

from common.codec import Decoder, Encoder
from common.event import PartitionId
from common.kafka.clients import consumer_config, producer_config
from common.kafka.consumer import GroupConsumer
from common.kafka.ends import Ends
from common.kafka.log_reader import LogReader
from common.kafka.transactions import TransactionalProducer
from common.meters import JourneyMeter
from common.store.config import StoreSettings
from common.store.database import Database
from common.store.deployments import deployments
from common.store.opening import open_as_writer, pseudonyms_of
from common.store.times import micros
from topics.catalogue import flow_topics
from workers.bootstrap.worker import Worker
from workers.consent.settle import Settlement
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
from workers.journeys.workspaces import Endings
from workers.journeys_command import all_journeys, declared
from workers.settings import Settings
from workers.sinks.letters import Letters
from workers.store_command import store_settings

_log = logging.getLogger(__name__)

NAME = "journeys"
_TRANSACTION_MS = 10_000
_STUCK_S = 120.0


def run_journeys(settings: Settings, since: datetime | None = None) -> None:
    """Run the journey worker until SIGTERM; journeys start from `since` on, instead of their first deployment.

    Raises CommfleetError when it cannot go on.
    """
    left_out = declared(settings).left_out  # what is wrong with the files is told before anything starts
    store, worker = store_settings(settings), Worker(settings)
    for left in left_out:
        _log.warning("%s", left, extra={"journey": left.name})
    worker.health.ready_when("journeys", lambda: "not started yet")
    with worker.running():
        needed = [*read_topics(), DEAD]
        if worker.await_topics(needed) and worker.await_registry(worker.schemas.answers):
            kafka = settings.kafka.client()
            partitions = LogReader(kafka).partition_count(settings.prefix + read_topics()[0])
            worker.follow_letters(NAME)
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
    endings = Endings(settings.journeys.completed_statuses, settings.journeys.cancelled_statuses)
    facts = Facts(Preferences(Settlement(settings.consent), pseudonyms), identities, endings)
    meter, journeys = JourneyMeter(worker.metrics), _interpreter(worker, database, since)
    applier = Applier(database, facts, identities, worker.clock, store.timeline_days, [journeys])
    letters = Letters(settings.prefix + DEAD, NAME, "main", settings.worker_name)
    ended: list[Callable[[PartitionId, int], None]] = []
    consumer = GroupConsumer(
        consumer_config(kafka, group_id=group, enable_partition_eof=True, **worker.membership()),
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
