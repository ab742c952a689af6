"""What came back from Marketo, parsed as far as it can be: never raises, whatever the bytes (§0.1, §0.2)."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from common.http import Answer
from workers.vendors.answered import Answered, Failure

UNKNOWN_CODE = "UNKNOWN"
_CODE = re.compile(r"\d{3,5}")
_COMPLAINTS = ("reasons", "errors", "reason")


class Reply(Answered):
    """An answer, or why there is none; `status` is 0 without an answer.

    `success` is what the body says: true, false, or None where it is not an answer of this API. `codes` are
    those of a failure of the whole request, `rows` its `result`, None without one.

    An answer that broke off after its head still has its status: a 4xx or 5xx means what it means without
    a body; almost everything else of Marketo is 200, and means nothing without its body (§0).
    """

    __slots__ = ("codes", "messages", "more", "request_id", "rows", "success")

    def __init__(self, came: Answer | Failure) -> None:
        super().__init__(came)
        success = self.values.get("success")
        self.success = success if isinstance(success, bool) else None
        self.codes, self.messages = _errors(self.values.get("errors")) if self.success is False else ((), "")
        rows = self.values.get("result")
        self.rows: Sequence[Any] | None = rows if isinstance(rows, list) else None
        self.request_id = _text(self.values.get("requestId"))
        page = _text(self.values.get("nextPageToken"))
        self.more = page if self.values.get("moreResult") is True and page else None

    @property
    def refuses_token(self) -> bool:
        """Whether the token was not taken, so that nothing was done (§1); 401 and 403 are undocumented here."""
        return self.status in (401, 403) or bool({"601", "602"} & set(self.codes))

    def says(self, word: str) -> bool:
        """Whether a message of the failure holds this word."""
        return word in self.messages


def complaints(row: Any) -> tuple[str, ...] | None:
    """The codes that one row of `result` complains with; empty for none, None for what is not a row.

    `reasons`, `errors` for custom activities, and a single `reason` that only the specification knows (§0.2).
    """
    if not isinstance(row, dict):
        return None
    return tuple(code for name in _COMPLAINTS for code in _errors(row.get(name))[0])


def _errors(value: object) -> tuple[tuple[str, ...], str]:
    """Codes, and all messages in lower case; messages are read, never passed on: they may echo what was sent."""
    entries = value if isinstance(value, list) else [value] if value else []
    codes = tuple(_code(entry.get("code") if isinstance(entry, dict) else entry) for entry in entries)
    said = [entry.get("message") for entry in entries if isinstance(entry, dict)]
    return codes, " ".join(message.lower() for message in said if isinstance(message, str))


def _code(value: object) -> str:
    """A code is text by the documentation and a number by the specification (§0.1)."""
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return text if _CODE.fullmatch(text) else UNKNOWN_CODE


def _text(value: object) -> str:
    return value[:2000] if isinstance(value, str) else ""


def found_leads(reply: Reply, field: str) -> Iterator[tuple[str, int]]:
    """Value and lead number of each row of a look-up that has both (§2.2)."""
    for row in reply.rows or ():
        if not isinstance(row, dict):
            continue
        lead_id, value = row.get("id"), row.get(field)
        if isinstance(lead_id, int) and not isinstance(lead_id, bool) and isinstance(value, str | int):
            yield str(value), lead_id
