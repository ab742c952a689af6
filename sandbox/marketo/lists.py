"""POST and DELETE /rest/v1/lists/{id}/leads.json (page §2.8)."""

from collections.abc import Mapping
from typing import Any

from sandbox.marketo.leads import Leads
from sandbox.marketo.options import Options
from sandbox.marketo.words import RefusedError, skipped

_MOST = 300


class Lists:
    """Static lists and their members."""

    def __init__(self, options: Options, leads: Leads) -> None:
        self._options, self._leads = options, leads
        self.clear()

    def clear(self) -> None:
        """No members any more."""
        self.members: dict[int, dict[int, None]] = {}

    def add(self, number: int, body: Mapping[str, Any], query_ids: list[str]) -> list[dict[str, Any]]:
        """`added`, again for a member. Raises RefusedError for an unknown list."""
        members = self._of(number)
        rows = []
        for lead in _asked(body, query_ids):
            if lead not in self._leads:
                rows.append(skipped("1004"))
                continue
            members[lead] = None
            self._leads.note(lead, "list", {"added_to": number})
            rows.append({"id": lead, "status": "added"})
        return rows

    def remove(self, number: int, body: Mapping[str, Any], query_ids: list[str]) -> list[dict[str, Any]]:
        """`removed`; 1015 for who is no member. Raises RefusedError for an unknown list."""
        members = self._of(number)
        rows = []
        for lead in _asked(body, query_ids):
            if lead not in self._leads:
                rows.append(skipped("1004"))
            elif lead not in members:
                rows.append(skipped("1015"))
            else:
                del members[lead]
                self._leads.note(lead, "list", {"removed_from": number})
                rows.append({"id": lead, "status": "removed"})
        return rows

    def _of(self, number: int) -> dict[int, None]:
        if self._options.lists is not None and number not in self._options.lists:
            raise RefusedError("1013", "List not found")
        return self.members.setdefault(number, {})


def _asked(body: Mapping[str, Any], query_ids: list[str]) -> list[Any]:
    """Ids of the query, repeated or by commas, or of the body."""
    rows = body.get("input")
    found: list[Any] = [int(each) for text in query_ids for each in text.split(",") if each.isdecimal()]
    if isinstance(rows, list):
        found += [row.get("id") if isinstance(row, dict) else None for row in rows]
    if not found:
        raise RefusedError("1002", "Missing value for required parameter 'id'")
    if len(found) > _MOST:
        raise RefusedError("1003", "Too many records")  # invented: the page knows no text
    return found
