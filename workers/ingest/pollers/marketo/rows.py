"""A row of Marketo's log, as far as it can be read: never more is believed of it (§2.10 of the vendor page). Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from common.errors import InvalidEventError


def lead_of(row: Any) -> int | None:
    """The lead of a row; None for what is not a row of a lead."""
    lead = row.get("leadId") if isinstance(row, dict) else None
    return lead if isinstance(lead, int) and not isinstance(lead, bool) else None


def moment_of(row: Any) -> datetime | None:
    """When it happened: with Z, or with an offset that may lack its colon (§0); None for what is no moment."""
    said = row.get("activityDate") if isinstance(row, dict) else None
    try:
        moment = datetime.fromisoformat(said.removesuffix("+0000").removesuffix("Z") + _zone(said)) if said else None
    except (AttributeError, ValueError):
        return None
    return moment.astimezone(UTC) if moment and moment.tzinfo else None


def _zone(said: str) -> str:
    return "+00:00" if said.endswith(("Z", "+0000")) else ""


def checked(row: Any) -> Mapping[str, Any]:
    """A row with what every row must have. Raises InvalidEventError naming each thing that is missing."""
    if not isinstance(row, dict):
        raise InvalidEventError([("", "is not a row of the activity log")])
    wrong = [("leadId", "is missing, or no number")] if lead_of(row) is None else []
    if moment_of(row) is None:
        wrong.append(("activityDate", "is missing, or no moment with a zone"))
    if not isinstance(row.get("activityTypeId"), int):
        wrong.append(("activityTypeId", "is missing, or no number"))
    if not isinstance(row.get("marketoGUID"), str | int):
        wrong.append(("marketoGUID", "is missing"))
    if wrong:
        raise InvalidEventError(wrong)
    return row


def attributes(row: Mapping[str, Any]) -> dict[str, Any]:
    """By display name; a quoted number is a number (§2.10b: `Campaign Run ID` came doubly quoted)."""
    found = row.get("attributes")
    rows = found if isinstance(found, list) else []
    return {
        str(each.get("name")): value.strip('"') if isinstance(value := each.get("value"), str) else value
        for each in rows
        if isinstance(each, dict)
    }


def whole(value: Any) -> int | None:
    """A number, or a text that is one, as a whole number; None for anything else."""
    try:
        return int(float(str(value)))
    except (ValueError, OverflowError):
        return None


def text(value: Any) -> str | None:
    """A plain value as text; None for none, an empty one, or a structure."""
    return None if value is None or value == "" or isinstance(value, dict | list) else str(value)
