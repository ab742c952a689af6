"""The JSON Schemas of our events: what the door takes they take, what it refuses they refuse."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from common.codec import to_json
from common.errors import InvalidEventError
from schemas.catalogue import catalogue
from schemas.json_schema import json_schema
from tests.support.ingest import NOW
from workers.ingest.schema_pages import posted_schema
from workers.ingest.sources.canonical import CanonicalTranslation

EXAMPLES = sorted((Path(__file__).parents[2] / "schemas" / "examples").glob("*/*.json"))
TOPIC = "comms.communication.v1"
GOOD: dict[str, Any] = {
    "type": "SENT",
    "occurred_at": "2026-03-04T11:59:00Z",
    "customer": {"customer_id": "C-1", "resolved": True},
    "attributes": {"site": "north"},
}


def posted(topic: str = TOPIC) -> Draft202012Validator:
    return Draft202012Validator(posted_schema(topic))


@pytest.mark.parametrize("topic", catalogue().topics)
def test_every_schema_is_one(topic: str) -> None:
    """By the dialect's own schema; every name that is referred to is there."""
    schema = json_schema(catalogue().schema(topic))

    Draft202012Validator.check_schema(schema)
    assert schema["title"] == catalogue().schema(topic)["name"]
    assert schema["properties"]["type"]["$ref"].removeprefix("#/$defs/") in schema["$defs"]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_example_is_valid(path: Path) -> None:
    """As an event, as it is posted, and as it stands in Kafka with all its defaults."""
    topic, example = path.parent.name, json.loads(path.read_text())
    value = CanonicalTranslation(topic, "test").event(example, NOW).value

    posted(topic).validate(example)
    Draft202012Validator(json_schema(catalogue().schema(topic))).validate(to_json(topic, value))


def changed(**fields: Any) -> dict[str, Any]:
    """The good event with other fields; None takes one away."""
    event = {**copy.deepcopy(GOOD), **fields}
    return {name: value for name, value in event.items() if value is not ...}


@pytest.mark.parametrize(
    "event",
    [
        changed(type=...),
        changed(occurred_at=...),
        changed(type="FLOWN"),
        changed(type=5),
        changed(typo=1),
        changed(occurred_at="yesterday"),
        changed(occurred_at="2026-03-04T11:59:00"),
        changed(occurred_at=None),
        changed(occurred_at=1),
        changed(event_id=""),
        changed(event_id="a b"),
        changed(event_id="a" * 201),
        changed(event_id=7),
        changed(source=7),
        changed(customer={}),
        changed(customer={"customer_id": "  "}),
        changed(customer={"customer_id": "C", "resolved": "yes"}),
        changed(customer={"customer_id": "C", "nick": "x"}),
        changed(customer="C"),
        changed(attributes={"a": 1}),
        changed(attributes=[]),
        changed(channel="FAX"),
        changed(document_type=5),
        [],
        "text",
        None,
    ],
    ids=str,
)
def test_what_the_door_refuses_the_schema_refuses(event: Any) -> None:
    """The common mistakes; what only the door can tell is said in the module."""
    with pytest.raises(InvalidEventError):
        CanonicalTranslation(TOPIC, "test").event(event, NOW)
    assert not posted().is_valid(event)


@pytest.mark.parametrize(
    "event",
    [
        GOOD,
        changed(event_id="order-1"),
        changed(event_id=None, source=None, ingested_at=None),
        changed(ingested_at="whatever"),
        changed(occurred_at="2026-03-04t11:59:00.123456789+01:00"),
        changed(channel=None),
        changed(customer=None),
    ],
    ids=str,
)
def test_what_the_door_takes_the_schema_takes(event: Any) -> None:
    """What a sender may leave to us, it may leave to us here too."""
    CanonicalTranslation(TOPIC, "test").event(event, NOW)
    posted().validate(event)


def test_whole_numbers_are_what_they_are_to_avro() -> None:
    """64 bits; JSON has one kind of number, so 80.0 is 80."""
    event = {"type": "SCORE_CHANGED", "occurred_at": "2026-03-04T11:59:00Z", "score": 80.0}
    validator = posted("comms.engagement.v1")

    assert validator.is_valid(event)
    assert not validator.is_valid({**event, "score": 2**63})
    assert not validator.is_valid({**event, "score": 0.5})


def test_personal_data_is_marked() -> None:
    """So that a sender knows what it sends."""
    schema = json_schema(catalogue().schema(TOPIC))

    assert schema["$defs"]["Customer"]["properties"]["email"]["x-pii"] is True
    assert "x-pii" not in schema["properties"]["document_type"]


def test_a_type_that_we_do_not_use_is_refused() -> None:
    """A schema would say too little of it."""
    odd = {"namespace": "n", "name": "Odd", "type": "record", "fields": [{"name": "a", "type": "bytes"}]}

    with pytest.raises(KeyError, match="bytes"):
        json_schema(odd)
