"""From the metadata that a site's sender posts beside Exstream's events (exstream.md §6.4) to events."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import TypeAdapter

from common.errors import InvalidEventError
from tests.support.events import written_and_read
from tests.support.hooks import HMAC
from tests.support.signals import BATCH, like
from workers.ingest.sources.api import Events
from workers.ingest.sources.catalogue import AnyHook, HookConfig, hook_of

RECEIVED = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
CONFIG: TypeAdapter[HookConfig] = TypeAdapter(AnyHook)


def events(signal: Any, **settings: Any) -> Events:
    """What one signal says, where its feed has the say in everything."""
    given = {"kind": "exstream_delivery", "auth": HMAC, "signals": None, **settings}
    return hook_of(CONFIG.validate_python(given)).translate(signal, RECEIVED)


def test_a_finished_batch_says_how_it_went() -> None:
    """N1: type, volume, channel, and what failed."""
    (event,) = events(BATCH, document_types={"Statement": "billing_statement"})

    value = written_and_read(event)
    assert (event.topic, value["type"], value["batch_id"], value["job_id"]) == (
        "comms.batch.v1",
        "COMPLETED",
        "job-7",
        "job-7",
    )
    assert (value["document_type"], value["channel"]) == ("billing_statement", "EMAIL")
    assert (value["volume"], value["succeeded"], value["failed"]) == (120345, 120333, 12)
    assert value["source_instance"] == "statements.example.com"


@pytest.mark.parametrize(
    ("event_type", "topic", "kind"),
    [
        ("exstream.batch.started", "batch", "STARTED"),
        ("exstream.batch.failed", "batch", "FAILED"),
        ("exstream.batch.held", "batch", "HELD"),
        ("exstream.batch.canceled", "batch", "CANCELLED"),
        ("exstream.batch.print_released", "batch", "PRINT_RELEASED"),
        ("exstream.batch.danced", "batch", "UNKNOWN"),
        ("exstream.document.generated", "communication", "GENERATED"),
        ("exstream.delivery.submitted", "communication", "SENT"),
        ("exstream.delivery.delivered", "communication", "DELIVERED"),
        ("exstream.delivery.failed", "communication", "FAILED"),
        ("exstream.delivery.opened", "communication", "OPENED"),
        ("exstream.delivery.responded", "communication", "RESPONDED"),
        ("exstream.delivery.status", "communication", "FAILED"),
        ("exstream.content.submitted", "content", "READY_FOR_REVIEW"),
        ("exstream.content.approved", "content", "APPROVED"),
        ("exstream.content.rejected", "content", "REJECTED"),
        ("exstream.content.draft_created", "content", "UPDATED"),
        ("exstream.flow.published", "content", "PUBLISHED"),
        ("exstream.weather.changed", "communication", "UNKNOWN"),
        ("odd", "communication", "UNKNOWN"),
    ],
)
def test_a_type_has_one_meaning(event_type: str, topic: str, kind: str) -> None:
    """On its own topic; what we have no word for is kept with its type."""
    (event,) = events(like(BATCH, event_type=event_type))

    value = written_and_read(event)
    assert (event.topic, value["type"]) == (f"comms.{topic}.v1", kind)
    assert value["attributes"]["event_type"] == event_type


def test_a_failed_delivery_says_what_is_to_be_done() -> None:
    """N2: reason and next action, for the customer."""
    value = written_and_read(events(like(BATCH, event_type="exstream.delivery.failed"))[0])

    assert (value["failure_reason"], value["next_action"], value["channel"]) == ("NDLV", "reprint", "EMAIL")
    assert value["customer"]["customer_id"] == "C-104711"
    assert value["document_type"] == "Statement"


def test_a_response_is_told() -> None:
    """M2: of a regulated document."""
    signal = like(BATCH, event_type="exstream.delivery.responded", response={"kind": "paid", "value": "42"})

    assert written_and_read(events(signal)[0])["response"] == {"kind": "paid", "value": "42"}


def test_content_for_review_names_its_reviewers() -> None:
    """N3: which template, which version, who."""
    design = {**BATCH["communication"], "reviewers": ["legal"], "regions": ["DE"], "doc_type": "Statement"}

    value = written_and_read(events(like(BATCH, event_type="exstream.content.submitted", communication=design))[0])

    assert (value["content_id"], value["version"], value["reviewers"]) == ("c-1", "3", ["legal"])
    assert (value["regions"], value["document_type"]) == (["DE"], "Statement")


@pytest.mark.parametrize(
    ("event_type", "given", "expected"),
    [
        ("exstream.content.approved", {}, "template"),
        ("exstream.content.approved", {"type": "clause_library"}, "clause_library"),
        ("exstream.flow.published", {}, "flow_model"),
    ],
)
def test_content_is_of_the_kind_that_is_said(event_type: str, given: dict[str, str], expected: str) -> None:
    """N5, N6: else a template, or a flow model where a flow was published; its name comes along."""
    design = {**BATCH["communication"], **given}

    value = written_and_read(events(like(BATCH, event_type=event_type, communication=design))[0])

    assert (value["content_type"], value["content_name"]) == (expected, "Statement")


def test_without_the_sites_id_a_substitute_stands_in() -> None:
    """An address is never a key."""
    (event,) = events(like(BATCH, event_type="exstream.delivery.failed", recipient={"email": "ada@example.com"}))

    assert event.is_substitute
    assert "example.com:mail-" in event.value["customer"]["customer_id"]


def test_a_signal_seen_twice_has_one_id() -> None:
    """The sender's own, else the content."""
    assert events(BATCH)[0].event_id == events(like(BATCH, raw={"a": 1}))[0].event_id
    bare = like(BATCH, event_id=...)
    assert events(bare)[0].event_id == events(dict(reversed(bare.items())))[0].event_id
    assert events(bare)[0].event_id != events(like(bare, raw={"a": 1}))[0].event_id


@pytest.mark.parametrize(
    ("signal", "fields"),
    [
        ([], {""}),
        ({}, {"event_type", "occurred_at"}),
        (like(BATCH, batch={}), {"batch.job_id"}),
        (like(BATCH, event_type="exstream.content.approved", communication={}), {"communication.id"}),
        (like(BATCH, batch={"job_id": "j", "volume": -1}), {"batch.volume"}),
        (like(BATCH, response={}), {"response.kind"}),
    ],
)
def test_what_is_missing_or_wrong_is_named(signal: Any, fields: set[str]) -> None:
    """All that can be told at once."""
    with pytest.raises(InvalidEventError) as caught:
        events(signal)

    assert {field for field, _ in caught.value.errors} == fields


def test_by_itself_it_has_the_say_in_what_exstream_does_not_tell() -> None:
    """Batches and content: Exstream's own events tell of documents, unless the settings say otherwise."""
    given = {"kind": "exstream_delivery", "auth": HMAC}
    translate = hook_of(CONFIG.validate_python(given)).translate

    assert len(translate(BATCH, RECEIVED)) == 1
    assert translate(like(BATCH, event_type="exstream.delivery.failed"), RECEIVED) == []
