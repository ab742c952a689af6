"""From a vendor's own payload, over HTTP, to the record in Kafka, read with Apache's Avro library.

One case for each signal of the business flows that arrives by webhook; what writes Avro here is another library, so
that no mistake of it can hide in both directions.
"""

import io
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx
import pytest
from avro.io import BinaryDecoder, DatumReader
from avro.schema import Schema, parse

from common.event import Position
from common.kafka.clients import producer_config
from common.kafka.embedded import EmbeddedBroker
from common.kafka.log_reader import LogReader
from common.kafka.parcel import Confirmation
from common.kafka.producer import ConfirmedProducer, Outgoing
from schemas.catalogue import catalogue
from tests.support.asgi import AsgiClient
from tests.support.hooks import VENDORS, Vendors
from tests.support.ingest import door, webhook_config
from tests.support.signals import (
    ACKNOWLEDGEMENT,
    BATCH,
    BOUNCE,
    BRAZE_SURVEY,
    ECM,
    GLOBAL_CHANGE,
    GROUP_CHANGE,
    MARKETO,
    OPEN,
    STATUS,
    UNSUBSCRIBE,
    currents,
    like,
)
from tests.unit.test_exstream_source import COMMUNICATION, CUSTOMER, EMAIL_EVENT, changed, of_type

COMMUNICATIONS, ENGAGEMENTS, PREFERENCES = "comms.communication.v1", "comms.engagement.v1", "comms.preference.v1"
PROFILES, WORKSPACES, CONTENTS = "comms.profile.v1", "comms.workspace.v1", "comms.content.v1"
BATCHES, ALERTS, DEAD = "comms.batch.v1", "comms.alert.v1", "comms.dlq.ingest.v1"

SOURCES: dict[str, Any] = {
    **VENDORS,
    "exstream": {
        **VENDORS["exstream"],
        "document_id_path": "user.DocNo",
        "completed_by": ["DELIVERED"],
        "field_paths": {"risk_level": "user.Risk"},
    },
    "exstream-delivery": {**VENDORS["exstream-delivery"], "signals": None},
    "marketo": {**VENDORS["marketo"], "signals": None},
    "ecm": {**VENDORS["ecm"], "customer_visible": ["invoice"]},
}


@dataclass(frozen=True, slots=True)
class Case:
    """One signal of a flow: posted to a hook, it must be found on a topic under a key, with these fields."""

    hook: str
    signal: Any
    topic: str
    key: str
    fields: dict[str, Any]


def ecm(event_type: str, **changes: Any) -> dict[str, Any]:
    """A signal about a customer's workspace."""
    attributes = {"Customer Id": "C-104711", **changes.pop("attributes", {})}
    return like(ECM, event_type=event_type, event_id=..., attributes=attributes, **changes)


def mail(schema_type: str, **user: str) -> dict[str, Any]:
    """An e-mail event of a document."""
    signal = of_type(schema_type)
    return changed(signal, "user", {**EMAIL_EVENT["user"], **user})


def marketo(word: str, **fields: Any) -> dict[str, Any]:
    """A call of a webhook."""
    return like(MARKETO, type=word, **fields)


def batch(event_type: str, **fields: Any) -> dict[str, Any]:
    """Metadata beside Exstream's events."""
    return like(BATCH, event_type=event_type, event_id=..., **fields)


LETTER = {"document_type": "welcome_letter", "communication_id": COMMUNICATION}
EMAIL_DELIVERY = currents("users.messages.email.Delivery", OPEN["properties"])
SITE, BRAZE_USER, KEY = "C-104711", "external_user_id", "batch:4711:failed"

CASES: dict[str, Case] = {
    "M1 opened": Case("marketo", marketo("email_opened", asset="a"), ENGAGEMENTS, SITE, {"type": "EMAIL_OPENED"}),
    "M1 form": Case("marketo", MARKETO, ENGAGEMENTS, SITE, {"type": "FORM_SUBMITTED", "form": "quote-request"}),
    "M1 score": Case(
        "marketo", marketo("score_changed", score="84", scorePrevious="79"), ENGAGEMENTS, SITE,
        {"type": "SCORE_CHANGED", "score": 84, "score_previous": 79},
    ),
    "M2 sent": Case("exstream", mail("Exstream-Email-Submit"), COMMUNICATIONS, CUSTOMER, {"type": "SENT", **LETTER}),
    "M2 responded": Case(
        "exstream-delivery", batch("exstream.delivery.responded", response={"kind": "paid", "value": "42"}),
        COMMUNICATIONS, SITE, {"type": "RESPONDED", "response": {"kind": "paid", "value": "42"}},
    ),
    "M3 wish": Case(
        "exstream", EMAIL_EVENT, PREFERENCES, CUSTOMER,
        {"kind": "PREFERRED_CHANNEL", "preferred_channel": "EMAIL", "evidence": "OBSERVED"},
    ),
    "M3 unsubscribed": Case(
        "marketo", marketo("unsubscribed"), PREFERENCES, SITE, {"kind": "CONSENT", "state": "OPTED_OUT"}
    ),
    "M3 paperless": Case(
        "marketo", marketo("preference_changed", kind="paperless", state="on"), PREFERENCES, SITE,
        {"kind": "PAPERLESS", "state": "ON", "evidence": "EXPLICIT"},
    ),
    "M4 completed": Case(
        "exstream", mail("Exstream-Email-POST", DocNo="D-1"), COMMUNICATIONS, CUSTOMER,
        {"type": "COMPLETED", "document_id": "D-1", **LETTER},
    ),
    "M5 delivered": Case("exstream", mail("Exstream-Email-POST"), COMMUNICATIONS, CUSTOMER, {"type": "DELIVERED"}),
    "M6 profile": Case(
        "marketo", marketo("profile_changed", lifecycleStage="prospect", leadScore=84), PROFILES, SITE,
        {"type": "CHANGED", "lifecycle_stage": "prospect", "lead_score": 84},
    ),
    "M7 risk": Case(
        "exstream", mail("Exstream-Email-Submit", Risk="high"), COMMUNICATIONS, CUSTOMER,
        {"type": "SENT", "risk_level": "high"},
    ),
    "M8 response": Case("marketo", marketo("campaign_responded"), ENGAGEMENTS, SITE, {"type": "CAMPAIGN_RESPONDED"}),
    "N1 completed": Case(
        "exstream-delivery", BATCH, BATCHES, "job-7",
        {"type": "COMPLETED", "document_type": "Statement", "volume": 120345, "channel": "EMAIL", "failed": 12},
    ),
    "N1 failed": Case("exstream-delivery", batch("exstream.batch.failed"), BATCHES, "job-7", {"type": "FAILED"}),
    "N2 failed": Case("exstream", mail("Exstream-Email-Failed"), COMMUNICATIONS, CUSTOMER, {"type": "FAILED"}),
    "N2 bounced": Case(
        "exstream", changed(mail("Exstream-Email-NDLV"), "exstreamEmailStatistics.eventType", "NDLV"),
        COMMUNICATIONS, CUSTOMER, {"type": "BOUNCED", "failure_reason": "NDLV"},
    ),
    "N2 next action": Case(
        "exstream-delivery", batch("exstream.delivery.failed"), COMMUNICATIONS, SITE,
        {"type": "FAILED", "failure_reason": "NDLV", "next_action": "reprint"},
    ),
    "N3 review": Case(
        "exstream-delivery", batch("exstream.content.submitted"), CONTENTS, "c-1", {"type": "READY_FOR_REVIEW"}
    ),
    "N4 generated": Case("exstream", mail("Exstream-Generated"), COMMUNICATIONS, CUSTOMER, {"type": "GENERATED"}),
    "N5 updated": Case(
        "exstream-delivery", batch("exstream.content.draft_created"), CONTENTS, "c-1", {"type": "UPDATED"}
    ),
    "N5 published": Case("exstream-delivery", batch("exstream.flow.published"), CONTENTS, "c-1", {"type": "PUBLISHED"}),
    "N6 queued": Case("exstream-delivery", batch("exstream.batch.queued"), BATCHES, "job-7", {"type": "QUEUED"}),
    "N6 printed": Case(
        "exstream-delivery", batch("exstream.batch.print_released"), BATCHES, "job-7", {"type": "PRINT_RELEASED"}
    ),
    "N6 approved": Case("exstream-delivery", batch("exstream.content.approved"), CONTENTS, "c-1", {"type": "APPROVED"}),
    "N7 outcome": Case(
        "notifications", STATUS, ALERTS, KEY, {"type": "OUTCOME", "outcome": "opened", "recipient_ref": "u:7240"}
    ),
    "N7 acknowledged": Case(
        "notifications", ACKNOWLEDGEMENT, ALERTS, KEY, {"type": "ACKNOWLEDGED", "recipient_ref": "user:jdoe"}
    ),
    "B1 created": Case("ecm", ecm("workspace.created"), WORKSPACES, SITE, {"type": "CREATED"}),
    "B1 milestone": Case(
        "ecm", ecm("category.changed", attributes={"Milestone": "kyc_completed"}, previous={"Milestone": "new"}),
        WORKSPACES, SITE,
        {"type": "MILESTONE_REACHED", "milestone": "kyc_completed", "previous": "new", "workspace_type": "onboarding"},
    ),
    "B2 document": Case(
        "ecm", ecm("document.created", attributes={"Document Type": "invoice"}, previous={}), WORKSPACES, SITE,
        {
            "type": "DOCUMENT_ADDED",
            "document": {"id": "4711", "type": "invoice", "status": None, "customer_visible": True},
        },
    ),
    "B2 status": Case(
        "ecm", ecm("category.changed", attributes={"Status": "Waiting"}, previous={"Status": "Open"}),
        WORKSPACES, SITE, {"type": "STATUS_CHANGED", "case_status": "Waiting", "previous": "Open"},
    ),
    "B3 expiry": Case(
        "ecm",
        ecm(
            "category.changed",
            attributes={"Expires": "2027-01-01T00:00:00Z"},
            previous={"Expires": "2026-01-01T00:00:00Z"},
        ),
        WORKSPACES, SITE, {"type": "RENEWED"},
    ),
    "B4 subscription": Case(
        "currents", {"events": [GROUP_CHANGE]}, PREFERENCES, BRAZE_USER, {"kind": "SUBSCRIPTION", "state": "SUBSCRIBED"}
    ),
    "B4 consent": Case(
        "currents", {"events": [GLOBAL_CHANGE]}, PREFERENCES, BRAZE_USER, {"kind": "CONSENT", "state": "SUBSCRIBED"}
    ),
    "B4 unsubscribed": Case(
        "currents", {"events": [UNSUBSCRIBE]}, PREFERENCES, BRAZE_USER, {"kind": "CONSENT", "state": "OPTED_OUT"}
    ),
    "B4 bounced": Case(
        "currents", {"events": [BOUNCE]}, PREFERENCES, BRAZE_USER, {"kind": "SUPPRESSION", "state": "ON"}
    ),
    "B5 approved": Case("ecm", ecm("document.status_changed", attributes={"Status": "Approved"}), WORKSPACES, SITE,
        {"type": "DOCUMENT_APPROVED"},
    ),
    "B5 rejected": Case("ecm", ecm("document.status_changed", attributes={"Status": "Rejected"}), WORKSPACES, SITE,
        {"type": "DOCUMENT_REJECTED"},
    ),
    "B6 delivered": Case(
        "currents", {"events": [EMAIL_DELIVERY]}, ENGAGEMENTS, BRAZE_USER, {"type": "EMAIL_DELIVERED"}
    ),
    "B6 opened": Case(
        "currents", {"events": [OPEN]}, ENGAGEMENTS, BRAZE_USER, {"type": "EMAIL_OPENED", "automated": True}
    ),
    "B7 complete": Case(
        "ecm", ecm("category.changed", attributes={"Status": "Complete"}, previous={"Status": "Open"}),
        WORKSPACES, SITE, {"type": "COMPLETED"},
    ),
    "B7 survey": Case(
        "braze", BRAZE_SURVEY, ENGAGEMENTS, SITE,
        {"type": "SURVEY_COMPLETED", "workspace_id": "36780", "survey": "case-feedback"},
    ),
}  # fmt: skip


class Watched:
    """The real producer; remembers where Kafka said that each record is."""

    def __init__(self, producer: ConfirmedProducer) -> None:
        self._producer = producer
        self.confirmed: list[Confirmation] = []

    async def send_all(self, records: Sequence[Outgoing]) -> Sequence[Confirmation]:
        """As the producer does."""
        found = await self._producer.send_all(records)
        self.confirmed += found
        return found

    def submit(self, record: Outgoing) -> "Future[Position]":
        """As the producer does."""
        return self._producer.submit(record)


Told = dict[str, tuple[httpx.Response, list[Confirmation]]]
"""What each case was answered, and where its records are."""


@pytest.fixture(scope="module")
def broker() -> Iterator[EmbeddedBroker]:
    """One for all cases: each has its own records."""
    with EmbeddedBroker() as running:
        yield running


@pytest.fixture(scope="module")
def told(broker: EmbeddedBroker) -> Told:
    """Every case, posted to a door whose producer is the real one."""
    producer = ConfirmedProducer(producer_config({"bootstrap.servers": broker.bootstrap}))
    watched, found = Watched(producer), Told()
    with AsgiClient(door(watched, webhook_config(sources=SOURCES))) as client:
        for name, case in CASES.items():
            answer = Vendors(client).post(case.hook, case.signal)
            found[name], watched.confirmed = (answer, watched.confirmed), []
    producer.close()
    return found


@pytest.fixture(scope="module")
def log(broker: EmbeddedBroker, told: Told) -> dict[Position, tuple[bytes | None, bytes]]:
    """Every record of every topic of the cases, read from Kafka."""
    assert told
    reader = LogReader({"bootstrap.servers": broker.bootstrap})
    records = (record for topic in {case.topic for case in CASES.values()} for record in reader.records(topic))
    return {Position(one.topic, one.partition, one.offset): (one.key, one.value or b"") for one in records}


@cache
def schema_of(topic: str) -> Schema:
    """As Apache's library reads it."""
    return parse(json.dumps(catalogue().schema(topic)))


def decoded(topic: str, value: bytes) -> Any:
    """The record behind the five bytes of the wire format."""
    assert (value[0], int.from_bytes(value[1:5], "big")) == (0, catalogue().id_of(topic))
    return DatumReader(schema_of(topic)).read(BinaryDecoder(io.BytesIO(value[5:])))


@pytest.mark.parametrize("name", CASES)
def test_a_vendors_signal_is_a_record_in_kafka(
    told: Told, log: dict[Position, tuple[bytes | None, bytes]], name: str
) -> None:
    """Acknowledged, and there: on its topic, under its key, with the fields that its flow reads."""
    case, (answer, confirmed) = CASES[name], told[name]

    assert (answer.status_code, answer.text.count('"stored"')) == (200, 1), answer.text
    mine = [(one, *log[one]) for one in confirmed if isinstance(one, Position) and one.topic == case.topic]
    values = [decoded(case.topic, value) for _, key, value in mine if key == case.key.encode()]
    seen = [{field: value.get(field) for field in (*case.fields, "source")} for value in values]
    assert {**case.fields, "source": SYSTEMS.get(case.hook, case.hook)} in seen


SYSTEMS = {"exstream-delivery": "exstream", "currents": "braze"}


def test_a_bad_item_is_there_too(broker: EmbeddedBroker) -> None:
    """What was answered 2xx stands on the dead-letter topic, byte by byte."""
    bad = b'{"events": [{"odd": 1}, '
    producer = ConfirmedProducer(producer_config({"bootstrap.servers": broker.bootstrap}))
    with AsgiClient(door(producer, webhook_config(sources=SOURCES))) as client:
        answer = Vendors(client).post("currents", bad)
    producer.close()

    letters = LogReader({"bootstrap.servers": broker.bootstrap}).records(DEAD)
    assert answer.json()["status"] == "kept"
    assert [letter.value for letter in letters] == [bad]
