"""Whatever a customer is called: a value stays in its field, its element, its record."""

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import orjson
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from common.errors import UnusableEventError
from workers.sinks.exstream.config import FEED_FIELDS, FeedConfig, FeedFormat
from workers.sinks.exstream.driver_data import Format, compiled
from workers.sinks.exstream.feed import written

JSON = compiled(
    '{"_evt": "${delivery_id}", "a": "${data.a}", "deep": [{"b": "${data.b}", "joined": "x${data.a}y${data.b}z"},'
    ' "${data.b}"],'
    ' "constant": 7, "literal": "$${data.a}"}',
    Format.JSON,
)
XML = compiled(
    '<r xmlns:n="urn:n" a="${data.a}" joined="x${data.a}y"><n:b>${data.b}</n:b><c><![CDATA[${data.a}]]>-${data.b}</c>'
    "<!-- ${nothing} --><d>$${data.a} &amp; 7</d><e>${delivery_id}</e></r>",
    Format.XML,
)
NASTY = [
    '"',
    "\\",
    '","admin":true,"',
    "</r>",
    "]]>",
    "<!--",
    "&lt;",
    "${data.b}",
    "\r\n",
    "\t",
    "\x00",
    "￾",
    "'",
    "%",
    "\u2028",
]
texts = st.text() | st.lists(st.sampled_from(NASTY) | st.text(max_size=3), max_size=6).map("".join)


def _is_xml(char: str) -> bool:
    """Char of XML 1.0 §2.2."""
    return char in "\t\n\r" or " " <= char <= "\ud7ff" or "\ue000" <= char <= "\ufffd" or char > "\uffff"


xml_texts = texts.filter(lambda text: all(map(_is_xml, text)))


def values(a: str, b: str) -> Mapping[str, Any]:
    return {"event": {}, "data": {"a": a, "b": b}, "delivery_id": "d-1", "channel": None, "communication": "c"}


@given(a=texts, b=texts)
def test_no_value_breaks_out_of_its_json_field(a: str, b: str) -> None:
    """The document has the template's shape, and each value is what it was."""
    made = json.loads(JSON.render(values(a, b)))

    assert made == {
        "_evt": "d-1",
        "a": a,
        "deep": [{"b": b, "joined": f"x{a}y{b}z"}, b],
        "constant": 7,
        "literal": "${data.a}",
    }


@given(a=xml_texts, b=xml_texts)
def test_no_value_breaks_out_of_its_xml_element(a: str, b: str) -> None:
    """The document has the template's elements and attributes, and each value is what it was, line ends included."""
    root = ElementTree.fromstring(XML.render(values(a, b)))

    assert [each.tag for each in root.iter()] == ["r", "{urn:n}b", "c", "d", "e"]
    assert root.attrib == {"a": a, "joined": f"x{a}y"}
    assert [each.text or "" for each in root] == [b, f"{a}-{b}", "${data.a} & 7", "d-1"]


@given(a=texts, b=texts)
def test_what_xml_cannot_carry_is_refused_and_never_dropped(a: str, b: str) -> None:
    """A control character is a dead letter that says which, not a letter with a hole."""
    is_legal = all(map(_is_xml, a + b))
    if is_legal:
        assert ElementTree.fromstring(XML.render(values(a, b))).attrib["a"] == a
    else:
        with pytest.raises(UnusableEventError, match=r"U\+[0-9A-F]{4}, which XML cannot carry"):
            XML.render(values(a, b))


def test_what_json_cannot_carry_is_refused() -> None:
    """A lone surrogate is no UTF-8."""
    with pytest.raises(UnusableEventError, match="invalid_parameter"):
        JSON.render(values("\ud800", "b"))


native = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)


@given(value=native)
def test_a_value_alone_keeps_its_kind(value: Any) -> None:
    """A number stays a number; what is not there leaves out its key."""
    made = orjson.loads(compiled('{"v": "${data.a}", "_": "${delivery_id}"}', Format.JSON).render(values(value, "")))

    assert made.get("v") == value
    assert ("v" in made) is (value is not None)


rows = st.lists(st.fixed_dictionaries(dict.fromkeys(FEED_FIELDS, texts)), min_size=1, max_size=4)


@given(records=rows)
def test_no_value_breaks_out_of_its_csv_field(records: list[dict[str, str]]) -> None:
    """A reader of CSV finds the same records, whatever quotes, commas and line ends they hold."""
    assume(all(text.encode("utf-8", "ignore").decode() == text for row in records for text in row.values()))
    content = written(records, FeedConfig(directory=Path("."))).decode()

    assert list(csv.DictReader(io.StringIO(content, newline=""))) == records


@given(records=rows)
def test_no_value_breaks_out_of_its_line(records: list[dict[str, str]]) -> None:
    """JSON lines: as many lines as records."""
    assume(all(text.encode("utf-8", "ignore").decode() == text for row in records for text in row.values()))
    content = written(records, FeedConfig(directory=Path("."), format=FeedFormat.JSON))

    assert [json.loads(line) for line in content.split(b"\n")[:-1]] == records
