"""Which alerts were raised lately: those with one key are one alert (comms.alert.v1)."""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

_MOST = 10_000


class Raised:
    """Alert id -> the event that raised it first, as this process has seen it. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: OrderedDict[str, str] = OrderedDict()

    def is_new(self, alert: Mapping[str, Any]) -> bool:
        """Whether no other event has raised this alert; the same event may again, its first try may have failed."""
        with self._lock:
            event_id, caused_by = str(alert["event_id"]), str(alert["caused_by"])
            first = self._seen.setdefault(event_id, caused_by)
            self._seen.move_to_end(event_id)
            if len(self._seen) > _MOST:
                self._seen.popitem(last=False)
            return first == caused_by
