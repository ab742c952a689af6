"""`commfleet produce`, wired: an intake with a producer, or without one where nothing is sent."""

from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Any

from common.clock import SystemClock
from common.codec import Encoder, LocalSchemas
from common.kafka.clients import producer_config
from common.kafka.producer import ConfirmedProducer
from schemas.catalogue import catalogue
from topics.catalogue import topics
from workers.ingest.intake import Intake
from workers.produce import LineError, Stored, produce
from workers.schema_ids import schema_ids
from workers.settings import Settings


def produce_lines(
    settings: Settings, topic: str, lines: Iterable[bytes], *, is_check: bool, keep_going: bool
) -> Iterator[Stored | LineError]:
    """JSON events, a line each, to a topic; with `is_check` they are validated and no broker is needed.

    Unless `keep_going`, all lines are validated first, and nothing is sent when one is bad.
    """
    if not is_check and not keep_going:
        lines = list(lines)
        bad = [answer for answer in _produced(settings, topic, lines, True) if isinstance(answer, LineError)]
        if bad:
            yield from bad
            return
    yield from _produced(settings, topic, lines, is_check)


def _produced(settings: Settings, topic: str, lines: Iterable[bytes], is_check: bool) -> Iterator[Stored | LineError]:
    with _intake(settings, is_check) as intake:
        yield from produce(lines, topic, intake, SystemClock(), event_topics=catalogue().topics, check=is_check)


@contextmanager
def _intake(settings: Settings, is_check: bool) -> Iterator[Intake]:
    if is_check:
        yield Intake(_Nobody(), Encoder(LocalSchemas()), topics(), settings.prefix)
        return
    encoder = Encoder(schema_ids(settings))
    with closing(ConfirmedProducer(producer_config(settings.kafka.client()))) as producer:
        yield Intake(producer, encoder, topics(), settings.prefix)


class _Nobody:
    """Stands where a producer would; a check that sends is a bug."""

    async def send(self, _: Any) -> Any:
        """Refuse."""
        raise AssertionError("a check must not send")

    def submit(self, _: Any) -> Any:
        """Refuse."""
        raise AssertionError("a check must not send")
