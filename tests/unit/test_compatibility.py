"""Confluent's modes over Avro's checker, and what schemas are held against."""

import copy
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from common.errors import ConfigurationError
from schemas.catalogue import catalogue, inline
from schemas.compatibility import Mode, Past, incompatibilities
from schemas.history import HERE, against, released
from schemas.review import review
from workers.cli.root import MODES

BATCH = "comms.batch.v1"


def schema(*fields: dict[str, Any]) -> dict[str, Any]:
    """A record with these fields."""
    return {"type": "record", "name": "Note", "namespace": "t", "fields": list(fields)}


TEXT = {"name": "text", "type": "string"}
MORE = {"name": "more", "type": "string"}
OPTIONAL = {"name": "more", "type": ["null", "string"], "default": None}

BARE, WITH_MORE, WITH_OPTIONAL = schema(TEXT), schema(TEXT, MORE), schema(TEXT, OPTIONAL)

EVOLUTIONS: dict[str, tuple[list[Any], Any, set[Mode]]] = {
    # what came before, what comes now, the modes that take it
    "a field with a default is added": ([BARE], WITH_OPTIONAL, set(Mode)),
    "a field without a default is added": ([BARE], WITH_MORE, {Mode.FORWARD, Mode.FORWARD_TRANSITIVE, Mode.NONE}),
    "a field without a default goes": ([WITH_MORE], BARE, {Mode.BACKWARD, Mode.BACKWARD_TRANSITIVE, Mode.NONE}),
    "a field with a default goes": ([WITH_OPTIONAL], BARE, set(Mode)),
    "only the first forbids it, backward": (
        [BARE, WITH_OPTIONAL],
        schema(TEXT, {"name": "more", "type": ["null", "string"]}),
        {Mode.BACKWARD, Mode.FORWARD, Mode.FORWARD_TRANSITIVE, Mode.FULL, Mode.NONE},
    ),
    "only the first forbids it, forward": (
        [schema(TEXT, MORE), WITH_OPTIONAL],
        BARE,
        {Mode.BACKWARD, Mode.BACKWARD_TRANSITIVE, Mode.FORWARD, Mode.FULL, Mode.NONE},
    ),
    "another type": ([BARE], schema({"name": "text", "type": "long"}), {Mode.NONE}),
    "another name": ([BARE], {**BARE, "name": "Letter"}, {Mode.NONE}),
}


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("evolution", EVOLUTIONS)
def test_each_mode_takes_what_confluent_says(evolution: str, mode: Mode) -> None:
    """All seven modes over every kind of change."""
    before, now, taken = EVOLUTIONS[evolution]
    history = [Past(f"version {number}", one) for number, one in enumerate(before, 1)]

    assert (incompatibilities(now, history, mode) == []) is (mode in taken)


def test_a_schema_may_follow_itself() -> None:
    """What was released last is not counted: the one before it is."""
    history = [Past("1", WITH_OPTIONAL), Past("2", {**WITH_MORE, "doc": "Other words."})]

    assert incompatibilities(WITH_MORE, history[1:]) == []
    assert incompatibilities(WITH_MORE, history[:1], Mode.BACKWARD) != []
    assert incompatibilities(WITH_MORE, history, Mode.BACKWARD) != []


def test_the_place_is_named() -> None:
    """Through records, null, arrays and maps, down to the field."""
    item = {"type": "record", "name": "Item", "fields": [{"name": "size", "type": "int"}]}
    fields: list[dict[str, Any]] = [
        {"name": "one", "type": ["null", item]},
        {"name": "many", "type": {"type": "array", "items": "Item"}},
        {"name": "named", "type": {"type": "map", "values": "string"}},
    ]
    before = schema(*fields)
    now = copy.deepcopy(before)
    now["fields"][0]["type"][1]["fields"][0]["type"] = "string"
    now["fields"][2]["type"]["values"] = "int"

    assert incompatibilities(now, [Past("version 1", before)]) == [
        "it cannot read version 1: one.size: reader type: string not compatible with writer type: int",
        "it cannot read version 1: many.size: reader type: string not compatible with writer type: int",
        "it cannot read version 1: named: reader type: int not compatible with writer type: string",
    ]


@pytest.mark.parametrize("is_nullable", [False, True])
def test_a_changed_unit_is_refused(is_nullable: bool) -> None:
    """Avro would read yesterday's microseconds as milliseconds without a word."""
    micros: Any = {"type": "long", "logicalType": "timestamp-micros"}
    millis: Any = {"type": "long", "logicalType": "timestamp-millis"}
    before = schema({"name": "at", "type": micros})
    now = schema({"name": "at", "type": ["null", millis] if is_nullable else millis})

    (complaint,) = incompatibilities(now, [Past("version 1", before)])

    assert "at: its unit changed, timestamp-micros is read as timestamp-millis" in complaint


@pytest.mark.parametrize("bad", [{"type": "nothing"}, {"type": "record", "name": "A", "fields": 3}, 7, "wrong"])
def test_what_cannot_be_compared_with_is_said(bad: Any) -> None:
    """A history that somebody else wrote."""
    (complaint,) = incompatibilities(BARE, [Past("version 3", bad)])

    assert complaint.startswith("version 3 is ")


def test_the_command_line_knows_every_mode() -> None:
    """It lists them itself, so that --help loads nothing."""
    assert tuple(Mode) == MODES


def test_a_name_without_its_namespace_is_inlined_too() -> None:
    """As other registrants write references."""
    shared = {"t.Item": {"type": "record", "name": "Item", "namespace": "t", "fields": []}}
    inlined = inline(schema({"name": "a", "type": "Item"}, {"name": "b", "type": "t.Item"}), shared)

    assert [field["type"] for field in inlined["fields"]] == [shared["t.Item"], "t.Item"]


# -- what schemas are held against ------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of our schemas in a git repository of its own, committed."""
    copied = shutil.copytree(HERE, tmp_path / "tree" / "schemas", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    for words in (("init", "-q"), ("add", "."), ("commit", "-q", "-m", "as it was")):
        identity = ("-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false")
        subprocess.run(["git", *identity, *words], cwd=tmp_path / "tree", check=True)
    return copied


def change(folder: Path, edit: Callable[[Any], object]) -> None:
    """Edit the schema of batch events."""
    path = folder / f"{BATCH}.avsc"
    data = json.loads(path.read_text())
    edit(data)
    path.write_text(json.dumps(data))


def without_volume(data: Any) -> None:
    data["fields"] = [field for field in data["fields"] if field["name"] != "volume"]


def volume_of_text(data: Any) -> None:
    next(field for field in data["fields"] if field["name"] == "volume")["type"] = ["null", "string"]


def test_released_schemas_are_there_for_every_event() -> None:
    """The first release of each."""
    assert released().keys() == set(catalogue().topics)


def test_a_revision_is_what_it_was_then(folder: Path) -> None:
    """Unreleased schemas of a branch count as they stand there."""
    change(folder, volume_of_text)

    found = [problem for problem in review(folder, against("HEAD", folder)) if ".avsc: " in problem]

    assert len(found) == 1
    assert "it cannot read comms.batch.v1.avsc of HEAD: volume: reader union lacking writer type" in found[0]


def test_a_folder_is_what_it_is(folder: Path) -> None:
    """Another checkout; the mode decides."""
    change(folder, volume_of_text)
    before = against(str(HERE))

    assert [p for p in review(folder, before, Mode.FORWARD) if "comms.batch.v1.avsc: " in p] != []
    assert [p for p in review(folder, before, Mode.NONE) if "comms.batch.v1.avsc: " in p] == []


def test_a_topic_that_is_gone_is_found(folder: Path) -> None:
    """Its records stay until their retention."""
    (folder / f"{BATCH}.avsc").unlink()
    ids = json.loads((folder / "ids.json").read_text())
    del ids[BATCH]
    (folder / "ids.json").write_text(json.dumps(ids))
    shutil.rmtree(folder / "released" / BATCH)

    found = review(folder, against("HEAD", folder))

    assert found == ["comms.batch.v1.avsc is gone, and records of it may still be read: bring it back"]


@pytest.mark.parametrize("text", ["no-such-branch", "--upload-pack=x", ""])
def test_what_is_neither_folder_nor_revision_is_refused(folder: Path, text: str) -> None:
    """Also what git would read as an option."""
    with pytest.raises(ConfigurationError, match="is neither a folder nor a git revision"):
        against(text, folder)


def test_a_folder_without_schemas_is_refused(tmp_path: Path) -> None:
    """By its name."""
    with pytest.raises(ConfigurationError, match="has no whole folder of schemas"):
        against(str(tmp_path))
