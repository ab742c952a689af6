"""Categories: read, merge, write with the token of what was read (§7); again when somebody was faster."""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from common.reasons import Cause, Reason
from workers.sinks.api import Deferred, Hold, Scope
from workers.sinks.ecm import asks
from workers.sinks.ecm.caller import Caller, EndedError, ended
from workers.sinks.ecm.config import EcmConfig
from workers.sinks.ecm.pieces import CategoryValues, ConsentPiece
from workers.sinks.ecm.rules import Meaning
from workers.sinks.ecm.values import flat, is_same, wire
from workers.vendors.ecm.ask import Ask
from workers.vendors.ecm.reply import Reply, at, rows

Current = Mapping[str, Any]
Merge = Callable[[Current], dict[str, Any] | None]
MOST_TRIES = 4  # §16 #14: again three times


class Categories:
    """Writes values of one category of a node."""

    def __init__(self, config: EcmConfig) -> None:
        self._config = config

    def update(self, caller: Caller, node: str, change: CategoryValues) -> bool:
        """Make the values true; False when they already were. Raises EndedError."""
        wanted = flat(change.category, change.values, self._config.empty_list)

        def merged(current: Current) -> dict[str, Any] | None:
            numbers = change.values.items()
            same = all(is_same(current.get(f"{change.category}_{number}"), value) for number, value in numbers)
            return None if current and same else wanted

        return self._written(caller, node, change.category, merged)

    def append(self, caller: Caller, node: str, piece: ConsentPiece) -> bool:
        """Add a row to a set; False when a row with this event's id is there. Raises EndedError."""
        identity = piece.values[piece.mark]

        def merged(current: Current) -> dict[str, Any] | None:
            history = set_rows(current, piece.category, piece.set)
            if any(is_same(row.get(piece.mark), identity) for row in history.values()):
                return None
            number = 1 + max((n for n, row in history.items() if not _is_blank(row)), default=0)
            prefix = f"{piece.category}_{piece.set}_{number}"
            return {f"{prefix}_{n}": wire(v, self._config.empty_list) for n, v in piece.values.items()}

        return self._written(caller, node, piece.category, merged)

    def _written(self, caller: Caller, node: str, category: int, merge: Merge) -> bool:
        """The token is read before the values: what changes in between makes it stale."""
        for _ in range(MOST_TRIES):
            token = self._token(caller, node, category)
            current = current_values(caller.ask(asks.categories(node)).reply, category)
            wanted = merge(current or {})
            if wanted is None:
                return False
            if current is None:
                ask = asks.apply_category(node, category, wanted, self._config.category_style)
            else:
                ask = self._put(node, category, wanted, token)
            if caller.ask(ask, Meaning.STALE, Meaning.TAKEN).meaning is Meaning.DONE:
                return True
        raise ended(Deferred(Reason.CONFLICT))

    def _put(self, node: str, category: int, wanted: Current, token: str | None) -> Ask:
        if token is None and self._config.category_lock == "token":
            detail = (
                "the server gives no metadata_token, without which a write may undo somebody else's: "
                "see sinks.ecm.category_lock"
            )
            raise EndedError(Hold(Cause.CONFIGURATION, Scope.ACTION, detail))
        return asks.put_category(node, category, wanted, token, self._config.category_style)

    def _token(self, caller: Caller, node: str, category: int) -> str | None:
        if self._config.category_lock == "none":
            return None
        return token_of(caller.ask(asks.state_of(node)).reply, category)


def token_of(reply: Reply, category: int) -> str | None:
    """A category's metadata_token in `results.state.categories` (§7)."""
    found = at(reply.values, "results", "state", "categories", f"{category}_1", "metadata_token")
    return str(found) if isinstance(found, str | int) and found != "" else None


def current_values(reply: Reply, category: int) -> Current | None:
    """A category's values by their keys; None when it is not applied."""
    values: dict[str, Any] = {}
    is_applied = False
    for data in rows(reply, "data"):
        found = at(data, "categories")
        for key, value in found.items() if isinstance(found, Mapping) else ():
            if str(key).startswith(f"{category}_"):
                values[str(key)] = value
    for order in rows(reply, "metadata_order"):
        listed = order.get("categories")
        is_applied |= str(category) in map(str, listed if isinstance(listed, list) else [listed])
    return values if values or is_applied else None


def set_rows(current: Current, category: int, set_number: int) -> dict[int, dict[int, Any]]:
    """The rows of a set by number, each by attribute number: keys `{cat}_{set}_{row}_{attribute}` (§7)."""
    pattern = re.compile(rf"{category}_{set_number}_([1-9]\d{{0,8}})_([1-9]\d{{0,8}})")
    found: dict[int, dict[int, Any]] = defaultdict(dict)
    for key, value in current.items():
        if match := pattern.fullmatch(key):
            found[int(match[1])][int(match[2])] = value
    return dict(found)


def _is_blank(row: Mapping[int, Any]) -> bool:
    return all(is_same(value, None) for value in row.values())
