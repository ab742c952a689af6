"""The conversation by which a request gets its token, and the token that all requests share (§1).

`conversation` is a generator without I/O: it says what to do next, and is told what came of it.
"""

import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass

from common.reasons import Cause
from workers.vendors.marketo.reply import Reply


@dataclass(frozen=True, slots=True)
class Renew:
    """Give me a token other than this one."""

    stale: str | None


@dataclass(frozen=True, slots=True, repr=False)
class Send:
    """Send the request with this token."""

    token: str


@dataclass(frozen=True, slots=True, repr=False)
class Granted:
    """A token, and for how long it was still good when it was asked for."""

    token: str
    expires_in_s: float


@dataclass(frozen=True, slots=True)
class NoToken:
    """Why there is none: nothing was sent. `retry_after_s` is how long it means, where that is known."""

    cause: Cause
    detail: str
    retry_after_s: float | None = None


Told = str | NoToken | Reply
Conversation = Generator[Renew | Send, Told, Reply | NoToken]


def conversation() -> Conversation:
    """Send with the token at hand; where it is refused, nothing was done: once more with another one (§1).

    A second refusal is an answer like any other: asking on would not help.
    """
    stale: str | None = None
    while True:
        token = yield Renew(stale)
        if not isinstance(token, str):
            return token
        reply = yield Send(token)
        if isinstance(reply, str):
            raise TypeError("a request was sent, and a token came back")
        if isinstance(reply, NoToken) or not reply.refuses_token or stale is not None:
            return reply
        stale = token


class Tokens:
    """The one token of a service, for all threads: whoever finds it used up renews it for everybody.

    Asking before its end gives the same token again (§1), so near its end it is asked for anew in halves of
    what is left. `ask` makes the request; `monotonic` is the clock.
    """

    def __init__(self, ask: Callable[[], Granted | NoToken], margin_s: float, monotonic: Callable[[], float]) -> None:
        self._ask, self._margin_s, self._monotonic = ask, margin_s, monotonic
        self._renewing = threading.Lock()
        self._good: tuple[str, float] | None = None
        self._round, self._last = 0, _nothing()

    def other_than(self, stale: str | None) -> str | NoToken:
        """A token that is not this one, or why there is none; threads that ask at once share one request."""
        seen = self._round
        if token := self._usable(stale):
            return token
        with self._renewing:
            if token := self._usable(stale):
                return token
            if self._round == seen:
                self._last = self._renewed()
                self._round += 1
            return self._last

    def forget(self) -> None:
        """The token is not to be used any more."""
        self._good = None

    def _usable(self, stale: str | None) -> str | None:
        """The token at hand; one that was refused is dropped only while it is still the one at hand."""
        good = self._good
        if good is None or good[0] == stale or self._monotonic() >= good[1]:
            return None
        return good[0]

    def _renewed(self) -> str | NoToken:
        asked_at = self._monotonic()
        granted = self._ask()
        if isinstance(granted, NoToken):
            return granted
        left_s = max(granted.expires_in_s - self._margin_s, granted.expires_in_s / 2)
        self._good = (granted.token, asked_at + left_s)
        return granted.token


def _nothing() -> str | NoToken:
    return ""
