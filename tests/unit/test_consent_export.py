"""Everybody's consent as lines of a file."""

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

from common.store.values import Profile
from workers.consent.export import Format, lines, pages

PURPOSES = ("MARKETING", "SERVICE", "REGULATORY")


def profile(customer_id: str, *, resolved: bool = True) -> Profile:
    """A customer of whom nothing is known."""
    return Profile(customer_id, 0, resolved, {}, {}, {}, None, 0)


def document(customer: str, **allowed: list[str]) -> dict[str, Any]:
    """What the API says of a customer."""
    return {"customer": customer, "preferred_channel": None, "allowed": {one: allowed.get(one, []) for one in PURPOSES}}


def test_every_page_is_read_and_substitutes_are_left_out() -> None:
    """A page of nothing but substitutes does not end it."""
    everybody = [
        profile("C-1"),
        profile("marketo:1", resolved=False),
        profile("marketo:2", resolved=False),
        profile("z"),
    ]

    def page(after: str) -> Sequence[Profile]:
        return [one for one in everybody if one.customer_id > after][:1]

    assert [one.customer_id for found in pages(page) for one in found] == ["C-1", "z"]


def test_an_id_cannot_end_its_field_or_its_line() -> None:
    """Quotes, commas and line feeds stay inside."""
    strange = 'C-1",\n"C-2'

    written = b"".join(lines([document(strange, SERVICE=["EMAIL", "PRINT"])], Format.CSV)).decode()

    _, row = csv.reader(io.StringIO(written, newline=""))
    assert row == [strange, "", "", "EMAIL PRINT", ""]


def test_json_is_the_document_a_line() -> None:
    """As the API answers it."""
    documents = [document("C-1"), document("C-2", MARKETING=["WEB"])]

    assert [json.loads(line) for line in lines(documents, Format.JSON)] == documents
