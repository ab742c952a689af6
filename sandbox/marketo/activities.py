"""POST /rest/v1/activities/external.json (page §2.4): appended always, never recognised as a repeat."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from sandbox.marketo.leads import Leads
from sandbox.marketo.log import ActivityLog
from sandbox.marketo.options import ActivityKind, Options
from sandbox.marketo.words import RefusedError, skipped

_MOST = 300
_MOST_BYTES = 65_536
_REQUIRED = ("leadId", "activityDate", "activityTypeId", "primaryAttributeValue", "attributes")


class Scripted(BaseModel):
    """One activity as a test posts it to /_sandbox/activities: of the lead with this customer id, or of a number."""

    model_config = ConfigDict(extra="forbid")

    type_id: int
    customer: str = ""
    lead: int = 0
    primary: str | None = None
    attributes: dict[str, Any] = {}
    date: str = ""
    late_s: float = 0


class Activities:
    """Custom activities of an instance."""

    def __init__(self, options: Options, leads: Leads, log: ActivityLog) -> None:
        self._options, self._leads, self._log = options, leads, log
        self.clear()

    def clear(self) -> None:
        """None any more."""
        self.added: list[dict[str, Any]] = []

    def add(self, body: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Rows in the order of the input. Raises RefusedError."""
        rows = body.get("input")
        if not isinstance(rows, list) or not rows:
            raise RefusedError("1002", "Missing value for required parameter 'input'")
        if len(rows) > _MOST:
            raise RefusedError("1003", "Too many records")  # invented: the page knows no text
        return [self._one(row) for row in rows]

    def kinds(self) -> list[dict[str, Any]]:
        """What GET …/types.json lists."""
        return [
            {
                "id": number,
                "apiName": kind.api_name,
                "name": kind.api_name,
                "status": "approved" if kind.approved else "draft",
                "primaryAttribute": {"name": kind.primary, "dataType": "string"},
                "attributes": [{"apiName": name, "dataType": "string"} for name in sorted(kind.attributes or ())],
            }
            for number, kind in (self._options.activities or {}).items()
        ]

    def script(self, rows: Sequence[Scripted]) -> list[int]:
        """What people did, as a test says: rows of the log under their leads; their numbers."""
        return [self._scripted(row) for row in rows]

    def _scripted(self, row: Scripted) -> int:
        (lead,) = self._leads.find("customerNumber", row.customer) or [row.lead]
        return self._log.add(row.type_id, lead, row.primary, row.attributes, row.date, row.late_s)

    def _one(self, row: Any) -> dict[str, Any]:
        if mistake := self._mistake(row):
            return skipped(*mistake, key="errors")
        attributes = {each.get("apiName") or each["name"]: each["value"] for each in row["attributes"]}
        number = self._log.add(
            row["activityTypeId"], row["leadId"], row["primaryAttributeValue"], attributes, row["activityDate"]
        )
        kept = {**row, "attributes": attributes}
        self.added.append(kept)
        self._leads.note(row["leadId"], "activity", kept)
        return {"id": number, "marketoGUID": str(number), "status": "added"}

    def _mistake(self, row: Any) -> tuple[str, str | None] | None:
        if not isinstance(row, dict) or (missing := [name for name in _REQUIRED if row.get(name) is None]):
            return "1002", f"Missing value for required parameter '{missing[0]}'" if isinstance(row, dict) else None
        kind = self._kind(row["activityTypeId"])
        if kind is None or not kind.approved:
            return "1003", "Activity type is unknown or not approved"
        if not self._are_attributes(row["attributes"], kind):
            return "1006", "Attribute not found"
        if len(json.dumps(row["attributes"], separators=(",", ":"), ensure_ascii=False).encode()) > _MOST_BYTES:
            return "1049", None
        return None if row["leadId"] in self._leads else ("1004", None)

    def _kind(self, number: Any) -> ActivityKind | None:
        if self._options.activities is None:
            return ActivityKind()
        return self._options.activities.get(number)

    @staticmethod
    def _are_attributes(given: Any, kind: ActivityKind) -> bool:
        if not isinstance(given, list):
            return False
        for each in given:
            if not isinstance(each, dict) or "value" not in each:
                return False
            name = each.get("apiName") or each.get("name")
            if not name or (kind.attributes is not None and name not in kind.attributes):
                return False
        return True
