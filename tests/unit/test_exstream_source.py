"""From Exstream's own payloads (exstream.md §6.1) to communication events."""

import copy
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from common.codec import Decoder, Encoder, LocalSchemas
from common.errors import InvalidEventError
from workers.ingest.auth_config import BearerAuth
from workers.ingest.sources.api import NewEvent
from workers.ingest.sources.exstream import ExstreamTranslation
from workers.ingest.sources.exstream_config import ExstreamSource

TENANT = "0b9f9c1e-7d6a-4f57-9f3f-3f0f5a1f6c11"
COMMUNICATION = "5f7f2b6e-3f0d-4f8e-8f2f-7b1b6f4d1e22"
EVENT = "2c1d8f1a-7a5f-4b62-9a3c-11f7c0a4d233"
CUSTOMER = "7e0c3a52-1b7a-49a6-8c55-2f6f9d3b4e44"
RECEIVED = datetime(2020, 9, 30, 15, 0, tzinfo=UTC)

EMAIL_EVENT: dict[str, Any] = {
    "expctr": {
        "schemaVersion": "1.0",
        "schemaType": "Exstream-Email-OPEN",
        "schemaSource": "Sample_Email",
        "tenant": TENANT,
    },
    "user": {
        "CustomerFirstname": "John",
        "CustomerLastname": "Smith",
        "CustomerEmail": "j@example.com",
        "CustomerId": CUSTOMER,
        "CustomerInRun": "1",
        "DeliveryPreference": "email",
        "CampaignId": "EmailCampaign",
        "attachments": "${#/queues/Print}=welcome_letter.pdf",
    },
    "exstreamEmailStatistics": {
        "creationTime": "2020-09-30T02:39:04.001Z",
        "emailProvider": "OpenText Notifications",
        "customerEmailId": "j@example.com",
        "campaignId": "EmailCampaign",
        "domain": "Testdomain",
        "communicationId": COMMUNICATION,
        "eventType": "OPEN",
    },
}
FILE_EVENT: dict[str, Any] = {
    "expctr": {
        "tenant": TENANT,
        "schemaSource": "Sample_File",
        "schemaType": "Exstream-FileOutputChannel",
        "schemaVersion": "1.0",
        "eventId": EVENT,
        "eventDate": "2020-09-30T14:00:26.161Z",
    },
    "exstreamJob": {
        "campaignId": "TestCampaign",
        "communicationId": COMMUNICATION,
        "contentType": "application/pdf",
        "creationTime": "2020-09-30T13:55:40.001Z",
        "domain": "Testdomain",
        "status": "success",
    },
    "user": {
        "CampaignId": "TestCampaign",
        "QueueFilename": "/mnt/x/jobs/job-7/flow-8/docgen/step-9/output/TestQueue/TestLetter",
        "SYS_Title": "A letter",
    },
}


def source(**settings: Any) -> Callable[[Any, datetime], NewEvent]:
    """The first event of each signal: what became of the document."""
    translate = translation(**settings)
    return lambda signal, received_at: translate(signal, received_at)[0]


def translation(**settings: Any) -> ExstreamTranslation:
    auth = BearerAuth(kind="bearer", tokens=(SecretStr("t"),))
    channels = {"FileOutputChannel": {"channel": "PRINT"}, "Portal": {"channel": "WEB", "status": "DELIVERED"}}
    given = {"kind": "exstream", "auth": auth, "channels": channels, **settings}
    return ExstreamTranslation(ExstreamSource.model_validate(given))


def changed(signal: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy with another value at a dotted path, or without it when the value is Ellipsis."""
    changed = copy.deepcopy(signal)
    *parents, name = path.split(".")
    block = changed
    for parent in parents:
        block = block[parent]
    if value is ...:
        del block[name]
    else:
        block[name] = value
    return changed


def of_type(schema_type: str, signal: dict[str, Any] = EMAIL_EVENT) -> dict[str, Any]:
    return changed(signal, "expctr.schemaType", schema_type)


def written_and_read(event: NewEvent) -> dict[str, Any]:
    schemas = LocalSchemas()
    return Decoder(schemas).decode(event.topic, Encoder(schemas).encode(event.topic, event.value))


def known(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if value is not None}


def test_the_email_sample_of_the_vendor_becomes_an_opened_communication() -> None:
    """Every field of the event, as a reader of the topic sees it; no personal data but the id."""
    event = source(document_types={COMMUNICATION: "welcome_letter"}, attributes=["DeliveryPreference"])(
        EMAIL_EVENT, RECEIVED
    )

    read = written_and_read(event)
    assert event.topic == "comms.communication.v1"
    read["customer"] = known(read["customer"])
    assert known(read) == {
        "event_id": event.event_id,
        "type": "OPENED",
        "source": "exstream",
        "source_instance": "Testdomain",
        "occurred_at": datetime(2020, 9, 30, 2, 39, 4, 1000, tzinfo=UTC),
        "ingested_at": RECEIVED,
        "customer": {"customer_id": CUSTOMER, "resolved": True},
        "attributes": {
            "schema_type": "Exstream-Email-OPEN",
            "campaign_id": "EmailCampaign",
            "event_type": "OPEN",
            "DeliveryPreference": "email",
        },
        "communication_id": COMMUNICATION,
        "document_type": "welcome_letter",
        "channel": "EMAIL",
    }


def test_the_file_sample_of_the_vendor_becomes_a_released_communication() -> None:
    """It happened at the event's date, not at the job's; a queue file is about no customer in particular."""
    read = written_and_read(source()(FILE_EVENT, RECEIVED))

    assert (read["type"], read["channel"], read["job_id"]) == ("RELEASED", "PRINT", "job-7")
    assert read["occurred_at"] == datetime(2020, 9, 30, 14, 0, 26, 161000, tzinfo=UTC)
    assert read["customer"] is None
    assert read["attributes"]["output_channel"] == "FileOutputChannel"


@pytest.mark.parametrize(
    ("schema_type", "status", "channel"),
    [
        ("Exstream-Generated", "GENERATED", None),
        ("Exstream-Email-Submit", "SENT", "EMAIL"),
        ("Exstream-Email-POST", "DELIVERED", "EMAIL"),
        ("Exstream-Email-OPEN", "OPENED", "EMAIL"),
        ("Exstream-Email-NDLV", "BOUNCED", "EMAIL"),
        ("Exstream-Email-Failed", "FAILED", "EMAIL"),
        ("Exstream-Email-DEFERRED", "UNKNOWN", "EMAIL"),
        ("Exstream-FileOutputChannel", "RELEASED", "PRINT"),
        ("Exstream-FileOutputChannel-Failed", "FAILED", "PRINT"),
        ("Exstream-Portal", "DELIVERED", "WEB"),
        ("Exstream-Somewhere", "UNKNOWN", None),
        ("Exstream-Somewhere-Failed", "FAILED", None),
        ("StoryTeller-Generated", "UNKNOWN", None),
    ],
)
def test_a_schema_type_has_one_meaning(schema_type: str, status: str, channel: str | None) -> None:
    """Design §12: channel names are the site's own, failures are known by their suffix."""
    read = written_and_read(source()(of_type(schema_type), RECEIVED))

    assert (read["type"], read["channel"]) == (status, channel)
    assert read["attributes"]["schema_type"] == schema_type


def test_a_site_names_the_statuses_of_its_carrier() -> None:
    """More statuses, and other meanings of the known ones, are settings."""
    translate = source(email_statuses={"CLICK": "CLICKED", "POST": "SENT"})

    assert translate(of_type("Exstream-Email-CLICK"), RECEIVED).value["type"] == "CLICKED"
    assert translate(of_type("Exstream-Email-POST"), RECEIVED).value["type"] == "SENT"
    assert translate(of_type("Exstream-Email-NDLV"), RECEIVED).value["type"] == "BOUNCED"


def test_a_channel_may_be_called_email() -> None:
    """The name that collides with Exstream's own types still works where it is configured."""
    translate = source(channels={"Email": {"channel": "EMAIL"}})

    assert translate(of_type("Exstream-Email"), RECEIVED).value["type"] == "RELEASED"
    assert translate(of_type("Exstream-Email-Failed"), RECEIVED).value["attributes"]["output_channel"] == "Email"


@pytest.mark.parametrize("name", ["Generated", "Email-OPEN", "Print-Failed"])
def test_a_channel_that_reads_as_an_event_type_is_refused(name: str) -> None:
    """Nobody could tell its hand-overs from Exstream's own types."""
    with pytest.raises(ValidationError, match="rename it in Exstream"):
        source(channels={name: {}})


def test_a_bounce_says_why() -> None:
    """The carrier's word is the failure reason."""
    signal = changed(of_type("Exstream-Email-NDLV"), "exstreamEmailStatistics.eventType", "NDLV")

    assert source()(signal, RECEIVED).value["failure_reason"] == "NDLV"


def test_a_delivery_carries_its_time() -> None:
    """Journeys wait from the delivery on."""
    value = source()(of_type("Exstream-Email-POST"), RECEIVED).value

    assert value["delivered_at"] == value["occurred_at"]


def test_a_signal_seen_twice_has_one_id() -> None:
    """Exstream repeats events; the time of receipt must not matter."""
    again = datetime(2021, 1, 1, tzinfo=UTC)

    for signal in (EMAIL_EVENT, FILE_EVENT, {"expctr": {"schemaType": "Odd", "tenant": TENANT}}):
        assert source()(signal, RECEIVED).event_id == source()(signal, again).event_id


def test_ids_stay_what_they_are() -> None:
    """A release that changed them would make every repeat of an older signal a new event."""
    assert source()(EMAIL_EVENT, RECEIVED).event_id == "895bca1e-738c-52c9-ad05-9d7324dec9a4"
    assert source()(FILE_EVENT, RECEIVED).event_id == "2ac93b6e-1dc0-5071-943d-f3d63f97b9b4"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("expctr.schemaType", "Exstream-Email-POST"),
        ("expctr.tenant", "another"),
        ("exstreamEmailStatistics.communicationId", "another"),
        ("exstreamEmailStatistics.creationTime", "2020-09-30T02:39:04.002Z"),
        ("user.CustomerId", "another"),
    ],
)
def test_an_email_event_is_known_by_five_parts(path: str, value: str) -> None:
    """The e-mail sample has no eventId (exstream.md §6.1, "Facts that bite")."""
    assert source()(changed(EMAIL_EVENT, path, value), RECEIVED).event_id != source()(EMAIL_EVENT, RECEIVED).event_id


def test_an_email_event_without_a_customer_id_is_known_by_its_address() -> None:
    """CustomerId, else customerEmailId."""
    nobody = changed(EMAIL_EVENT, "user", {})
    other = changed(nobody, "exstreamEmailStatistics.customerEmailId", "k@example.com")

    assert source()(nobody, RECEIVED).event_id != source()(other, RECEIVED).event_id


def test_an_event_id_of_exstream_alone_makes_the_id() -> None:
    """Where Exstream gives one, nothing else counts."""
    other = changed(FILE_EVENT, "user.SYS_Title", "Another")

    assert source()(other, RECEIVED).event_id == source()(FILE_EVENT, RECEIVED).event_id


def test_the_same_moment_in_another_zone_is_the_same_event() -> None:
    """Epoch milliseconds and ISO strings are both seen (exstream.md §3)."""
    in_ms = changed(EMAIL_EVENT, "exstreamEmailStatistics.creationTime", 1601433544001)

    assert source()(in_ms, RECEIVED).event_id == source()(EMAIL_EVENT, RECEIVED).event_id


@pytest.mark.parametrize(
    ("signal", "errors"),
    [
        ([], {""}),
        ("text", {""}),
        ({}, {"expctr"}),
        ({"expctr": {}}, {"expctr.schemaType", "expctr.tenant"}),
        (changed(EMAIL_EVENT, "expctr.tenant", ...), {"expctr.tenant"}),
        (changed(EMAIL_EVENT, "exstreamEmailStatistics", ...), {"exstreamJob"}),
        (
            changed(changed(EMAIL_EVENT, "exstreamEmailStatistics.communicationId", ...), "user", "x"),
            {"exstreamEmailStatistics.communicationId", "user"},
        ),
        (changed(FILE_EVENT, "exstreamJob.creationTime", "yesterday"), {"exstreamJob.creationTime"}),
        (changed(FILE_EVENT, "expctr.eventDate", "2020-09-30T14:00:26"), {"expctr.eventDate"}),
        (changed(FILE_EVENT, "expctr.eventDate", "0001-01-01T00:00:00+23:00"), {"expctr.eventDate"}),
        (changed(FILE_EVENT, "exstreamJob.status", {"a": 1}), {"exstreamJob.status"}),
    ],
)
def test_what_is_missing_or_wrong_is_named(signal: Any, errors: set[str]) -> None:
    """Each field by its own name in Exstream's payload, all at once."""
    with pytest.raises(InvalidEventError) as caught:
        source()(signal, RECEIVED)

    assert {field for field, _ in caught.value.errors} == errors


def test_what_we_do_not_read_is_ignored() -> None:
    """The manifest decides what `user` carries; new blocks come with new releases."""
    richer = changed(changed(EMAIL_EVENT, "user.Extra", {"deep": [1]}), "exstreamNew", {"a": 1})

    assert source()(richer, RECEIVED).event_id == source()(EMAIL_EVENT, RECEIVED).event_id


def test_an_unknown_type_needs_no_block_that_we_know() -> None:
    """A good envelope of something new is kept, at the time that it came when it names none."""
    event = source()({"expctr": {"schemaType": "Exstream-Sms-SENT", "tenant": TENANT}, "sms": {}}, RECEIVED)

    assert event.is_unknown
    assert written_and_read(event)["occurred_at"] == RECEIVED


def test_the_sites_own_id_is_the_customer() -> None:
    """The first configured path that holds something counts."""
    translate = source(identity_paths=["user.PolicyHolder", "user.SiteId"])
    signal = changed(changed(EMAIL_EVENT, "user.PolicyHolder", " "), "user.SiteId", 4711)

    customer = translate(signal, RECEIVED).value["customer"]

    assert customer == {"customer_id": "4711", "resolved": True}


def test_without_the_sites_id_a_substitute_stands_in() -> None:
    """Namespaced by tenant and marked, so that nobody joins it with another system's customer."""
    event = source(identity_paths=["user.SiteId"])(EMAIL_EVENT, RECEIVED)

    assert event.is_substitute
    assert event.value["customer"]["customer_id"] == f"exstream:{TENANT}:{CUSTOMER}"


def test_an_address_is_never_a_key() -> None:
    """Without any id the substitute is a hash of the address, the same for its spellings."""
    nobody = changed(EMAIL_EVENT, "user", {})
    shouted = changed(nobody, "exstreamEmailStatistics.customerEmailId", " J@Example.COM ")

    first, second = (source()(one, RECEIVED).value["customer"] for one in (nobody, shouted))

    assert first == second
    assert first["resolved"] is False
    assert "example" not in first["customer_id"]


def test_personal_data_travels_only_where_the_settings_allow_it() -> None:
    """The allow-list names fields of our customer record."""
    quiet = repr(source()(EMAIL_EVENT, RECEIVED).value)
    open_hearted = source(personal_data=["email", "last_name"])(EMAIL_EVENT, RECEIVED).value["customer"]

    assert not any(secret in quiet for secret in ("John", "Smith", "j@example.com"))
    assert (open_hearted["email"], open_hearted["last_name"]) == ("j@example.com", "Smith")
    assert "first_name" not in open_hearted


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("email", [("CHANGED", "PREFERRED_CHANNEL", "EMAIL", None)]),
        ("Print", [("CHANGED", "PREFERRED_CHANNEL", "PRINT", None)]),
        ("green", [("CHANGED", "PAPERLESS", None, "ON")]),
        ("no-sms", [("CHANGED", "CONSENT", None, "OPTED_OUT")]),
        ("pigeon", [("UNKNOWN", "UNKNOWN", None, None)]),
        ("", []),
    ],
)
def test_the_wish_that_an_event_carries_is_observed(said: str, expected: list[tuple[Any, ...]]) -> None:
    """M3: it is repeated in every event, so it is evidence of little weight; one without a word of ours is kept."""
    translate = translation(delivery_preferences={"green": {"paperless": True}, "NO-SMS": {"opted_out": "SMS"}})

    found = [
        written_and_read(one) for one in translate(changed(EMAIL_EVENT, "user.DeliveryPreference", said), RECEIVED)[1:]
    ]

    assert [(one["type"], one["kind"], one["preferred_channel"], one["state"]) for one in found] == expected
    assert {one["evidence"] for one in found} <= {"OBSERVED"}
    assert {one["customer"]["customer_id"] for one in found} <= {CUSTOMER}


def test_a_wish_of_nobody_is_not_told() -> None:
    """A file of many customers carries none of a customer; a site may leave wishes out altogether."""
    nobody = changed(FILE_EVENT, "user.DeliveryPreference", "email")

    assert [event.topic for event in translation()(nobody, RECEIVED)] == ["comms.communication.v1"]
    assert len(translation(delivery_preference_path=None)(EMAIL_EVENT, RECEIVED)) == 1


def test_a_document_is_completed_once_whatever_its_channels() -> None:
    """M4: by the statuses that the settings name, with one id for the document."""
    translate = translation(document_id_path="user.DocNo", completed_by=["DELIVERED", "RELEASED"])
    posted = changed(of_type("Exstream-Email-POST"), "user.DocNo", "D-1")
    printed = changed(of_type("Exstream-FileOutputChannel"), "user.DocNo", "D-1")

    by_mail, by_print = (translate(one, RECEIVED)[1] for one in (posted, printed))

    assert (by_mail.value["type"], by_print.value["type"]) == ("COMPLETED", "COMPLETED")
    assert by_mail.event_id == by_print.event_id
    assert "COMPLETED" not in [event.value["type"] for event in translate(of_type("Exstream-Email-POST"), RECEIVED)]
    assert "COMPLETED" not in [event.value["type"] for event in translate(EMAIL_EVENT, RECEIVED)]


def test_what_completes_a_document_needs_the_documents_id() -> None:
    """Else each channel would complete it anew, and a campaign would go out for each."""
    with pytest.raises(ValidationError, match="document_id_path"):
        translation(completed_by=["DELIVERED"])


def test_further_fields_come_from_configured_paths() -> None:
    """A document's id, its product and the like are where the site put them."""
    translate = source(document_id_path="user.DocNo", field_paths={"product": "user.Product"})
    signal = changed(changed(EMAIL_EVENT, "user.DocNo", "D-1"), "user.Product", "home")

    read = written_and_read(translate(signal, RECEIVED))

    assert (read["document_id"], read["product"]) == ("D-1", "home")


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=8,
)
PATHS = [f"{block}.{name}" for signal in (EMAIL_EVENT, FILE_EVENT) for block in signal for name in signal[block]]


@given(path=st.sampled_from(PATHS), value=JSON, signal=st.sampled_from([EMAIL_EVENT, FILE_EVENT]))
def test_any_value_anywhere_is_an_event_or_named_errors(path: str, value: Any, signal: dict[str, Any]) -> None:
    """Nothing that a sender writes is a fault of ours, and every event fits its schema."""
    block, name = path.split(".")
    odd = copy.deepcopy(signal)
    odd.setdefault(block, {})[name] = value
    try:
        written_and_read(source(document_id_path=path, attributes=[name])(odd, RECEIVED))
        complaints = "none"
    except InvalidEventError as error:
        complaints = str(error)

    assert complaints
