"""A row that cannot become an event: a letter that can be read again by itself, by today's mapping."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from common.kafka.producer import Outgoing
from common.reasons import Reason
from topics.catalogue import dead_letter_topic, topics
from workers.ingest.files.mapping import Format
from workers.ingest.files.rows import Row
from workers.ingest.letters import INGEST, Bad, IngestLetters, Way

CONTENT_TYPES = {
    Format.CSV: "text/csv",  # the header's line and the row's own
    Format.JSONL: "application/json",
    Format.AVRO: "application/json",  # the record as JSON: an Avro record alone has no schema
}
_HEADERS_BYTES = 64 * 1024
_MOST_BYTES = int(topics()[dead_letter_topic(INGEST)].config["max.message.bytes"]) - _HEADERS_BYTES


class FileLetters:
    """Writes the letters of one file. What is larger than the topic takes is cut, and says so."""

    def __init__(self, letters: IngestLetters, source: str, file: str, form: Format) -> None:
        self._letters, self._source, self._file, self._form = letters, source, file, form

    def wrap(
        self, row: Row, natural_id: str, reason: Reason, errors: Sequence[tuple[str, str]], at: datetime
    ) -> Outgoing:
        """The row's bytes, the file and line, and every fault by its field (design §9)."""
        raw = row.raw[:_MOST_BYTES]
        unit = "record" if self._form is Format.AVRO else "line"
        bad = Bad(
            Way.FILE, self._source, raw, reason, errors, content_type=CONTENT_TYPES[self._form],
            place=f"{self._file[:200]} {unit} {row.number}", signal_id=natural_id,
        )  # fmt: skip
        made = self._letters.letter(bad, at)
        return made if len(raw) == len(row.raw) else replace(made, headers=(*made.headers, ("dlq.cut", b"true")))

    @staticmethod
    def shortened(row: Row) -> Row:
        """The row with half of its bytes, where even its letter is refused."""
        return replace(row, raw=row.raw[: len(row.raw) // 2])
