"""Braze's reads as a poller makes them: paid for; what stands in their way is a pause (§4, §5 of the vendor page)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import orjson

from common.clock import Clock
from common.errors import RequestError
from common.http import Answer, HttpClient
from common.reasons import Cause
from workers.ingest.pollers.api import PausedError
from workers.ingest.pollers.braze.config import BrazePollerConfig
from workers.vendors.braze.rate import Patience, number

Found = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: where the page says so, when it fits, why to pause; whether all feeds would fare so."""

    page: str
    fits: Callable[[Answer], bool]
    cause: Cause
    detail: str
    is_all: bool = True


def _status(*statuses: int) -> Callable[[Answer], bool]:
    return lambda answer: answer.status in statuses


def _is_page(answer: Answer) -> bool:
    return answer.status == 403 and answer.body.lstrip()[:1] == b"<"


TABLE: Sequence[Row] = (
    Row("§4", _status(429), Cause.THROTTLED, "too many requests, by all of the workspace"),
    Row("§5", _status(401), Cause.CREDENTIALS, "the key is wrong, of another cluster, or was withdrawn"),
    Row("§5", _is_page, Cause.VENDOR_DOWN, "a page of the firewall in front of Braze"),
    Row(
        "§1.3",
        _status(403),
        Cause.CONFIGURATION,
        "denied: the key lacks this endpoint's permission, or our address is not on its allow-list",
        is_all=False,
    ),
    Row("§5", _status(400), Cause.CONFIGURATION, "Braze does not understand what the poller asks", is_all=False),
    Row("§5", _status(300, 301, 302, 307, 308, 404, 405, 406, 415), Cause.CONFIGURATION, "not Braze: correct base_url"),
    Row("§5", lambda _: True, Cause.VENDOR_DOWN, "not an answer that a poller can use"),
)
"""The first row that fits; a read that broke off did nothing, so nothing is ever in doubt."""


class Reads:
    """Paid reads of one workspace. One thread."""

    def __init__(
        self, config: BrazePollerConfig, http: HttpClient, spend: Callable[[], None], patience: Patience, clock: Clock
    ) -> None:
        self._config, self._http, self._spend = config, http, spend
        self._patience, self._clock = patience, clock
        self._not_before = 0.0

    def page(self, path: str, query: Mapping[str, str], field: str, action: str) -> list[Any]:
        """The rows of a list. Raises PausedError."""
        answer = self._get(path, query, action)
        found = _content(answer)
        if found is None:
            raise self._pause(answer, path)
        rows = found.get(field)
        if not isinstance(rows, list):
            raise PausedError(Cause.VENDOR_DOWN, f"{path}: the answer has no {field}")
        return rows

    def one(self, path: str, query: Mapping[str, str], action: str) -> Found | None:
        """One thing; None when it is not there any more: its id came from the list (§2.11). Raises PausedError."""
        answer = self._get(path, query, action)
        found = _content(answer)
        if found is None and answer.status != 400:
            raise self._pause(answer, path)
        return found

    def _get(self, path: str, query: Mapping[str, str], action: str) -> Answer:
        wait_s = self._not_before - self._clock.monotonic()
        if wait_s > 0:
            detail = f"less than {self._config.reserve:.0%} of the workspace's pool is left: it is the others'"
            raise PausedError(Cause.THROTTLED, detail, wait_s)
        self._spend()
        url = f"{self._config.base_url}{path}?{urlencode(query)}"
        try:
            answer = self._http.request("GET", url, headers=self._config.headers, action=action)
        except RequestError as error:
            raise PausedError(Cause.VENDOR_DOWN, f"{path}: {error}") from error
        self._keep_reserve(answer)
        return answer

    def _keep_reserve(self, answer: Answer) -> None:
        """What is left of the pool is told with every answer; approximately (§4)."""
        limit = number(answer.headers.get("x-ratelimit-limit"))
        left = number(answer.headers.get("x-ratelimit-remaining"))
        if limit and left is not None and left < self._config.reserve * limit:
            self._not_before = self._clock.monotonic() + (self._patience.ends_s(answer.headers) or 0.0)

    def _pause(self, answer: Answer, path: str) -> PausedError:
        row = next(row for row in TABLE if row.fits(answer))
        wait_s = self._patience.wait_s(answer.headers) if row.cause is Cause.THROTTLED else None
        return PausedError(row.cause, f"{path} {answer.status}: {row.detail}", wait_s, is_all=row.is_all)


def _content(answer: Answer) -> Found | None:
    """The object of a success: 2xx and `message` says so (§2.0)."""
    if not 200 <= answer.status < 300:
        return None
    try:
        found = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) and found.get("message") == "success" else None
