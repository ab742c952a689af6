"""Driver data: a JSON or XML document whose values read the delivery. Pure.

A template is parsed when the settings are loaded, and values are put into the parsed document, never into its text:
what a customer is called cannot end a field or an element. A value that is not there leaves out its key, item,
attribute or (otherwise empty) element.
"""

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, Protocol
from xml.dom import minidom
from xml.parsers.expat import ExpatError
from xml.sax.saxutils import escape

import orjson

from common.errors import UnusableEventError
from common.reasons import Reason
from workers.sinks.exstream.expressions import Text, as_text, parse

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_IN_TEXT = {"\r": "&#13;"}
_IN_ATTRIBUTE = {**_IN_TEXT, '"': "&quot;", "\n": "&#10;", "\t": "&#9;"}


class Format(StrEnum):
    """What the driver expects (§2)."""

    JSON = "json"
    XML = "xml"


class Template(Protocol):
    """A compiled document."""

    @property
    def reads(self) -> frozenset[str]:
        """The paths that it reads."""
        ...

    def render(self, values: Mapping[str, Any]) -> bytes:
        """As sent; raises UnusableEventError for a value that the format cannot carry."""
        ...


def compiled(text: str, kind: Format) -> Template:
    """A template; raises ValueError when it is not a document of its format."""
    return JsonTemplate(text) if kind is Format.JSON else XmlTemplate(text)


class JsonTemplate:
    """A string that is one expression keeps its value's type; any other is joined as text."""

    def __init__(self, text: str) -> None:
        try:
            self._root = _compiled(orjson.loads(text))
        except orjson.JSONDecodeError as error:
            raise ValueError(f"is not JSON: {error}") from error
        self.reads = frozenset(_read(self._root))

    def render(self, values: Mapping[str, Any]) -> bytes:
        """UTF-8 JSON without a line break."""
        try:
            return orjson.dumps(_filled(self._root, values), default=as_text, option=orjson.OPT_PASSTHROUGH_DATETIME)
        except orjson.JSONEncodeError as error:
            raise UnusableEventError(Reason.INVALID_PARAMETER, "a value cannot be written as JSON") from error


def _compiled(raw: Any) -> Any:
    match raw:
        case str():
            return parse(raw)
        case dict():
            return {key: _compiled(below) for key, below in raw.items()}
        case list():
            return [_compiled(below) for below in raw]
        case _:
            return raw


def _read(node: Any) -> Iterator[str]:
    match node:
        case Text():
            yield from node.reads
        case dict():
            for below in node.values():
                yield from _read(below)
        case list():
            for below in node:
                yield from _read(below)


def _filled(node: Any, values: Mapping[str, Any]) -> Any:
    """The document with its values; a Text without a value is None, which the level above leaves out."""
    match node:
        case Text():
            return node.alone.read(values) if node.alone else node.render(values)
        case dict():
            pairs = ((key, below, _filled(below, values)) for key, below in node.items())
            return {key: made for key, below, made in pairs if made is not None or not isinstance(below, Text)}
        case list():
            made_of = ((below, _filled(below, values)) for below in node)
            return [made for below, made in made_of if made is not None or not isinstance(below, Text)]
        case _:
            return node


class XmlTemplate:
    """Values stand in text and attributes; comments and processing instructions are not sent."""

    def __init__(self, text: str) -> None:
        if "<!DOCTYPE" in text or "<!ENTITY" in text:
            raise ValueError("takes no DOCTYPE and no entities")
        try:
            root = minidom.parseString(text.encode()).documentElement
        except (ExpatError, UnicodeEncodeError) as error:
            raise ValueError(f"is not XML: {error}") from error
        assert root is not None
        self._root = _Element(root)
        self.reads = frozenset(self._root.reads())

    def render(self, values: Mapping[str, Any]) -> bytes:
        """UTF-8 XML with its declaration."""
        body = self._root.render(values)
        return f'<?xml version="1.0" encoding="UTF-8"?>{body}'.encode()


class _Element:
    """One element: its name, attributes, and what stands in it."""

    def __init__(self, element: Any) -> None:
        self._name: str = element.tagName
        self._attributes = [(name, parse(value)) for name, value in element.attributes.items()]
        element.normalize()
        self._children: list[_Element | Text] = [
            _Element(child) if child.nodeType == child.ELEMENT_NODE else parse(child.data)
            for child in element.childNodes
            if child.nodeType in (child.ELEMENT_NODE, child.TEXT_NODE, child.CDATA_SECTION_NODE)
        ]

    def reads(self) -> Iterator[str]:
        for _, text in self._attributes:
            yield from text.reads
        for child in self._children:
            yield from child.reads if isinstance(child, Text) else child.reads()

    def render(self, values: Mapping[str, Any]) -> str:
        """The element; nothing where its only content is a value that is not there."""
        if len(self._children) == 1 and isinstance(only := self._children[0], Text) and only.render(values) is None:
            return ""
        inner = "".join(self._inner(child, values) for child in self._children)
        return f"<{self._name}{''.join(self._shown(values))}>{inner}</{self._name}>"

    def _shown(self, values: Mapping[str, Any]) -> Iterator[str]:
        for name, text in self._attributes:
            if (value := text.render(values)) is not None:
                yield f' {name}="{escape(_legal(value), _IN_ATTRIBUTE)}"'

    @staticmethod
    def _inner(child: "_Element | Text", values: Mapping[str, Any]) -> str:
        if isinstance(child, _Element):
            return child.render(values)
        return escape(_legal(child.render(values) or ""), _IN_TEXT)


def _legal(text: str) -> str:
    """Text that XML 1.0 can carry; nothing is silently dropped from what a customer will read."""
    if bad := _NOT_XML.search(text):
        raise UnusableEventError(
            Reason.INVALID_PARAMETER, f"a value has the character U+{ord(bad[0]):04X}, which XML cannot carry"
        )
    return text
