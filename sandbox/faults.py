"""Scripted faults: which requests go wrong, and how."""

import random
import time
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Kind(StrEnum):
    """How a request goes wrong."""

    ANSWER = "answer"  # a scripted status, headers and body
    SLOW = "slow"  # the right answer, after delay_s
    HANG = "hang"  # act, then never answer
    LATE = "late"  # never answer, and act only after delay_s
    RESET = "reset"  # the connection is reset
    TRUNCATE = "truncate"  # act, then half the body and the end of the connection
    RELABEL = "relabel"  # act, and answer rightly under another content type


_ACTS = frozenset({Kind.SLOW, Kind.HANG, Kind.LATE, Kind.TRUNCATE, Kind.RELABEL})


class FaultSpec(BaseModel):
    """What a test posts. A request that all of path, match, skip, count, for_s and share let through gets it."""

    model_config = ConfigDict(extra="forbid")

    kind: Kind = Kind.ANSWER
    path: str | None = Field(None, description="Only requests whose path begins so.")
    match: str | None = Field(None, description="Only requests whose body holds this text.")
    skip: int = Field(0, ge=0, description="So many matching requests go well first.")
    count: int | None = Field(None, ge=1, description="So many requests; without it, until it is removed.")
    share: float = Field(1.0, gt=0, le=1, description="This share of the matching requests, at random.")
    for_s: float | None = Field(None, gt=0, description="Only for so long from now on, seconds.")
    act: bool | None = Field(None, description="Whether the vendor acts; what the kind does when not said.")
    delay_s: float = Field(600.0, ge=0, description="slow, late: wait; hang: keep the connection at most.")
    status: int = Field(500, ge=200, le=599, description="answer: the status.")
    headers: dict[str, str] = Field(default_factory=dict, description="answer: more headers.")
    body: Any = Field(None, description="answer: text as it stands, anything else as JSON, null for none.")
    content_type: str | None = Field(None, description="answer, relabel: the content type.")

    @property
    def acts(self) -> bool:
        """Whether the vendor processes the request all the same."""
        return self.kind in _ACTS if self.act is None else self.act


class Fault:
    """A spec and how much of it is used up."""

    def __init__(self, number: int, spec: FaultSpec, rng: random.Random) -> None:
        self.number, self.spec = number, spec
        self.used = 0
        self._skipped = 0
        self._rng = rng
        self._until = None if spec.for_s is None else time.monotonic() + spec.for_s

    @property
    def is_over(self) -> bool:
        """Whether it will not hit anything any more."""
        if self._until is not None and time.monotonic() >= self._until:
            return True
        return self.spec.count is not None and self.used >= self.spec.count

    def hits(self, path: str, body: bytes) -> bool:
        """Whether this request goes wrong; counts it when so."""
        spec = self.spec
        if self.is_over or (spec.path and not path.startswith(spec.path)):
            return False
        if spec.match is not None and spec.match.encode() not in body:
            return False
        if self._skipped < spec.skip:
            self._skipped += 1
            return False
        if self._rng.random() >= spec.share:
            return False
        self.used += 1
        return True

    def shown(self) -> dict[str, Any]:
        """For the control endpoint."""
        return {"number": self.number, "used": self.used, "over": self.is_over, **self.spec.model_dump()}
