"""The committed schemas: plain Avro, ids that are never reused, fields by path, examples that come back whole."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from fastavro import parse_schema

from common.codec import Decoder, Encoder, LocalSchemas, from_json, to_json
from schemas.catalogue import FIRST_LOCAL_ID, Catalogue, catalogue, fingerprint, load
from schemas.fields import Field, field

FOLDER = Path(__file__).parents[2] / "schemas"
EXAMPLES = sorted((FOLDER / "examples").glob("*/*.json"))
TOPICS = catalogue().topics


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def test_the_files_are_plain_avro() -> None:
    """Shared types first, then each topic's file as it is: what a Java build does."""
    known: dict[str, Any] = {}
    for path in sorted((FOLDER / "shared").glob("*.avsc")):
        parse_schema(json.loads(path.read_text()), named_schemas=known)
    for path in sorted(FOLDER.glob("*.avsc")):
        parse_schema(json.loads(path.read_text()), named_schemas=dict(known))


def test_personal_data_is_tagged() -> None:
    """What is masked wherever events are shown."""
    paths = catalogue().pii_paths("comms.engagement.v1")

    assert {"customer.email", "customer.phone", "customer.last_name", "answers"} <= paths
    assert not {"customer", "customer.customer_id", "type", "score"} & paths


def test_ids_are_local_and_lead_back_to_their_schema() -> None:
    """Ids start at 2**30; by_id knows ours and nobody else's."""
    for topic in TOPICS:
        assert catalogue().id_of(topic) >= FIRST_LOCAL_ID
        assert catalogue().by_id(catalogue().id_of(topic)) == (topic, catalogue().schema(topic))
    assert catalogue().by_id(1) is None


def test_a_changed_schema_needs_a_new_id(tmp_path: Path) -> None:
    """A field added in place is noticed, and the message says what to do."""
    folder = _copy(tmp_path)
    _edit(folder / "comms.batch.v1.avsc", '"batch_id"', '"batch_ref"')

    assert load(folder).problems() == [
        "comms.batch.v1.avsc is not the schema of id 1073741831: `python -m schemas.release` gives it an id of its own"
    ]


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
