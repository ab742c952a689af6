"""Events that an action makes instead of a request, as records of their topics."""

from collections.abc import Mapping, Sequence

from common.codec import Encoder, headers_of
from common.event import OutRecord
from topics.catalogue import Topic
from workers.sinks.api import Yielded


class Yields:
    """Encodes yielded events with the key that their topic prescribes."""

    def __init__(self, encoder: Encoder, topics: Mapping[str, Topic], prefix: str) -> None:
        self._encoder, self._topics, self._prefix = encoder, topics, prefix

    def records(self, events: Sequence[Yielded]) -> list[OutRecord]:
        """The records of these events; raises InvalidEventError for one that does not fit its schema."""
        return [self._record(event) for event in events]

    def _record(self, event: Yielded) -> OutRecord:
        value = self._encoder.encode(event.topic, event.value)
        key = self._topics[event.topic].key_of(event.value)
        return OutRecord(self._prefix + event.topic, key, value, tuple(headers_of(event.topic, event.value)))
