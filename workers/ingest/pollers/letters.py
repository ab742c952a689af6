"""An item that cannot become an event: a letter on the ingest dead-letter topic, with the signal as it came."""

from datetime import datetime

import orjson

from common.event import OutRecord
from common.reasons import Reason
from topics.catalogue import topics
from workers.ingest.pollers.api import Item

TOPIC = "comms.dlq.ingest.v1"
_DETAIL_CHARACTERS = 500
_HEADERS_BYTES = 64 * 1024


class PollLetters:
    """Writes the letters of one source's pollers. What is larger than the topic takes is cut, and says so."""

    def __init__(self, prefix: str, source: str, worker: str) -> None:
        self._topic, self._source, self._worker = prefix + TOPIC, source, worker
        self._most_bytes = int(topics()[TOPIC].config["max.message.bytes"]) - _HEADERS_BYTES

    def wrap(self, feed: str, item: Item, reason: Reason, detail: str, at: datetime) -> OutRecord:
        """The signal's bytes, keyed by its id, and why it is here (design §9); `detail` is ours and is cut."""
        value = orjson.dumps(item.signal)
        facts = {
            "dlq.source": self._source,
            "dlq.feed": feed,
            "dlq.reason": str(reason),
            "dlq.stage": "parse",
            "dlq.detail": detail[:_DETAIL_CHARACTERS],
            "dlq.worker": self._worker,
            "dlq.first_failed_at": at.isoformat(),
            "dlq.cut": "true" if len(value) > self._most_bytes else "",
        }
        headers = tuple((name, text.encode()) for name, text in facts.items() if text)
        return OutRecord(self._topic, item.id.encode()[:1000], value[: self._most_bytes], headers)
