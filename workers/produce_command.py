"""`commfleet produce`, wired: an intake with a producer, or without one where nothing is sent."""

from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from typing import BinaryIO

from common.clock import SystemClock
from common.codec import Encoder, LocalSchemas
from common.kafka.clients import producer_config
from common.kafka.producer import ConfirmedProducer
from schemas.catalogue import catalogue
from topics.catalogue import topics
from workers.ingest.intake import Intake, Nobody
from workers.lines import Progress, Unseen, bytes_left, lines_of
from workers.produce import LineError, Stored, produce
from workers.schema_ids import schema_ids
from workers.settings import Settings


def produce_lines(
    settings: Settings,
    topic: str,
    file: BinaryIO,
    *,
    is_check: bool,
    keep_going: bool,
    progress: Progress | None = None,
) -> Iterator[Stored | LineError]:
    """JSON events, a line each, to a topic; with `is_check` they are validated and no broker is needed.

    Unless `keep_going`, a file is validated before any of it is sent, and nothing is sent when one line is bad.
    A pipe can be read only once: its lines are sent as they come, and the first bad one ends it. Nothing is
    kept in memory but the lines on their way.
    """
    shown = progress or Unseen()
    shown.begin("checking" if is_check else "sending", bytes_left(file))
    if not is_check and not keep_going and file.seekable():
        start, bad = file.tell(), False
        shown.begin("checking", bytes_left(file))
        for answer in _produced(settings, topic, lines_of(file, shown), is_check=True, keep_going=True):
            if isinstance(answer, LineError):
                bad = True
                yield answer
        if bad:
            return
        file.seek(start)
        shown.begin("sending", bytes_left(file))
    yield from _produced(settings, topic, lines_of(file, shown), is_check=is_check, keep_going=is_check or keep_going)


def _produced(
    settings: Settings, topic: str, lines: Iterable[bytes], *, is_check: bool, keep_going: bool
) -> Iterator[Stored | LineError]:
    known = catalogue().topics
    with _intake(settings, is_check) as intake:
        yield from produce(
            lines, topic, intake, SystemClock(), event_topics=known, check=is_check, keep_going=keep_going
        )


@contextmanager
def _intake(settings: Settings, is_check: bool) -> Iterator[Intake]:
    if is_check:
        yield Intake(Nobody(), Encoder(LocalSchemas()), topics(), settings.prefix)
        return
    encoder = Encoder(schema_ids(settings))
    with closing(ConfirmedProducer(producer_config(settings.kafka.client()))) as producer:
        yield Intake(producer, encoder, topics(), settings.prefix)
