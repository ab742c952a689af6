"""The vocabulary of `when`: what matches, and what is refused with its line."""

from typing import Any

import pytest

from tests.support.flows import COMMUNICATION, WORKSPACE, pattern

JOURNEY = "comms.journey.v1"
CONSENT = "comms.consent.v1"
PROFILE = "comms.profile.v1"


def matches(text: str, topic: str = COMMUNICATION, values: dict[str, Any] | None = None, **event: Any) -> bool:
    """Whether a faultless pattern matches an event with these fields."""
    found, faults = pattern(text, topic, values)
    assert faults == []
    return found.matches({"type": "SENT" if topic == COMMUNICATION else "UPDATED", **event})


@pytest.mark.parametrize(
    ("when", "value", "expected"),
    [
        ("[a, b]", "b", True),
        ("[a, b]", "c", False),
        ("[a, b]", None, False),
        ("[NO]", "NO", True),
        ("[{prefix: welcome_}]", "welcome_letter", True),
        ("[{prefix: welcome_}]", "a_welcome_letter", False),
        ("[{suffix: _letter}]", "welcome_letter", True),
        ("[{suffix: _letter}]", "letter_head", False),
        ("[{equals-ignore-case: WELCOME}]", "welCome", True),
        ("[{equals-ignore-case: WELCOME}]", "welcomes", False),
        ("[{anything-but: a}]", "b", True),
        ("[{anything-but: a}]", "a", False),
        ("[{anything-but: [a, b]}]", "b", False),
        ("[{anything-but: [a, b]}]", None, False),
        ("[{exists: true}]", "", True),
        ("[{exists: true}]", None, False),
        ("[{exists: false}]", None, True),
        ("[{exists: false}]", "a", False),
        ("[{exists: false}, a]", "a", True),
        ("[{exists: false}, a]", None, True),
        ("[a, {prefix: b}, {suffix: c}]", "xc", True),
        ("[a, {prefix: b}, {suffix: c}]", "xd", False),
    ],
)
def test_text(when: str, value: str | None, expected: bool) -> None:
    """Each operator on a text field, present or null."""
    assert matches(f"document_type: {when}", document_type=value) is expected


def test_an_absent_field_is_a_null_one() -> None:
    """A key that is missing altogether matches `exists: false`, and nothing else."""
    assert matches("document_type: [{exists: false}]")
    assert not matches("document_type: [{anything-but: a}]")


@pytest.mark.parametrize(
    ("when", "value", "expected"),
    [
        ("[{numeric: ['>=', 80]}]", 80, True),
        ("[{numeric: ['>=', 80]}]", 79.9, False),
        ("[{numeric: ['>', 0, '<', 5]}]", 5, False),
        ("[{numeric: ['>', 0, '<', 5]}]", 4, True),
        ("[{numeric: ['=', 3]}]", 3, True),
        ("[{numeric: ['<', 5]}]", None, False),
        ("[3, 4]", 4, True),
        ("[{anything-but: 3}]", 3, False),
    ],
)
def test_numbers(when: str, value: float | None, expected: bool) -> None:
    """Bounds are all to hold; a null number is no number."""
    assert matches(f"lead_score: {when}", PROFILE, type="CHANGED", lead_score=value) is expected


def test_all_fields_must_match() -> None:
    """A mapping is a conjunction."""
    when = "{type: [SENT], channel: [EMAIL], document_type: [a]}"

    assert matches(when, type="SENT", channel="EMAIL", document_type="a")
    assert not matches(when, type="SENT", channel="PRINT", document_type="a")
    assert not matches(when, type="FAILED", channel="EMAIL", document_type="a")


@pytest.mark.parametrize(
    "when",
    ["document: {type: [a], customer_visible: [true]}", "{document.type: [a], document.customer_visible: [true]}"],
)
def test_nested_fields(when: str) -> None:
    """Nested by mapping or by dots; a null parent is an absent field."""
    assert matches(when, WORKSPACE, document={"type": "a", "customer_visible": True})
    assert not matches(when, WORKSPACE, document={"type": "a", "customer_visible": False})
    assert not matches(when, WORKSPACE, document=None)


def test_a_record_can_be_there_or_not() -> None:
    """`exists` works on a whole record, and below a null one."""
    assert matches("document: [{exists: true}]", WORKSPACE, document={"id": "1"})
    assert matches("document.type: [{exists: false}]", WORKSPACE, document=None)


def test_a_key_of_a_map() -> None:
    """A map of strings has any key."""
    when = "attributes: {region: [north]}"

    assert matches(when, attributes={"region": "north"})
    assert not matches(when, attributes={})


@pytest.mark.parametrize(
    ("when", "value", "expected"),
    [
        ("[marketo]", ["braze", "marketo"], True),
        ("[marketo]", ["braze"], False),
        ("[marketo]", [], False),
        ("[{anything-but: braze}]", ["braze", "ecm"], True),
        ("[{anything-but: braze}]", ["braze"], False),
        ("[{exists: false}]", [], True),
        ("[{exists: true}]", [], False),
    ],
)
def test_arrays(when: str, value: list[str], expected: bool) -> None:
    """An array matches when one of its items does; an empty one is absent (EventBridge, arrays)."""
    assert matches(f"write_to: {when}", CONSENT, type="DECIDED", write_to=value) is expected


def test_alternatives() -> None:
    """`$or` needs one of its branches, beside everything else."""
    when = "{channel: [EMAIL], $or: [{document_type: [a]}, {product: [p], priority: [high]}]}"

    assert matches(when, channel="EMAIL", document_type="a")
    assert matches(when, channel="EMAIL", product="p", priority="high")
    assert not matches(when, channel="EMAIL", product="p")
    assert not matches(when, channel="PRINT", document_type="a")


@pytest.mark.parametrize(
    "when",
    [
        "",
        "type: [{anything-but: [SENT]}]",
        "type: [{prefix: UN}, {prefix: CANCEL}]",
        "type: [{exists: true}]",
        "journey: [a]",
    ],
)
@pytest.mark.parametrize("symbol", ["UNKNOWN", "CANCEL_REQUESTED"])
def test_reserved_types_must_be_named(when: str, symbol: str) -> None:
    """Whatever a pattern says, it matches these types only where it names them."""
    found, _ = pattern(when, JOURNEY)

    assert not found.matches({"type": symbol, "journey": "a"})


def test_a_named_reserved_type_matches() -> None:
    """UNKNOWN and CANCEL_REQUESTED are ordinary once they are named."""
    assert matches("type: [CANCEL_REQUESTED]", JOURNEY, type="CANCEL_REQUESTED")
    assert matches("$or: [{type: [UNKNOWN]}, {journey: [a]}]", JOURNEY, type="UNKNOWN")


def test_a_branch_that_does_not_name_it_does_not_match_it() -> None:
    """Naming UNKNOWN in one branch does not open `anything-but` in another."""
    when = "$or: [{type: [UNKNOWN], journey: [a]}, {type: [{anything-but: [EXPIRING]}]}]"

    assert not matches(when, JOURNEY, type="UNKNOWN", journey="b")
    assert matches(when, JOURNEY, type="INACTIVE", journey="b")


def test_settings_are_spliced() -> None:
    """`{setting: name}` stands for a site's own list, dotted or nested, beside plain items."""
    values = {"m1": {"emails": ["a", "b"]}, "other": "c"}
    when = "document_type: [{setting: m1.emails}, {setting: other}, d]"

    assert [matches(when, values=values, document_type=one) for one in "abcde"] == [True, True, True, True, False]
    assert not matches("document_type: [{anything-but: [{setting: m1.emails}]}]", values=values, document_type="a")


def test_a_setting_can_be_a_bound() -> None:
    """The argument of an operator may be a setting, too."""
    when = "lead_score: [{numeric: ['>=', 80]}]".replace("['>=', 80]", "{setting: hot}")

    assert matches(when, PROFILE, values={"hot": [">=", 50]}, type="CHANGED", lead_score=60)


@pytest.mark.parametrize(
    ("when", "message"),
    [
        ("documnt_type: [a]", "has no field 'documnt_type'; did you mean 'document_type'?"),
        ("response: {kid: [a]}", "has no field 'response.kid'; did you mean 'response.kind'?"),
        ("document_type: {kind: [a]}", "document_type takes a list of values"),
        ("document_type: a", "document_type takes a list of values, even of one: document_type: [a]"),
        ("document_type: {prefix: a}", "even of one: document_type: [{prefix: …}]"),
        ("document_type: []", "an empty list never matches"),
        ("document_type: [null]", "null is matched by {exists: false}"),
        ("document_type: [5]", "document_type is a string, 5 is not; put it in quotes"),
        ("document_type: [{prefx: a}]", "did you mean 'prefix'?"),
        ("document_type: [{prefix: a, suffix: b}]", "alone in its mapping"),
        ("document_type: [{prefix: 5}]", "prefix takes a text"),
        ("document_type: [{exists: yes}]", "exists takes true or false"),
        ("document_type: [{numeric: ['>', 5]}]", "numeric needs a number, document_type is a string"),
        ("document_type: [{anything-but: {prefix: a}}]", "document_type is a string"),
        ("document_type: [{setting: letters}]", "the setting flows.values.letters is missing"),
        ("channel: [EMIAL]", "channel has no symbol 'EMIAL'; did you mean 'EMAIL'?"),
        ("channel: [{anything-but: [EMAIL, FAX]}]", "channel has no symbol 'FAX'"),
        ("channel: [{prefix: FAX}]", "no symbol of channel has the prefix 'FAX'"),
        ("due_at: ['2026-01-01']", "due_at is a timestamp: only exists can test it"),
        ("due_at: [{prefix: '2026'}]", "prefix needs text, due_at is a timestamp"),
        ("response: [a]", "response is a record: only exists can test it"),
        ("profile: {lead_score: [1]}", "profile is not known here"),
        ("facts.document_type: [a]", "facts are what journeys keep"),
        ("$or: [{type: [SENT]}]", "$or takes a list of at least two patterns"),
        ("[a]", "a pattern is a mapping"),
        ("type: [{anything-but: [5]}]", "type has no symbol 5"),
    ],
)
def test_misuse_is_refused(when: str, message: str) -> None:
    """What cannot work is said, with the line."""
    _, faults = pattern(f"\n{when}")

    assert len(faults) == 1
    assert faults[0].startswith("when.yaml:2: ")
    assert message in faults[0]


@pytest.mark.parametrize(
    ("when", "message"),
    [
        ("lead_score: ['80']", "lead_score is"),
        ("lead_score: [true]", "lead_score is"),
        ("lead_score: [{numeric: ['>']}]", "numeric takes pairs"),
        ("lead_score: [{numeric: ['=>', 5]}]", "numeric takes pairs"),
        ("lead_score: [{numeric: ['>', '5']}]", "numeric takes pairs"),
        ("lead_score: [{numeric: 5}]", "numeric takes pairs"),
        ("customer: {resolved: ['true']}", "true or false, not 'true'"),
        ("customer: {resolved: [1]}", "true or false, not 1"),
        ("memberships: {a: [b]}", "memberships takes a list of values"),
    ],
)
def test_misuse_of_numbers_booleans_and_arrays(when: str, message: str) -> None:
    """The kind of the field decides what may be said of it."""
    _, faults = pattern(when, PROFILE)

    assert len(faults) == 1
    assert message in faults[0]


def test_every_fault_is_reported_at_its_line() -> None:
    """One load tells everything that is wrong."""
    _, faults = pattern("type: [SNT]\nchannel:\n  - EMAIL\n  - FAX\nproduct: [{exist: true}]\n")

    assert [fault.split(": ")[0] for fault in faults] == ["when.yaml:1", "when.yaml:4", "when.yaml:5"]


def test_a_pattern_that_no_type_can_match() -> None:
    """A rule that can never act is a mistake."""
    _, faults = pattern("type: [{anything-but: [CHANGED, LINKED, ERASED]}]", PROFILE)

    assert faults == [f"when.yaml:1: no type of {PROFILE} can match this"]


def test_the_first_failing_field_is_told() -> None:
    """Expected and actual, in the order of the file."""
    found, _ = pattern("{type: [SENT], channel: [EMAIL, {exists: false}], document_type: [{prefix: a}]}")

    failure = found.failure({"type": "SENT", "channel": "PRINT", "document_type": "b"})

    assert failure is not None
    assert (failure.path, failure.expected, failure.actual) == ("channel", "EMAIL or no value", "PRINT")
    assert found.failure({"type": "SENT", "document_type": "ab"}) is None


def test_a_failure_of_every_branch_is_told() -> None:
    """Each branch with what it missed."""
    found, _ = pattern("$or: [{channel: [EMAIL]}, {product: [p]}]")

    failure = found.failure({"type": "SENT", "channel": "PRINT"})

    assert failure is not None
    assert (failure.path, failure.expected) == ("$or", "channel: EMAIL or product: p")
    assert failure.actual == {"channel": "PRINT", "product": None}


def test_personal_data_is_not_told() -> None:
    """What a field tagged as personal holds is not shown."""
    found, _ = pattern("customer: {email: [{suffix: '@example.org'}]}")

    failure = found.failure({"type": "SENT", "customer": {"email": "ann@example.com"}})

    assert failure is not None
    assert failure.actual == "(personal)"


@pytest.mark.parametrize("when", ["", "channel: [EMAIL]", "type: [{anything-but: [SENT]}]"])
def test_an_unnamed_reserved_type_is_explained(when: str) -> None:
    """`explain` agrees with `matches` about UNKNOWN."""
    found, _ = pattern(when)

    failure = found.failure({"type": "UNKNOWN", "channel": "EMAIL"})

    assert failure is not None
    assert (failure.path, failure.actual) == ("type", "UNKNOWN")


def test_the_domain_of_a_field() -> None:
    """A list of plain items bounds what a matching event can hold; nothing else does."""
    found, _ = pattern("{type: [SENT, FAILED], document_type: [a, b], product: [p, {prefix: q}]}")

    assert found.domain("type") == ("FAILED", "SENT")
    assert found.domain("document_type") == ("a", "b")
    assert found.domain("product") is None
    assert found.domain("channel") is None
