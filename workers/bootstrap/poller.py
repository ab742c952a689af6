"""The composition root of the pollers: a source's active poller, or a standby of it."""

from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import datetime

from common.codec import Decoder, Encoder
from common.event import PartitionId
from common.kafka.checkpoint_reader import committed_records
from common.kafka.clients import consumer_config, producer_config
from common.kafka.consumer import GroupConsumer
from common.kafka.transactions import TransactionalProducer
from common.meters import PollMeter, VendorMeter
from topics.catalogue import flow_topics, topics
from workers.bootstrap.receipt_log import ReceiptLog
from workers.bootstrap.worker import Worker
from workers.ingest.intake import Records
from workers.ingest.pollers.cursor import PARTITION, TOPIC, Saved, saved
from workers.ingest.pollers.hooks import PollHook
from workers.ingest.pollers.letters import TOPIC as LETTERS
from workers.ingest.pollers.letters import PollLetters
from workers.ingest.pollers.seat import Seat
from workers.ingest.pollers.session import Session, Stop, Terms, Transactions
from workers.ingest.pollers.slice import Slice
from workers.ingest.pollers.step import Maker
from workers.poller_catalogue import SOURCES, Source, poller_config
from workers.settings import Settings

_TRANSACTION_MS = 10_000
_STUCK_S = 120.0


def group_name(settings: Settings, source: str) -> str:
    """The group whose members are a source's pollers."""
    return f"{settings.prefix}commfleet.poller.{source}"


def transactional_id(settings: Settings, source: str) -> str:
    """One for each source: whoever starts it is the only one that can move its cursors."""
    return f"{settings.prefix}poller-{source}"


def transactions(settings: Settings, source: str) -> TransactionalProducer:
    """The producer that moves a source's cursors."""
    name = transactional_id(settings, source)
    return TransactionalProducer(
        producer_config(settings.kafka.client(), transactional_id=name, transaction_timeout_ms=_TRANSACTION_MS)
    )


def kept_cursors(settings: Settings) -> Mapping[str, Saved]:
    """What the checkpoint topic says by now. Raises TopicUnreadableError."""
    return saved(committed_records(settings.kafka.client(), PartitionId(settings.prefix + TOPIC, PARTITION)))


def run_poller(settings: Settings, name: str, since: datetime | None) -> None:
    """Poll a source until SIGTERM, or stand by. Raises CommfleetError when it cannot go on."""
    config = poller_config(settings, name)
    worker = Worker(settings)
    meter = PollMeter(worker.metrics, name)
    worker.health.ready_when(name, lambda: "not started yet")
    receipts = ReceiptLog(settings, Decoder(worker.schemas))
    vendor = VendorMeter(worker.metrics, name)
    with closing(SOURCES[name](config, worker.clock, vendor, receipts)) as source, worker.running():
        if worker.await_topics([*flow_topics(), TOPIC, LETTERS]) and worker.await_registry(worker.schemas.answers):
            seat = build_seat(worker, source, since, meter)
            _watch(worker, name, seat)
            seat.serve(worker.stop)


def build_seat(worker: Worker, source: Source, since: datetime | None, hook: PollHook) -> Seat:
    """One source's seat, wired."""
    settings = worker.settings
    group = consumer_config(settings.kafka.client(), group_id=group_name(settings, source.name))
    member = GroupConsumer(group, worker.broker_state)
    run = session_of(worker, source, since, hook)
    return Seat(member, settings.prefix + TOPIC, run, worker.clock, hook, lambda: worker.broker_state(None))


def session_of(worker: Worker, source: Source, since: datetime | None, hook: PollHook) -> Callable[[Stop], None]:
    """What runs one session of a source."""

    def run(stop: Stop) -> None:
        with closing(transactions(worker.settings, source.name)) as producer:
            build_session(worker, source, producer, source.slice(stop), since, hook).run(stop)

    return run


def build_session(
    worker: Worker, source: Source, producer: Transactions, budget: Slice, since: datetime | None, hook: PollHook
) -> Session:
    """One session of a source, wired."""
    settings, config = worker.settings, source.config
    letters = PollLetters(settings.prefix, source.name, settings.worker_name)
    maker = Maker(Records(Encoder(worker.schemas), topics(), settings.prefix), letters)
    terms = Terms(settings.prefix, config.remembered_ids, config.max_backoff_s, since)
    feeds = source.feeds(budget)
    return Session(feeds, producer, lambda: kept_cursors(settings), maker, budget, terms, worker.clock, hook)


def _watch(worker: Worker, name: str, seat: Seat) -> None:
    """A standby is ready too: it waits for its turn."""

    def liveness() -> str:
        idle_s = worker.clock.monotonic() - seat.status_at
        return f"its thread has been stuck for {idle_s:.0f} s" if seat.status_at and idle_s > _STUCK_S else ""

    worker.health.ready_when(name, lambda: "" if seat.is_member else "not a member of its group yet")
    worker.health.live_while(name, liveness)
