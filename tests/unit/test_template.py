"""The vocabulary of `with`: what is rendered, and what is refused with its line."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from tests.support.flows import COMMUNICATION, WORKSPACE, template
from workers.flows.template import MISSING, Constant, compile_template, possible, reads

CONSENT = "comms.consent.v1"
JOURNEY = "comms.journey.v1"
PROFILE = "comms.profile.v1"
NOON = datetime(2026, 3, 1, 12, 30, 0, 123456, tzinfo=UTC)


def render(text: str, topic: str = COMMUNICATION, values: dict[str, Any] | None = None, **event: Any) -> Any:
    """A faultless template, rendered for an event with these fields."""
    found, faults = template(text, topic, values)
    assert faults == []
    return compile_template(found)(event)


def test_a_lone_expression_keeps_its_type() -> None:
    """Timestamps, booleans, numbers, arrays and records come as they are."""
    customer = {"customer_id": "c1", "resolved": True}

    assert render("${occurred_at}", occurred_at=NOON) is NOON
    assert render("${customer.resolved}", customer=customer) is True
    assert render("${lead_score}", PROFILE, lead_score=80) == 80
    assert render("${write_to}", CONSENT, write_to=["braze"]) == ["braze"]
    assert render("${customer}", customer=customer) == customer


def test_anything_else_is_joined_as_text() -> None:
    """One blank beside an expression makes it text."""
    assert render("'score ${lead_score}'", PROFILE, lead_score=80) == "score 80"
    assert render("'${customer.resolved} '", customer={"resolved": False}) == "false "
    assert render("${channel}-${product}", channel="EMAIL", product="p") == "EMAIL-p"


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (NOON, "at 2026-03-01T12:30:00.123Z"),
        (datetime(2026, 3, 1, 1, 0, tzinfo=timezone(timedelta(hours=2))), "at 2026-02-28T23:00:00.000Z"),
    ],
)
def test_timestamps_in_text(moment: datetime, text: str) -> None:
    """RFC 3339 in UTC with milliseconds."""
    assert render("at ${occurred_at}", occurred_at=moment) == text


@pytest.mark.parametrize("event", [{}, {"product": None}])
def test_a_default_stands_for_a_null(event: dict[str, Any]) -> None:
    """Null and absent are the same; an empty text is a value."""
    assert render("${product|general}", **event) == "general"
    assert render("for ${product|general} use", **event) == "for general use"
    assert render("${product|}", **event) == ""
    assert render("${product|general}", product="") == ""


def test_a_default_has_the_type_of_its_field() -> None:
    """A lone expression has one type, whether the field is null or not."""
    assert render("${lead_score|50}", PROFILE) == 50
    assert render("${customer.resolved|false}") is False
    assert render("${due_at|2026-03-01T12:30:00.123456+00:00}") == NOON
    assert render("'${lead_score|none} points'", PROFILE) == "none points"


def test_a_null_without_default_is_left_out() -> None:
    """From mappings and lists, at any depth; joined text is missing as a whole."""
    text = "{a: '${product}', b: {c: 'x ${product}', d: 1}, e: ['${product}', 2]}"

    assert render(text) == {"b": {"d": 1}, "e": [2]}
    assert render("${product}") is MISSING


def test_a_null_parent_is_a_null() -> None:
    """Reading below a null record gives nothing, not an error."""
    assert render("${document.type|none}", WORKSPACE, document=None) == "none"
    assert render("${customer.email|none}") == "none"


def test_keys_of_maps() -> None:
    """`attributes.*` has any key; a journey's `facts` are fields of its event."""
    assert render("${attributes.region|north}", attributes={}) == "north"
    assert render("${facts.document_type} unanswered", JOURNEY, facts={"document_type": "bill"}) == "bill unanswered"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$${product}", "${product}"),
        ("'a $${product} b'", "a ${product} b"),
        ("'$${${product}}'", "${p}"),
        ("costs $5", "costs $5"),
        ("'{product}'", "{product}"),
    ],
)
def test_escapes(text: str, expected: str) -> None:
    """`$${` is a literal `${`; a lone dollar or brace is itself."""
    assert render(text, product="p") == expected


def test_constants_stay_as_they_are() -> None:
    """Data without an expression is one constant."""
    found, _ = template("{a: 1, b: [true, null, x], c: {d: 1.5}}")

    assert found == Constant({"a": 1, "b": [True, None, "x"], "c": {"d": 1.5}})


def test_a_setting_is_a_constant() -> None:
    """`{setting: name}` is replaced, and what it holds is not read as a template."""
    assert render("{a: {setting: s.one}}", values={"s": {"one": "${product}"}}, product="p") == {"a": "${product}"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("${produkt}", "comms.communication.v1 has no field 'produkt'; did you mean 'product'?"),
        ("${}", "has no field ''"),
        ("${|x}", "has no field ''"),
        ("${response.kid}", "did you mean 'response.kind'?"),
        ("${product.name}", "has no field 'product.name'"),
        ("'a ${product'", "${ is not closed by }"),
        ("'${a{b}}'", "${ is not closed by }"),
        ("'x ${response}'", "response is a record and cannot be joined as text"),
        ("'x ${attributes}'", "attributes is a map and cannot be joined as text"),
        ("${response|none}", "response is a record: it can have no default"),
        ("${due_at|soon}", "the default 'soon' of due_at is not a timestamp"),
        ("${due_at|2026-03-01}", "the default '2026-03-01' of due_at is not a timestamp"),
        ("${customer.resolved|yes}", "the default 'yes' of customer.resolved is not a boolean"),
        ("${profile.lifecycle_stage}", "profile.lifecycle_stage is not known here"),
        ("${consent.channel}", "consent.channel is there only where the flow asks"),
        ("${facts.document_type}", "facts are what journeys keep"),
        ("{'${product}': 1}", "a key cannot read the event"),
        ("{1: a}", "the key 1 is not text"),
        ("{setting: nowhere}", "the setting flows.values.nowhere is missing"),
    ],
)
def test_misuse_is_refused(text: str, message: str) -> None:
    """What cannot work is said, with the line."""
    _, faults = template(f"\n{text}")

    assert len(faults) == 1
    assert faults[0].startswith("with.yaml:2: ")
    assert message in faults[0]


def test_every_fault_is_reported_at_its_line() -> None:
    """Nested data, each expression on its own line."""
    _, faults = template("a: ${b}\nc:\n  - ${product}\n  - d: ${e}\nf: ${g} ${h}\n")

    assert [fault.split(": ")[0] for fault in faults] == ["with.yaml:1", "with.yaml:4", "with.yaml:5", "with.yaml:5"]


def test_what_a_template_reads() -> None:
    """All paths, for messages."""
    found, _ = template("{a: '${product}', b: ['x ${channel}-${type}'], c: 1}")

    assert list(reads(found)) == ["product", "channel", "type"]


def test_what_a_template_can_become() -> None:
    """Bounded fields bound the text; one unbounded field unbinds it."""
    domains = {"type": ("SENT", "FAILED"), "channel": ("EMAIL",)}

    assert possible(template("plain")[0], domains.get) == ("plain",)
    assert possible(template("${type}")[0], domains.get) == ("SENT", "FAILED")
    assert possible(template("${channel} ${type}")[0], domains.get) == ("EMAIL SENT", "EMAIL FAILED")
    assert possible(template("${type} ${product}")[0], domains.get) is None
    assert possible(template("[a, b]")[0], domains.get) == ("a", "b")
    assert possible(template("[a, '${type}']")[0], domains.get) == ("a", "SENT", "FAILED")
    assert possible(template("[a, '${product}']")[0], domains.get) is None
    assert possible(template("{a: b}")[0], domains.get) is None
