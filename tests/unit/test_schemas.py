"""The committed schemas: one envelope, documented, with defaults, ids that are never reused, examples."""

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from fastavro import parse_schema

from common.codec import Decoder, Encoder, LocalSchemas, from_json, to_json
from schemas.catalogue import FIRST_LOCAL_ID, Catalogue, catalogue, fingerprint, load
from schemas.fields import Field, field, fields
from schemas.safety import danger

FOLDER = Path(__file__).parents[2] / "schemas"
EXAMPLES = sorted((FOLDER / "examples").glob("*/*.json"))
TOPICS = catalogue().topics
ENVELOPE = [
    "event_id",
    "type",
    "source",
    "source_instance",
    "occurred_at",
    "ingested_at",
    "actor",
    "customer",
    "correlation_id",
    "caused_by",
    "attributes",
]


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


@pytest.mark.parametrize("topic", TOPICS)
def test_every_schema_starts_with_the_envelope(topic: str) -> None:
    """The same eleven fields in front, of the same types; only the symbols of `type` differ."""
    envelope = catalogue().schema(topic)["fields"][: len(ENVELOPE)]
    expected = catalogue().schema(TOPICS[0])["fields"][: len(ENVELOPE)]

    assert [one["name"] for one in envelope] == ENVELOPE
    assert [one for one in envelope if one["name"] != "type"] == [one for one in expected if one["name"] != "type"]


@pytest.mark.parametrize("topic", TOPICS)
def test_every_field_and_type_is_documented(topic: str) -> None:
    """A field without `doc`, a record or enum without one, does not pass review."""
    undocumented = [one.path for one in fields(catalogue().schema(topic)) if not one.doc.endswith(".")]

    assert undocumented == []
    assert [node["name"] for node in _named(catalogue().schema(topic)) if not node.get("doc")] == []


@pytest.mark.parametrize("topic", TOPICS)
def test_every_enum_can_take_a_new_symbol(topic: str) -> None:
    """Each enum has the symbol UNKNOWN, first, as its default."""
    enums = [node for node in _named(catalogue().schema(topic)) if node["type"] == "enum"]

    assert [node["name"] for node in enums if node.get("default") != "UNKNOWN"] == []
    assert [node["name"] for node in enums if node["symbols"][0] != "UNKNOWN"] == []


@pytest.mark.parametrize("topic", TOPICS)
def test_what_may_be_left_out_has_a_default(topic: str) -> None:
    """Nullable fields default to null, maps and arrays to empty."""
    for node in _named(catalogue().schema(topic)):
        for one in node.get("fields", ()):
            match one["type"]:
                case ["null", _]:
                    assert one["default"] is None, one["name"]
                case {"type": "array"}:
                    assert one["default"] == [], one["name"]
                case {"type": "map"}:
                    assert one["default"] == {}, one["name"]


@pytest.mark.parametrize("topic", TOPICS)
def test_every_schema_is_avro_and_safe(topic: str) -> None:
    """Our own schemas pass the parser and the checks that we make of others'."""
    parse_schema(catalogue().schema(topic))

    assert danger(catalogue().schema(topic)) is None


def test_the_files_are_plain_avro() -> None:
    """Shared types first, then each topic's file as it is: what a Java build does."""
    known: dict[str, Any] = {}
    for path in sorted((FOLDER / "shared").glob("*.avsc")):
        parse_schema(json.loads(path.read_text()), named_schemas=known)
    for path in sorted(FOLDER.glob("*.avsc")):
        parse_schema(json.loads(path.read_text()), named_schemas=dict(known))


def test_names_are_not_used_twice() -> None:
    """One namespace: a Java build would overwrite one class with another."""
    paths = [*FOLDER.glob("*.avsc"), *(FOLDER / "shared").glob("*.avsc")]
    names = Counter(node["name"] for path in paths for node in _named(json.loads(path.read_text())))

    assert [name for name, count in names.items() if count > 1] == []


def test_personal_data_is_tagged() -> None:
    """What is masked wherever events are shown."""
    paths = catalogue().pii_paths("comms.engagement.v1")

    assert {"customer.email", "customer.phone", "customer.last_name", "answers"} <= paths
    assert not {"customer", "customer.customer_id", "type", "score"} & paths


def test_committed_ids_match_the_schemas() -> None:
    """A changed schema without a new id, an id used twice, a registry's id: none of them."""
    assert catalogue().problems() == []


def test_ids_are_local_and_lead_back_to_their_schema() -> None:
    """Ids start at 2**30; by_id knows ours and nobody else's."""
    for topic in TOPICS:
        assert catalogue().id_of(topic) >= FIRST_LOCAL_ID
        assert catalogue().by_id(catalogue().id_of(topic)) == (topic, catalogue().schema(topic))
    assert catalogue().by_id(1) is None


def test_a_changed_schema_needs_a_new_id(tmp_path: Path) -> None:
    """A field added in place is noticed, and the message says what to write into ids.json."""
    folder = _copy(tmp_path)
    _edit(folder / "comms.batch.v1.avsc", '"batch_id"', '"batch_ref"')

    (problem,) = load(folder).problems()

    assert "comms.batch.v1.avsc is not the schema of id 1073741831" in problem
    assert f'{{"id": 1073741835, "fingerprint": "{fingerprint(load(folder).schema("comms.batch.v1"))}"}}' in problem


def test_a_changed_shared_type_needs_new_ids_for_its_users(tmp_path: Path) -> None:
    """Shared types are part of every schema that names them."""
    folder = _copy(tmp_path)
    _edit(folder / "shared/Purpose.avsc", '"REGULATORY"', '"LEGAL"')

    changed = {problem.split(".avsc")[0] for problem in load(folder).problems()}

    assert changed == {"comms.communication.v1", "comms.preference.v1", "comms.consent.v1"}


def test_a_changed_doc_or_tag_needs_no_new_id(tmp_path: Path) -> None:
    """What does not change a byte does not change the id."""
    folder = _copy(tmp_path)
    _edit(folder / "comms.alert.v1.avsc", '"doc": "One line."', '"pii": true,\n      "doc": "One short line."')

    assert load(folder).problems() == []


def test_an_id_used_twice_is_found(tmp_path: Path) -> None:
    """Ids are never reused, not even for another topic."""
    folder = _copy(tmp_path)
    _edit(folder / "ids.json", "1073741831", "1073741830")

    assert load(folder).problems() == [
        "id 1073741830 of comms.batch.v1 is already comms.content.v1's: ids are never reused"
    ]


def test_an_earlier_id_means_its_own_schema(tmp_path: Path) -> None:
    """After a change, records of the old id are read with the schema that was committed for it."""
    folder, topic = _copy(tmp_path), "comms.batch.v1"
    before = load(folder)
    released = folder / "released" / topic / f"{before.id_of(topic)}.avsc"
    released.parent.mkdir(parents=True)
    released.write_text(json.dumps(before.schema(topic)))
    _edit(folder / f"{topic}.avsc", '"batch_id"', '"batch_ref"')
    ids = json.loads((folder / "ids.json").read_text())
    ids[topic].append({"id": 2**30 + 99, "fingerprint": fingerprint(load(folder).schema(topic))})
    (folder / "ids.json").write_text(json.dumps(ids))

    after = load(folder)

    assert after.problems() == []
    assert after.by_id(before.id_of(topic)) == (topic, before.schema(topic))
    assert after.id_of(topic) == 2**30 + 99


def test_a_schema_without_an_id_is_found(tmp_path: Path) -> None:
    """A file that ids.json does not mention cannot be forgotten."""
    folder = _copy(tmp_path)
    shutil.copy(folder / "comms.batch.v1.avsc", folder / "comms.other.v1.avsc")

    with pytest.raises(KeyError, match=r"no id for comms\.other\.v1"):
        load(folder)


def test_fields_are_found_by_path() -> None:
    """What flows ask about a field: kind, null, symbols, personal data."""
    schema = catalogue().schema("comms.consent.v1")

    assert field(schema, "customer.email") == Field(
        "customer.email",
        "string",
        nullable=True,
        pii=True,
        has_default=True,
        doc="E-mail address. Never used to find out who somebody is.",
    )
    assert _asked(schema, "effective_at") == ("timestamp", False)
    assert _asked(schema, "channel") == ("enum", True)
    assert _asked(schema, "preferred_channel") == ("enum", True)
    assert _asked(schema, "write_to") == ("array", False)
    assert _asked(schema, "attributes") == ("map", False)
    assert _asked(schema, "attributes.branch") == ("string", True)


def test_a_type_known_by_its_name_has_its_symbols() -> None:
    """The second field of one enum refers to it by name only."""
    schema = catalogue().schema("comms.preference.v1")
    first, second = field(schema, "channel"), field(schema, "preferred_channel")

    assert first is not None
    assert second is not None
    assert first.symbols == second.symbols == ("UNKNOWN", "PRINT", "EMAIL", "WEB", "SMS", "PUSH", "ARCHIVE")


@pytest.mark.parametrize("path", ["", "nope", "customer.nope", "type.x", "attributes.a.b", "links.url", "customer."])
def test_a_field_that_is_not_there_is_none(path: str) -> None:
    """A flow that names it is told so."""
    assert field(catalogue().schema("comms.alert.v1"), path) is None


@pytest.mark.parametrize("topic", TOPICS)
def test_every_record_has_an_example(topic: str) -> None:
    """Each topic's every type but UNKNOWN is shown once at least."""
    type_field = field(catalogue().schema(topic), "type")
    assert type_field is not None
    shown = {path.stem.partition("-")[0] for path in EXAMPLES if path.parent.name == topic}

    assert shown == set(type_field.symbols) - {"UNKNOWN"}


def test_no_example_is_orphaned() -> None:
    """Every folder of examples is a topic, and holds nothing but examples."""
    found = {path.parent.name for path in (FOLDER / "examples").glob("*/*")}

    assert found == set(TOPICS)
    assert len(EXAMPLES) == len([path for path in (FOLDER / "examples").rglob("*") if path.is_file()])


def test_examples_have_ids_of_their_own() -> None:
    """Two examples with one event_id would be duplicates to a sink."""
    ids = Counter(json.loads(path.read_text())["event_id"] for path in EXAMPLES)

    assert [event_id for event_id, count in ids.items() if count > 1] == []


@pytest.mark.parametrize("path", EXAMPLES, ids=_name)
def test_every_example_comes_back_whole(path: Path) -> None:
    """JSON to event to bytes to event to JSON, nothing lost; its name is its type."""
    topic, example = path.parent.name, json.loads(path.read_text())
    value = from_json(topic, example)

    payload = Encoder(LocalSchemas()).encode(topic, value)
    read = Decoder(LocalSchemas()).decode(topic, payload)

    assert read == value
    assert from_json(topic, to_json(topic, read)) == value
    assert example["type"] == path.stem.partition("-")[0]
    for name, item in example.items():
        if not isinstance(item, dict) and not name.endswith("_at"):
            assert read[name] == item, name


def _asked(schema: dict[str, Any], path: str) -> tuple[str, bool] | None:
    found = field(schema, path)
    return (found.kind, found.nullable) if found else None


def _named(node: Any) -> list[dict[str, Any]]:
    """Every named type that is written out in a schema."""
    if isinstance(node, list):
        return [found for branch in node for found in _named(branch)]
    if not isinstance(node, dict):
        return []
    inner = [*(one["type"] for one in node.get("fields", ())), node.get("items"), node.get("values")]
    return ([node] if "name" in node else []) + _named(inner)


def _copy(tmp_path: Path) -> Path:
    return shutil.copytree(FOLDER, tmp_path / "schemas", ignore=shutil.ignore_patterns("*.py", "examples"))


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_the_catalogue_is_read_once() -> None:
    """Start-up pays for it once, however many ask."""
    assert catalogue() is catalogue()
    assert isinstance(catalogue(), Catalogue)
