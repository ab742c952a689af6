"""What the identity endpoint's answer means, as one ordered table: a token, or why there is none (§1). Pure.

Asking for a token does nothing else, so no failure of it is ever unsure.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from common.errors import NotSentError
from common.http import Answer
from common.reasons import Cause
from workers.vendors.answered import Failure
from workers.vendors.marketo.auth import Granted, NoToken
from workers.vendors.marketo.reply import Reply
from workers.vendors.marketo.waits import Waits

_MOMENT_S = 2.0  # §1: an `expires_in` of 0 was seen; a little later there is a new token


@dataclass(frozen=True, slots=True)
class TokenRow:
    """One line: its name, where the page says so, when it fits, and what follows."""

    name: str
    page: str
    fits: Callable[[Reply], bool]
    outcome: Callable[[Reply, Waits], Granted | NoToken]


def judge_token(came: Answer | Failure, waits: Waits) -> tuple[str, Granted | NoToken]:
    """The row that fits, and the token or why there is none."""
    reply = Reply(came)
    row = next(row for row in TOKEN_TABLE if row.fits(reply))
    return row.name, row.outcome(reply, waits)


def _token(reply: Reply) -> str:
    """The token, when it can travel in a header."""
    token = reply.values.get("access_token")
    is_one = isinstance(token, str) and token and token.isascii() and token.isprintable() and " " not in token
    return str(token) if is_one and reply.status == 200 else ""


def _left_s(reply: Reply) -> float:
    left = reply.values.get("expires_in")
    return float(left) if isinstance(left, int | float) and not isinstance(left, bool) else 0.0


def _has_token(reply: Reply) -> bool:
    return bool(_token(reply)) and _left_s(reply) > 0


def _has_used_up_token(reply: Reply) -> bool:
    return bool(_token(reply))


def _is_untrusted(reply: Reply) -> bool:
    return isinstance(reply.failure, NotSentError) and reply.failure.bad_certificate


def _is_unsent(reply: Reply) -> bool:
    return isinstance(reply.failure, NotSentError)


def _status(*statuses: int) -> Callable[[Reply], bool]:
    return lambda reply: reply.status in statuses


def _always(_: Reply) -> bool:
    return True


def _hold(cause: Cause, detail: str, wait: Callable[[Waits], float] | None = None) -> Callable[[Reply, Waits], NoToken]:
    def outcome(reply: Reply, waits: Waits) -> NoToken:
        said = reply.failure or "/".join(reply.codes) or reply.status
        return NoToken(cause, f"token: {said}: {detail}", wait(waits) if wait else None)

    return outcome


_REFUSED = _hold(Cause.CREDENTIALS, "client_id and client_secret are refused: changed, or the service was deleted")
_WRONG = _hold(Cause.CONFIGURATION, "not Marketo's identity service: correct base_url")

TOKEN_TABLE: Sequence[TokenRow] = (
    TokenRow("untrusted", "§4.1", _is_untrusted, _hold(Cause.CONFIGURATION, "set ca_file, or correct base_url")),
    TokenRow(
        "not_sent",
        "§4.1",
        lambda reply: isinstance(reply.failure, NotSentError),
        _hold(Cause.VENDOR_DOWN, "not reached"),
    ),
    TokenRow("no_answer", "§4.1", lambda reply: reply.failure is not None, _hold(Cause.VENDOR_DOWN, "no answer")),
    TokenRow("granted", "§1", _has_token, lambda reply, _: Granted(_token(reply), _left_s(reply))),
    TokenRow(
        "used_up", "§1", _has_used_up_token, _hold(Cause.THROTTLED, "the token has just ended", lambda _: _MOMENT_S)
    ),
    TokenRow("bad_credentials", "§1", _status(400, 401, 403), _REFUSED),
    TokenRow("wrong_path", "§4.2", lambda reply: not {"600", "605", "610"}.isdisjoint(reply.codes), _WRONG),
    TokenRow("redirected", "§0", lambda reply: 300 <= reply.status <= 399, _WRONG),
    TokenRow("throttled", "§4.1", _status(429), _hold(Cause.THROTTLED, "too many requests", Waits.window_s)),
    TokenRow("wrong_address", "§4.1", _status(404, 405, 406, 415), _WRONG),
    TokenRow("anything_else", "§4.1", _always, _hold(Cause.VENDOR_DOWN, "no token in the answer")),
)
