"""Vendors that repeat, reorder and dawdle, and a Kafka that comes and goes: what was acknowledged is there."""

import json
import random
from collections.abc import Sequence
from functools import partial
from typing import Any

import httpx
import pytest

from common.errors import UnconfirmedError
from common.kafka.clients import producer_config
from common.kafka.embedded import EmbeddedBroker
from common.kafka.log_reader import LogReader
from common.kafka.parcel import Confirmation
from common.kafka.producer import ConfirmedProducer, Outgoing
from tests.contract.test_webhook_server import Running, read_all
from tests.support.asgi import AsgiClient
from tests.support.forwarder import Forwarder
from tests.support.hooks import BEARER, SECRET, VENDORS, Vendors
from tests.support.ingest import KeptRecords, door, webhook_config
from tests.support.poll import eventually
from tests.support.signals import CLICK, MARKETO, OPEN, like

DEAD, ENGAGEMENT = "comms.dlq.ingest.v1", "comms.engagement.v1"


class Flaky(KeptRecords):
    """A Kafka that loses requests: before it has them, or after, when only the confirmation is lost."""

    def __init__(self, dice: random.Random) -> None:
        super().__init__()
        self._dice = dice

    async def send_all(self, records: Sequence[Outgoing]) -> list[Confirmation]:
        """Some, none, or all of them; what is not confirmed may be there."""
        return [self._lost(record) if self._dice.random() < 0.1 else self._confirmation(record) for record in records]

    def _lost(self, record: Outgoing) -> Confirmation:
        if self._dice.random() < 0.5:
            self._confirmation(record)
        return UnconfirmedError("lost")


def ids(records: Sequence[Outgoing]) -> list[str]:
    """Of the events among them, in the log's order."""
    return [dict(record.headers)["ce_id"].decode() for record in records if record.topic == ENGAGEMENT]


def batches(dice: random.Random) -> list[list[dict[str, Any]]]:
    """Forty batches of an unordered source; each event comes in two of them, every tenth is bad."""
    events = [like(dice.choice([OPEN, CLICK]), id=f"event-{number}", time=number) for number in range(200)]
    events += [like(OPEN, id=f"bad-{number}", time="x") for number in range(20)]
    twice = dice.sample(events * 2, 2 * len(events))
    return [twice[start : start + 11] for start in range(0, len(twice), 11)]


@pytest.mark.parametrize("seed", range(5))
def test_what_was_acknowledged_is_there(seed: int) -> None:
    """Currents: sent until it is answered 2xx, in any order; nothing is missing, and a repeat has the same id."""
    dice = random.Random(seed)
    kafka, waiting, acknowledged = Flaky(dice), batches(dice), set[str]()
    with AsgiClient(door(kafka, webhook_config(sources=VENDORS))) as client:
        while waiting:
            batch = waiting.pop(dice.randrange(len(waiting)))
            answer = Vendors(client).post("currents", {"events": batch})
            assert answer.status_code in (200, 503)
            if answer.status_code == 503:
                waiting.append(batch)
            else:
                acknowledged |= {item["event_id"] for item in answer.json()["items"] if item["status"] == "stored"}
                assert {item["status"] for item in answer.json()["items"]} <= {"stored", "kept"}

    letters = {json.loads(record.value)["id"] for record in kafka.records if record.topic == DEAD}
    assert len(acknowledged) == 200
    assert set(ids(kafka.records)) == acknowledged
    assert letters == {f"bad-{number}" for number in range(20)}


def accepted(client: AsgiClient, body: Any) -> list[httpx.Response]:
    """The answer when it is a 200, nothing when the vendor has to send again."""
    answer = Vendors(client).post("currents", body)
    assert answer.status_code in (200, 503)
    return [answer] if answer.status_code == 200 else []


def test_a_broker_that_is_away_costs_nothing(embedded: EmbeddedBroker) -> None:
    """503 while nobody answers, and the vendor sends again; what is acknowledged stands in Kafka, good or bad."""
    forwarder = Forwarder(embedded.bootstrap)
    producer = ConfirmedProducer(producer_config({"bootstrap.servers": forwarder.address}), confirm_timeout_s=0.5)
    batch = {"events": [OPEN, {"odd": 1}]}
    with AsgiClient(door(producer, webhook_config(sources=VENDORS))) as client:
        away = [Vendors(client).post("currents", body) for body in (batch, b"{")]
        forwarder.open()
        back = [eventually(partial(accepted, client, body), 30, what="an answer of 200") for body in (batch, b"{")]
    producer.close()
    forwarder.close()

    assert [answer.status_code for answer in away] == [503, 503]
    reader = LogReader({"bootstrap.servers": embedded.bootstrap})
    assert b"{" in [record.value for record in reader.records(DEAD)]
    assert b'{"odd":1}' in [record.value for record in reader.records(DEAD)]
    assert {dict(one.headers)["ce_id"] for one in reader.records(ENGAGEMENT)} == {
        back[0][0].json()["items"][0]["event_id"].encode()
    }


def test_a_slow_body_is_cut_off_and_nothing_of_it_is_kept() -> None:
    """408: what came so far is no signal, and no dead letter; the vendor sends it again."""
    kept = KeptRecords()
    running = Running(kept, request_timeout_s=0.3, sources=VENDORS)
    head = f"POST /hooks/currents HTTP/1.1\r\nHost: door\r\nAuthorization: Bearer {SECRET}\r\n"
    try:
        answer = read_all(running.connect(f'{head}Content-Length: 100\r\n\r\n{{"events": ['.encode()))
    finally:
        running.stop()

    assert answer.startswith(b"HTTP/1.1 408")
    assert kept.records == []


def test_vendors_are_answered_over_a_real_connection() -> None:
    """Without a content type, as some write it; the connection stays for the next one."""
    kept = KeptRecords()
    running = Running(kept, sources={**VENDORS, "marketo": {**VENDORS["marketo"], "auth": BEARER}})
    url = f"http://127.0.0.1:{running.port}/hooks"
    try:
        with httpx.Client(headers={"authorization": f"Bearer {SECRET}"}) as client:
            answers = [
                client.post(f"{url}/marketo", content=json.dumps(MARKETO)),
                client.post(f"{url}/currents", content=b""),
                client.post(f"{url}/marketo", content=b"\xff"),
            ]
    finally:
        running.stop()

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert all(answer.content for answer in answers)
    assert [record.topic for record in kept.records] == [ENGAGEMENT, DEAD]
