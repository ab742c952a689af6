"""Dead letters of the ingest: listed, shown, read by their parser again, discarded."""

import json
from datetime import datetime
from typing import Any

import pytest

from common.codec import Decoder, LocalSchemas
from common.errors import ConfigurationError, RecordTooLargeError
from common.reasons import Reason
from tests.support.events import written_and_read
from tests.support.hooks import VENDORS
from tests.support.ingest import NOW, intake, webhook_config
from tests.support.signals import CLICK, MARKETO, OPEN, like
from tests.unit.test_dead_letters import MemoryLog
from workers.ingest.intake import Nobody
from workers.ingest.letters import Bad, Holds, IngestLetters, Way
from workers.ingest.sources.catalogue import hook_of
from workers.ingest.sources.marketo_config import MarketoSource
from workers.ingest_letters import HookParser, IngestMailbox
from workers.mailbox import Filter

TOPIC, ENGAGEMENT = "comms.dlq.ingest.v1", "comms.engagement.v1"
BATCH = {"events": [OPEN, like(CLICK, id="another")]}


@pytest.fixture
def log() -> MemoryLog:
    """An empty one."""
    return MemoryLog()


def mailbox(log: MemoryLog, **sources: dict[str, Any]) -> IngestMailbox:
    """The letters as a site with these sources reads them; with every vendor's unless told otherwise."""
    config = webhook_config(sources=sources or VENDORS)
    parsers = {Way.WEBHOOK.value: HookParser(config.sources, config.body_max_bytes, config.items_max)}
    return IngestMailbox(log, TOPIC, parsers, intake(Nobody()))


def kept(log: MemoryLog, source: str, raw: bytes, holds: Holds = Holds.ITEM, **more: Any) -> str:
    """A letter on the topic; its address."""
    bad = Bad(Way.WEBHOOK, source, raw, Reason.INVALID_SIGNAL, [("leadId", "is required")], holds, **more)
    record = IngestLetters("", "me").letter(bad, NOW)
    row = log.add(TOPIC, record.key, record.value, record.headers)
    return f"{row.partition}:{row.offset}"


def body(signal: Any) -> bytes:
    """As it is kept."""
    return json.dumps(signal).encode()


def test_letters_are_listed_by_source_and_reason(log: MemoryLog) -> None:
    """With the same filters as a sink's letters, and one more."""
    kept(log, "marketo", b"{}")
    address = kept(log, "braze", b"{}")

    found = mailbox(log).open(Filter(source="braze", reason="invalid_signal"))

    assert [letter.address for letter in found] == [address]
    assert found[0].facts["detail"] == "leadId: is required"
    assert [(line.action, line.reason, line.count) for line in mailbox(log).stats()] == [
        ("webhook.marketo", "invalid_signal", 1),
        ("webhook.braze", "invalid_signal", 1),
    ]


def test_a_letter_is_shown_without_its_values(log: MemoryLog) -> None:
    """Names tell what is wrong; every value of a signal may be personal."""
    address = kept(log, "marketo", body({"leadId": 1, "names": ["Ada"], "none": None}))

    assert mailbox(log).show(address)["signal"] == {"leadId": "***", "names": ["***"], "none": None}
    assert mailbox(log).show(address, reveal=True)["signal"] == {"leadId": 1, "names": ["Ada"], "none": None}


def test_a_letter_that_is_not_json_is_shown_as_it_is(log: MemoryLog) -> None:
    """Only where it is asked for."""
    address = kept(log, "marketo", b'{"a": \xff', Holds.BODY)

    assert mailbox(log).show(address)["signal"] == "***"
    assert mailbox(log).show(address, reveal=True)["signal"] == '{"a": \\xff'
    with pytest.raises(ConfigurationError, match="there is no letter 7:7"):
        mailbox(log).show("7:7")


def test_a_signal_that_can_be_read_by_now_becomes_its_event(log: MemoryLog) -> None:
    """As at the time when it came, under the id that it would have had; the letter is closed with it."""
    kept(log, "marketo", body(MARKETO), trace_parent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    box = mailbox(log)

    assert box.redrive(box.plan(box.open()), log, 0, lambda _: None) == 1

    (transaction,) = log.transactions
    event, marker = transaction
    value = Decoder(LocalSchemas()).decode(ENGAGEMENT, event.value)
    config = webhook_config(sources=VENDORS).sources["marketo"]
    assert isinstance(config, MarketoSource)
    assert value == written_and_read(hook_of(config).translate(MARKETO, NOW)[0])
    assert (event.topic, event.key, marker.topic, marker.value) == (ENGAGEMENT, b"C-104711", TOPIC, None)
    assert dict(event.headers)["traceparent"]
    assert box.open() == []


def test_a_whole_body_becomes_all_of_its_events(log: MemoryLog) -> None:
    """Kept because its coding could not be read, say; in one transaction."""
    kept(log, "currents", body(BATCH), Holds.BODY, content_type="text/plain")
    box = mailbox(log)

    box.redrive(box.plan(box.open()), log, 0, lambda _: None)

    assert [record.topic for record in log.transactions[0]] == [ENGAGEMENT, ENGAGEMENT, TOPIC]


@pytest.mark.parametrize(
    ("source", "raw", "holds", "more", "obstacle"),
    [
        ("marketo", b"{}", Holds.ITEM, {}, "still cannot be read: leadId: is required"),
        ("marketo", b"{", Holds.BODY, {}, "still cannot be read: is not valid JSON"),
        ("marketo", b"x", Holds.BODY, {"coding": "gzip"}, "still cannot be read: the body is not what gzip makes"),
        ("currents", body({"events": [OPEN, {}]}), Holds.BODY, {}, "still cannot be read: event_type"),
        ("currents", b'{"events": [1]}\n{', Holds.BODY, {"content_type": "application/x-ndjson"}, "still cannot"),
        ("nobody", b"{}", Holds.ITEM, {}, "ingest.webhook.sources has no nobody"),
    ],
)
def test_what_still_cannot_be_read_is_left(
    log: MemoryLog, source: str, raw: bytes, holds: Holds, more: dict[str, Any], obstacle: str
) -> None:
    """With the reason of today; nothing of it is sent."""
    kept(log, source, raw, holds, **more)
    box = mailbox(log)

    (step,) = box.plan(box.open())

    assert step.obstacle.startswith(obstacle)
    assert box.redrive([step], log, 0, lambda _: None) == 0
    assert log.transactions == []


def test_what_came_another_way_is_left_to_who_can_read_it(log: MemoryLog) -> None:
    """A letter of a newer release, or of a way that this site does not run."""
    record = IngestLetters("", "me").letter(Bad(Way.FILE, "f", b"{}", Reason.MALFORMED, [], place="a.csv:7"), NOW)
    log.add(TOPIC, record.key, record.value, record.headers)

    (step,) = mailbox(log).plan(mailbox(log).open())

    assert step.obstacle == "nothing here reads what came by file"
    assert step.letter.facts["place"] == "a.csv:7"
    assert datetime.fromisoformat(step.letter.facts["received_at"]) == NOW


def test_a_discarded_letter_is_closed_and_not_sent(log: MemoryLog) -> None:
    """As a sink's is; then nothing of the topic is needed any more."""
    kept(log, "marketo", b"{}")
    box = mailbox(log)

    assert box.discard(box.open(), log, lambda _: None) == 1
    assert [record.topic for record in log.transactions[0]] == [TOPIC]
    assert box.dispensable() == {0: 2}


def test_a_letter_that_the_topic_would_not_take_is_an_error() -> None:
    """Told where it is written, not by the broker."""
    with pytest.raises(RecordTooLargeError, match="as a dead letter"):
        IngestLetters("", "me").letter(Bad(Way.WEBHOOK, "a", b"x" * 2_000_000, Reason.MALFORMED, []), NOW)


def test_a_detail_has_an_end() -> None:
    """However many fields are wrong, and whatever they are called."""
    bad = Bad(Way.WEBHOOK, "a", b"", Reason.INVALID_SIGNAL, [("é" * 100, "is wrong")] * 100)

    headers = dict(IngestLetters("", "me").letter(bad, NOW).headers)

    assert len(headers["dlq.detail"].decode()) == 500
