"""Bytes to events and back: the wire format, other writers' schemas, and every way to fail."""

import copy
import json
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from common.codec import MAX_PAYLOAD_BYTES, Decoder, Encoder, LocalSchemas, from_json
from common.errors import InvalidEventError, ReaderTooOldError, UndecodableError, UnknownTopicError
from common.reasons import Reason
from schemas.catalogue import Schema, catalogue
from tests.support.wire import KnownSchemas, framed, written

TOPIC = "comms.workspace.v1"
EXAMPLES = Path(__file__).parents[2] / "schemas" / "examples"
THEIRS = 7


@pytest.fixture
def value() -> dict[str, Any]:
    """A workspace event, complete."""
    return from_json(TOPIC, json.loads((EXAMPLES / TOPIC / "MILESTONE_REACHED.json").read_text()))


def _schema(change: Callable[[Schema], None]) -> Schema:
    """Our workspace schema, changed."""
    schema = copy.deepcopy(catalogue().schema(TOPIC))
    change(schema)
    return schema


def _decode(schema: Schema, value: dict[str, Any]) -> dict[str, Any]:
    return Decoder(KnownSchemas({THEIRS: schema})).decode(TOPIC, written(schema, value, THEIRS))


def _refused(payload: bytes | None, schemas: Any = None) -> Reason:
    with pytest.raises(UndecodableError) as refused:
        Decoder(schemas or LocalSchemas()).decode(TOPIC, payload)
    return refused.value.reason


def test_a_payload_starts_with_a_zero_and_the_schema_id(value: dict[str, Any]) -> None:
    """The Confluent wire format, with the committed local id."""
    payload = Encoder(LocalSchemas()).encode(TOPIC, value)

    assert payload[:5] == b"\x00" + catalogue().id_of(TOPIC).to_bytes(4, "big")
    assert Decoder(LocalSchemas()).decode(TOPIC, payload) == value


def test_the_encoder_writes_the_id_that_its_source_gives(value: dict[str, Any]) -> None:
    """With a registry, the registry's id."""
    schemas = KnownSchemas({42: catalogue().schema(TOPIC)})

    assert Encoder(schemas).encode(TOPIC, value)[:5] == b"\x00\x00\x00\x00\x2a"


def test_a_schema_is_asked_for_once(value: dict[str, Any]) -> None:
    """The registry is not on the hot path."""
    schemas = KnownSchemas({THEIRS: catalogue().schema(TOPIC)})
    decoder, payload = Decoder(schemas), written(catalogue().schema(TOPIC), value, THEIRS)

    for _ in range(3):
        decoder.decode(TOPIC, payload)

    assert schemas.asked == [THEIRS]


def test_left_out_fields_take_their_defaults(value: dict[str, Any]) -> None:
    """What a producer does not know, it need not write."""
    short = {name: value[name] for name in ("event_id", "type", "source", "occurred_at", "ingested_at")}

    payload = Encoder(LocalSchemas()).encode(TOPIC, {**short, "workspace_id": "1"})

    read = Decoder(LocalSchemas()).decode(TOPIC, payload)
    assert (read["customer"], read["attributes"], read["workspace_id"]) == (None, {}, "1")


def test_times_are_read_in_utc_to_the_microsecond(value: dict[str, Any]) -> None:
    """An offset is kept as an instant."""
    value["occurred_at"] = datetime(2026, 3, 1, 12, 0, 0, 123456, timezone(timedelta(hours=2)))

    read = Decoder(LocalSchemas()).decode(TOPIC, Encoder(LocalSchemas()).encode(TOPIC, value))

    assert read["occurred_at"] == datetime(2026, 3, 1, 10, 0, 0, 123456, UTC)
    assert read["occurred_at"].utcoffset() == timedelta(0)


def test_each_field_that_does_not_fit_is_named(value: dict[str, Any]) -> None:
    """The encoder coerces nothing: it says what is wrong, where."""
    value |= {"workspace_id": 36780, "type": "REACHED", "document": {"type": "x"}, "colour": "red"}
    value["occurred_at"] = datetime(2026, 3, 1)  # noqa: DTZ001 - a naive time is what is refused here
    value["attributes"] = {"a": 1}

    with pytest.raises(InvalidEventError) as refused:
        Encoder(LocalSchemas()).encode(TOPIC, value)

    assert {path for path, _ in refused.value.errors} == {
        "workspace_id",
        "type",
        "document.id",
        "colour",
        "occurred_at",
        "attributes.a",
    }


def test_topics_without_events_are_named(value: dict[str, Any]) -> None:
    """A retry topic has no schema of its own."""
    with pytest.raises(UnknownTopicError, match=r"comms\.retry\.braze\.main\.v1"):
        Encoder(LocalSchemas()).encode("comms.retry.braze.main.v1", value)
    with pytest.raises(UnknownTopicError, match=r"comms\.retry\.braze\.main\.v1"):
        Decoder(LocalSchemas()).decode("comms.retry.braze.main.v1", framed(2**30, b"x"))


# --- other writers ---


def test_a_field_that_we_lack_is_skipped(value: dict[str, Any]) -> None:
    """A newer writer's new field does no harm."""
    newer = _schema(lambda s: s["fields"].insert(3, {"name": "later", "type": "string"}))

    assert _decode(newer, {**value, "later": "x"}) == value


def test_a_field_that_the_writer_lacks_takes_our_default(value: dict[str, Any]) -> None:
    """An older writer's events are complete to a flow."""
    older = _schema(lambda s: s["fields"].pop())

    assert _decode(older, value) == {**value, "owner": None}


def test_a_new_symbol_of_an_ordinary_enum_reads_as_unknown(value: dict[str, Any]) -> None:
    """An actor kind from the future is readable, and unknown."""

    def add_symbol(schema: Schema) -> None:
        schema["fields"][6]["type"][1]["fields"][0]["type"]["symbols"].append("ROBOT")

    value["actor"]["kind"] = "ROBOT"

    assert _decode(_schema(add_symbol), value)["actor"]["kind"] == "UNKNOWN"


def test_a_new_type_is_for_a_newer_reader(value: dict[str, Any]) -> None:
    """A written symbol that we lack holds the reader: passing it by would lose the event."""
    newer = _schema(lambda s: s["fields"][1]["type"]["symbols"].append("MERGED"))

    with pytest.raises(ReaderTooOldError, match=r"comms\.workspace\.v1: type 'MERGED' of schema id 7.*upgrade"):
        _decode(newer, {**value, "type": "MERGED"})


def test_a_written_unknown_is_an_ordinary_event(value: dict[str, Any]) -> None:
    """The writer said UNKNOWN itself: nothing is lost by going on."""
    newer = _schema(lambda s: s["fields"][1]["type"]["symbols"].append("MERGED"))

    assert _decode(newer, {**value, "type": "UNKNOWN"})["type"] == "UNKNOWN"
    assert _decode(catalogue().schema(TOPIC), {**value, "type": "UNKNOWN"})["type"] == "UNKNOWN"


def test_a_known_type_of_a_newer_writer_is_read(value: dict[str, Any]) -> None:
    """Only records that carry the new symbol wait."""
    newer = _schema(lambda s: s["fields"][1]["type"]["symbols"].append("MERGED"))

    assert _decode(newer, value) == value


def test_a_new_type_beats_an_incompatible_field(value: dict[str, Any]) -> None:
    """The newer reader may resolve what this one cannot."""

    def change(schema: Schema) -> None:
        schema["fields"][1]["type"]["symbols"].append("MERGED")
        schema["fields"][2]["type"] = "long"

    with pytest.raises(ReaderTooOldError):
        _decode(_schema(change), {**value, "type": "MERGED", "source": 1})


def test_milliseconds_and_plain_longs_become_times(value: dict[str, Any]) -> None:
    """Millisecond writers are converted; a long without a logical type is microseconds, as Avro resolves it."""

    def change(schema: Schema) -> None:
        schema["fields"][4]["type"] = {"type": "long", "logicalType": "timestamp-millis"}
        schema["fields"][5]["type"] = "long"

    wire = {**value, "ingested_at": int(value["ingested_at"].timestamp() * 1e6)}

    assert _decode(_schema(change), wire) == value


def test_logical_types_of_others_do_not_leak(value: dict[str, Any]) -> None:
    """A writer's uuid is a string to a flow, never another kind of object."""

    def change(schema: Schema) -> None:
        schema["fields"][0]["type"] = {"type": "string", "logicalType": "uuid"}

    assert _decode(_schema(change), value)["event_id"] == value["event_id"]


def test_a_schema_that_does_not_resolve_is_incompatible(value: dict[str, Any]) -> None:
    """A field of another type, a missing field without default, another topic's event."""

    def retype(schema: Schema) -> None:
        schema["fields"][2]["type"] = "long"

    cases = [
        (_schema(retype), {**value, "source": 1}),
        (_schema(lambda s: s["fields"].pop(0)), value),
    ]
    for schema, wire in cases:
        payload = written(schema, wire, THEIRS)
        assert _refused(payload, KnownSchemas({THEIRS: schema})) is Reason.INCOMPATIBLE_SCHEMA


def test_another_topics_event_is_incompatible() -> None:
    """An alert on the workspace topic is a dead letter, not a workspace event."""
    alert = from_json("comms.alert.v1", json.loads((EXAMPLES / "comms.alert.v1/RAISED.json").read_text()))

    payload = Encoder(LocalSchemas()).encode("comms.alert.v1", alert)

    assert _refused(payload) is Reason.INCOMPATIBLE_SCHEMA


def test_a_writer_may_use_a_namespace_of_its_own(value: dict[str, Any]) -> None:
    """A Java team's package differs from ours: records resolve by their names without it."""
    text = json.dumps(catalogue().schema(TOPIC)).replace("commfleet.events.v1", "com.example.events")

    assert _decode(json.loads(text), value) == value


# --- refusals ---


def test_every_failure_has_its_own_reason(value: dict[str, Any]) -> None:
    """What an operator reads on the dead letter."""
    good = Encoder(LocalSchemas()).encode(TOPIC, value)

    assert _refused(None) is Reason.TOMBSTONE
    assert _refused(b"") is Reason.NOT_AVRO
    assert _refused(b"\x00\x00") is Reason.NOT_AVRO
    assert _refused(b'{"event_id": "1"}') is Reason.NOT_AVRO
    assert _refused(framed(99, good[5:])) is Reason.UNKNOWN_SCHEMA
    assert _refused(good[:-1]) is Reason.MALFORMED
    assert _refused(good[:5]) is Reason.MALFORMED
    assert _refused(good + b"\x00") is Reason.MALFORMED
    assert _refused(good[:5] + b"\x00" * (MAX_PAYLOAD_BYTES - 4)) is Reason.OVERSIZED


def test_a_payload_of_just_the_limit_is_read(value: dict[str, Any]) -> None:
    """The cap counts the whole payload, and lets the last byte in."""
    payload = Encoder(LocalSchemas()).encode(TOPIC, value)

    assert Decoder(LocalSchemas(), max_bytes=len(payload)).decode(TOPIC, payload) == value
    with pytest.raises(UndecodableError, match="more than the"):
        Decoder(LocalSchemas(), max_bytes=len(payload) - 1).decode(TOPIC, payload)


def test_a_time_beyond_all_calendars_is_malformed(value: dict[str, Any]) -> None:
    """Sixty-four bits of microseconds reach further than a datetime."""

    def plain(schema: Schema) -> None:
        schema["fields"][4]["type"] = "long"

    payload = written(_schema(plain), {**value, "occurred_at": 2**62}, THEIRS)

    assert _refused(framed(catalogue().id_of(TOPIC), payload[5:])) is Reason.MALFORMED
    assert _refused(payload, KnownSchemas({THEIRS: _schema(plain)})) is Reason.MALFORMED


def test_an_unsafe_writer_schema_is_refused_before_anything_is_read() -> None:
    """Eight bytes that claim 2**60 nulls: refused when the schema is loaded, whatever the payload."""
    nulls = _schema(lambda s: s["fields"].append({"name": "n", "type": {"type": "array", "items": "null"}}))

    assert _refused(framed(THEIRS, b""), KnownSchemas({THEIRS: nulls})) is Reason.UNSAFE_SCHEMA


@pytest.mark.parametrize("nonsense", [{"type": "record"}, {"type": "nothing"}, {}, [], "nothing", None, 5])
def test_what_is_no_schema_is_refused(nonsense: Any) -> None:
    """A registry that answers nonsense makes a dead letter, not a crash."""
    reason = _refused(framed(THEIRS, b"\x02"), KnownSchemas({THEIRS: nonsense}))

    assert reason is Reason.INCOMPATIBLE_SCHEMA


def test_a_record_that_is_no_schema_is_refused() -> None:
    """The right name, and fields that mean nothing."""
    broken = {"type": "record", "name": "WorkspaceEvent", "fields": [{"name": "a", "type": "nothing"}]}

    assert _refused(framed(THEIRS, b"\x02"), KnownSchemas({THEIRS: broken})) is Reason.INCOMPATIBLE_SCHEMA
    assert _refused(framed(THEIRS, b"\x02"), KnownSchemas({THEIRS: {**broken, "fields": 5}})) is Reason.UNSAFE_SCHEMA


@pytest.mark.parametrize("schema", ["string", ["null", "string"], {"type": "map", "values": "string"}])
def test_a_schema_that_is_no_record_is_incompatible(schema: Any) -> None:
    """Avro, but no event."""
    payload = framed(THEIRS, b"\x02\x02a")

    assert _refused(payload, KnownSchemas({THEIRS: schema})) is Reason.INCOMPATIBLE_SCHEMA


def test_details_hold_no_data(value: dict[str, Any]) -> None:
    """A dead letter's detail is ours: it never repeats what the record holds."""
    value["customer"]["email"] = "secret@example.com"
    payload = Encoder(LocalSchemas()).encode(TOPIC, value)

    for cut in range(5, len(payload), 7):
        with pytest.raises(UndecodableError) as refused:
            Decoder(LocalSchemas()).decode(TOPIC, payload[:cut])
        assert "secret" not in str(refused.value)


def test_a_few_bytes_cannot_claim_much_memory() -> None:
    """A map that claims 2**60 entries, a string that claims 2**60 bytes: malformed, and nothing is set aside."""
    huge = b"\x80\x80\x80\x80\x80\x80\x80\x80\x20"  # 2**60, zig-zag
    assert _refused(framed(catalogue().id_of(TOPIC), b"")) is Reason.MALFORMED  # what is made once is not counted
    head = b"\x02a" + b"\x02" + b"\x02s" + b"\x00" + b"\x00\x00" + b"\x00" * 4  # the envelope up to attributes
    tracemalloc.start()

    for body in (head + huge, huge, head + b"\x02" + huge):
        assert _refused(framed(catalogue().id_of(TOPIC), body)) is Reason.MALFORMED

    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 2**20
