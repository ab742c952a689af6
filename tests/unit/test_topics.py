"""The topic files: every topic that must be there, kept and keyed as the design says."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from common.errors import ConfigurationError, LocatedError
from schemas.catalogue import catalogue
from schemas.fields import field
from topics.catalogue import ONE_COUNT, Kind, dead_letter_topic, flow_topics, load, retry_topic, topics

FOLDER = Path(__file__).parents[2] / "topics"
SINKS = ("marketo", "braze", "ecm", "notifications", "exstream")
WITH_CONSENT = ("marketo", "braze", "ecm", "exstream")
DAY_MS = 24 * 60 * 60 * 1000


def test_every_topic_has_a_file() -> None:
    """Eleven event topics, a retry topic for each group, dead letters for each sink, and ingest's and journeys'."""
    expected = {
        *catalogue().topics,
        *(retry_topic(sink, "main") for sink in SINKS),
        *(retry_topic(sink, "consent") for sink in WITH_CONSENT),
        *(dead_letter_topic(sink) for sink in SINKS),
        "comms.dlq.ingest.v1",
        "comms.checkpoint.v1",
        "comms.dlq.journeys.v1",
        "comms.retry.journeys.v1",
    }

    assert set(topics()) == expected


def test_the_flow_topics_are_all_event_topics_but_receipts() -> None:
    """What a flow may name in `on`."""
    assert len(flow_topics()) == 10
    assert set(catalogue().topics) - set(flow_topics()) == {"comms.receipt.v1"}
    assert topics()["comms.receipt.v1"].kind is Kind.RECEIPT


def test_event_topics_have_the_schema_of_their_name() -> None:
    """Topics that carry other topics' records have none."""
    assert {name: topic.schema for name, topic in topics().items()} == {
        name: name if name in catalogue().topics else None for name in topics()
    }


def test_flow_receipt_and_retry_topics_share_one_count() -> None:
    """Twelve by default."""
    assert {topic.partitions for topic in topics().values() if topic.kind in ONE_COUNT} == {12}


def test_events_are_kept_for_fourteen_days() -> None:
    """Decisions and cursors are compacted instead; what waits for a person or a retry is kept for ever."""
    for topic in topics().values():
        match topic.kind:
            case Kind.FLOW | Kind.RECEIPT if topic.name != "comms.consent.v1":
                assert (topic.cleanup_policy, topic.retention_ms) == ("delete", 14 * DAY_MS), topic.name
            case Kind.RETRY | Kind.DEAD_LETTER:
                assert (topic.cleanup_policy, topic.retention_ms) == ("delete", -1), topic.name
            case _:
                assert (topic.cleanup_policy, topic.retention_ms) == ("compact", -1), topic.name


def test_a_late_reader_sees_each_decision() -> None:
    """Compaction waits for as long as events are kept."""
    assert topics()["comms.consent.v1"].broker_config() == {
        "cleanup.policy": "compact",
        "retention.ms": "-1",
        "max.message.bytes": "1048576",
        "min.compaction.lag.ms": str(14 * DAY_MS),
    }


def test_tombstones_are_legal_for_decisions_only() -> None:
    """Anywhere else a null value is a dead letter."""
    assert [name for name, topic in topics().items() if topic.tombstones] == ["comms.consent.v1"]


def test_key_fields_are_strings_of_the_schema() -> None:
    """A key that names a field which is not there would never be carried."""
    for name in flow_topics():
        for path in topics()[name].key.replace(" else ", " + ").split(" + "):
            found = field(catalogue().schema(name), path)
            assert found is not None, f"{name}: {path}"
            assert found.kind in ("string", "enum"), f"{name}: {path}"


def _event(**fields: Any) -> dict[str, Any]:
    return {"customer": {"customer_id": "C-1"}, "workspace_id": "36780", "alert_key": "a:1"} | fields


@pytest.mark.parametrize(
    ("topic", "event", "key"),
    [
        ("comms.communication.v1", _event(), b"C-1"),
        ("comms.communication.v1", _event(customer=None), None),
        ("comms.communication.v1", {}, None),
        ("comms.journey.v1", _event(customer={"customer_id": "Zoë"}), "Zoë".encode()),
        ("comms.workspace.v1", _event(), b"C-1"),
        ("comms.workspace.v1", _event(customer=None), b"36780"),
        ("comms.alert.v1", _event(), b"a:1"),
        ("comms.content.v1", _event(content_id="tpl"), b"tpl"),
        ("comms.batch.v1", _event(batch_id="b"), b"b"),
    ],
)
def test_the_key_is_what_the_file_prescribes(topic: str, event: dict[str, Any], key: bytes | None) -> None:
    """The first field that is present; no key when none is."""
    assert topics()[topic].key_of(event) == key
    assert topics()[topic].lane_of(key) == key


def _consent(customer_id: str | None, **fields: Any) -> dict[str, Any]:
    about = {"kind": "CONSENT", "channel": "EMAIL", "purpose": "MARKETING", "subscription_group": None}
    customer = None if customer_id is None else {"customer_id": customer_id}
    return {"customer": customer, **about, **fields}


@pytest.mark.parametrize(
    ("event", "key", "lane"),
    [
        (_consent("C-1"), b"C-1|CONSENT|EMAIL|MARKETING|", b"C-1"),
        (_consent("a|b"), b"a%7Cb|CONSENT|EMAIL|MARKETING|", b"a|b"),
        (_consent("100%7C"), b"100%257C|CONSENT|EMAIL|MARKETING|", b"100%7C"),
        (
            _consent("C-1", kind="SUBSCRIPTION", purpose=None, subscription_group="a|b"),
            b"C-1|SUBSCRIPTION|EMAIL||a%7Cb",
            b"C-1",
        ),
        (_consent(None), None, None),
    ],
)
def test_a_decisions_key_is_joined_and_its_lane_is_the_customer(
    event: dict[str, Any], key: bytes | None, lane: bytes | None
) -> None:
    """A customer id that holds the separator stays one part."""
    topic = topics()["comms.consent.v1"]

    assert topic.key_of(event) == key
    assert topic.lane_of(key) == lane


def test_a_carried_key_cannot_be_told_from_the_value() -> None:
    """A receipt has its event's key: asking for it is a mistake, with words."""
    receipt = topics()["comms.receipt.v1"]

    assert not receipt.prescribes_key
    assert all(topics()[name].prescribes_key for name in flow_topics())
    with pytest.raises(ConfigurationError, match=r"comms\.receipt\.v1 prescribes no key"):
        receipt.key_of({})


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("partitions: 12", "partitions: 0", r"\.yaml:\d+: partitions: .*greater than or equal to 1"),
        ("owner:", "colour: red\nowner:", r"\.yaml:3: colour: Extra inputs"),
        ("owner: print-production\n", "", r"\.yaml:1: owner: Field required"),
        ("kind: flow", "kind: stream", r"\.yaml:2: kind: Input should be 'flow'"),
        ("first: [batch_id]", "last: [batch_id]", r"\.yaml:\d+: key"),
        ("name: comms.batch.v1", "name: comms.batches.v1", r"\.yaml:1: a topic file is named after its topic"),
        ("cleanup_policy:", "lane_key: {part: 0}\ncleanup_policy:", r"\.yaml:\d+: .*this key is not joined"),
    ],
)
def test_a_wrong_topic_file_is_named_with_its_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    """What and where."""
    file = tmp_path / "comms.batch.v1.yaml"
    text = (FOLDER / file.name).read_text()
    assert old in text
    file.write_text(text.replace(old, new))

    with pytest.raises(LocatedError, match=message):
        load(tmp_path)


def test_unequal_counts_are_refused(tmp_path: Path) -> None:
    """One customer's events would be spread over several workers."""
    folder = shutil.copytree(FOLDER, tmp_path / "topics", ignore=shutil.ignore_patterns("*.py"))
    file = folder / "comms.retry.braze.main.v1.yaml"
    file.write_text(file.read_text().replace("partitions: 12", "partitions: 6"))

    with pytest.raises(ConfigurationError, match=r"one partition count: .*comms\.retry\.braze\.main\.v1 6"):
        load(folder)


def test_dead_letters_may_have_a_count_of_their_own(tmp_path: Path) -> None:
    """They are addressed by partition and offset, and read by people."""
    folder = shutil.copytree(FOLDER, tmp_path / "topics", ignore=shutil.ignore_patterns("*.py"))
    file = folder / "comms.dlq.braze.v1.yaml"
    file.write_text(file.read_text().replace("partitions: 12", "partitions: 3"))

    assert load(folder)["comms.dlq.braze.v1"].partitions == 3
