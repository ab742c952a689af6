"""Personal data stays out of sight; what is not personal stays readable."""

import json
from pathlib import Path
from typing import Any

import pytest

from workers.masking import MASK, covered, masked_event

ROOT = Path(__file__).parents[2]
TOPIC = "comms.workspace.v1"


@pytest.fixture
def event() -> dict[str, Any]:
    """An event about a person."""
    example = ROOT / "schemas" / "examples" / TOPIC / "MILESTONE_REACHED.json"
    loaded: dict[str, Any] = json.loads(example.read_text())
    loaded["customer"] |= {"email": "ann@example.com", "first_name": "Al", "last_name": None}
    return loaded


def test_tagged_fields_are_masked(event: dict[str, Any]) -> None:
    """A null stays: it tells nothing."""
    shown = masked_event(TOPIC, event)

    assert shown["customer"]["email"] == shown["customer"]["first_name"] == MASK
    assert shown["customer"]["last_name"] is None
    assert shown["milestone"] == event["milestone"]
    assert shown["customer"]["customer_id"] == event["customer"]["customer_id"]


def test_what_was_made_of_an_event_is_covered(event: dict[str, Any]) -> None:
    """Wherever a personal text went: values, inside texts, keys, lists."""
    made = {"to": "ann@example.com", "text": "Dear ann@example.com!", "list": [{"ann@example.com": 1}], "n": 5}

    assert covered(TOPIC, event, made) == {"to": MASK, "text": f"Dear {MASK}!", "list": [{MASK: 1}], "n": 5}


def test_very_short_texts_are_left(event: dict[str, Any]) -> None:
    """`Al` stands in half of all words."""
    assert covered(TOPIC, event, "All is well") == "All is well"


@pytest.mark.parametrize("shown", ["a@Example.com", "a@example.com", "+12223334444"])
def test_what_a_sink_made_of_an_address_is_covered(shown: str) -> None:
    """Trimmed, in lower case, without separators."""
    customer = {"customer_id": "C-1", "email": " a@Example.com ", "phone": "+1 (222) 333-4444"}

    assert shown not in str(covered("comms.consent.v1", {"customer": customer}, {"to": [f"<{shown}>"]}))
