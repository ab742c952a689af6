"""Who an event is about: the site's own id, else a substitute, never an address (design §4)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from workers.ingest.identity import IdentityPath, customer_of, pseudonym, substitute_id, usable_id

PATH: TypeAdapter[str] = TypeAdapter(IdentityPath)


def test_the_sites_own_id_is_the_customer() -> None:
    """It counts before whatever the source calls the person, and what else is known travels with it."""
    customer = customer_of("braze", "retail-eu", " C-1 ", "639a35d1", "ada@example.com", locale="en-GB")

    assert customer == {"customer_id": "C-1", "resolved": True, "locale": "en-GB"}


@pytest.mark.parametrize("site_id", [None, "", "  ", "null", "NULL", "[REDACTED]", True, 1.5, {}, "ada@example.com"])
def test_what_is_no_id_leaves_a_substitute(site_id: Any) -> None:
    """Placeholders of templates and exports would make one customer of everybody; an address is nobody's id."""
    customer = customer_of("marketo", "123-ABC-456", site_id, 1000483)

    assert customer == {"customer_id": "marketo:123-ABC-456:1000483", "resolved": False}


def test_without_any_id_the_address_is_hashed() -> None:
    """The same for its spellings, and nobody reads it in a key."""
    first, second = (customer_of("exstream", "t", None, "", address) for address in ("A@Example.com ", "a@example.com"))

    assert first == second
    assert first is not None
    assert first["resolved"] is False
    assert "example" not in first["customer_id"]
    assert first["customer_id"] == substitute_id("exstream", "t", pseudonym("a@example.com"))


def test_a_signal_that_names_nobody_has_no_customer() -> None:
    """A file of many customers, a workspace without one."""
    assert customer_of("ecm", "cs.example.com", None, " ", "") is None


@given(st.text() | st.integers())
def test_a_usable_id_is_its_own_usable_id(value: str | int) -> None:
    """What one mapping trimmed, another one trims to the same key."""
    found = usable_id(value)

    assert found is None or (usable_id(found) == found and found.strip())


@pytest.mark.parametrize("path", ["user.CustomerEmail", "email", "lead.Email Address", "mobilePhone", "a.address"])
def test_a_path_to_an_address_is_refused(path: str) -> None:
    """Nobody is recognised by an address, and the settings say so before anything is read."""
    with pytest.raises(ValidationError, match="nobody is recognised by one"):
        PATH.validate_python(path)


@pytest.mark.parametrize("path", ["user.CustomerId", "Customer Id", "attributes.Customer number"])
def test_a_path_may_hold_blanks(path: str) -> None:
    """Marketo's fields and ECM's category attributes are named for people."""
    assert PATH.validate_python(path) == path
