"""The confirmations of records that were sent together, awaited in an event loop as one."""

import asyncio
import contextlib
import threading
from collections.abc import Callable

from common.errors import CommfleetError
from common.event import Position

Confirmation = Position | CommfleetError


class Parcel:
    """Collects one confirmation a record, from any thread, and wakes its loop once when all are there."""

    def __init__(self, records: int, loop: asyncio.AbstractEventLoop) -> None:
        self._confirmations: list[Confirmation | None] = [None] * records
        self._missing, self._lock = records, threading.Lock()
        self._loop, self._whole = loop, loop.create_future()
        if not records:
            self._whole.set_result(None)

    def put(self, index: int, confirmation: Confirmation) -> None:
        """What became of one record; called once for each."""
        with self._lock:
            self._confirmations[index] = confirmation
            self._missing -= 1
            is_last = not self._missing
        if is_last:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._wake)

    async def wait(self, timeout_s: float) -> bool:
        """Whether all confirmations came in time."""
        alarm = self._loop.call_later(timeout_s, self._wake)
        try:
            await self._whole
        finally:
            alarm.cancel()
        return self._missing == 0

    def confirmations(self, missing: Callable[[int], CommfleetError]) -> list[Confirmation]:
        """One a record, in their order; `missing` makes those that did not come."""
        return [one or missing(index) for index, one in enumerate(self._confirmations)]

    def _wake(self) -> None:
        if not self._whole.done():
            self._whole.set_result(None)
