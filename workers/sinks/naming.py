"""Naming: a once-request leaves only after a commit that says it may be on its way.

Drafts wait here between slot and send. Intents of many drafts share a commit (7 ms, measured). What was
not sent within five seconds is un-named, so that a crash does not put it in doubt.
"""

from collections import Counter, deque
from collections.abc import Collection

from common.event import PartitionId
from workers.sinks.batcher import Draft
from workers.sinks.delivery import Delivery
from workers.sinks.window import Window

_PATIENCE_S = 5.0


class Naming:
    """The drafts of one runner that are being named."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Draft[Delivery], float]] = deque()
        self._carried: deque[tuple[Draft[Delivery], float]] = deque()
        self._named: deque[Draft[Delivery]] = deque()

    def __len__(self) -> int:
        """Drafts that hold a slot and are not sent."""
        return len(self._waiting) + len(self._carried) + len(self._named)

    @property
    def wants_commit(self) -> bool:
        """Whether a commit should not wait for its interval."""
        return bool(self._waiting)

    def name(self, draft: Draft[Delivery], now: float) -> bool:
        """Name a draft's deliveries in the next commit; False when a partition's map has no room for them."""
        per_window: Counter[Window] = Counter(delivery.window for delivery in draft.deliveries)
        if any(window.room_for_intents() < count for window, count in per_window.items()):
            return False
        for delivery in draft.deliveries:
            delivery.window.progress.intend(delivery.mark)
            delivery.window.is_dirty = True
        self._waiting.append((draft, now))
        return True

    def commit_sent(self, partitions: Collection[PartitionId]) -> None:
        """A commit is on its way: it carries the drafts all of whose partitions it is about."""
        for _ in range(len(self._waiting)):
            entry = self._waiting.popleft()
            is_whole = all(delivery.window.id in partitions for delivery in entry[0].deliveries)
            (self._carried if is_whole else self._waiting).append(entry)

    def commit_ended(self, is_confirmed: bool) -> None:
        """That commit was acknowledged as a whole, or nothing may be believed of it."""
        if is_confirmed:
            self._named.extend(draft for draft, _ in self._carried)
        else:
            self._waiting.extendleft(reversed(self._carried))
        self._carried.clear()

    def take(self) -> Draft[Delivery] | None:
        """The next draft that may be sent."""
        return self._named.popleft() if self._named else None

    def put_first(self, draft: Draft[Delivery]) -> None:
        """A draft that was taken and could not be sent now."""
        self._named.appendleft(draft)

    def expired(self, now: float) -> list[Draft[Delivery]]:
        """Drafts that waited too long for their commit, un-named."""
        late = [draft for draft, since in self._waiting if now - since > _PATIENCE_S]
        if late:
            self._waiting = deque(entry for entry in self._waiting if now - entry[1] <= _PATIENCE_S)
        for draft in late:
            withdraw(draft.deliveries)
        return late

    def withdraw_all(self) -> list[Draft[Delivery]]:
        """Every draft that is not sent, un-named: partitions are being revoked."""
        drafts = [*self._named, *(draft for draft, _ in (*self._carried, *self._waiting))]
        self._named.clear()
        self._carried.clear()
        self._waiting.clear()
        for draft in drafts:
            withdraw(draft.deliveries)
        return drafts


def withdraw(deliveries: Collection[Delivery]) -> None:
    """These were certainly not sent."""
    for delivery in deliveries:
        delivery.window.progress.withdraw(delivery.mark)
        delivery.window.is_dirty = True
