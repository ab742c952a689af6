"""Events as JSON: every wrong field is named, times are RFC 3339, headers are CloudEvents'."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from common.errors import InvalidEventError, UnknownTopicError
from common.event_json import from_json, headers_of, to_json

TOPIC = "comms.alert.v1"
EXAMPLES = Path(__file__).parents[2] / "schemas" / "examples"


@pytest.fixture
def alert() -> dict[str, Any]:
    """A raised alert, as JSON."""
    example: dict[str, Any] = json.loads((EXAMPLES / TOPIC / "RAISED.json").read_text())
    return example


def _errors(event: Any) -> dict[str, str]:
    with pytest.raises(InvalidEventError) as refused:
        from_json(TOPIC, event)
    return dict(refused.value.errors)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-03-01T10:00:00Z", datetime(2026, 3, 1, 10, tzinfo=UTC)),
        ("2026-03-01t10:00:00z", datetime(2026, 3, 1, 10, tzinfo=UTC)),
        ("2026-03-01 10:00:00Z", datetime(2026, 3, 1, 10, tzinfo=UTC)),
        ("2026-03-01T12:00:00+02:00", datetime(2026, 3, 1, 10, tzinfo=UTC)),
        ("2026-03-01T10:00:00.5Z", datetime(2026, 3, 1, 10, 0, 0, 500000, UTC)),
        ("2026-03-01T10:00:00.123456789Z", datetime(2026, 3, 1, 10, 0, 0, 123456, UTC)),
    ],
)
def test_times_are_rfc_3339(alert: dict[str, Any], text: str, time: datetime) -> None:
    """Any offset, up to microseconds; read as UTC."""
    assert from_json(TOPIC, {**alert, "occurred_at": text})["occurred_at"] == time


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-01",
        "2026-03-01T10:00:00",
        "2026-03-01T10:00Z",
        "20260301T100000Z",
        "2026-02-30T10:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "２０２６-03-01T10:00:00Z",
        "yesterday",
        1772359200,
        None,
    ],
)
def test_what_is_no_time_is_refused(alert: dict[str, Any], text: Any) -> None:
    """A time without an offset could be any of a day's hours."""
    assert set(_errors({**alert, "occurred_at": text})) == {"occurred_at"}


def test_every_wrong_field_is_named(alert: dict[str, Any]) -> None:
    """All of them at once, by dotted path, in words."""
    del alert["source"]
    alert |= {
        "type": "SHOUTED",
        "alert_key": 7,
        "colour": "red",
        "attributes": {"a": None},
        "audience": ["role:x", 5],
        "links": [{"label": "x"}, {"url": "https://example.com", "rel": "self"}],
        "customer": {"customer_id": "1", "resolved": "no"},
        "actor": [],
    }

    assert _errors(alert) == {
        "source": "is missing",
        "type": "must be one of UNKNOWN, RAISED, ACKNOWLEDGED, RESOLVED, OUTCOME",
        "alert_key": "must be a string, not a number",
        "colour": "is not a field here",
        "attributes.a": "must be a string, not null",
        "audience.1": "must be a string, not a number",
        "links.0.url": "is missing",
        "links.1.rel": "is not a field here",
        "customer.resolved": "must be true or false, not a string",
        "actor": "must be an object, not a list",
    }


def test_messages_never_repeat_what_was_sent(alert: dict[str, Any]) -> None:
    """An answer that lands in somebody's log holds no personal data."""
    alert["customer"] = {"customer_id": {"email": "secret@example.com"}, "email": ["secret@example.com"]}

    with pytest.raises(InvalidEventError) as refused:
        from_json(TOPIC, alert)

    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("event", [None, [], "x", 5])
def test_an_event_is_an_object(event: Any) -> None:
    """The error is about the whole of it."""
    assert set(_errors(event)) == {""}


@pytest.mark.parametrize(("score", "read"), [(80, 80), (80.0, 80), (-(2**63), -(2**63)), (None, None)])
def test_whole_numbers_are_numbers(score: Any, read: Any) -> None:
    """JSON has one kind of number: 80.0 is whole."""
    example = json.loads((EXAMPLES / "comms.engagement.v1/SCORE_CHANGED.json").read_text())

    assert from_json("comms.engagement.v1", {**example, "score": score})["score"] == read


@pytest.mark.parametrize("score", [80.5, True, "80", 2**63, float("inf"), float("nan")])
def test_other_numbers_are_refused(score: Any) -> None:
    """Nothing is rounded, wrapped or parsed silently."""
    example = json.loads((EXAMPLES / "comms.engagement.v1/SCORE_CHANGED.json").read_text())

    with pytest.raises(InvalidEventError, match=r"^score: must"):
        from_json("comms.engagement.v1", {**example, "score": score})


def test_text_that_is_not_unicode_is_refused(alert: dict[str, Any]) -> None:
    """A lone surrogate cannot be written as UTF-8."""
    assert _errors({**alert, "title": "\ud800"}) == {"title": "must be Unicode text, without lone surrogates"}


def test_defaults_are_not_shared(alert: dict[str, Any]) -> None:
    """Two events never hold the same map."""
    one, other = from_json(TOPIC, alert), from_json(TOPIC, alert)

    one["attributes"]["a"] = "b"

    assert other["attributes"] == {}


def test_json_of_an_event_is_plain(alert: dict[str, Any]) -> None:
    """Strings, numbers, lists: anything can write it."""
    value = from_json(TOPIC, alert)

    assert to_json(TOPIC, value)["occurred_at"] == "2026-03-02T06:40:05Z"
    assert from_json(TOPIC, json.loads(json.dumps(to_json(TOPIC, value)))) == value


def test_an_unknown_topic_lists_the_known() -> None:
    """What to write instead."""
    with pytest.raises(UnknownTopicError, match=r"comms\.alerts\.v1 is not an event topic.*comms\.alert\.v1"):
        from_json("comms.alerts.v1", {})


def test_headers_are_cloudevents_in_binary_mode(alert: dict[str, Any]) -> None:
    """Six headers, and traceparent where there is one."""
    value = from_json(TOPIC, {**alert, "source": "exstream ops", "source_instance": "eu/1"})

    assert headers_of(TOPIC, value, traceparent="00-abc-def-01") == [
        ("ce_specversion", b"1.0"),
        ("ce_id", value["event_id"].encode()),
        ("ce_source", b"exstream%20ops/eu%2F1"),
        ("ce_type", b"comms.alert.v1.RAISED"),
        ("ce_time", b"2026-03-02T06:40:05Z"),
        ("content-type", b"application/avro"),
        ("traceparent", b"00-abc-def-01"),
    ]
    assert "traceparent" not in dict(headers_of(TOPIC, value))
