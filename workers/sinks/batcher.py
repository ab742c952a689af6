"""Which ready deliveries travel together: filled up to the action's limits, or sent after a linger."""

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from workers.sinks.api import Action, Item, Repeat


class Ready(Protocol):
    """What the batcher needs of a delivery."""

    @property
    def action(self) -> Action:
        """What to do."""
        ...

    @property
    def item(self) -> Item:
        """What goes into the request."""
        ...


R = TypeVar("R", bound=Ready)


@dataclass(frozen=True, slots=True)
class Draft(Generic[R]):
    """A batch about to be sent."""

    action: Action
    shared_by: Hashable
    deliveries: list[R]

    def halves(self) -> "tuple[Draft[R], Draft[R]]":
        """Two smaller drafts, to find out which delivery a request was refused for."""
        middle = (len(self.deliveries) + 1) // 2
        first, second = self.deliveries[:middle], self.deliveries[middle:]
        return Draft(self.action, self.shared_by, first), Draft(self.action, self.shared_by, second)


@dataclass(slots=True)
class _Pile(Generic[R]):
    """Deliveries of one action, one kind and one `shared_by`, oldest first."""

    action: Action
    shared_by: Hashable
    since: float
    size: int = 0
    deliveries: deque[R] = field(default_factory=deque)

    def is_full(self) -> bool:
        return len(self.deliveries) >= self.action.max_items or self.size >= self.action.max_bytes

    def take(self, at_most: int) -> Draft[R]:
        """Up to the action's limits; a single item larger than the limit travels alone."""
        taken: list[R] = []
        size, waiting = 0, self.deliveries
        limit = min(at_most, self.action.max_items)
        while waiting and len(taken) < limit:
            more = waiting[0].item.size
            if taken and size + more > self.action.max_bytes:
                break
            size += more
            taken.append(waiting.popleft())
        self.size -= size
        return Draft(self.action, self.shared_by, taken)


class Batcher(Generic[R]):
    """Piles of ready deliveries, taken as drafts. Lanes see to it that one key is in one pile once."""

    def __init__(self, linger_s: float) -> None:
        self._linger_s = linger_s
        self._piles: dict[tuple[str, Repeat, Hashable], _Pile[R]] = {}

    def add(self, delivery: R, now: float) -> None:
        """Put a ready delivery on its pile."""
        pile = self._pile_of(delivery, now)
        pile.deliveries.append(delivery)
        pile.size += delivery.item.size

    def put_back(self, deliveries: Iterable[R], now: float) -> None:
        """Return what was not tried to the front; it has lingered long enough."""
        for delivery in reversed(list(deliveries)):
            pile = self._pile_of(delivery, now)
            pile.deliveries.appendleft(delivery)
            pile.size += delivery.item.size
            pile.since = min(pile.since, now - self._linger_s)

    def take(self, now: float, allowance: Callable[[Action], int]) -> Draft[R] | None:
        """The next draft that is full or has lingered; `allowance` says how many items a route may carry now."""
        for key, pile in self._piles.items():
            allowed = allowance(pile.action) if pile.is_full() or now - pile.since >= self._linger_s else 0
            if allowed:
                draft = pile.take(allowed)
                self._settle_pile(key, pile)
                return draft
        return None

    def drop(self, is_gone: Callable[[R], bool]) -> None:
        """Forget the deliveries of partitions that are somebody else's now."""
        self.take_out(is_gone)

    def take_out(self, wanted: Callable[[R], bool]) -> list[R]:
        """Remove deliveries that are not to be sent from here."""
        taken: list[R] = []
        for key, pile in list(self._piles.items()):
            kept: list[R] = []
            for delivery in pile.deliveries:
                (taken if wanted(delivery) else kept).append(delivery)
            pile.deliveries = deque(kept)
            pile.size = sum(delivery.item.size for delivery in kept)
            if not kept:
                del self._piles[key]
        return taken

    def held(self, allowance: Callable[[Action], int]) -> Iterator[R]:
        """The ready deliveries whose route may carry none now."""
        for pile in self._piles.values():
            if not allowance(pile.action):
                yield from pile.deliveries

    def next_due(self) -> float | None:
        """The monotonic time at which the oldest pile has lingered, or None when all are empty."""
        return min((pile.since + self._linger_s for pile in self._piles.values()), default=None)

    def __len__(self) -> int:
        """How many deliveries are ready."""
        return sum(len(pile.deliveries) for pile in self._piles.values())

    def _pile_of(self, delivery: R, now: float) -> _Pile[R]:
        key = (delivery.action.name, delivery.action.repeat, delivery.item.shared_by)
        pile = self._piles.get(key)
        if pile is None:
            pile = self._piles[key] = _Pile(delivery.action, delivery.item.shared_by, now)
        return pile

    def _settle_pile(self, key: tuple[str, Repeat, Hashable], pile: _Pile[R]) -> None:
        """Piles take turns: one that gave goes to the end, an empty one goes away."""
        del self._piles[key]
        if pile.deliveries:
            self._piles[key] = pile
