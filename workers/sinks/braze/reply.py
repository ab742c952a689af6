"""What came back from Braze, parsed as far as it can be: never raises, whatever the bytes (§2.0)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from common.http import Answer
from workers.vendors.answered import Answered, Failure

_DOCUMENTED = frozenset(
    {
        "EXTERNAL_USER_ID_TOO_LARGE",
        "BLACKLISTED_EXTERNAL_USER_ID",
        "EMAIL_BAD_FORMAT",
        "BAD_DEVICE_ID",
        "BAD_PUSH_TOKEN_APP_ID",
        "BAD_PUSH_TOKEN_IMPORT",
        "BAD_PUSH_TOKEN_STRING",
        "BAD_PUSH_TOKEN_VALUE",
        "BAD_EMAIL_SUBSCRIPTION_STATE",
        "BAD_PUSH_SUBSCRIPTION_STATE",
        "BAD_SUBSCRIPTION_GROUP_ARRAY",
        "BAD_SUBSCRIPTION_GROUP_HASH",
        "BAD_SUBSCRIPTION_GROUP_ID",
        "BAD_SUBSCRIPTION_GROUP_STATE",
        "BAD_LOCATION_UPDATE",
        "INVALID_ATTRIBUTE_EMAIL_SUBSCRIPTION_INFO",
    }
)
_SENTENCES = (
    (re.compile(r"must be fewer than 988 bytes"), "EXTERNAL_USER_ID_TOO_LARGE"),
    (re.compile(r"blacklisted and disallowed"), "BLACKLISTED_EXTERNAL_USER_ID"),
    (re.compile(r"'email' field is not a valid email"), "EMAIL_BAD_FORMAT"),
    (re.compile(r"'external_id'.*is required"), "NO_IDENTIFIER"),
    (re.compile(r"invalid 'properties' field"), "BAD_PROPERTIES"),
    (re.compile(r"'quantity' is not valid"), "BAD_QUANTITY"),
    (re.compile(r"'currency' must be"), "BAD_CURRENCY"),
    (re.compile(r"the property '#/"), "SCHEMA_REJECTED"),
)
UNKNOWN_CODE = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class ItemError:
    """One entry of `errors`: a code of a closed set, and the object it names, as far as it names one."""

    code: str
    array: str | None = None
    index: int | None = None


class Reply(Answered):
    """An answer, or why there is none; `status` is 0 without an answer.

    An answer that broke off after its head still has its status: a 4xx or 5xx means what it means
    without a body, only a 2xx without its body is not known to be a success.
    """

    __slots__ = ("message", "mistakes")

    def __init__(self, came: Answer | Failure) -> None:
        super().__init__(came)
        message = self.values.get("message")
        self.message = message if isinstance(message, str) else ""
        self.mistakes = tuple(_mistakes(self.values.get("errors")))

    @property
    def is_success(self) -> bool:
        """2xx and the word: anything else under 2xx is a failure of the whole request (§2.0)."""
        return 200 <= self.status < 300 and self.message == "success"

    @property
    def notice(self) -> str:
        """What a Canvas trigger says beside its success (§2.5); empty without."""
        notice = self.values.get("notice")
        return notice if isinstance(notice, str) else ""

    def says(self, *beginnings: str) -> bool:
        """Whether the message begins with one of these, whatever the case."""
        return self.message.lower().startswith(tuple(text.lower() for text in beginnings))


def code_of(text: object) -> str:
    """The closed code of a `type`: Braze's documented one, ours for a sentence, or UNKNOWN (§2.1).

    Sentences are never passed on: some echo what was sent.
    """
    if not isinstance(text, str):
        return UNKNOWN_CODE
    if text.upper() in _DOCUMENTED:
        return text.upper()
    return next((code for sentence, code in _SENTENCES if sentence.search(text.lower())), UNKNOWN_CODE)


def _mistakes(errors: object) -> Iterator[ItemError]:
    """All five forms of `errors`: absent, null, empty, objects, strings (§2.0)."""
    entries = errors if isinstance(errors, list) else [errors] if errors else []
    for entry in entries:
        if isinstance(entry, dict):
            array, index = entry.get("input_array"), entry.get("index")
            is_index = isinstance(index, int) and not isinstance(index, bool) and index >= 0
            yield ItemError(
                code_of(entry.get("type")),
                array if isinstance(array, str) else None,
                index if is_index else None,
            )
        else:
            yield ItemError(code_of(entry))
