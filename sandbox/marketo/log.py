"""The activity log of an instance, and how it is read: opaque tokens, pages, late rows (page §2.10)."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sandbox.marketo.options import Options
from sandbox.marketo.words import RefusedError

_PAGE = 300
_MOST_TYPES, _MOST_LEADS = 10, 30


@dataclass(frozen=True, slots=True)
class Entry:
    """One activity; it shows from `visible` on. One that `is_late` is passed over until then, others are waited for."""

    number: int
    at: float
    visible: float
    type_id: int
    lead_id: int
    primary: str | None
    attributes: Mapping[str, Any]
    date: str
    change: Mapping[str, Any] = field(default_factory=dict)
    is_late: bool = False


class ActivityLog:
    """All activities, in the order in which they were written."""

    def __init__(self, options: Options, now: Callable[[], float]) -> None:
        self._options, self._now = options, now
        self.entries: list[Entry] = []

    def clear(self) -> None:
        """None any more."""
        self.entries.clear()

    def add(
        self,
        type_id: int,
        lead_id: int,
        primary: str | None,
        attributes: Mapping[str, Any],
        date: str = "",
        late_s: float = 0,
        **change: Any,
    ) -> int:
        """Append one; its number. With `late_s` it shows so much later, when tokens have passed it (page §2.10e)."""
        now, number = self._now(), len(self.entries) + 1
        entry = Entry(
            number, now, now + (late_s or self._options.activity_lag_s), type_id, lead_id, primary, dict(attributes),
            date or self.date(now, number), change, late_s > 0,
        )  # fmt: skip
        self.entries.append(entry)
        return number

    def change(self, lead_id: int, name: str, old: Any, new: Any) -> None:
        """A field of a lead has another value."""
        shown = {"New Value": new, "Old Value": old, "Source": "Web service API"}
        self.add(13, lead_id, name, shown, name=name, oldValue=old, newValue=new)

    def date(self, moment: float, number: int) -> str:
        """With Z, or (a switch) with an offset without colon in every second row: readers take both (page §0)."""
        zone = "+0000" if self._options.offset_dates and number % 2 else "Z"
        return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S") + zone

    def token_since(self, since: str) -> str:
        """A paging token for everything from a moment on. Raises RefusedError for what is not a moment."""
        try:
            moment = datetime.fromisoformat(since)
        except ValueError as error:
            raise RefusedError("1003", "Invalid value for 'sinceDatetime'") from error
        if moment.tzinfo is None:
            raise RefusedError("1003", "Invalid value for 'sinceDatetime'")
        first = next((e.number - 1 for e in self.entries if e.at >= moment.timestamp()), len(self.entries))
        return _token(first)

    def page(self, query: Mapping[str, str], types: frozenset[int]) -> dict[str, Any]:
        """Rows of these types behind a token, the next token, and whether there is more.

        A block of the log is looked at for each page, so a page may be empty and not the last (page §2.10b).
        """
        start, leads = _start(query.get("nextPageToken", "")), _numbers(query.get("leadIds", ""))
        size = min(int(query.get("batchSize", _PAGE)), _PAGE)
        if len(types) > _MOST_TYPES or len(leads) > _MOST_LEADS:
            raise RefusedError("1003", "Too many values")  # invented: the page knows no text
        rows: list[Entry] = []
        position = start
        for entry in self.entries[start : start + self._options.block]:
            is_hidden = entry.visible > self._now()
            if len(rows) >= size or (is_hidden and not entry.is_late):
                break
            position = entry.number
            if not is_hidden and entry.type_id in types and (not leads or entry.lead_id in leads):
                rows.append(entry)
        more = any(e.visible <= self._now() for e in self.entries[position : position + 1])
        return {"result": [_shown(each) for each in rows], "nextPageToken": _token(position), "moreResult": more}


def numbers_of(text: str) -> frozenset[int]:
    """A comma list of ids. Raises RefusedError when there is none."""
    found = _numbers(text)
    if not found:
        raise RefusedError("1002", "Missing value for required parameter 'activityTypeIds'")
    return found


def _numbers(text: str) -> frozenset[int]:
    return frozenset(int(each) for each in text.split(",") if each.isdecimal())


def _token(position: int) -> str:
    return base64.b32encode(f"sandbox:{position}".encode()).decode()


def _start(token: str) -> int:
    try:
        name, _, position = base64.b32decode(token.encode()).decode().partition(":")
        return int(position) if name == "sandbox" else _bad_token()
    except ValueError:
        return _bad_token()


def _bad_token() -> int:
    raise RefusedError("1003", "Invalid paging token")  # invented: the page knows no code


def _shown(entry: Entry) -> dict[str, Any]:
    primary = {} if entry.primary is None else {"primaryAttributeValue": entry.primary}
    shown = {
        "id": entry.number,
        "marketoGUID": str(entry.number),
        "leadId": entry.lead_id,
        "activityDate": entry.date,
        "activityTypeId": entry.type_id,
        **primary,
        "attributes": [{"name": name, "value": value} for name, value in entry.attributes.items() if value is not None],
    }
    return {**shown, "fields": [{"id": 1, **entry.change}]} if entry.change else shown
