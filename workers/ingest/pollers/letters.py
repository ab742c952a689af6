"""An item that cannot become an event: a letter on the ingest dead-letter topic, with the signal as it came."""

from datetime import datetime

import orjson

from common.event import OutRecord
from common.reasons import Reason
from topics.catalogue import dead_letter_topic, topics
from workers.ingest.letters import INGEST, Bad, IngestLetters, Way
from workers.ingest.pollers.api import Item

TOPIC = dead_letter_topic(INGEST)
_HEADERS_BYTES = 64 * 1024


class PollLetters:
    """Writes the letters of one source's pollers. What is larger than the topic takes is cut, and says so."""

    def __init__(self, prefix: str, source: str, worker: str) -> None:
        self._letters, self._source = IngestLetters(prefix, worker), source
        self._most_bytes = int(topics()[TOPIC].config["max.message.bytes"]) - _HEADERS_BYTES

    def wrap(self, feed: str, item: Item, reason: Reason, detail: str, at: datetime) -> OutRecord:
        """The signal's bytes and why it is here (design §9); its place is the feed, `detail` is ours and is cut."""
        value = orjson.dumps(item.signal)
        raw = value[: self._most_bytes]
        bad = Bad(Way.POLLER, self._source, raw, reason, [("", detail)], content_type="application/json", place=feed)
        made = self._letters.letter(bad, at)
        cut = () if len(raw) == len(value) else (("dlq.cut", b"true"),)
        return OutRecord(made.topic, made.key, made.value, (*made.headers, *cut))
