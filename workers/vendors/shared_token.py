"""One token for all threads of a client: whoever finds it used up renews it for everybody. No I/O."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

Refusal = TypeVar("Refusal")


@dataclass(frozen=True, slots=True, repr=False)
class Grant:
    """A token and how long it is good for."""

    token: str
    life_s: float

    @property
    def used_s(self) -> float:
        """How long it is sent."""
        return self.life_s


class SharedToken(Generic[Refusal]):
    """The token at hand, or why there is none: a `Refusal`. Thread-safe."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._renewing = threading.Lock()
        self._good: tuple[str, float] | None = None
        self._round = 0
        self._last: str | Refusal = ""

    def other_than(self, stale: str | None, ask: Callable[[], Grant | Refusal]) -> str | Refusal:
        """A token that is not this one, or why there is none; threads that ask at once share one request."""
        seen = self._round
        if token := self.usable(stale):
            return token
        with self._renewing:
            if token := self.usable(stale):
                return token
            if self._round == seen:
                self._last = self._renewed(ask)
                self._round += 1
            return self._last

    def usable(self, stale: str | None = None) -> str | None:
        """The token at hand, unless it is used up or this one."""
        good = self._good
        return good[0] if good and good[0] != stale and self._monotonic() < good[1] else None

    def forget(self) -> None:
        """The token is not to be used any more."""
        self._good = None

    def _renewed(self, ask: Callable[[], Grant | Refusal]) -> str | Refusal:
        asked_at = self._monotonic()
        granted = ask()
        if not isinstance(granted, Grant):
            return granted
        self._good = (granted.token, asked_at + granted.used_s)
        return granted.token
