"""When this process sent what, so that a look-up knows where to look, and how often it looked. In memory."""

import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import datetime

_MOST = 10_000


@dataclass(frozen=True, slots=True)
class SentAt:
    """The moment of a request, by our clock, and how many look-ups found nothing."""

    moment: datetime
    misses: int = 0


class Sent:
    """By delivery id. Thread-safe; forgets the oldest when there are too many."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sent: OrderedDict[str, SentAt] = OrderedDict()

    def note(self, delivery_id: str, moment: datetime) -> None:
        """A request is about to leave."""
        with self._lock:
            self._sent[delivery_id] = SentAt(moment)
            self._sent.move_to_end(delivery_id)
            while len(self._sent) > _MOST:
                self._sent.popitem(last=False)

    def get(self, delivery_id: str) -> SentAt | None:
        """What is known of it."""
        return self._sent.get(delivery_id)

    def missed(self, delivery_id: str) -> int:
        """One more look-up found nothing; how many did so far."""
        with self._lock:
            known = self._sent.get(delivery_id)
            if known is None:
                return 0
            self._sent[delivery_id] = replace(known, misses=known.misses + 1)
            return known.misses + 1

    def forget(self, delivery_id: str) -> None:
        """Its end is known."""
        with self._lock:
            self._sent.pop(delivery_id, None)
