"""`commfleet dlq …`, wired."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import cache, partial

from common.codec import Decoder, Encoder
from common.errors import BrokerDownError, ConfigurationError
from common.kafka.admin import TopicAdmin
from common.kafka.clients import producer_config
from common.kafka.log_reader import LogReader
from common.kafka.transactions import TransactionalProducer
from topics.catalogue import Kind, dead_letter_topic, retry_topic, topics
from workers.catalogue import all_flows
from workers.dead_letters import DeadLetters
from workers.files_catalogue import file_source
from workers.ingest.intake import Intake, Nobody
from workers.ingest.letters import INGEST, Way
from workers.ingest_letters import FileParser, HookParser, IngestMailbox, Parse, PollerParser
from workers.journey_letters import JourneyLetters
from workers.journeys.reading import DEAD, RETRY
from workers.mailbox import Letter, Mailbox, Step
from workers.poller_catalogue import polled_feed
from workers.schema_ids import schema_ids
from workers.settings import Settings

_TRANSACTION_MS = 10_000

log = logging.getLogger(__name__)


def dead_letters(settings: Settings, sink: str) -> Mailbox:
    """The letters of one sink, of the ingest, or of the journeys."""
    match sink:
        case "ingest":
            return _of_ingest(settings)
        case "journeys":
            return _of_journeys(settings)
        case _:
            return of_sink(settings, sink)


def _of_journeys(settings: Settings) -> JourneyLetters:
    return JourneyLetters(
        reader=LogReader(settings.kafka.client()),
        topic=settings.prefix + DEAD,
        prefix=settings.prefix,
        decoder=Decoder(schema_ids(settings)),
        retry_topic=settings.prefix + RETRY,
    )


def _of_ingest(settings: Settings) -> IngestMailbox:
    door = settings.ingest.webhook
    parsers: dict[str, Parse] = {
        Way.WEBHOOK.value: HookParser(door.sources, door.body_max_bytes, door.items_max),
        Way.FILE.value: FileParser(partial(file_source, settings)),
        Way.POLLER.value: PollerParser(cache(partial(polled_feed, settings))),
    }
    intake = Intake(Nobody(), Encoder(schema_ids(settings)), topics(), settings.prefix)
    topic = settings.prefix + dead_letter_topic(INGEST)
    return IngestMailbox(LogReader(settings.kafka.client()), topic, parsers, intake)


def of_sink(settings: Settings, sink: str) -> DeadLetters:
    """The letters of one sink."""
    return DeadLetters(
        reader=LogReader(settings.kafka.client()),
        topic=settings.prefix + dead_letter_topic(sink),
        prefix=settings.prefix,
        retry_topics=retry_topics(settings.prefix, sink),
        decoder=Decoder(schema_ids(settings)),
        flows=all_flows(settings),
    )


def retry_topics(prefix: str, sink: str) -> dict[str, str]:
    """The retry topic of each group of a sink."""
    before, after = retry_topic(sink, "|").split("|")
    groups = (
        name.removeprefix(before).removesuffix(after)
        for name, topic in topics().items()
        if topic.kind is Kind.RETRY and name.startswith(before)
    )
    return {group: prefix + retry_topic(sink, group) for group in groups}


def redrive(
    settings: Settings, sink: str, steps: Sequence[Step], rate: float, on_sent: Callable[[Letter], None]
) -> int:
    """Send letters again, to the failed sink only, or through their parser, at most `rate` a second; how many were.

    Who redrives the same sink already is fenced (FatalError), and what was closed meanwhile is left alone.
    """
    with _producer(settings, sink) as producer:
        sent = dead_letters(settings, sink).redrive(steps, producer, rate, on_sent)
    tidy(settings, sink)
    return sent


def discard(settings: Settings, sink: str, letters: Sequence[Letter], on_done: Callable[[Letter], None]) -> int:
    """Close letters without sending anything; how many were closed. One operator at a time, as for a redrive."""
    with _producer(settings, sink) as producer:
        closed = dead_letters(settings, sink).discard(letters, producer, on_done)
    tidy(settings, sink)
    return closed


def tidy(settings: Settings, sink: str) -> None:
    """Delete what stands below the oldest open letter of each partition.

    What is dealt with harms nobody: where the broker does not let us, that is told and nothing else.
    """
    mailbox, admin = dead_letters(settings, sink), TopicAdmin(settings.kafka.client())
    try:
        if not admin.cluster().is_embedded:  # it cannot delete records
            admin.delete_before(mailbox.topic, mailbox.dispensable())
    except (BrokerDownError, ConfigurationError) as error:
        log.warning("what is dealt with stays on %s: %s", mailbox.topic, error)


@contextmanager
def _producer(settings: Settings, sink: str) -> Iterator[TransactionalProducer]:
    config = producer_config(
        settings.kafka.client(),
        transactional_id=f"{settings.prefix}redrive-{sink}",
        transaction_timeout_ms=_TRANSACTION_MS,
    )
    with closing(TransactionalProducer(config)) as producer:
        yield producer
