"""A group's slice of what a vendor allows the fleet: its whole part of each limit, and of what runs at once. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from common.errors import ConfigurationError
from workers.sinks.action import Action
from workers.sinks.limit import Limit, WindowKind
from workers.sinks.shares import most_workers, split_whole

__all__ = ["Allowed", "Slice", "groups_of", "slices"]

CONSENT = "consent"


class Allowed(Protocol):
    """What is asked of a sink here."""

    @property
    def name(self) -> str:
        """The vendor's."""
        ...

    @property
    def actions(self) -> Mapping[str, Action]:
        """By name."""
        ...

    @property
    def limits(self) -> Sequence[Limit]:
        """Requests in windows."""
        ...

    @property
    def at_once(self) -> int | None:
        """Requests that run at the same time."""
        ...


@dataclass(frozen=True, slots=True)
class Slice:
    """`requests` has the group's part of each limit that we count; of `counted`, the vendor's, it has `weight`."""

    requests: Mapping[Limit, int] = field(default_factory=dict)
    weight: float = 1.0
    counted: Limit | None = None
    slots: int | None = None

    def bounds(self, partitions: int) -> Iterator[tuple[str, int]]:
        """Each part that is laid over partitions, in words, and how many workers can share it."""
        for limit, requests in self.requests.items():
            yield f"{requests} requests {_window(limit)}", most_workers(requests, partitions)
        if self.slots is not None:
            yield f"{self.slots} requests at once", most_workers(self.slots, partitions)

    def most_workers(self, partitions: int) -> tuple[int, str]:
        """How many workers can share this slice, and the part that bounds them; all partitions' without any."""
        return min(((most, part) for part, most in self.bounds(partitions)), default=(partitions, "its partitions"))


def groups_of(sink: Allowed) -> list[str]:
    """The groups of a sink's actions, in their order."""
    return list(dict.fromkeys(action.group for action in sink.actions.values()))


def slices(sink: Allowed, consent_share: float) -> dict[str, Slice]:
    """Every group's slice; consent writes have their own share.

    Raises ConfigurationError where a limit is too small to give every group one request.
    """
    split = {group: consent_share if group == CONSENT else 1 - consent_share for group in groups_of(sink)}
    counted = [limit for limit in sink.limits if limit.is_counted]
    whole = {limit: _split(sink, limit.requests, split) for limit in sink.limits if not limit.is_counted}
    slots = None if sink.at_once is None else _split(sink, sink.at_once, split)
    return {
        group: Slice(
            {limit: parts[group] for limit, parts in whole.items()},
            split[group] / sum(split.values()),
            counted[0] if counted else None,
            slots[group] if slots else None,
        )
        for group in split
    }


def _split(sink: Allowed, total: int, split: Mapping[str, float]) -> dict[str, int]:
    try:
        return split_whole(total, split)
    except ConfigurationError as error:
        message = f"sink {sink.name}: its limit of {error}; raise it in sinks.{sink.name}"
        raise ConfigurationError(message) from error


def _window(limit: Limit) -> str:
    return "a day" if limit.kind is WindowKind.DAY else f"in {limit.window_s:g} s"
