"""Everybody's consent as lines of a file, for runs that commfleet does not start. Pure but for the look-ups.

What the consent API says of one customer, a line for each customer of the store, by customer id.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any

import orjson

from common.store.values import Profile
from workers.consent.document import PURPOSES

Page = Callable[[str], Sequence[Profile]]
"""The next customers after an id, in the order of their ids; none at the end."""

_COLUMNS = ("customer_id", "preferred_channel", *(purpose.lower() for purpose in PURPOSES))


class Format(StrEnum):
    """How the export is written."""

    CSV = "csv"
    JSON = "json"


def pages(page: Page) -> Iterator[Sequence[Profile]]:
    """All customers who are one: substitutes have no run of their own."""
    after = ""
    while found := page(after):
        after = found[-1].customer_id
        if customers := [one for one in found if one.resolved]:
            yield customers


def lines(documents: Iterable[Mapping[str, Any]], kind: Format) -> Iterator[bytes]:
    """CSV has a header, quotes every field, and parts channels by blanks; JSON is the API's document, one a line."""
    if kind is Format.CSV:
        yield _row(_COLUMNS)
    for one in documents:
        yield _row(_fields(one)) if kind is Format.CSV else orjson.dumps(one) + b"\n"


def _fields(document: Mapping[str, Any]) -> Sequence[str]:
    allowed = (" ".join(document["allowed"][purpose]) for purpose in PURPOSES)
    return (document["customer"], document["preferred_channel"] or "", *allowed)


def _row(fields: Sequence[str]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerow(fields)
    return text.getvalue().encode()
