"""Asks the broker where topics end, so that a lot learns how fresh it is: often enough, in one request for all."""

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Protocol

from common.clock import Clock
from common.errors import BrokerDownError
from common.event import PartitionId
from common.store.times import micros
from workers.journeys.lot import Lot

log = logging.getLogger(__name__)

_HURRY_S = 0.25
"""A timer is due: whether everything before its time is applied is asked soon, not every `every_s` only."""


class Ends(Protocol):
    """Where partitions end now."""

    def ask(self, partitions: Iterable[PartitionId]) -> Mapping[PartitionId, int]:
        """Raises BrokerDownError."""
        ...


class Asking:
    """Asks for a worker's lots; each keeps its question until it has come true."""

    def __init__(self, ends: Ends, prefix: str, every_s: float, clock: Clock) -> None:
        self._ends, self._prefix, self._clock = ends, prefix, clock
        self._every_s, self._hurry_s = every_s, min(_HURRY_S, every_s)

    def turn(
        self, lots: Mapping[int, Lot], partitions: Collection[PartitionId], hurried: Collection[int], now: float
    ) -> None:
        """Ask for the lots whose turn it is; those of `hurried` come sooner. A broker that is away is asked again."""
        due = {number for number, lot in lots.items() if self._is_due(lot, number in hurried, now)}
        if not due:
            return
        at, by_number = micros(self._clock.now()), self._ask([one for one in partitions if one.partition in due])
        for number in due:
            lots[number].asked_at = now
            lots[number].freshness.asked(at, by_number[number])

    def _is_due(self, lot: Lot, is_hurried: bool, now: float) -> bool:
        every_s = self._hurry_s if is_hurried else self._every_s
        return now - lot.asked_at >= every_s and not lot.freshness.is_waiting

    def _ask(self, wanted: Collection[PartitionId]) -> Mapping[int, dict[str, int]]:
        """By partition number and logical topic; nothing when the broker does not answer."""
        by_number: defaultdict[int, dict[str, int]] = defaultdict(dict)
        try:
            for partition, end in self._ends.ask(wanted).items():
                by_number[partition.partition][partition.topic.removeprefix(self._prefix)] = end
        except BrokerDownError as error:
            log.warning("%s", error)
        return by_number
