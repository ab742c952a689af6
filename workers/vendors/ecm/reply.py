"""What came back, parsed as far as it can be: never raises, whatever the bytes (§3, §16)."""

from collections.abc import Iterator, Mapping
from typing import Any

from common.http import Answer
from workers.vendors.answered import Answered, Failure

_MOST_TEXT = 500
_TEXTS = ("error", "errorDetail", "fError", "fErrorDetail", "statusMsg", "error_description")


class Reply(Answered):
    """An answer, or why there is none; `status` is 0 without an answer.

    An answer that broke off after its head still has its status: a 4xx or 5xx means what it means without
    a body, only a 2xx without its body is not known to be a success.
    """

    __slots__ = ("text",)

    def __init__(self, came: Answer | Failure) -> None:
        super().__init__(came)
        said = self.body[:_MOST_TEXT].decode("utf-8", "replace")
        self.text = said if self.found is None else _text(self.found)

    @property
    def is_json_success(self) -> bool:
        """2xx and a JSON object: HTML under 200 is a pod that restarts (§1)."""
        if not 200 <= self.status < 300 or self.found is None:
            return False
        return not (self.values.get("error") or self.values.get("fError"))


def one(value: Any) -> Any:
    """A single element, which the server may wrap into a list of one (§3)."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def at(value: Any, *steps: str) -> Any:
    """What stands at a path, through lists of one; None where nothing does."""
    for step in steps:
        value = one(value)
        if not isinstance(value, Mapping):
            return None
        value = value.get(step)
    return one(value)


def rows(reply: Reply, *steps: str) -> Iterator[Mapping[str, Any]]:
    """The entries of `results` (or of what stands below it), each down a path such as data.properties."""
    results = reply.values.get("results")
    for entry in results if isinstance(results, list) else [results]:
        found = at(entry, *steps)
        if isinstance(found, Mapping):
            yield found


def id_of(properties: Any) -> str | None:
    """A node's id as text; None where there is none."""
    found = at(properties, "id")
    if isinstance(found, bool) or not isinstance(found, int | str):
        return None
    text = str(found)
    return text if text.isascii() and text.isdigit() and 0 < len(text) <= 19 else None


def count_of(reply: Reply) -> int | None:
    """`total_count` of a list, wherever it has its paging (§3)."""
    for paging in (at(reply.values, "paging"), at(reply.values, "collection", "paging")):
        found = at(paging, "total_count")
        if isinstance(found, int) and not isinstance(found, bool):
            return found
    return None


def _text(values: Mapping[str, Any]) -> str:
    """What an answer complains of; empty when it does not."""
    found = (values.get(name) for name in _TEXTS)
    return " ".join(str(text) for text in found if isinstance(text, str | int) and text)[:2000]
