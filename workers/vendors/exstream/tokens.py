"""The OAuth token of a client (§1): short-lived, shared by all threads, renewed early. No I/O."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from common.http import Answer
from common.reasons import Cause
from workers.vendors.answered import Failure
from workers.vendors.exstream import signs as s
from workers.vendors.exstream.patience import wait_s
from workers.vendors.exstream.reply import Reply
from workers.vendors.shared_token import Grant, SharedToken

USUAL_LIFE_S, MOST_LIFE_S, RENEWED_AT, LEAST_LEFT_S = 900.0, 86_400.0, 0.8, 60.0


@dataclass(frozen=True, slots=True, repr=False)
class Granted(Grant):
    """A token of Exstream's."""

    @property
    def used_s(self) -> float:
        """How long it is sent: never with less than 60 s left, nor past 80 % of its life (§1); half of a short one."""
        return max(min(self.life_s * RENEWED_AT, self.life_s - LEAST_LEFT_S), self.life_s / 2)


@dataclass(frozen=True, slots=True)
class NoToken:
    """Why there is none: nothing was sent. `retry_after_s` is how long it means, where that is known."""

    cause: Cause
    detail: str
    retry_after_s: float | None = None


class Tokens(SharedToken[NoToken]):
    """The one token, and when a request is to be made with another one."""

    def refuses(self, reply: Reply, token: str, *, is_harmless: bool = True) -> bool:
        """Whether a request with this token is to be made once more with another one (§9 #1, #2, #20)."""
        if reply.status == 401:
            return not reply.is_embedded_failure  # an embedded one is the engine's: the token is fine (§2)
        looks_expired = reply.status == 500 and self.is_old(token)
        return is_harmless and (looks_expired or (reply.is_ok and not reply.is_json))

    def is_old(self, token: str) -> bool:
        """Whether it may have ended while a request was under way: an expired one can look like a 500 (§1)."""
        return self.usable() != token


@dataclass(frozen=True, slots=True)
class TokenRow:
    """One line: its name, where the page says so, when it fits, and why there is no token."""

    name: str
    page: str
    fits: s.Fits
    cause: Cause
    detail: str
    wait: Callable[[Reply, datetime], float | None] = lambda _, __: None


def judge_token(came: Answer | Failure, now: datetime) -> Granted | NoToken:
    """What the token endpoint said; asking is harmless, so nothing here is in doubt."""
    reply = Reply(came)
    granted = _granted(reply)
    if granted is not None:
        return granted
    row = token_row(reply)
    said = reply.failure or reply.status
    return NoToken(row.cause, f"{said}: {row.detail}", row.wait(reply, now))


def token_row(reply: Reply) -> TokenRow:
    """The first row that fits an answer without a token."""
    return next(row for row in TOKEN_TABLE if row.fits(reply))


def _granted(reply: Reply) -> Granted | None:
    token, life = reply.values.get("access_token"), reply.values.get("expires_in")
    fits = isinstance(token, str) and token.isascii() and token.isprintable() and token.strip() == token != ""
    if not reply.is_ok or not isinstance(token, str) or not fits:
        return None
    is_number = isinstance(life, int | float) and not isinstance(life, bool) and life > 0
    return Granted(token, min(float(life), MOST_LIFE_S) if is_number and life is not None else USUAL_LIFE_S)


def _asked_for(reply: Reply, now: datetime) -> float:
    return wait_s(reply.headers, now)


TOKEN_TABLE: Sequence[TokenRow] = (
    TokenRow("token_untrusted", "§9 #14", s.is_untrusted, Cause.CONFIGURATION, "token_url: set ca_file, or correct it"),
    TokenRow("token_no_answer", "§9 #14", s.is_lost, Cause.VENDOR_DOWN, "token_url is not reached"),
    TokenRow(
        "token_key_refused",
        "§1, §9 #3",
        s.code(*s.KEY_CODES, "invalid_grant", "invalid_scope"),
        Cause.CREDENTIALS,
        "token_url refuses client_id, client_secret or scope",
    ),
    TokenRow("token_unauthorised", "§9 #3", s.status(400, 401, 403), Cause.CREDENTIALS, "token_url refuses us"),
    TokenRow("token_redirected", "§1", s.between(300, 399), Cause.CONFIGURATION, "correct token_url"),
    TokenRow("token_busy", "§9 #12", s.status(429, 503), Cause.THROTTLED, "token_url asks for patience", _asked_for),
    TokenRow("token_no_such_path", "§9 #8", s.between(402, 499), Cause.CONFIGURATION, "correct token_url"),
    TokenRow("token_unreadable", "§9 #20", s.always, Cause.VENDOR_DOWN, "token_url gave no token"),
)
