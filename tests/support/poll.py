"""Waiting in tests: ask again until it is so, never sleep and hope."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(condition: Callable[[], T], deadline_s: float = 10.0, *, every_s: float = 0.02, what: str = "") -> T:
    """The first truthy answer of `condition`; AssertionError with its last answer past the deadline."""
    until = time.monotonic() + deadline_s
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() >= until:
            name = what or getattr(condition, "__name__", repr(condition))
            raise AssertionError(f"not within {deadline_s:g} s: {name}; its last answer was {answer!r}")
        time.sleep(every_s)
