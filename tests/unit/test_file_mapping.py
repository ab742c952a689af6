"""The mapping of a file: what is wrong with it is told by line, what is right makes events."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from common.errors import ConfigurationError, InvalidEventError
from tests.support.files import MAPPING, source, written
from tests.support.ingest import NOW
from workers.check import check
from workers.ingest.files.mapping_check import load_mapping
from workers.settings import Settings

ROW = {"customer_no": "C-1", "kind": "F", "at": "21.11.2026 10:00", "form": "contact"}


def with_fields(*lines: str) -> str:
    """The mapping with these lines more among its fields."""
    return MAPPING + "".join(f"  {line}\n" for line in lines)


def event(folder: Path, text: str, **columns: Any) -> dict[str, Any]:
    """The event of a row that differs in these columns."""
    return dict(source(folder, text).translate({**ROW, **columns}, "place-1", NOW).value)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (MAPPING.replace("format: csv", "format: xml"), 1, "format"),
        (MAPPING.replace("comms.engagement.v1", "comms.engagements.v1"), 3, "there is no event topic"),
        (MAPPING.replace("comms.engagement.v1", "comms.consent.v1"), 3, "written by workers only"),
        (MAPPING.replace("id: customer_no", "id: email"), 6, "reads as an address"),
        (MAPPING.replace("customer_no}", "customer_no, known: {shoe: size}}"), 6, "no text of the customer record"),
        (MAPPING.replace("FORM_SUBMITTED", "FORM_SENT"), 8, "must be one of"),
        (MAPPING.replace("Europe/Berlin", "Europe/Atlantis"), 9, "no time zone"),
        (MAPPING.replace("%d.%m.%Y %H:%M", "german"), 9, "no way to write times"),
        (MAPPING.replace("  form: form\n", "  farm: form\n"), 10, "not a field of this topic"),
        (MAPPING.replace("{value: winter}", "{value: winter, column: list}"), 11, "either `column` or `value`"),
        (MAPPING.replace("  type: ", "  asset: "), 7, "type is required"),
        (with_fields("score: {value: many}"), 12, "whole number"),
        (with_fields("event_id: number"), 12, "ours to fill"),
        (with_fields("colour: {colunm: x}"), 12, "colunm"),
        (MAPPING.replace('";"}', '";", columns: [customer_no, kind, at]}'), 2, "form is not in csv.columns"),
        (MAPPING.replace('";"}', '";", encoding: utf-16}'), 2, "no encoding"),
        (MAPPING.replace("format: csv", "format: jsonl"), 2, "the format is jsonl"),
    ],
    ids=[
        "format", "unknown topic", "closed topic", "address as id", "customer field", "symbol", "zone", "time",
        "unknown field", "both", "missing type", "constant", "ours", "unknown key",
        "columns", "encoding", "csv of jsonl",
    ],
)  # fmt: skip
def test_a_faulty_mapping_names_its_line(tmp_path: Path, text: str, line: int, message: str) -> None:
    """And says what is wrong there."""
    with pytest.raises(ConfigurationError) as failure:
        load_mapping(written(tmp_path, text))

    assert f"mapping.yaml:{line}: " in str(failure.value)
    assert message in str(failure.value)


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    """By `commfleet check`, which contacts nobody."""
    mapping = written(tmp_path, with_fields("nope: x", "nor_this: y"))
    settings = Settings.model_validate({"ingest": {"files": {"crm": {"mapping": mapping}}}})

    found = [one.message for one in check(settings) if one.part == "files"]

    assert [text.partition(": ")[0] for text in found] == [f"{mapping}:12", f"{mapping}:13"]


def test_a_row_becomes_an_event(tmp_path: Path) -> None:
    """Words, times with a zone, constants and the customer, as the mapping says."""
    found = event(tmp_path, MAPPING)

    assert found["type"] == "FORM_SUBMITTED"
    assert found["occurred_at"] == datetime(2026, 11, 21, 9, tzinfo=UTC)
    assert (found["source"], found["source_instance"], found["form"]) == ("crm", "eu", "contact")
    assert found["attributes"] == {"list": "winter"}
    assert (found["customer"]["customer_id"], found["customer"]["resolved"]) == ("C-1", True)


@pytest.mark.parametrize(
    ("rule", "given", "expected"),
    [
        ("score: points", "17", 17),
        ("score: points", "", None),
        ("score: {column: points, default: 0}", " ", 0),
        ("score: {column: points, words: {none: 0}}", "none", 0),
        ("automated: points", "TRUE", True),
        ("automated: {column: points, words: {J: true, N: false}}", "N", False),
        ("url: points", 17, "17"),
    ],
    ids=["number", "empty", "default", "word of a number", "true", "word of a boolean", "number as text"],
)
def test_columns_are_converted_as_the_schema_says(tmp_path: Path, rule: str, given: Any, expected: Any) -> None:
    """An empty column is an absent field."""
    found = event(tmp_path, with_fields(rule), points=given)

    assert found[rule.partition(":")[0]] == expected


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"kind": "X"}, "type: must be one of"),
        ({"kind": ""}, "type: is missing: the column kind is empty"),
        ({"at": "2026-11-21"}, "occurred_at: must be a time %d.%m.%Y %H:%M (column at)"),
        ({"at": None}, "occurred_at: is missing: the column at is empty"),
        ({"form": True}, "form: must be a text (column form)"),
    ],
    ids=["unknown word", "empty", "other form", "absent", "no text"],
)
def test_a_bad_column_is_named(tmp_path: Path, columns: dict[str, Any], message: str) -> None:
    """With the field and the column, without its value."""
    with pytest.raises(InvalidEventError) as failure:
        event(tmp_path, MAPPING, **columns)

    assert message in str(failure.value)


def test_an_event_has_the_mapped_id_or_that_of_its_place(tmp_path: Path) -> None:
    """The mapped one whatever the file, the other one whatever the line says."""
    by_order = MAPPING.replace("customer:", "id: [order]\ncustomer:")
    translate, mapped = source(tmp_path).translate, source(tmp_path, by_order).translate

    assert mapped({**ROW, "order": "7"}, "a", NOW).event_id == mapped({**ROW, "order": "7"}, "b", NOW).event_id
    assert mapped({**ROW, "order": "7"}, "a", NOW).event_id != mapped({**ROW, "order": "8"}, "a", NOW).event_id
    assert translate(ROW, "a", NOW).event_id != translate(ROW, "b", NOW).event_id
    with pytest.raises(InvalidEventError, match="the column order is empty"):
        mapped({**ROW, "order": " "}, "a", NOW)


def test_without_the_sites_id_a_substitute_stands_in(tmp_path: Path) -> None:
    """As for every source, by the one rule of identity."""
    text = MAPPING.replace("{id: customer_no}", "{id: customer_no, local_id: contact, known: {email: mail}}")

    found = event(tmp_path, text, customer_no="", contact="17", mail="a@example.org")

    assert (found["customer"]["customer_id"], found["customer"]["resolved"]) == ("crm:eu:17", False)
    assert found["customer"]["email"] == "a@example.org"
