"""Which values a field takes (page §2.1). Pure."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

STANDARD: Mapping[str, str] = {
    "id": "integer",
    "email": "email",
    "firstName": "string",
    "lastName": "string",
    "phone": "phone",
    "leadScore": "integer",
    "leadSource": "string",
    "unsubscribed": "boolean",
    "unsubscribedReason": "text",
    "marketingSuspended": "boolean",
    "blackListed": "boolean",
    "emailInvalid": "boolean",
    "doNotCall": "boolean",
    "doNotCallReason": "text",
    "externalCompanyId": "string",
}
COMPANY = frozenset({"company", "industry", "website", "annualRevenue", "numberOfEmployees"})
READ_ONLY = frozenset({"createdAt", "updatedAt"})
LOOKUPS = frozenset({"string", "email", "integer"})
NOT_LOOKUPS = frozenset({"firstName", "lastName", "leadSource"})

_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
_LONGEST = {"string": 255, "text": 65_535, "email": 255, "phone": 255}


def fits(kind: str, value: Any) -> bool:
    """Whether a value, or its text, is one of this type; null always is."""
    if value is None:
        return True
    if isinstance(value, list | dict):
        return False
    text = str(value)
    match kind:
        case "boolean":
            return isinstance(value, bool) or text.lower() in ("true", "false", "1", "0")
        case "integer" | "float" | "currency":
            return not isinstance(value, bool) and _is_number(text, whole=kind == "integer")
        case "date" | "datetime":
            return _is_time(text)
        case "email":
            return value == "" or (text.isascii() and _EMAIL.fullmatch(text) is not None)
    return len(text) <= _LONGEST.get(kind, 255)


def stored(kind: str, value: Any) -> Any:
    """As Marketo keeps it: an empty text is null."""
    if value is None or value == "":
        return None
    match kind:
        case "boolean":
            return value if isinstance(value, bool) else str(value).lower() in ("true", "1")
        case "integer":
            return int(value)
        case "float" | "currency":
            return float(value)
    return str(value)


def _is_number(text: str, *, whole: bool) -> bool:
    try:
        number = float(text)
    except ValueError:
        return False
    return number.is_integer() if whole else True


def _is_time(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
