"""Rows of Exstream's lists become batch and content events: tables by the vendor page's own fields."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.codec import Encoder, LocalSchemas
from common.errors import InvalidEventError
from common.reasons import Cause
from tests.support.exstream_poll import config
from topics.catalogue import topics
from workers.ingest.feeds import Signal
from workers.ingest.intake import Records
from workers.ingest.pollers.api import PausedError
from workers.ingest.pollers.exstream.details import customers
from workers.ingest.pollers.exstream.mapping import ExstreamPollTranslation
from workers.ingest.pollers.exstream.paging import Place
from workers.ingest.pollers.exstream.reads import TABLE, Listed
from workers.ingest.sources.words import Channel

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
JOB: dict[str, Any] = {
    "id": "j-1", "domainId": "Dev", "channel": "Statements", "mode": "BATCH", "status": "complete",
    "flowModelType": "COMMUNICATION", "msg": "text of the engine", "externalId": None, "triggeredBy": "svc",
    "aggregatedFMCSnapshotId": None, "startDate": 1719912345678, "endDate": 1719912445678, "expirationDate": None,
}  # fmt: skip
RESOURCE: dict[str, Any] = {
    "id": "r-1", "version": "3", "name": "welcome", "type": "exstrapplication", "subtype": None, "state": "APPROVED",
    "stateComment": "text", "description": "", "createdBy": "a", "createdDate": 1719912345678, "lastModifiedBy": "b",
    "lastModifiedDate": 1719912445678, "locked": True, "metadata": {},
}  # fmt: skip
ENDED = datetime.fromtimestamp(1719912445.678, UTC)
SINCE = "2024-01-01T00:00:00+00:00"


def step(kind: str, name: str, status: str = "complete", **more: Any) -> dict[str, Any]:
    """A flow step, as it is kept (§4.2)."""
    return {"id": f"{name}-1", "stepType": kind, "stepName": name, "status": status, "endDate": 1719912400000, **more}


def batch(job: Any, settings: dict[str, Any] | None = None, **details: Any) -> list[dict[str, Any]]:
    """The events of a job's state."""
    made = ExstreamPollTranslation(config(**(settings or {}))).job({"job": job, **details}, AT)
    return [dict(event.value) for event in made]


def content(resource: Any, since: str = SINCE, **settings: Any) -> list[dict[str, Any]]:
    """The events of a resource's state."""
    made = ExstreamPollTranslation(config(**settings)).resource({"resource": resource, "since": since}, AT)
    return [dict(event.value) for event in made]


@pytest.mark.parametrize(
    ("status", "kinds"),
    [
        ("uninitialized", ["QUEUED"]), ("started", ["STARTED"]), ("waiting", []), ("holding", ["HELD"]),
        ("complete", ["COMPLETED"]), ("error", ["FAILED"]), ("canceled", ["CANCELLED"]), ("deleted", []),
        ("some_new_state", ["UNKNOWN"]),
    ],
)  # fmt: skip
def test_each_state_of_a_job(status: str, kinds: list[str]) -> None:
    """§4.1: waiting is a delay, deleted is clearing up; what we have no word for is kept."""
    assert [event["type"] for event in batch({**JOB, "status": status})] == kinds


def test_a_complete_job_says_what_its_steps_left() -> None:
    """Output, each print run, and the end with its volume."""
    steps = [step("communication", "compose"), step("output", "Print"), step("output", "Email")]

    found = batch(JOB, steps=steps, volume=12)

    assert [(event["type"], event["channel"]) for event in found] == [
        ("OUTPUT_GENERATED", None),
        ("PRINT_RELEASED", "PRINT"),
        ("COMPLETED", None),
    ]
    assert {event["volume"] for event in found} == {12}
    assert len({event["event_id"] for event in found}) == 3
    assert (found[2]["batch_id"], found[2]["occurred_at"], found[2]["succeeded"]) == ("j-1", ENDED, 12)
    assert found[0]["occurred_at"] < ENDED


def test_a_complete_job_with_a_failed_step_does_not_count_successes() -> None:
    """How many of the volume failed, no manifest says in a documented way."""
    steps = [step("output", "Email", "error"), step("output", "Email")]

    *_, end = batch(JOB, steps=steps, volume=12)

    assert (end["succeeded"], end["failed"], end["attributes"]["failed_steps"]) == (None, None, "Email")


def test_the_site_names_types_and_channels() -> None:
    """A batch is the external id's where there is one; the engine's text stays out."""
    settings = {"document_types": {"Statements": "statement"}, "channels": {"OutSourcer": "PRINT"}}
    steps = [step("output", "OutSourcer")]

    *_, end = batch({**JOB, "externalId": "run-7"}, settings, steps=steps)

    assert (end["document_type"], end["channel"], end["batch_id"]) == ("statement", "PRINT", "run-7")
    assert "text of the engine" not in str(end)


def test_a_job_without_steps_takes_the_setting_of_its_channel() -> None:
    """Before it ends nobody asks for its steps."""
    (event,) = batch({**JOB, "status": "started"}, {"channels": {"Statements": Channel.EMAIL}})

    assert event["channel"] == "EMAIL"


@pytest.mark.parametrize("job", [{}, {"id": "j"}, {"status": "complete"}, {"id": "", "status": "x"}, None, "x", 7])
def test_a_row_that_is_no_job_is_named(job: Any) -> None:
    """Each field that is missing, by its path."""
    with pytest.raises(InvalidEventError, match="job"):
        batch(job)


def test_times_may_be_texts() -> None:
    """§3: epoch milliseconds where the specification says date-time."""
    (event,) = batch({**JOB, "endDate": "2024-07-02T09:27:25.678Z"})

    assert event["occurred_at"] == ENDED


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        ("DRAFT", "UPDATED"), ("REVIEW", "READY_FOR_REVIEW"), ("APPROVED", "APPROVED"), ("REJECTED", "REJECTED"),
        ("LEGAL_HOLD", "UNKNOWN"),
    ],
)  # fmt: skip
def test_each_state_of_a_resource(state: str, kind: str) -> None:
    """§5.2: four states; workflows of a tenant's own may have others."""
    (event,) = content({**RESOURCE, "state": state})

    assert event["type"] == kind
    assert event["approved_by"] == ("b" if state == "APPROVED" else None)


def test_what_a_resource_says() -> None:
    """Its id, version, name, and who moved it when."""
    (event,) = content(RESOURCE, document_types={"welcome": "welcome_letter"}, content={"exstrapplication": "letter"})

    assert (event["content_id"], event["version"], event["content_type"]) == ("r-1", "3", "letter")
    assert (event["document_type"], event["occurred_at"], event["approved_at"]) == ("welcome_letter", ENDED, ENDED)
    assert event["actor"] == {"kind": "USER", "id": "b"}


def test_what_changed_before_polling_began_is_not_told() -> None:
    """An old approval is no news."""
    assert content(RESOURCE, since="2026-01-01T00:00:00+00:00") == []


@pytest.mark.parametrize("resource", [{}, {"id": "r"}, None])
def test_a_row_that_is_no_resource_is_named(resource: Any) -> None:
    """As a job is."""
    with pytest.raises(InvalidEventError, match="resource"):
        content(resource)


def test_events_are_signals_that_one_feed_has_the_say_in() -> None:
    """UNKNOWN is nobody else's."""
    translation = ExstreamPollTranslation(config())

    made = [
        *translation.job({"job": JOB, "steps": [step("output", "Print")]}, AT),
        *translation.job({"job": {**JOB, "status": "odd"}}, AT),
        *translation.resource({"resource": RESOURCE, "since": SINCE}, AT),
    ]

    assert [event.signal for event in made] == [Signal.BATCH_STATUS, Signal.BATCH_STATUS, None, Signal.CONTENT_STATUS]


values = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text(), max_size=2)


@given(
    job=st.fixed_dictionaries({}, optional={name: values | st.just(kept) for name, kept in JOB.items()}),
    resource=st.fixed_dictionaries({}, optional={name: values | st.just(kept) for name, kept in RESOURCE.items()}),
)
def test_any_row_is_an_event_or_invalid(job: dict[str, Any], resource: dict[str, Any]) -> None:
    """Whatever stands in the fields: a record, or an error that names them; never anything else."""
    translation, records = ExstreamPollTranslation(config()), Records(Encoder(LocalSchemas()), topics(), "")
    for translate, signal in (
        (translation.job, {"job": job}),
        (translation.resource, {"resource": resource, "since": SINCE}),
    ):
        try:
            events = translate(signal, AT)
        except InvalidEventError:
            continue
        for event in events:
            records.record(event)


@pytest.mark.parametrize(
    ("manifest", "count"),
    [
        ('<?xml version="1.0"?><outputList customersProcessed="120345"><queue/></outputList>', 120_345),
        ("<x:outputList a='1' customersProcessed = '7'/>", 7),
        ("", None),
        ("<outputList>", None),
        ('<outputList customersProcessed="many"/>', None),
        ('<outputLists customersProcessed="9"/>', None),
        ('<outputList xcustomersProcessed="9"/>', None),
    ],
)
def test_a_manifest_counts_customers(manifest: str, count: int | None) -> None:
    """§4.3: `outputList@customersProcessed`; an empty one while the engine writes."""
    assert customers(manifest) == count


def listed(first: int, count: int, total: int) -> Listed:
    """Rows by number."""
    return Listed([{"id": str(number)} for number in range(first, first + count)], total)


def test_a_list_that_became_shorter_is_not_a_whole_look() -> None:
    """A row may have slipped past; the next page of a longer one shows a row twice, which harms nobody."""
    first = Place().after(listed(0, 10, 30))
    assert first is not None
    longer, shorter = first.after(listed(9, 10, 31)), first.after(listed(11, 10, 29))

    assert longer is not None
    assert shorter is not None
    assert (longer.is_whole, shorter.is_whole) == (True, False)


def test_a_place_survives_its_position() -> None:
    """It is JSON in the cursor."""
    first = Place().after(listed(0, 10, 30))
    assert first is not None

    assert Place.read({"place": first.shown_as()}) == first
    assert Place.read({}) == Place()


@pytest.mark.parametrize("second", [listed(1, 10, 30), Listed([], 30)])
def test_an_offset_that_counts_something_else_pauses(second: Listed) -> None:
    """One row further, or nothing where there should be more."""
    first = Place().after(listed(0, 10, 30))
    assert first is not None

    with pytest.raises(PausedError, match="offset_counts") as raised:
        first.after(second)

    assert (raised.value.cause, raised.value.is_all) == (Cause.CONFIGURATION, False)


def test_every_row_of_the_table_cites_the_page() -> None:
    """And has a name of its own."""
    assert all(row.page.startswith("§9") for row in TABLE)
    assert len({row.name for row in TABLE}) == len(TABLE)


FLOW_MODEL: dict[str, Any] = {
    "id": "f-1", "name": "Statements", "description": "", "revision": 2, "version": 3, "state": "APPROVED",
    "type": "COMMUNICATION", "stateComment": "", "lockedBy": None, "nodes": [], "latestVersion": True,
}  # fmt: skip


def published(flow_model: Any, *, is_first: bool = False, **settings: Any) -> list[dict[str, Any]]:
    """The events of a published flow model."""
    signal = {"flow_model": flow_model, "is_first": is_first}
    return [dict(event.value) for event in ExstreamPollTranslation(config(**settings)).flow_model(signal, AT)]


def test_a_published_flow_model_is_content() -> None:
    """§4.4: the list has no time, so it happened when we saw it."""
    (event,) = published(FLOW_MODEL, document_types={"Statements": "billing_statement"})

    assert (event["type"], event["content_id"], event["version"]) == ("PUBLISHED", "f-1", "3")
    assert (event["document_type"], event["occurred_at"]) == ("billing_statement", AT)
    assert event["attributes"] == {"name": "Statements", "flow_model_type": "COMMUNICATION"}


def test_each_publication_is_an_event_of_its_own() -> None:
    """By version and revision."""
    changes: list[dict[str, int]] = [{}, {"version": 4}, {"revision": 3}]

    assert len({published({**FLOW_MODEL, **each})[0]["event_id"] for each in changes}) == 3


def test_what_was_always_published_is_not_told() -> None:
    """Nobody knows since when."""
    assert published(FLOW_MODEL, is_first=True) == []


def test_a_flow_model_without_an_id_is_refused() -> None:
    """By the vendor's own name."""
    with pytest.raises(InvalidEventError) as caught:
        published({"version": 1})

    assert [field for field, _ in caught.value.errors] == ["flow_model.id"]


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"Regions": ["DE", "AT"]}, ["DE", "AT"]),
        ({"Regions": "DE, AT,,DE"}, ["DE", "AT"]),
        ([{"name": "Regions", "value": "DE"}, {"name": "Regions", "value": ["AT"]}, {"name": "x"}, 5], ["DE", "AT"]),
        ({"Regions": {"odd": 1}}, []),
        ({}, []),
        (None, []),
        ("odd", []),
    ],
)
def test_metadata_names_regions_and_reviewers(metadata: Any, expected: list[str]) -> None:
    """Where a site says under which names (§5.1)."""
    names = {"regions": "Regions", "reviewers": "Regions", "document_type": "Regions"}

    (event,) = content({**RESOURCE, "metadata": metadata}, content_metadata=names)

    assert (event["regions"], event["reviewers"]) == (expected, expected)
    assert event["document_type"] == (expected[0] if expected else None)


def test_metadata_is_not_read_unasked() -> None:
    """It is the site's own; the settings name what we read."""
    (event,) = content({**RESOURCE, "metadata": {"regions": ["DE"]}})

    assert (event["regions"], event["reviewers"], event["document_type"]) == ([], [], None)
