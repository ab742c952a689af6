"""A signal that was kept is read again once its source is set right, with the operators' own commands."""

from typing import Any

from common.kafka.clients import producer_config
from common.kafka.embedded import EmbeddedBroker
from common.kafka.log_reader import LogReader
from common.kafka.producer import ConfirmedProducer
from tests.support.asgi import AsgiClient
from tests.support.hooks import VENDORS, Vendors
from tests.support.ingest import door, webhook_config
from tests.support.signals import MARKETO, like
from workers.ingest.letters import INGEST
from workers.letters_command import dead_letters, discard, redrive
from workers.settings import Settings


def settings(broker: EmbeddedBroker, **sources: Any) -> Settings:
    """A site with these sources."""
    webhook = {"sources": {**VENDORS, **sources}}
    given = {"kafka": {"bootstrap.servers": broker.bootstrap}, "ingest": {"webhook": webhook}}
    return Settings.model_validate(given)


def post(broker: EmbeddedBroker, *signals: Any) -> list[str]:
    """What the door answers."""
    producer = ConfirmedProducer(producer_config({"bootstrap.servers": broker.bootstrap}))
    with AsgiClient(door(producer, webhook_config(sources=VENDORS))) as client:
        answers = [Vendors(client).post("marketo", signal).json()["status"] for signal in signals]
    producer.close()
    return answers


def test_a_kept_signal_goes_through_the_parser_again(embedded: EmbeddedBroker) -> None:
    """The site's id stood elsewhere than the settings said: mended, the event is made; the rest is discarded."""
    elsewhere = like(MARKETO, leadId="", customerId=...) | {"policyHolder": "C-7"}
    assert post(embedded, elsewhere, b"{") == ["kept", "kept"]

    before = settings(embedded)
    assert [bool(step.obstacle) for step in dead_letters(before, INGEST).plan(dead_letters(before, INGEST).open())] == [
        True,
        True,
    ]
    mended = settings(embedded, marketo={**VENDORS["marketo"], "identity_paths": ["policyHolder"]})
    mailbox = dead_letters(mended, INGEST)
    sent = redrive(mended, INGEST, mailbox.plan(mailbox.open()), 0, lambda _: None)
    left = mailbox.open()
    closed = discard(mended, INGEST, left, lambda _: None)

    assert (sent, [letter.value for letter in left], closed, mailbox.open()) == (1, [b"{"], 1, [])
    reader = LogReader({"bootstrap.servers": embedded.bootstrap})
    assert [record.key for record in reader.records("comms.engagement.v1")] == [b"C-7"]
