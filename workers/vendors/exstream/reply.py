"""What came back, parsed as far as it can be: never raises, whatever the bytes (§9).

The six shapes of §9 are tried. Of texts only what the rows need is kept: they may echo a customer's data.
"""

import re
from collections.abc import Mapping
from typing import Any

from common.http import Answer
from workers.vendors.answered import Answered, Failure, word

_CODE = re.compile(r"[A-Za-z0-9._-]{1,60}")
_MOST_ID = 200


class Reply(Answered):
    """An answer, or why there is none; `status` is 0 without an answer.

    An answer that broke off after its head still has its status: a refusal means what it means without a body,
    only a 2xx without its body is not known to be a success.
    """

    __slots__ = ("is_json", "rows", "text")

    def __init__(self, came: Answer | Failure) -> None:
        super().__init__(came)
        self.is_json = self.found is not None
        data = self.values.get("data")
        self.rows = [each for each in data if isinstance(each, dict)] if isinstance(data, list) else []
        self.text = self.body[:20_000].decode("utf-8", "replace")

    @property
    def is_ok(self) -> bool:
        """A 2xx whose body was read."""
        return 200 <= self.status < 300

    @property
    def said(self) -> str:
        """`status` of the body: success, failure, error."""
        return word(self.values.get("status"))

    @property
    def inner(self) -> list[int]:
        """statusCode of each element of `data` (§2): 0 for none, 500 for what cannot be read or is an error alone."""
        return [_inner(row) for row in self.rows]

    @property
    def is_embedded_failure(self) -> bool:
        """Shape 3: an error inside the body, whatever the HTTP status (§2)."""
        return any(code >= 300 for code in self.inner) or (self.is_ok and self.said == "error")

    @property
    def code(self) -> str:
        """A code of shapes 1, 4 or 5, or none."""
        fault = self.values.get("fault")
        detail = fault.get("detail") if isinstance(fault, dict) else None
        found = (
            detail.get("errorcode") if isinstance(detail, dict) else None,
            self.values.get("errorCode"),
            self.values.get("error"),
        )
        return next((told for each in found if (told := word(each)) and _CODE.fullmatch(told)), "")

    def identifier(self, name: str) -> str:
        """A text of the body that names what was made; empty without one."""
        return word(self.values.get(name))[:_MOST_ID]

    def identifiers(self, name: str) -> tuple[str, ...]:
        """The same of each element of `data`, each once."""
        found = (word(row.get(name))[:_MOST_ID] for row in self.rows)
        return tuple(dict.fromkeys(each for each in found if each))


def _inner(row: Mapping[str, Any]) -> int:
    code = row.get("statusCode")
    if code is None or code == "":
        return 500 if row.get("errorMessage") else 0
    told = word(code)
    return int(told) if told.isascii() and told.isdigit() and len(told) <= 4 else 500
