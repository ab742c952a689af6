"""What Marketo says, by code (page §4). Messages that the page does not quote are in the style of the others."""

from typing import Any

MESSAGES = {
    "601": "Access token invalid",
    "602": "Access token expired",
    "603": "Access denied",
    "605": "HTTP Method not supported",
    "606": "Max rate limit '100' exceeded with in '20' secs",
    "607": "Daily quota reached",
    "609": "Invalid JSON",
    "610": "Requested resource not found",
    "611": "System error",
    "612": "Invalid Content Type",
    "615": "Concurrent access limit '10' reached",
    "1001": "Invalid value for field",
    "1002": "Missing value for required parameter",
    "1004": "Lead not found",
    "1007": "Multiple leads match the lookup criteria",
    "1009": "Partition name required",
    "1010": "Lead exists in a different partition",
    "1013": "Object not found",
    "1015": "Lead not in list",
    "1036": "Duplicate object in request",
    "1049": "Activity attributes too large",
}


class RefusedError(Exception):
    """The whole request is refused: `success: false`."""

    def __init__(self, code: str, message: str | None = None) -> None:
        super().__init__(code)
        self.code, self.message = code, message or MESSAGES[code]


def complaint(code: str, message: str | None = None) -> dict[str, Any]:
    """One entry of `errors` or `reasons`; a code is text (page §0.1)."""
    return {"code": code, "message": message or MESSAGES[code]}


def skipped(code: str, message: str | None = None, *, key: str = "reasons") -> dict[str, Any]:
    """The row of a record that was not applied; custom activities say `errors` (page §0.2)."""
    return {"status": "skipped", key: [complaint(code, message)]}
