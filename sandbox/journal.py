"""What a sandbox received: every request with its body, and counters that are never forgotten."""

import json
from collections import Counter, deque
from dataclasses import asdict, dataclass
from typing import Any

from starlette.datastructures import Headers

_SECRET = frozenset({"authorization", "cookie", "proxy-authorization", "otcsticket", "otdsticket"})


@dataclass(slots=True)
class Received:
    """One request. `acted`: the vendor processed it; `status` 0: it got no answer."""

    number: int
    at: float
    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: Any
    fault: str = ""
    acted: bool = False
    status: int = 0


class Journal:
    """The last `keep` requests in order of arrival, and how many there were of each kind."""

    def __init__(self, keep: int) -> None:
        self._requests: deque[Received] = deque(maxlen=keep)
        self._counters: Counter[str] = Counter()
        self._number = 0
        self.era = 0
        """How often everything was forgotten."""

    def arrived(self, at: float, method: str, path: str, query: str, headers: Headers, body: bytes) -> Received:
        """Note a request; its fate is filled in later."""
        self._number += 1
        shown = {name: value for name, value in headers.items() if name not in _SECRET}
        received = Received(self._number, at, method, path, query, shown, readable(body))
        self._requests.append(received)
        self._counters[f"{method} {path}"] += 1
        return received

    def ended(self, received: Received, status: int) -> None:
        """Note what it was answered; 0 is no answer."""
        received.status = status
        self._counters[f"{received.method} {received.path} {status or 'no answer'}"] += 1

    def requests(self, path: str | None = None, text: str | None = None) -> list[dict[str, Any]]:
        """The requests whose path begins with `path` and whose body holds `text`."""
        return [
            asdict(each)
            for each in self._requests
            if (not path or each.path.startswith(path)) and (not text or text in json.dumps(each.body))
        ]

    def counters(self) -> dict[str, int]:
        """By `POST /path`, and by `POST /path 201`."""
        return dict(self._counters)

    def clear(self) -> None:
        """Forget everything."""
        self._requests.clear()
        self._counters.clear()
        self.era += 1


def readable(body: bytes) -> Any:
    """JSON where it is JSON, else text."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return body.decode("utf-8", "replace")
