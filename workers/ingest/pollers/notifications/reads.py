"""The platform's status as a poller asks for it: paid for, and what stands in its way is a pause (§9)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from common.errors import AmbiguousError, NotSentError
from common.http import Answer, HttpClient
from common.reasons import Cause
from workers.ingest.pollers.api import PausedError
from workers.ingest.pollers.notifications.config import NotificationsPollerConfig
from workers.vendors.answered import Failure
from workers.vendors.notifications.reply import Reply
from workers.vendors.notifications.tokens import KEY_CODES, ask_token, authorization, granted_in
from workers.vendors.retry_after import wait_s
from workers.vendors.shared_token import Grant, SharedToken

_USUAL_S = 60.0
_NO_DATA = ("2060",)
Fits = Callable[[Reply], bool]


class GoneError(Exception):
    """No such job: purged, or not to be seen yet (§9 #6)."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: its name, where the page says so, when it fits, and why to pause."""

    name: str
    page: str
    fits: Fits
    cause: Cause
    detail: str
    has_hint: bool = False


def _status(first: int, last: int = 0) -> Fits:
    return lambda reply: first <= reply.status <= (last or first)


def _is_untrusted(reply: Reply) -> bool:
    return isinstance(reply.failure, NotSentError) and reply.failure.bad_certificate


def _is_busy(reply: Reply) -> bool:
    return reply.status in (429, 503)


def _is_key_refused(reply: Reply) -> bool:
    return 400 <= reply.status < 500 and any(code in KEY_CODES for code in reply.codes)


TABLE: Sequence[Row] = (
    Row("untrusted", "§9 #18", _is_untrusted, Cause.CONFIGURATION, "set ca_file, or correct the address"),
    Row("no_answer", "§9 #12", lambda reply: reply.failure is not None, Cause.VENDOR_DOWN, "no answer"),
    Row("key_refused", "§9 #2", _is_key_refused, Cause.CREDENTIALS, "the account is refused"),
    Row("unauthorised", "§9 #1", _status(401), Cause.CREDENTIALS, "user and password, or a fresh token, are refused"),
    Row("forbidden", "§9 #3", _status(403), Cause.CREDENTIALS, "the channel is not enabled, or the region is another"),
    Row("busy", "§9 #11", _is_busy, Cause.THROTTLED, "asks for patience", has_hint=True),
    Row("redirected", "§1", _status(300, 399), Cause.CONFIGURATION, "correct base_url or token_url"),
    Row("not_understood", "§9 #5", _status(400, 499), Cause.CONFIGURATION, "correct base_url or token_url"),
    Row("down", "§9 #12, #13", lambda _: True, Cause.VENDOR_DOWN, "not an answer that a poller can use"),
)
"""The first row that fits; asking changes nothing, so nothing is ever in doubt."""


class Reads:
    """Paid reads of one account."""

    def __init__(
        self, config: NotificationsPollerConfig, http: HttpClient, tokens: SharedToken[PausedError],
        spend: Callable[[], None], now: Callable[[], datetime],
    ) -> None:  # fmt: skip
        self._config, self._http, self._tokens, self._spend, self._now = config, http, tokens, spend, now

    def status(self, channel: str, job_id: str) -> Mapping[str, Any]:
        """Everything about a job (§4). Raises PausedError or GoneError."""
        url = f"{self._config.base_url}/mra/v1/outbound/{channel}/status?job_id={quote(job_id, safe='')}"
        reply = self._get(url)
        if reply.status in (400, 404) or any(code in _NO_DATA for code in reply.codes):
            raise GoneError(job_id)
        if 200 <= reply.status < 300 and reply.values:
            return reply.values
        raise self._paused(reply)

    def _get(self, url: str) -> Reply:
        """With a token that is renewed once where it is refused (§9 #1)."""
        stale: str | None = None
        while True:
            token = self._token(stale)
            self._spend()
            headers = {"authorization": authorization(self._config.username, self._config.password, token)}
            reply = Reply(_caught(lambda: self._http.request("GET", url, headers=headers, action="status")))  # noqa: B023
            if reply.status != 401 or token is None or stale is not None:
                return reply
            stale = token

    def _token(self, stale: str | None) -> str | None:
        if self._config.token_url is None:
            return None
        found = self._tokens.other_than(stale, self._ask)
        if isinstance(found, PausedError):
            raise found
        return found

    def _ask(self) -> Grant | PausedError:
        self._spend()
        reply = Reply(_caught(lambda: ask_token(self._config, self._http)))
        return granted_in(reply) or self._paused(reply)

    def _paused(self, reply: Reply) -> PausedError:
        row = next(row for row in TABLE if row.fits(reply))
        wait = (wait_s(reply.headers, self._now()) or _USUAL_S) if row.has_hint else None
        return PausedError(row.cause, f"{reply.failure or reply.status}: {row.detail}", wait)


def _caught(request: Callable[[], Answer]) -> Answer | Failure:
    try:
        return request()
    except (NotSentError, AmbiguousError) as error:
        return error
