"""A door that lets nothing out: a file is read, mapped and encoded, and nothing is sent."""

from concurrent.futures import Future

from common.event import Position
from common.kafka.producer import Outgoing
from workers.ingest.intake import Records
from workers.ingest.sources.api import NewEvent


class Unsent:
    """Makes records, and forgets them."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def record(self, event: NewEvent) -> Outgoing:
        """As it would be sent."""
        return self._records.record(event)

    def submit(self, record: Outgoing) -> "Future[Position]":
        """Say that it is stored; nothing is."""
        answer: Future[Position] = Future()
        answer.set_result(Position(record.topic, -1, -1))
        return answer
