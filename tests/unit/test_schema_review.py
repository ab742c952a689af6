"""Each fault that a change of schemas may bring is found, by a sentence that names the file; a good tree has none."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from common.errors import ConfigurationError
from schemas.catalogue import catalogue, load
from schemas.example_files import examples, review_examples
from schemas.history import HERE
from schemas.release import release
from schemas.review import review
from workers.check import check
from workers.schemas_command import schema_problems
from workers.settings import Settings

BATCH, ALERT = "comms.batch.v1", "comms.alert.v1"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of our schemas that a test may spoil."""
    return shutil.copytree(HERE, tmp_path / "schemas", ignore=shutil.ignore_patterns("*.py", "__pycache__"))


def spoil(folder: Path, name: str, change: Callable[[Any], object]) -> None:
    """Change the JSON of one file."""
    path = folder / name
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


def add_field(**field: Any) -> Callable[[Any], object]:
    """One more field at the end of a schema."""
    return lambda schema: schema["fields"].append({"doc": "New.", **field})


def named(schema: Any, name: str) -> Any:
    """A field of a schema."""
    return next(field for field in schema["fields"] if field["name"] == name)


def test_our_schemas_and_examples_are_in_order() -> None:
    """What is committed has no fault."""
    assert review() == []
    assert review_examples(catalogue()) == []


def spoiled_enum(schema: Any) -> None:
    named(schema, "type")["type"]["default"] = "QUEUED"


def spoiled_first_symbol(schema: Any) -> None:
    named(schema, "type")["type"]["symbols"].reverse()


FORMS: dict[str, tuple[Callable[[Any], object], str]] = {
    "an unknown type": (add_field(name="extra", type="text", default=""), "not an Avro schema"),
    "a default that does not fit": (add_field(name="extra", type="int", default="none"), "not an Avro schema"),
    "an unsafe type": (
        add_field(name="extra", type={"type": "array", "items": "null"}, default=[]),
        "array",
    ),
    "an envelope out of order": (lambda schema: schema["fields"].insert(0, schema["fields"].pop()), "first fields"),
    "another envelope": (
        lambda schema: named(schema, "source").update(type=["null", "string"], default=None),
        "source is not the source of the other events",
    ),
    "a field without doc": (add_field(name="extra", type=["null", "int"], default=None, doc=""), "extra has no doc"),
    "a type without doc": (lambda schema: schema.pop("doc"), "BatchEvent has no doc"),
    "a nullable field without default": (add_field(name="extra", type=["null", "int"]), "default must be null"),
    "an array without default": (
        add_field(name="extra", type={"type": "array", "items": "int"}),
        "default must be []",
    ),
    "a map without default": (add_field(name="extra", type={"type": "map", "values": "int"}), "default must be {}"),
    "an enum with another default": (spoiled_enum, "BatchType and its default must be UNKNOWN"),
    "an enum that does not begin with UNKNOWN": (spoiled_first_symbol, "BatchType and its default must be UNKNOWN"),
    "a field that old records lack": (add_field(name="extra", type="int"), "extra: is new and has no default"),
    "a field of another type": (
        lambda schema: named(schema, "volume").update(type=["null", "string"]),
        "volume: reader union lacking writer type",
    ),
    "a time in another unit": (
        lambda schema: named(schema, "occurred_at").update(type={"type": "long", "logicalType": "timestamp-millis"}),
        "occurred_at: its unit changed, timestamp-micros is read as timestamp-millis",
    ),
}


@pytest.mark.parametrize("fault", FORMS)
def test_a_faulty_schema_is_found(folder: Path, fault: str) -> None:
    """By its file, with what is wrong."""
    change, says = FORMS[fault]
    spoil(folder, f"{BATCH}.avsc", change)

    found = [problem for problem in review(folder) if problem.startswith(f"{BATCH}.avsc: ")]

    assert any(says in problem for problem in found), found


def test_a_file_that_is_no_json_is_found(folder: Path) -> None:
    """By its name."""
    (folder / f"{BATCH}.avsc").write_text("{")

    (problem,) = review(folder)

    assert f"{BATCH}.avsc is not JSON" in problem


def test_a_type_that_two_events_define_differently_is_found(folder: Path) -> None:
    """One of the two classes would be lost in a Java build."""
    spoil(folder, f"{ALERT}.avsc", lambda schema: schema.update(name="BatchEvent"))

    assert any("BatchEvent is another type in comms.batch.v1.avsc" in problem for problem in review(folder))


def test_a_missing_id_is_found(folder: Path) -> None:
    """A schema that ids.json does not mention."""
    shutil.copy(folder / f"{BATCH}.avsc", folder / "comms.other.v1.avsc")

    assert any("no id for comms.other.v1" in problem for problem in review(folder))


def test_a_missing_schema_is_found(folder: Path) -> None:
    """An id whose file is gone."""
    (folder / f"{BATCH}.avsc").unlink()

    assert any(f"{BATCH}.avsc" in problem for problem in review(folder))


def test_a_schema_that_changed_in_place_is_found(folder: Path) -> None:
    """A good change, but without an id."""
    spoil(folder, f"{BATCH}.avsc", add_field(name="extra", type=["null", "int"], default=None))

    assert review(folder) == [
        "comms.batch.v1.avsc is not the schema of id 1073741831: `python -m schemas.release` gives it an id of its own"
    ]


def test_an_id_used_twice_is_found(folder: Path) -> None:
    """Whoever owns it is named."""
    spoil(folder, "ids.json", lambda ids: ids[ALERT][-1].update(id=ids[BATCH][-1]["id"]))

    assert any("id 1073741831 of comms.alert.v1 is already comms.batch.v1's" in problem for problem in review(folder))


def test_a_missing_release_is_found(folder: Path) -> None:
    """Records of that id could not be read."""
    (folder / "released" / BATCH / "1073741831.avsc").unlink()

    assert review(folder) == [
        "released/comms.batch.v1/1073741831.avsc is missing: `python -m schemas.release` writes it, or git has it"
    ]


def test_an_altered_release_is_found(folder: Path) -> None:
    """What was released never changes."""
    spoil(folder, f"released/{BATCH}/1073741831.avsc", add_field(name="extra", type=["null", "int"], default=None))

    assert any("1073741831.avsc is not the schema that was released" in problem for problem in review(folder))


def test_a_release_of_no_id_is_found(folder: Path) -> None:
    """A forgotten file."""
    shutil.copy(folder / f"{BATCH}.avsc", folder / "released" / BATCH / "1073749999.avsc")

    assert any("1073749999.avsc belongs to no id" in problem for problem in review(folder))


@pytest.mark.parametrize("topic", catalogue().topics)
def test_each_missing_symbol_is_found(folder: Path, topic: str) -> None:
    """One by one: every type of every event has an example of its own."""
    for symbol in {path.stem.partition("-")[0] for path in examples(folder) if path.parent.name == topic}:
        for path in (folder / "examples" / topic).glob(f"{symbol}*.json"):
            if path.stem.partition("-")[0] == symbol:
                path.unlink()

        assert f"examples/{topic}/{symbol}.json is missing: each type is shown once at least" in review_examples(
            load(folder), folder
        )


def test_an_example_of_no_type_is_found(folder: Path) -> None:
    """A symbol that was renamed leaves its example behind."""
    path = folder / "examples" / ALERT / "RAISED.json"
    path.rename(path.with_name("LIFTED.json"))

    found = review_examples(load(folder), folder)

    assert "examples/comms.alert.v1/LIFTED.json is an example of no type: comms.alert.v1 has no LIFTED" in found


def test_an_example_of_no_topic_is_found(folder: Path) -> None:
    """A topic that was renamed leaves its folder behind."""
    (folder / "examples" / ALERT).rename(folder / "examples" / "comms.alarm.v1")

    found = review_examples(load(folder), folder)

    assert "examples/comms.alarm.v1/RAISED.json is an example of no event topic" in found


def test_a_file_that_is_no_example_is_found(folder: Path) -> None:
    """Notes and drafts."""
    (folder / "examples" / ALERT / "notes.txt").write_text("later")

    (problem,) = review_examples(load(folder), folder)

    assert problem.startswith("examples/comms.alert.v1/notes.txt is no example")


def test_an_example_named_after_another_type_is_found(folder: Path) -> None:
    """The name is what people look for."""
    spoil(folder, f"examples/{ALERT}/RAISED.json", lambda event: event.update(type="RESOLVED"))

    assert review_examples(load(folder), folder) == [
        "examples/comms.alert.v1/RAISED.json is of type RESOLVED, not RAISED"
    ]


def test_an_event_id_used_twice_is_found(folder: Path) -> None:
    """To a sink the second would be a repeat of the first."""
    other = json.loads((folder / "examples" / ALERT / "OUTCOME.json").read_text())["event_id"]
    spoil(folder, f"examples/{ALERT}/RAISED.json", lambda event: event.update(event_id=other))

    (problem,) = review_examples(load(folder), folder)

    assert "RAISED.json has the event_id of" in problem


def test_an_example_that_does_not_fit_is_found(folder: Path) -> None:
    """Field by field, as a producer would be told."""
    spoil(folder, f"examples/{ALERT}/RAISED.json", lambda event: event.update(severity="DIRE", extra=1))

    (problem,) = schema_problems(Settings(), folder=folder)

    assert problem.startswith("examples/comms.alert.v1/RAISED.json: ")
    assert "severity" in problem
    assert "extra" in problem


def test_check_is_silent_on_a_good_tree() -> None:
    """And passes on what it is held against."""
    assert check(Settings()) == []
    assert [problem.part for problem in check(Settings(), against="no-such-revision")] == ["schemas"]


# -- releasing --------------------------------------------------------------------------------


def test_a_release_gives_an_id_and_keeps_the_schema(folder: Path) -> None:
    """Both ids mean what they meant; afterwards there is nothing to mend."""
    before = load(folder)
    spoil(folder, f"{BATCH}.avsc", add_field(name="extra", type=["null", "int"], default=None))

    done = release(folder)

    after = load(folder)
    given = before.next_id()
    assert done == [f"comms.batch.v1: id {given}, kept as released/comms.batch.v1/{given}.avsc"]
    assert review(folder) == []
    assert after.by_id(before.id_of(BATCH)) == (BATCH, before.schema(BATCH))
    assert after.by_id(given) == (BATCH, after.schema(BATCH))
    assert release(folder) == []


def test_an_incompatible_schema_is_not_released(folder: Path) -> None:
    """Nothing is written."""
    ids = (folder / "ids.json").read_text()
    spoil(folder, f"{BATCH}.avsc", add_field(name="extra", type="int"))

    with pytest.raises(ConfigurationError, match="extra: is new and has no default"):
        release(folder)

    assert (folder / "ids.json").read_text() == ids


def test_a_schema_whose_release_is_lost_gets_no_new_id(folder: Path) -> None:
    """Its records could not be read any more: it is restored first."""
    spoil(folder, f"{BATCH}.avsc", add_field(name="extra", type=["null", "int"], default=None))
    (folder / "released" / BATCH / "1073741831.avsc").unlink()

    with pytest.raises(ConfigurationError, match=r"1073741831\.avsc is missing: restore it first"):
        release(folder)
