"""What a poller could not read goes through its parser again, with the operators' own commands."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from common.errors import ConfigurationError
from common.kafka.clients import producer_config
from common.kafka.embedded import EmbeddedBroker
from common.kafka.log_reader import LogReader
from common.kafka.transactions import TransactionalProducer
from tests.support.ecm_poll import ATTRIBUTES
from tests.support.polling import maker
from workers.ingest.letters import INGEST
from workers.ingest.pollers.api import Item
from workers.letters_command import dead_letters, redrive
from workers.poller_catalogue import polled_feed
from workers.settings import Settings

ECM: dict[str, Any] = {
    "base_url": "https://ecm.example.com/otcs/cs",
    "username": "commfleet",
    "password": "x",
    "instance": "cs.example.com",
    "type_ids": [16],
    "attributes": ATTRIBUTES,
    "identity_paths": ["attributes.Customer Id"],
}
WORKSPACE = "comms.workspace.v1"
NOW = datetime(2026, 3, 1, 10, 0, 5, tzinfo=UTC)


def settings(broker: EmbeddedBroker, prefix: str, **ecm: Any) -> Settings:
    """A site that polls its Content Server."""
    given = {"prefix": prefix, "kafka": {"bootstrap.servers": broker.bootstrap}}
    return Settings.model_validate({**given, "ingest": {"pollers": {"ecm": {**ECM, **ecm}}}})


def signal(**more: Any) -> dict[str, Any]:
    """A workspace as the poller read it."""
    return {
        "event_type": "workspace.updated",
        "event_id": "a" * 64,
        "occurred_at": "2026-03-01T10:00:00+00:00",
        "changed_at": "2026-03-01T09:00:00",
        "node": {"id": "36780"},
        "workspace": {"id": "36780", "name": "Acme"},
        "attributes": {"Customer Id": "C-1007", "Expires": "soon"},
        **more,
    }


def kept(broker: EmbeddedBroker, prefix: str, site: Settings, *signals: Any) -> None:
    """What the poller makes of items: letters."""
    feed = polled_feed(site, "ecm", "ecm.workspaces")
    made = maker("ecm", prefix).make(feed, [Item("x", each, "workspace:36780") for each in signals], NOW)
    assert made.outcomes == {"invalid": len(signals)}
    producer = TransactionalProducer(
        producer_config({"bootstrap.servers": broker.bootstrap}, transactional_id=f"{prefix}t")
    )
    producer.start()
    producer.commit(made.records)
    producer.close()


def test_an_item_goes_through_its_feed_again(embedded: EmbeddedBroker, prefix: str) -> None:
    """With the settings mended the event is made, under the id that it would have had."""
    site = settings(embedded, prefix)
    kept(embedded, prefix, site, signal())
    before = dead_letters(site, INGEST)
    assert [bool(step.obstacle) for step in before.plan(before.open())] == [True]

    mended = settings(embedded, prefix, expires_attribute="Ends")
    mailbox = dead_letters(mended, INGEST)
    sent = redrive(mended, INGEST, mailbox.plan(mailbox.open()), 0, lambda _: None)

    reader = LogReader({"bootstrap.servers": embedded.bootstrap})
    (record,) = reader.records(prefix + WORKSPACE)
    (event,) = polled_feed(mended, "ecm", "ecm.workspaces").translate(Item("x", signal()), NOW)
    assert (sent, record.key, mailbox.open()) == (1, b"C-1007", [])
    assert dict(record.headers)["ce_id"] == event.event_id.encode()


def test_what_was_cut_is_not_read_again(embedded: EmbeddedBroker, prefix: str) -> None:
    """A part of a signal must not become an event."""
    site = settings(embedded, prefix)
    kept(embedded, prefix, site, signal(attributes={"Expires": "soon", "Milestone": "x" * 2_000_000}))
    mailbox = dead_letters(site, INGEST)

    (step,) = mailbox.plan(mailbox.open())

    assert "too large for a letter" in step.obstacle


def test_a_source_that_is_no_longer_set_is_named(embedded: EmbeddedBroker, prefix: str) -> None:
    """The letter waits; what to set is said."""
    kept(embedded, prefix, settings(embedded, prefix), signal())
    bare = Settings.model_validate({"prefix": prefix, "kafka": {"bootstrap.servers": embedded.bootstrap}})
    mailbox = dead_letters(bare, INGEST)

    (step,) = mailbox.plan(mailbox.open())

    assert "poller ecm is not configured" in step.obstacle


def test_a_feed_that_there_is_no_more_is_named(embedded: EmbeddedBroker, prefix: str) -> None:
    """By today's settings a source may have other feeds."""
    with pytest.raises(ConfigurationError, match=r"has no feed 'ecm\.other'.*ecm\.workspaces"):
        polled_feed(settings(embedded, prefix), "ecm", "ecm.other")


def test_names_are_shown_and_values_hidden(embedded: EmbeddedBroker, prefix: str) -> None:
    """As with every signal of the ingest."""
    site = settings(embedded, prefix)
    kept(embedded, prefix, site, signal())
    mailbox = dead_letters(site, INGEST)

    shown = orjson.dumps(mailbox.show(mailbox.open()[0].address)).decode()

    assert "Customer Id" in shown
    assert "C-1007" not in shown
