"""Marketo's reads as a poller makes them: paid for, and what stands in their way is a pause (§4 of the vendor page)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from common.reasons import Cause
from workers.ingest.pollers.api import PausedError
from workers.vendors.marketo.auth import NoToken
from workers.vendors.marketo.reply import Reply
from workers.vendors.marketo.request import Request
from workers.vendors.marketo.service import MarketoService
from workers.vendors.marketo.waits import Waits


class TokenRefusedError(PausedError):
    """Marketo does not take a paging token any more: how long one lives is unknown (§8 #4)."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: where the page says so, when it fits, why to pause, and for how long."""

    page: str
    fits: Callable[[Reply], bool]
    cause: Cause
    detail: str
    wait: Callable[[Reply, Waits], float | None] = lambda _, __: None
    is_all: bool = True


def _code(*codes: str) -> Callable[[Reply], bool]:
    return lambda reply: not set(codes).isdisjoint(reply.codes)


def _status(*statuses: int) -> Callable[[Reply], bool]:
    return lambda reply: reply.status in statuses


TABLE: Sequence[Row] = (
    Row("§4.1", lambda reply: reply.failure is not None, Cause.VENDOR_DOWN, "no answer"),
    Row("§1", _status(401, 403), Cause.CREDENTIALS, "a fresh token is refused: is base_url the service's own?"),
    Row("§1", _code("601", "602"), Cause.CREDENTIALS, "a fresh token is refused: is base_url the service's own?"),
    Row("§4.1", _status(429), Cause.THROTTLED, "too many requests", lambda reply, waits: waits.hinted_s(reply.headers)),
    Row("§4.2", _code("607"), Cause.QUOTA, "the subscription's daily quota is used", lambda _, waits: waits.quota_s()),
    Row("§4.2", _code("606"), Cause.THROTTLED, "100 requests in 20 s, by all", lambda _, waits: waits.window_s()),
    Row("§4.2", _code("615"), Cause.THROTTLED, "10 requests at once, by all", lambda _, waits: waits.crowd_s()),
    Row(
        "§4.2",
        _code("603"),
        Cause.CONFIGURATION,
        "denied: the role needs Read-Only Activity and Read-Only Lead, and our address must be on the allow-list",
        is_all=False,
    ),
    Row("§4.2", _code("1006"), Cause.CONFIGURATION, "Marketo has no such field: correct the settings", is_all=False),
    Row("§4.2", _code("610"), Cause.CONFIGURATION, "no such path: correct base_url", is_all=False),
    Row("§4.1", _status(300, 301, 302, 307, 308, 404, 405), Cause.CONFIGURATION, "not Marketo: correct base_url"),
    Row("§4.2", lambda _: True, Cause.VENDOR_DOWN, "not an answer that a poller can use"),
)
"""The first row that fits; a read that broke off did nothing, so nothing is ever in doubt."""


class Reads:
    """Paid reads of one subscription."""

    def __init__(self, service: MarketoService, spend: Callable[[], None], waits: Waits) -> None:
        self._service, self._spend, self._waits = service, spend, waits

    def token_since(self, moment: str) -> str:
        """A paging token for everything since a moment, ISO 8601 with zone (§2.10a). Raises PausedError."""
        reply = self._asked("/rest/v1/activities/pagingtoken.json", {"sinceDatetime": moment}, "paging_token")
        token = reply.values.get("nextPageToken")
        if not isinstance(token, str) or not token:
            raise PausedError(Cause.VENDOR_DOWN, "no paging token in the answer")
        return token

    def page(self, path: str, token: str, query: dict[str, str], action: str) -> Reply:
        """A page behind a token. Raises TokenRefusedError when the token is good no more, else PausedError."""
        return self._asked(path, {**query, "nextPageToken": token, "batchSize": "300"}, action, has_token=True)

    def leads(self, request: Request) -> Reply:
        """A look-up. Raises PausedError."""
        return self._sent(request, "look_up_leads", has_token=False)

    def _asked(self, path: str, query: dict[str, str], action: str, *, has_token: bool = False) -> Reply:
        return self._sent(Request("GET", f"{path}?{urlencode(query)}"), action, has_token=has_token)

    def _sent(self, request: Request, action: str, *, has_token: bool) -> Reply:
        self._spend()
        came = self._service.call(request, action)
        if isinstance(came, NoToken):
            raise PausedError(came.cause, came.detail, came.retry_after_s)
        if came.success is True:
            return came
        raise _pause(came, self._waits, has_token=has_token)


def _pause(reply: Reply, waits: Waits, *, has_token: bool) -> PausedError:
    row = next(row for row in TABLE if row.fits(reply))
    said = f"{'/'.join(reply.codes) or reply.failure or reply.status}: {row.detail}"
    if has_token and row is TABLE[-1] and any(code.startswith(("1", "7")) for code in reply.codes):
        return TokenRefusedError(Cause.VENDOR_DOWN, f"{said}: taken for a refused paging token")
    return PausedError(row.cause, said, row.wait(reply, waits), is_all=row.is_all)
