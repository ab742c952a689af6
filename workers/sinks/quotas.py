"""One limit of a vendor, as one worker keeps its share of it. Pure: moments come in, numbers go out.

Three kinds, and why each never lets the fleet exceed the limit (the property tests hold all of them to it):

`OwnCount`, sliding. A request counts from before it may leave until a whole window after it ended; so no span of
that length sees more than the share, wherever it begins. Aligned windows up to a minute are kept the same way:
what holds for every span holds for the vendor's, and no clock has to be trusted. A partition that is new to us
comes with its part used up: its former owner may just have.

`OwnCount`, aligned. Longer windows and days begin by the wall clock. Near a boundary a request counts in both
windows, for our clock and the vendor's may differ; after a step of the clock they may differ by that step.

`VendorCount`. A quota of an hour or a day that the vendor counts itself outlives restarts and is used by others,
so nothing is taken for granted: a worker reads what remains, and may use a sixth of its share of that within the
next minute. Two grants of a share in one period leave at least half of what remained: 1 - 1/6 - 1/6 : 1/2 = 1/2.
So whoever holds an older grant, made of at most twice as much, still finds it covered; a share may change hands
eight times in a period before that ends. Nine tenths of an hour's quota can be used in 13 minutes.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from workers.sinks.limit import Count, Limit, WindowKind
from workers.sinks.periods import begin_of, end_of, longest_s
from workers.sinks.shares import part_of
from workers.sinks.usage import Usage

SHORT_S = 60.0
"""Windows up to this long begin empty on partitions that are new to us, and are never asked about."""

SOON_S = 0.05
"""A wait for something that ends when it ends: a request, an answer."""

_ASK_AGAIN_S = 0.5
_GRANT = 1 / 6
_KEPT_BACK = 50  # one in so many is kept for asking, and for the first request where only answers tell the count


@dataclass(frozen=True, slots=True)
class Moment:
    """Now, on both clocks; `doubt_s` is how far the wall clock and the vendor's may be apart."""

    monotonic: float
    wall: datetime
    doubt_s: float


class Quota(Protocol):
    """A worker's share of one limit. `out` is how many requests were taken and have not ended."""

    def assigned(self, numbers: Collection[int], gained: Collection[int], at: float) -> None:
        """The worker owns these partition numbers; the gained ones may have been used by others until `at`."""
        ...

    def left(self, out: int, now: Moment) -> int:
        """How many more requests may be taken now."""
        ...

    def wait_s(self, out: int, now: Moment) -> float:
        """When nothing is left: seconds after which asking again may be worth it."""
        ...

    def taken(self) -> None:
        """One was taken."""
        ...

    def landed(self, count: int, at: float) -> None:
        """So many that were taken have ended: the vendor counted them, at latest then."""
        ...

    def given_back(self, count: int) -> None:
        """So many that were taken were certainly not sent."""
        ...


class OwnCount:
    """A limit that only we count. `requests` is the group's part of it."""

    def __init__(self, limit: Limit, requests: int, partitions: int) -> None:
        self._limit, self._requests, self._partitions = limit, requests, partitions
        self._slides = limit.kind is WindowKind.SLIDING or (
            limit.kind is WindowKind.ALIGNED and limit.window_s <= SHORT_S
        )
        self._longest_s = longest_s(limit)
        # an aligned window looks back past its beginning by our doubt, and a step of the clock makes that large
        self._usage = Usage(self._longest_s if self._slides else 3 * self._longest_s)
        self._share = 0

    def has_part(self) -> bool:
        """Whether a request of it is ever ours."""
        return self._share > 0

    def assigned(self, numbers: Collection[int], gained: Collection[int], at: float) -> None:
        """What other owners may have used counts as ours; what we used of lost partitions goes on counting."""
        self._share = part_of(self._requests, self._partitions, numbers)
        self._usage.add(at, part_of(self._requests, self._partitions, gained))

    def left(self, out: int, now: Moment) -> int:
        """The share less what this window may hold already."""
        return self._share - out - self._usage.since(self._since(now), now.monotonic)

    def wait_s(self, out: int, now: Moment) -> float:
        """Until the oldest requests leave the window, or it ends."""
        since = self._since(now)
        surplus = out + self._usage.since(since, now.monotonic) - self._share + 1
        if not self._slides:
            doubt = self._doubt(now)
            return max(SOON_S, (end_of(self._limit, now.wall - doubt) + doubt - now.wall).total_seconds())
        free_at = self._usage.free_at(since, surplus)
        return SOON_S if free_at is None else max(SOON_S / 10, free_at - since)

    def taken(self) -> None:
        """It counts as `out` until it lands."""

    def landed(self, count: int, at: float) -> None:
        """From now on they age."""
        self._usage.add(at, count)

    def given_back(self, count: int) -> None:
        """They are not `out` any more, and that was all."""

    def _since(self, now: Moment) -> float:
        """From when on (monotonic) requests may stand in a window with one that is sent now."""
        if self._slides:
            return now.monotonic - self._limit.window_s
        doubt = self._doubt(now)
        begin = begin_of(self._limit, now.wall - doubt) - doubt
        return now.monotonic - (now.wall - begin).total_seconds()

    def _doubt(self, now: Moment) -> timedelta:
        return timedelta(seconds=min(now.doubt_s, self._longest_s))


class VendorCount:
    """A limit that the vendor counts, and tells when asked. `weight` is the group's part of it, at most 1."""

    def __init__(self, limit: Limit, weight: float, partitions: int) -> None:
        self._limit, self._group_weight, self._partitions = limit, weight, partitions
        self._kept_back = limit.requests // _KEPT_BACK
        self._grant_s = min(SHORT_S, limit.window_s / 60)
        self._weight = 0.0
        self._room = 0  # requests that the grant still allows
        self._valid_until = self._asked_at = self._ask_at = self._scout_at = -math.inf
        self._is_asking = self._is_wanted = self._is_scouting = self._is_used_up = False
        self._unsettled = 0  # out when we asked, and taken since: the vendor may not have counted them

    def assigned(self, numbers: Collection[int], gained: Collection[int], at: float) -> None:  # noqa: ARG002
        """The grant goes on for what was kept; for what was gained the vendor is asked."""
        kept = self._group_weight * (len(numbers) - len(gained)) / self._partitions
        if self._weight > kept and self._room > 0:
            self._room = math.floor(self._room * kept / self._weight)
        self._weight = self._group_weight * len(numbers) / self._partitions
        if gained:
            self._ask_at = -math.inf

    def left(self, out: int, now: Moment) -> int:  # noqa: ARG002 what is out was taken from the room
        """What the last grant still allows."""
        return self._room if now.monotonic < self._valid_until else 0

    def wait_s(self, out: int, now: Moment) -> float:  # noqa: ARG002
        """Until the vendor can be asked again: somebody waits for it."""
        self._is_wanted = True
        return max(SOON_S, self._ask_at - now.monotonic)

    def taken(self) -> None:
        """One less."""
        self._room -= 1
        self._unsettled += 1

    def landed(self, count: int, at: float) -> None:  # noqa: ARG002
        """A first request came back: its answer may have told the count."""
        if self._is_scouting:
            self._is_scouting, self._ask_at = False, at

    def given_back(self, count: int) -> None:
        """So many more."""
        self._room += count

    def ask(self, out: int, now: Moment) -> bool:
        """Whether the vendor is to be asked now; if so, tell by `said` what came of it."""
        if not self._is_wanted or self._is_asking or self._weight <= 0 or now.monotonic < self._ask_at:
            return False
        self._is_asking, self._is_wanted = True, False
        self._asked_at, self._unsettled = now.monotonic, out
        return True

    def used_up_until(self, now: float) -> float | None:
        """When it is asked again, where its last answer left us nothing; else None."""
        return self._ask_at if self._is_used_up and now < self._ask_at else None

    def could_not_ask(self, now: float) -> None:
        """Nobody was asked: soon again, and nothing is known that was not."""
        self._is_asking, self._is_wanted, self._ask_at = False, True, now + _ASK_AGAIN_S

    def said(self, count: Count, now: Moment) -> None:
        """The vendor's answer to our question; it knows neither number where it could not tell."""
        self._is_asking, used, remaining = False, count.used, count.remaining
        self._ask_at = self._asked_at + self._grant_s
        least = self._limit.requests - used if used is not None else self._limit.requests
        known = min(least, remaining) if remaining is not None else least
        if used is None and remaining is None:
            self._scout(now)
            return
        granted = math.floor(_GRANT * self._weight * max(0, known - self._kept_back))
        self._room, self._valid_until = granted - self._unsettled, self._asked_at + self._grant_s
        self._is_used_up = granted < 1
        if self._is_used_up:
            self._ask_at = self._asked_at + self._until_it_may_change_s(now)

    def _scout(self, now: Moment) -> None:
        """Where only the answer to a request tells the count, one may go: of what is kept back for that."""
        if now.monotonic < self._scout_at or self._kept_back < 1:
            return
        each_s = self._limit.window_s / max(1.0, self._kept_back * self._weight)
        self._scout_at = now.monotonic + max(self._grant_s, each_s)
        self._room, self._valid_until, self._is_scouting = 1, now.monotonic + self._grant_s, True

    def _until_it_may_change_s(self, now: Moment) -> float:
        """An exhausted quota is asked about seldom, and when its window should have ended."""
        seldom_s = 10 * self._grant_s
        if self._limit.kind is WindowKind.SLIDING:
            return seldom_s
        doubt = timedelta(seconds=min(now.doubt_s, seldom_s))
        return min(seldom_s, (end_of(self._limit, now.wall - doubt) + doubt - now.wall).total_seconds() + SOON_S)
