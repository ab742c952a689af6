"""The one YAML reader: YAML 1.2, lines, and refusals with file and line."""

from pathlib import Path

import pytest

from common.errors import LocatedError
from common.yaml import load, parse, read


def test_words_of_yaml_1_1_stay_strings() -> None:
    """`on`, `NO`, `10:30` and dates are strings, as YAML 1.2 says; in 1.1 they are true, false, 630 and a date."""
    data = parse("on: NO\nat: 10:30\ny: yes\noff: Off\nday: 2026-01-31\nbig: 1_000\n").data

    assert data == {"on": "NO", "at": "10:30", "y": "yes", "off": "Off", "day": "2026-01-31", "big": "1_000"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("12", 12),
        ("-3", -3),
        ("017", 17),
        ("0o17", 15),
        ("0xfF", 255),
        ("1.5", 1.5),
        (".5", 0.5),
        ("-1e3", -1000.0),
        ("-.inf", float("-inf")),
        ("'12'", "12"),
        ("!!str 12", "12"),
        ("!!float 3", 3.0),
        ("|\n  NO\n", "NO\n"),
    ],
)
def test_scalars_are_those_of_the_core_schema(text: str, value: object) -> None:
    """Plain scalars resolve by spec §10.3.2; quoted and tagged ones do as they say."""
    data = parse(f"a: {text}").data

    assert data == {"a": value}
    assert type(data["a"]) is type(value)


def test_not_a_number_is_a_number() -> None:
    """`.nan` is the core schema's float."""
    assert parse(".nan").data != parse(".nan").data


def test_lines_of_keys_and_items() -> None:
    """A path's line is where its key or item stands; an absent one has its parent's."""
    document = parse("- name: one\n  when:\n    type: [A,\n           B]\n- {name: two}\n")

    assert document.line(0, "name") == 1
    assert document.line(0, "when", "type") == 3
    assert document.line(0, "when", "type", 1) == 4
    assert document.line(1, "absent") == 5
    assert document.line() == 1


def test_an_alias_is_the_data_of_its_anchor() -> None:
    """Anchors work; merge keys, which are not YAML 1.2, do not."""
    assert parse("a: &x {b: 1}\nc: *x\n").data == {"a": {"b": 1}, "c": {"b": 1}}


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: 1\nb:\n  c: 1\n  c: 2\n", 4, "duplicate key 'c'"),
        ("true: 1\nTrue: 2\n", 2, "duplicate key True"),
        ("a:\n  - [1\n", 3, "expected ',' or ']'"),
        ("a: 1\n---\nb: 2\n", 2, "found another document"),
        ("%YAML 1.1\n---\non: 1\n", 1, "YAML 1.2 only"),
        ("a: 1\nb: !!python/name:os.system x\n", 2, "means nothing here"),
        ("a: 1\nb: !mine x\n", 2, "!mine means nothing here"),
        ("base: &b {a: 1}\nuse:\n  <<: *b\n", 3, "merge keys are not YAML 1.2"),
        ("a: 1\nb: &x\n  - *x\n", 2, "contains itself"),
        ("? [a]\n: 1\n", 1, "a key must be a scalar"),
        ("a: *nobody\n", 1, "undefined alias"),
        ("a: !!int twelve\n", 1, "'twelve' is not a int"),
        ("a:\n\t- b\n", 2, "cannot start any token"),
        ("a: 'b\x01'\n", 1, "special characters"),
        ("[" * 5000, 1, "nested too deeply"),
    ],
)
def test_what_is_refused_says_file_and_line(text: str, line: int, message: str) -> None:
    """Every refusal is a LocatedError at its line."""
    with pytest.raises(LocatedError, match=r"^flows\.yaml:") as refused:
        parse(text, "flows.yaml")

    assert refused.value.line == line
    assert message in str(refused.value)


def test_bytes_that_are_not_utf_8_are_refused_at_their_line(tmp_path: Path) -> None:
    """A file in another encoding is named with the line of its first wrong byte."""
    file = tmp_path / "flows.yaml"
    file.write_bytes(b"a: 1\nb: caf\xe9\n")

    with pytest.raises(LocatedError, match="is not UTF-8") as refused:
        read(file)

    assert refused.value.line == 2


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The path and the reason are in the message."""
    with pytest.raises(LocatedError, match=r"absent\.yaml.*No such file"):
        load(tmp_path / "absent.yaml")


def test_an_empty_file_and_a_byte_order_mark_are_fine(tmp_path: Path) -> None:
    """No document is None; a mark in front of UTF-8 is not data."""
    file = tmp_path / "a.yaml"
    file.write_bytes(b"")
    assert load(file) is None

    file.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert load(file) == {"a": 1}
