"""From status callbacks and acknowledgements (notifications.md §4, §5, §7.3) to alert events."""

from base64 import b64encode
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import TypeAdapter

from common.errors import InvalidEventError
from tests.support.events import written_and_read
from tests.support.hooks import BASIC
from tests.support.signals import ACKNOWLEDGEMENT, STATUS, like
from workers.ingest.sources.api import Events
from workers.ingest.sources.catalogue import AnyHook, HookConfig, hook_of

RECEIVED = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
CONFIG: TypeAdapter[HookConfig] = TypeAdapter(AnyHook)


def events(signal: Any, **settings: Any) -> Events:
    """What one callback says."""
    given = {"kind": "notifications", "auth": BASIC, "instance": "acme", **settings}
    return hook_of(CONFIG.validate_python(given)).translate(signal, RECEIVED)


def base64(text: str) -> str:
    """As the platform returns what we sent."""
    return b64encode(text.encode()).decode()


def with_delivery(**changes: Any) -> dict[str, Any]:
    """The status of a job whose only recipient's copy fared differently."""
    return like(STATUS, deliveries=[like(STATUS["deliveries"][0], **changes)])


def outcomes(signal: dict[str, Any]) -> list[str]:
    """What became of the only recipient's copy."""
    return [event.value["outcome"] for event in events(signal)]


def test_a_status_is_a_fact_for_each_recipient() -> None:
    """Sent, and opened: each is an event of the alert that the job told of."""
    found = events(STATUS)

    values = [written_and_read(event) for event in found]
    assert {event.topic for event in found} == {"comms.alert.v1"}
    assert [(value["type"], value["outcome"]) for value in values] == [("OUTCOME", "sent"), ("OUTCOME", "opened")]
    assert {(value["alert_key"], value["caused_by"]) for value in values} == {("batch:4711:failed", "9f2c")}
    assert {value["recipient_ref"] for value in values} == {"u:7240"}
    assert values[0]["attributes"]["job_id"] == "xsi2-44417320"
    assert "jane@acme.example" not in str(values)


def test_the_vendors_times_are_kept_but_not_believed() -> None:
    """One of two fields is an hour off, labelled Z (§4): it happened when we heard of it."""
    value = written_and_read(events(STATUS)[0])

    assert value["occurred_at"] == RECEIVED
    assert value["attributes"]["first_attempt"] == "2023-08-21T10:25:26.000Z"


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (["Pending"], []),
        (["InProcess"], []),
        (["Held"], []),
        ([], []),
        (["Error"], ["failed"]),
        (["Expired"], ["expired"]),
        (["Cancelled"], ["cancelled"]),
        (["Error", "Sent", "Error"], ["sent"]),
        (["Sent", "Pending"], ["sent"]),
        (["Melted"], []),
    ],
)
def test_an_attempt_is_told_when_it_has_ended(states: list[str], expected: list[str]) -> None:
    """The last by its time, but any that was sent counts (§4)."""
    attempts = [{"state": state, "first_attempt": f"2023-08-21T1{n}:00:00Z"} for n, state in enumerate(states)]

    assert outcomes(with_delivery(delivery_attempts=attempts, events={})) == expected


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"email_delivery_events": {"dsn": {"status": "5.1.1"}}}, ["sent", "bounced"]),
        ({"email_delivery_events": {"opt_out": {"time": "unknown"}}}, ["sent", "opted_out"]),
        ({"email_delivery_events": {"dsn": [], "html_open": [], "opt_out": {}}}, ["sent"]),
        ({"sms_delivery_events": [{"status": "Confirmed"}, {"status": "Confirmed"}]}, ["sent", "confirmed"]),
        ({"sms_delivery_events": [{"status": "Undeliverable"}]}, ["sent", "failed"]),
        ({"sms_delivery_events": "odd", "email_delivery_events": 5}, ["sent"]),
    ],
)
def test_events_are_told_by_their_presence(told: dict[str, Any], expected: list[str]) -> None:
    """Their inner shapes are unknown: what is not empty has happened (§4)."""
    assert outcomes(with_delivery(events=told)) == expected


def test_a_fact_told_again_is_one_event() -> None:
    """Statuses repeat, and come out of order: the id is made of job, recipient and fact alone."""
    early = with_delivery(events={})
    late = like(STATUS, job_state=["Purged"])

    ids = [event.event_id for event in (*events(early), *events(late))]

    assert ids[0] == ids[1]
    assert len(set(ids)) == 2
    assert events(like(STATUS, job_id="other"))[0].event_id not in ids


@pytest.mark.parametrize("reference", ["", "Joa", "9f2c"])
def test_a_job_that_is_not_ours_is_passed_over(reference: str) -> None:
    """Exstream sends by the same account, and tells of its own mails (§5)."""
    assert events(like(STATUS, customer_reference_base64=base64(reference))) == []
    assert events(like(STATUS, customer_reference_base64=...)) == []


def test_an_event_without_an_alert_key_is_known_by_itself() -> None:
    """A message that no alert event asked for."""
    value = events(like(STATUS, customer_reference_base64=base64("evt:9f2c")))[0].value

    assert (value["alert_key"], value["caused_by"]) == ("event:9f2c", "9f2c")


@pytest.mark.parametrize(
    ("action", "kind", "outcome"),
    [
        ("acknowledged", "ACKNOWLEDGED", None),
        ("approved", "ACKNOWLEDGED", None),
        ("rejected", "ACKNOWLEDGED", None),
        ("read", "OUTCOME", "opened"),
        ("shredded", "UNKNOWN", None),
    ],
)
def test_somebody_dealt_with_an_alert(action: str, kind: str, outcome: str | None) -> None:
    """Who, when, and of which alert; an action that we have no word for is kept."""
    (event,) = events(like(ACKNOWLEDGEMENT, action=action))

    value = written_and_read(event)
    assert (value["type"], value["outcome"], value["alert_key"]) == (kind, outcome, "batch:4711:failed")
    assert (value["actor"], value["recipient_ref"]) == ({"kind": "USER", "id": "jdoe"}, "user:jdoe")
    assert value["occurred_at"] == datetime(2026, 3, 2, 6, 52, tzinfo=UTC)
    assert value["attributes"]["action"] == action


def test_an_alert_that_the_other_system_numbers_is_known_by_its_number() -> None:
    """Where it does not return our key."""
    assert events(like(ACKNOWLEDGEMENT, dedupe_key=...))[0].value["alert_key"] == "notification:9f2c"


@pytest.mark.parametrize(
    ("signal", "fields"),
    [
        ([], {""}),
        ({}, {"job_id", "deliveries"}),
        (like(STATUS, deliveries=[5]), {"deliveries.0"}),
        (like(STATUS, customer_reference_base64="%"), {"customer_reference_base64"}),
        (like(STATUS, customer_reference_base64=base64("evt:")), {"customer_reference_base64"}),
        ({"action": ""}, {"action"}),
        ({"action": "read"}, {""}),
    ],
)
def test_what_is_missing_or_wrong_is_named(signal: Any, fields: set[str]) -> None:
    """By the vendor's own names."""
    with pytest.raises(InvalidEventError) as caught:
        events(signal)

    assert {field for field, _ in caught.value.errors} == fields
