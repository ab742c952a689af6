"""Tables in `with`: the first row that matches says what stands there, and every row is checked before any event."""

from pathlib import Path
from typing import Any

import pytest

from common.errors import UnusableEventError
from tests.support.flows import faults, load, template
from workers.flows.template import compile_template, possible, reads

TABLE: list[Any] = [
    {
        "when": {"failure_reason": ["NDLV"], "channel": ["EMAIL"]},
        "then": "Ask ${customer.customer_id|them} for an address.",
    },
    {"when": {"channel": [{"anything-but": ["EMAIL"]}]}, "then": "Look at ${channel}."},
    {"then": "Call them."},
]


def render(table: Any, **event: Any) -> Any:
    """What a table says of an event."""
    found, none = template("{rules: {setting: n2.table}}", values={"n2": {"table": table}})
    assert none == []
    return compile_template(found)({"type": "FAILED", **event})


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"failure_reason": "NDLV", "channel": "EMAIL", "customer": {"customer_id": "C-1"}}, "Ask C-1 for an address."),
        ({"failure_reason": "NDLV", "channel": "EMAIL"}, "Ask them for an address."),
        ({"failure_reason": "NDLV", "channel": "SMS"}, "Look at SMS."),
        ({"failure_reason": "NDLV"}, "Call them."),
    ],
)
def test_the_first_row_that_matches_counts(event: dict[str, Any], expected: str) -> None:
    """Rows are flow patterns, and what they say may read the event."""
    assert render(TABLE, **event) == expected


def test_a_table_without_a_matching_row_says_nothing() -> None:
    """Its key is left out, and so is its item of a list."""
    found, _ = template(
        "{a: {rules: [{when: {channel: [SMS]}, then: x}]}, b: [{rules: [{when: {channel: [SMS]}, then: x}]}]}"
    )

    assert compile_template(found)({"type": "FAILED", "channel": "WEB"}) == {"b": []}
    assert compile_template(found)({"type": "FAILED", "channel": "SMS"}) == {"a": "x", "b": ["x"]}


def test_a_table_may_hold_lists() -> None:
    """An audience, say."""
    table: list[Any] = [{"when": {"document_type": ["overdue_reminder"]}, "then": ["role:collections"]}, {"then": []}]

    assert render(table, document_type="overdue_reminder") == ["role:collections"]
    assert render(table) == []


@pytest.mark.parametrize("value", ["HIGH", 5, ["role:a", "role:b"], []])
def test_a_value_that_is_no_table_stands_for_itself(value: Any) -> None:
    """A site that needs no rules writes the value."""
    assert render(value) == value


def test_what_a_table_can_become_and_reads_is_known() -> None:
    """Sinks check names at start-up; the fields of its patterns count as read."""
    texts: list[Any] = [{"when": {"channel": ["SMS"]}, "then": "HIGH"}, {"then": "${risk_level}"}]
    found, _ = template("{rules: {setting: t}}", values={"t": texts})
    lists, _ = template("{rules: {setting: t}}", values={"t": [{"then": ["a", "b"]}, {"then": ["b"]}]})

    assert possible(found, lambda path: ("low",) if path == "risk_level" else None) == ("HIGH", "low")
    assert possible(found, lambda _: None) is None
    assert possible(lists, lambda _: None) == ("a", "b")
    assert list(reads(found)) == ["channel", "risk_level"]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (
            [{"when": {"chanel": ["SMS"]}, "then": "x"}],
            "flows.values.t, rule 1: comms.communication.v1 has no field 'chanel'",
        ),
        (
            [{"then": "x"}, {"then": "${nothing}"}],
            "flows.values.t, rule 2: comms.communication.v1 has no field 'nothing'",
        ),
        ([{"when": {"channel": ["PIGEON"]}, "then": "x"}], "flows.values.t, rule 1: channel has no symbol 'PIGEON'"),
        ([{"when": {}}], "flows.values.t, rule 1 is {when: PATTERN, then: VALUE}"),
        ([{"then": "x"}, "x"], "flows.values.t, rule 2 is {when: PATTERN, then: VALUE}"),
        ([{"than": "x"}], "flows.values.t, rule 1 is {when: PATTERN, then: VALUE}"),
        ([{"then": {"rules": {"setting": "t"}}}], "flows.values.t, rule 1: `then` is a value"),
        ([{"then": [{"setting": "t"}]}], "flows.values.t, rule 1: `then` is a value"),
        (None, "the setting flows.values.t is missing"),
    ],
)
def test_a_table_that_cannot_work_is_refused(table: Any, message: str) -> None:
    """The message names the row; where it stands is the flow that uses it."""
    _, (fault,) = template("{rules: {setting: t}}", values={"t": table})

    assert fault.startswith(f"with.yaml:1: {message}")


FLOW = """
- name: n
  on: comms.communication.v1
  when: {type: [FAILED]}
  do: paper.write
  with: {title: {rules: {setting: title}}, copies: {rules: {setting: copies}}}
"""


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"title": [{"then": "abc"}], "copies": [{"then": 1}]}, []),
        ({"title": [{"then": "abc"}, {"then": "no"}], "copies": [{"then": 1}]}, ["parameter title does not fit"]),
        (
            {"title": [{"then": "abc"}], "copies": [{"then": 1}, {"then": 2}, {"then": 0}]},
            ["parameter copies does not"],
        ),
        (
            {"title": [{"when": {"channel": ["SMS"]}, "then": "abc"}], "copies": [{"then": 1}]},
            ["parameter title is missing"],
        ),
        ({"title": [{"then": "${occurred_at}"}], "copies": [{"then": 1}]}, ["parameter title does not fit"]),
    ],
)
def test_every_row_is_checked_against_the_action(tmp_path: Path, values: dict[str, Any], expected: list[str]) -> None:
    """A value of the wrong kind in any row, and a parameter that may be missing where no row matches."""
    found = [each.partition(": ")[2] for each in faults(tmp_path, FLOW, **values)]

    assert [message[: len(wanted)] for message, wanted in zip(found, expected, strict=True)] == expected


def test_a_row_that_is_wrong_for_one_event_says_from_which_fields(tmp_path: Path) -> None:
    """At run time, what the table reads is named in the dead letter."""
    values: dict[str, Any] = {
        "title": [{"when": {"channel": ["SMS"]}, "then": "${document_type}"}, {"then": "abc"}],
        "copies": [{"then": 1}],
    }
    (flow,) = load(tmp_path, FLOW, **values)

    with pytest.raises(UnusableEventError, match=r"parameter title \(from channel, document_type\)"):
        flow.parameters({"type": "FAILED", "channel": "SMS", "document_type": "x"})


STORE_FLOW = """
- name: n
  on: comms.communication.v1
  when: {type: [FAILED]}
  do: paper.write
  with: {title: {rules: {setting: title}}}
"""


def test_a_table_may_ask_the_customer_store(tmp_path: Path) -> None:
    """A flow whose table reads the profile needs it, in a pattern as well as in a value."""
    by_pattern = [{"when": {"profile": {"risk_level": ["high"]}}, "then": "Call"}, {"then": "Write"}]
    by_value = [{"then": "Call ${profile.account_manager|nobody}"}]
    plain = [{"then": "Write"}]

    for table, asks in ((by_pattern, True), (by_value, True), (plain, False)):
        (flow,) = load(tmp_path, STORE_FLOW, has_store=True, title=table)
        assert flow.asks is asks

    (flow,) = load(tmp_path, STORE_FLOW, has_store=True, title=by_pattern)
    made = flow.parameters({"type": "FAILED", "profile": {"risk_level": "high"}})
    assert made.model_dump()["title"] == "Call"
