"""Which items a feed has seen: the latest ids of a log, the last state of each thing of a list. Pure.

Both are kept in slots, each a record of the checkpoint topic of its own, so that a page rewrites a few kilobytes
and not everything. The window: at least the `remembered` latest ids are known; an older item that comes again is
published again, with the same event_id. The states of a list are known for as long as the list is polled.
"""

import hashlib
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from zlib import crc32

from workers.ingest.pollers.api import Item

SLOT_IDS = 500
BUCKETS = 64
_DIGEST_BYTES = 12

Slots = dict[str, Mapping[str, object]]
"""Slot name -> its content, as JSON: `seen-17` has a number and ids, `level-05` has states."""


def digest(id_: str) -> str:
    """Sixteen characters for an id of any length."""
    return b64encode(hashlib.sha256(id_.encode()).digest()[:_DIGEST_BYTES]).decode()


class Seen:
    """What one feed has seen. One thread."""

    def __init__(self, remembered: int) -> None:
        self._slots = -(-remembered // SLOT_IDS) + 1  # the slot that is being filled is one more
        self._ring: dict[int, list[str]] = {0: []}
        self._ids: set[str] = set()
        self._levels: dict[str, str] = {}

    @classmethod
    def restored(cls, remembered: int, slots: Mapping[str, Mapping[str, object]]) -> "Seen":
        """What slots of the checkpoint topic say; what cannot be read as a slot is passed over."""
        seen = cls(remembered)
        turns: dict[int, list[str]] = {}
        for content in slots.values():
            match content:
                case {"turn": int(turn), "ids": list(ids)}:
                    turns[turn] = [str(each) for each in ids]
                case {"states": dict(states)}:
                    seen._levels.update({str(name): str(state) for name, state in states.items()})
        if turns:
            kept = sorted(turns)[-seen._slots :]
            seen._ring = {turn: turns[turn] for turn in kept}
            seen._ids = {each for ids in seen._ring.values() for each in ids}
        return seen

    def fresh(self, items: Iterable[Item]) -> list[Item]:
        """The items that are new, each once, in order."""
        ids: set[str] = set()
        states: dict[str, str] = {}
        found = []
        for item in items:
            short = digest(item.id)
            if item.level is None:
                is_new = short not in self._ids and short not in ids
                ids.add(short)
            else:
                is_new = states.get(item.level, self._levels.get(item.level)) != short
                states[item.level] = short
            if is_new:
                found.append(item)
        return found

    def note(self, items: Sequence[Item]) -> Slots:
        """These are seen now; the slots to write."""
        return self._note_ids([each for each in items if each.level is None]) | self._note_levels(items)

    def _note_ids(self, items: Sequence[Item]) -> Slots:
        touched: set[int] = set()
        for item in items:
            turn = max(self._ring)
            if len(self._ring[turn]) >= SLOT_IDS:
                turn += 1
                self._ring[turn] = []
            self._ring[turn].append(digest(item.id))
            self._ids.add(digest(item.id))
            touched.add(turn)
        while len(self._ring) > self._slots:
            self._ids.difference_update(self._ring.pop(min(self._ring)))
        kept = sorted(touched & self._ring.keys())
        return {f"seen-{turn % self._slots}": {"turn": turn, "ids": self._ring[turn]} for turn in kept}

    def _note_levels(self, items: Sequence[Item]) -> Slots:
        changed = {item.level: digest(item.id) for item in items if item.level is not None}
        if not changed:
            return {}
        self._levels.update(changed)
        numbers = {_bucket(name) for name in changed}
        buckets: dict[int, dict[str, str]] = {number: {} for number in sorted(numbers)}
        for name, state in self._levels.items():
            if (number := _bucket(name)) in buckets:
                buckets[number][name] = state
        return {f"level-{number}": {"states": states} for number, states in buckets.items()}


def _bucket(name: str) -> int:
    return crc32(name.encode()) % BUCKETS
