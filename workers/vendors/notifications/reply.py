"""What came back, parsed as far as it can be: never raises, whatever the bytes (§9).

Bodies of errors are not documented: the shapes of §9 are tried in its order, and of what they say only a code
is kept, since texts may echo addresses.
"""

import re
from collections.abc import Iterator, Mapping
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

    __slots__ = ("codes", "text")

    def __init__(self, came: Answer | Failure) -> None:
        super().__init__(came)
        self.text = self.body[:20_000].decode("utf-8", "replace")
        self.codes = tuple(_codes(self.values))

    @property
    def code(self) -> str:
        """The first code of the body, or none."""
        return self.codes[0] if self.codes else ""

    @property
    def soap_status(self) -> str:
        """StatusCode, where the body has one: 0 is fine, 1 a failure, 2 partial (§6)."""
        return word(self.values.get("StatusCode"))

    def identifier(self, name: str) -> str:
        """A field that names what was made there; empty without one."""
        return word(self.values.get(name))[:_MOST_ID]


def _codes(values: Mapping[str, Any]) -> Iterator[str]:
    """Gateway fault, OAuth error, list of errors, single error, SOAP's own, in this order (§9)."""
    fault = values.get("fault")
    detail = fault.get("detail") if isinstance(fault, dict) else None
    errors = values.get("errors")
    listed = [each.get("code") for each in errors if isinstance(each, dict)] if isinstance(errors, list) else []
    told = [
        detail.get("errorcode") if isinstance(detail, dict) else None,
        values.get("error"),
        *listed,
        values.get("code"),
        values.get("ErrorCode"),
    ]
    for each in told:
        code = word(each)
        if code and _CODE.fullmatch(code):
            yield code
