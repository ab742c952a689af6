"""The demo's town: its signals are what its door takes, its site has all flows, and its counts are told as they are."""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from common.clock import SystemClock
from common.codec import Decoder, LocalSchemas
from tests.support.asgi import AsgiClient
from tests.support.ingest import Counted as Heard
from tests.support.ingest import KeptRecords, intake
from workers.catalogue import all_flows
from workers.demo import acts
from workers.demo.counted import Counted, rows
from workers.demo.sender import request
from workers.demo.site import Addresses, site
from workers.demo.tally import DeliveryCount
from workers.flows_page import ids
from workers.ingest.letters import IngestLetters
from workers.ingest.webhook import create_app
from workers.journeys_command import declared
from workers.settings import Settings, load_settings

PLACES = {who.id: f"60{who.number:03}" for who in acts.PEOPLE}
ACTS: Mapping[str, Callable[[], Iterator[acts.Signal]]] = {
    "census": acts.census,
    "letters": acts.letters,
    "interest": acts.interest,
    "wishes": acts.wishes,
    "production": acts.production,
    "onboarding": acts.onboarding,
    "claims": lambda: acts.claims(PLACES),
    "contracts": lambda: acts.contracts("2027-01-01T00:00:00Z", "2028-01-01T00:00:00Z"),
    "feedback": lambda: acts.feedback(PLACES, set(PLACES)),
}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The demo's site."""
    folder = tmp_path_factory.mktemp("site")
    vendors = ("braze", "ecm", "exstream", "marketo", "notifications")
    at = Addresses("127.0.0.1:1", dict.fromkeys(vendors, "http://127.0.0.1:1"), f"sqlite:///{folder}/store.db")
    feed: dict[str, Any] = {"sinks": {"exstream": {"feed": {"directory": str(folder)}}}}
    file: Path = folder / "site.json"
    file.write_text(json.dumps(site(at, datetime.now(UTC), 86_400, feed)))
    return load_settings(file, {})


def test_the_site_has_every_flow_and_journey(settings: Settings) -> None:
    """Nothing of the catalogue waits for a setting there."""
    flows, journeys = all_flows(settings), declared(settings)

    assert [str(one) for one in (*flows.left_out, *journeys.left_out)] == []
    assert {one.name.partition("-")[0] for one in flows} == set(ids())


@pytest.mark.parametrize("act", ACTS)
def test_the_door_takes_every_signal(act: str, settings: Settings) -> None:
    """Each is stored as at least one event of a known type and of the customer that it is about."""
    kept = KeptRecords()
    letters = IngestLetters("", "test")
    app = create_app(settings.ingest.webhook, intake(kept), SystemClock(), Heard(), letters)
    signals: Iterator[acts.Signal] = ACTS[act]()
    with AsgiClient(app) as client:
        answers = [client.post(*request(one.source, one.body, one.topic)) for one in signals]

    assert [answer.text for answer in answers if answer.status_code >= 300] == []
    events = [Decoder(LocalSchemas()).decode(one.topic, one.value) for one in kept.records if one.value]
    assert len(events) >= len(answers)
    assert [one for one in events if one["type"] == "UNKNOWN"] == []
    assert [one for one in events if one.get("communication_id") and not one["document_type"]] == []


def test_the_door_refuses_the_bad_one(settings: Settings) -> None:
    """And says which fields are wrong."""
    kept, bad = KeptRecords(), acts.bad()
    letters = IngestLetters("", "test")
    app = create_app(settings.ingest.webhook, intake(kept), SystemClock(), Heard(), letters)
    with AsgiClient(app) as client:
        answer = client.post(*request(bad.source, bad.body, bad.topic))

    assert answer.status_code == 400
    assert {one["field"] for one in answer.json()["errors"]} == {"occurred_at", "type", "customer.customer_id"}
    assert kept.records == []


def ended(flow: str, verdict: str, count: int = 1) -> DeliveryCount:
    """Deliveries that ended."""
    return DeliveryCount("braze", flow, "track_event", verdict, "", count)


def test_flows_of_one_business_flow_are_counted_together() -> None:
    """What arrived is named, what did not is a row of nothing."""
    counts = [ended("B1-event", "delivered", 2), ended("B1-stage", "delivered"), ended("B1-stage", "rejected")]
    found = rows(["B1", "B2"], [*counts, ended("B2-event", "suppressed"), ended("-", "rejected")])

    assert [(one.flow, one.about, one.delivered, one.suppressed, one.dead) for one in found] == [
        ("B1", "event, stage", 3, 0, 1),
        ("B2", "", 0, 1, 0),
    ]


def test_the_summary_names_what_did_not_arrive() -> None:
    """Suppressed is not delivered; the report file says the same."""
    counted = Counted(
        ids=["B1", "B2"],
        events={"comms.workspace.v1": 3},
        deliveries=[ended("B1-event", "delivered"), ended("B2-event", "suppressed")],
        contacts={"braze.track_event": 1},
        repeated=0,
        dead_letters=1,
        redriven=1,
        lost=[],
    )

    assert counted.summary(3)[-1] == "1 of 2 flows delivered; nothing arrived of B2"
    assert (counted.report()["flows"], counted.report()["flows_without_delivery"]) == (["B1"], ["B2"])
