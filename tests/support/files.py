"""Files, their mapping, and a worker of them whose producer is in memory."""

import io
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from common.codec import Decoder, LocalSchemas
from common.errors import RecordTooLargeError, UnconfirmedError
from common.event import Position
from common.kafka.producer import Outgoing
from tests.support.ingest import FixedClock, intake
from workers.ingest.files.hooks import Unheard
from workers.ingest.files.mapping_check import load_mapping
from workers.ingest.files.transfer import Stop
from workers.ingest.files.translate import Translation
from workers.ingest.files.work import FileWorker, Source
from workers.ingest.letters import IngestLetters
from workers.lines import Unseen

ENGAGEMENT, LETTERS = "comms.engagement.v1", "comms.dlq.ingest.v1"
HEADER = b"customer_no;kind;at;form\n"
MAPPING = """\
format: csv
csv: {delimiter: ";"}
topic: comms.engagement.v1
source: crm
instance: eu
customer: {id: customer_no}
fields:
  type: {column: kind, words: {F: FORM_SUBMITTED, P: PAGE_VISITED}}
  occurred_at: {column: at, time: "%d.%m.%Y %H:%M", zone: Europe/Berlin}
  form: form
  attributes.list: {value: winter}
"""


class Crash(BaseException):
    """The process is gone: nothing catches it."""


class Log:
    """A producer in memory. `fails` says, by the number of the try, what becomes of it."""

    def __init__(self, fails: Callable[[int], BaseException | None] = lambda _: None) -> None:
        self.records: list[Outgoing] = []
        self._fails, self._tries = fails, 0

    async def send_all(self, records: Sequence[Outgoing]) -> Any:
        """Not the way of files."""
        raise AssertionError("files are submitted")

    def submit(self, record: Outgoing) -> "Future[Position]":
        """Keep it, or fail; an unconfirmed record may be stored all the same."""
        self._tries += 1
        answer: Future[Position] = Future()
        match self._fails(self._tries):
            case UnconfirmedError() as error:
                answer.set_exception(error)
            case RecordTooLargeError() as error:
                answer.set_exception(error)
            case BaseException() as crash:
                raise crash
            case None:
                self.records.append(record)
                answer.set_result(Position(record.topic, 0, len(self.records)))
        return answer

    def events(self) -> list[Mapping[str, Any]]:
        """Every event, in order."""
        decoder = Decoder(LocalSchemas())
        return [decoder.decode(one.topic, one.value) for one in self.records if one.topic != LETTERS]

    def letters(self) -> list[dict[str, str]]:
        """Every letter's headers, and its bytes as `raw`."""
        return [
            {name: value.decode() for name, value in one.headers} | {"raw": one.value.decode("latin-1")}
            for one in self.records
            if one.topic == LETTERS
        ]


def csv_of(*lines: str) -> bytes:
    """A file of these lines under the header."""
    return HEADER + "".join(f"{line}\n" for line in lines).encode()


def good(number: int) -> str:
    """A line that becomes an event."""
    return f"C-{number};F;21.11.2026 10:00;form-{number}"


def written(folder: Path, text: str = MAPPING) -> Path:
    """A mapping file."""
    path = folder / "mapping.yaml"
    path.write_text(text)
    return path


def source(folder: Path, text: str = MAPPING, bad_max: int = 100) -> Source:
    """A source of this mapping."""
    mapping = load_mapping(written(folder, text))
    return Source("crm", mapping, Translation(mapping), bad_max)


def worker(log: Log, save_s: float = 0) -> FileWorker:
    """A worker that keeps its progress after every chunk."""
    return FileWorker(intake(log), IngestLetters("", "test"), FixedClock(), Unheard(), Unseen(), save_s)


def never(_: float) -> bool:
    """Nobody tells us to stop, and nobody waits."""
    return False


def told_to_stop_after(turns: int) -> Stop:
    """Goes on so many times."""
    left = [turns]

    def stop(_: float) -> bool:
        left[0] -= 1
        return left[0] < 0

    return stop


class PipeOf(io.BytesIO):
    """Bytes that come once, as from a pipe."""

    def seekable(self) -> bool:
        """No."""
        return False

    def seek(self, *_: int) -> int:
        """Not in a pipe."""
        raise io.UnsupportedOperation("seek")

    def tell(self) -> int:
        """Not in a pipe."""
        raise io.UnsupportedOperation("tell")
