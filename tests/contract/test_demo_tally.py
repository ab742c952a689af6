"""The demo's count is honest: it finds what is lost, and whom a vendor was told of twice."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from confluent_kafka import Producer

from common.codec import Encoder, LocalSchemas, from_json
from common.kafka.admin import TopicAdmin
from common.kafka.clients import producer_config
from common.kafka.embedded import EmbeddedBroker
from topics.catalogue import topics
from workers.demo.site import Addresses, site
from workers.demo.tally import Tally
from workers.demo.vendors import Vendors
from workers.settings import load_settings

VENDORS = ("braze", "ecm", "exstream", "marketo", "notifications")
EVENT_ID = "1f9b1c3e-6d2e-4c8a-9a52-0d3f0b6f5a01"
_LABELS = 'sink="braze",verdict="delivered",reason=""'
COUNTED = f"""# TYPE commfleet_deliveries_total counter
commfleet_deliveries_total{{{_LABELS},flow="B1-created-event",action="track_event"}} 1
commfleet_deliveries_total{{{_LABELS},flow="B1-created-stage",action="update_attributes"}} 1
"""


class Rest:
    """Everybody whom the tally asks over HTTP: vendors' control endpoints, and Braze's worker."""

    def __init__(self) -> None:
        self.events = 0
        self.metrics = ""

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer as they would."""
        match request.url.host, request.url.path:
            case "braze-worker", "/metrics":
                return httpx.Response(200, text=self.metrics)
            case "braze", "/_sandbox/received":
                body = {"events": [{"name": "x"}] * self.events}
                tracked = {"method": "POST", "path": "/users/track", "status": 201, "body": body}
                return httpx.Response(200, json={"requests": [tracked] if self.events else []})
            case _, "/_sandbox/received":
                return httpx.Response(200, json={"requests": []})
            case _, "/_sandbox/state":
                return httpx.Response(200, json={"sent": [], "jobs": {}, "runs": []})
        return httpx.Response(200, text="")


@pytest.fixture
def rest() -> Rest:
    """Nobody has done anything yet."""
    return Rest()


class Log:
    """The topics of a small site, and what stands in them."""

    def __init__(self, bootstrap: str, folder: Path) -> None:
        at = Addresses(bootstrap, dict.fromkeys(VENDORS, "http://127.0.0.1:1"), f"sqlite:///{folder}/store.db")
        file = folder / "site.json"
        file.write_text(json.dumps(site(at, datetime.now(UTC), 1)))
        self.settings = load_settings(file, {})
        TopicAdmin(self.settings.kafka.client()).touch(list(topics()))
        self._producer, self._encoder = Producer(producer_config(self.settings.kafka.client())), Encoder(LocalSchemas())

    def write(self, topic: str, **fields: Any) -> None:
        """One event."""
        now = datetime.now(UTC).isoformat()
        value = from_json(topic, {"source": "test", "occurred_at": now, "ingested_at": now, **fields})
        self._producer.produce(topic, self._encoder.encode(topic, value), b"C-1")
        assert self._producer.flush(10) == 0

    def receipt(self, verdict: str = "DELIVERED") -> None:
        """What Braze's sink says of the event's one once-delivery."""
        about = {"delivery_event_id": EVENT_ID, "sink": "braze", "flow": "B1-created-event", "action": "track_event"}
        self.write("comms.receipt.v1", event_id="r-1", type="RECORDED", verdict=verdict, **about)


@pytest.fixture
def log(embedded: EmbeddedBroker, tmp_path: Path) -> Log:
    """A log with one new onboarding workspace: an event and an attribute for Braze."""
    made = Log(embedded.bootstrap, tmp_path)
    customer = {"customer_id": "C-1", "resolved": True}
    workspace = {"workspace_id": "w-1", "workspace_type": "onboarding"}
    made.write("comms.workspace.v1", event_id=EVENT_ID, type="CREATED", customer=customer, **workspace)
    return made


@pytest.fixture
def tally(log: Log, rest: Rest) -> Iterator[Tally]:
    """The count of that site."""
    with httpx.Client(transport=httpx.MockTransport(rest)) as http:
        health = {name: f"http://{name}-worker" for name in VENDORS}
        yield Tally(log.settings, http, health, Vendors(http, {name: f"http://{name}" for name in VENDORS}))


def test_all_is_well(log: Log, rest: Rest, tally: Tally) -> None:
    """Acknowledged, logged, delivered, with a receipt and at the vendor, once."""
    log.receipt()
    rest.metrics, rest.events = COUNTED, 1

    assert tally.lost([EVENT_ID], []) == []
    assert tally.repeated() == 0


def test_an_event_that_is_not_in_kafka_is_lost(log: Log, rest: Rest, tally: Tally) -> None:
    """The door acknowledged it, and nobody will ever deliver it."""
    log.receipt()
    rest.metrics, rest.events = COUNTED, 1

    assert tally.lost([EVENT_ID, "another"], []) == ["event another was acknowledged and is not in Kafka"]


def test_a_delivery_without_an_end_is_lost(tally: Tally) -> None:
    """Neither receipt nor count."""
    assert sorted(tally.lost([EVENT_ID], [])) == [
        "1 deliveries of B1-created-event did not end",
        "1 deliveries of B1-created-stage did not end",
        f"B1-created-event of {EVENT_ID} has no receipt",
    ]


def test_a_receipt_that_the_vendor_knows_nothing_of_is_lost(log: Log, rest: Rest, tally: Tally) -> None:
    """What a sink says of itself does not count alone."""
    log.receipt()
    rest.metrics = COUNTED

    assert tally.lost([EVENT_ID], []) == ["1 of 1 braze.track_event are not at the vendor"]


def test_a_second_contact_is_a_repeat(log: Log, rest: Rest, tally: Tally) -> None:
    """The vendor has one more than there are deliveries."""
    log.receipt()
    rest.metrics, rest.events = COUNTED, 2

    assert tally.repeated() == 1
