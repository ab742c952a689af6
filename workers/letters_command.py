"""`commfleet dlq …`, wired."""

from collections.abc import Callable, Sequence
from contextlib import closing

from common.codec import Decoder
from common.kafka.clients import producer_config
from common.kafka.log_reader import LogReader
from common.kafka.transactions import TransactionalProducer
from topics.catalogue import Kind, dead_letter_topic, retry_topic, topics
from workers.catalogue import all_flows
from workers.dead_letters import DeadLetters, Letter, Step
from workers.schema_ids import schema_ids
from workers.settings import Settings

_TRANSACTION_MS = 10_000


def dead_letters(settings: Settings, sink: str) -> DeadLetters:
    """The letters of one sink."""
    return DeadLetters(
        reader=LogReader(settings.kafka.client()),
        topic=settings.prefix + dead_letter_topic(sink),
        prefix=settings.prefix,
        retry_topics=_retry_topics(settings.prefix, sink),
        decoder=Decoder(schema_ids(settings)),
        flows=all_flows(settings),
    )


def _retry_topics(prefix: str, sink: str) -> dict[str, str]:
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
    """Send letters again to the failed sink only, at most `rate` a second; how many were sent.

    A second operator who redrives the same sink is fenced: FatalError.
    """
    config = producer_config(
        settings.kafka.client(),
        transactional_id=f"{settings.prefix}redrive-{sink}",
        transaction_timeout_ms=_TRANSACTION_MS,
    )
    with closing(TransactionalProducer(config)) as producer:
        return dead_letters(settings, sink).redrive(steps, producer, rate, on_sent)
