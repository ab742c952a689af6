"""Found nodes, remembered within bounds of number and age. Pure."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable


class Cache:
    """Node ids by what they were found by; the least recently used is forgotten first. Thread-safe."""

    def __init__(self, most: int, for_s: float, monotonic: Callable[[], float]) -> None:
        self._most, self._for_s, self._monotonic = most, for_s, monotonic
        self._found: OrderedDict[Hashable, tuple[str, float]] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._found)

    def get(self, key: Hashable) -> str | None:
        """What was found under a key, unless it is too old."""
        with self._lock:
            node, until = self._found.get(key, ("", 0.0))
            if not node or self._monotonic() >= until:
                self._found.pop(key, None)
                return None
            self._found.move_to_end(key)
            return node

    def put(self, key: Hashable, node: str) -> None:
        """Remember; only what was found, never that something was not."""
        with self._lock:
            self._found[key] = (node, self._monotonic() + self._for_s)
            self._found.move_to_end(key)
            if len(self._found) > self._most:
                self._found.popitem(last=False)

    def forget(self, node: str) -> bool:
        """Drop a node that turned out to be gone, whatever it was found by; whether it was remembered."""
        with self._lock:
            stale = [key for key, (found, _) in self._found.items() if found == node]
            for key in stale:
                del self._found[key]
            return bool(stale)
