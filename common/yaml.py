"""YAML 1.2, read in one place: plain data, and the line on which each piece stands.

In YAML 1.1 `on` is true, `NO` is false and `10:30` is 630. Here they are strings: plain scalars are
resolved by the core schema of YAML 1.2 (spec §10.3.2) and by nothing else, so there are no dates, no
sexagesimals, no merge keys and no tags of anybody's own.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.resolver import VersionedResolver
from ruamel.yaml.tag import Tag

from common.errors import LocatedError

_TAG = "tag:yaml.org,2002:"
_CORE = (
    ("null", re.compile(r"(?:~|null|Null|NULL|)")),
    ("bool", re.compile(r"(?:true|True|TRUE|false|False|FALSE)")),
    ("int", re.compile(r"(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)")),
    ("float", re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")),
    ("float", re.compile(r"(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))")),
)


def read(path: Path | str) -> "Document":
    """Read one file of one YAML document.

    Raises LocatedError for everything that is not YAML 1.2, and for a file that cannot be read.
    """
    try:
        raw = Path(path).read_bytes()
    except OSError as error:
        raise LocatedError(f"cannot be read: {error.strerror}", path, 0) from error
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise LocatedError("is not UTF-8; save it as UTF-8", path, line) from error
    return parse(text, path)


def load(path: Path | str) -> Any:
    """The plain data of one file; `read` tells lines too."""
    return read(path).data


def parse(text: str, name: Path | str = "<text>") -> "Document":
    """Read YAML from a string; `name` is what errors call it."""
    _refuse_other_versions(text, name)
    try:
        root = _reader().compose(text)
        return Document(name, root, _Builder(name).build(root))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = " ".join(" ".join(filter(None, (error.context, error.problem))).split())
        raise LocatedError(f"is not YAML: {what}", name, mark.line + 1 if mark else 1) from error
    except YAMLError as error:
        raise LocatedError(f"is not YAML: {' '.join(str(error).split())}", name, 1) from error
    except RecursionError as error:
        raise LocatedError("is nested too deeply to read", name, 1) from error


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document: `data` is plain dicts, lists, strings, numbers, booleans and None."""

    file: Path | str
    root: Node | None = field(repr=False)
    data: Any

    def line(self, *path: str | int) -> int:
        """The line, from 1, of a mapping's key or a list's item; of its nearest parent when it is absent."""
        node, line = self.root, _line(self.root)
        for step in path:
            found = _child(node, step)
            if found is None:
                break
            line, node = found
        return line

    def error(self, message: str, *path: str | int) -> LocatedError:
        """An error that names this file and the line of `path`."""
        return LocatedError(message, self.file, self.line(*path))


def _line(node: Node | None) -> int:
    return 1 if node is None else int(node.start_mark.line) + 1


def _child(node: Node | None, step: str | int) -> tuple[int, Node] | None:
    match node:
        case MappingNode():
            for key, value in node.value:
                if isinstance(key, ScalarNode) and key.value == str(step):
                    return _line(key), value
        case SequenceNode() if isinstance(step, int) and 0 <= step < len(node.value):
            return _line(node.value[step]), node.value[step]
    return None


class _CoreResolver(VersionedResolver):
    """What ruamel asks for the tag of a node that carries none of its own."""

    def resolve(self, kind: type[Node], value: str, implicit: Any) -> Tag:
        """A tag of the core schema; quoted scalars are strings."""
        if kind is MappingNode:
            return Tag(suffix=f"{_TAG}map")
        if kind is SequenceNode:
            return Tag(suffix=f"{_TAG}seq")
        plain = bool(implicit[0])
        names = (name for name, form in _CORE if plain and form.fullmatch(value))
        return Tag(suffix=_TAG + next(names, "str"))


def _reader() -> YAML:
    reader = YAML(typ="safe", pure=True)
    reader.Resolver = _CoreResolver
    return reader


def _refuse_other_versions(text: str, name: Path | str) -> None:
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("%YAML") and line.split()[1:2] != ["1.2"]:
            raise LocatedError("is read as YAML 1.2 only; remove the %YAML directive", name, number)
        if line.strip() and not line.startswith(("#", "%")):
            return  # directives stand in front of the document


class _Builder:
    """Turns nodes into plain data; refuses duplicate keys, foreign tags and self-reference."""

    def __init__(self, name: Path | str) -> None:
        self._name = name
        self._done: dict[int, Any] = {}
        self._open: set[int] = set()

    def build(self, node: Node | None) -> Any:
        """The data of one node; an alias gives the very object of its anchor."""
        if node is None:
            return None
        if id(node) in self._done:
            return self._done[id(node)]
        if id(node) in self._open:
            raise self._error("an alias that contains itself", node)
        self._open.add(id(node))
        self._done[id(node)] = self._construct(node)
        return self._done[id(node)]

    def _construct(self, node: Node) -> Any:
        tag = str(node.tag).removeprefix(_TAG)
        match node:
            case MappingNode() if tag == "map":
                return self._mapping(node)
            case SequenceNode() if tag == "seq":
                return [self.build(item) for item in node.value]
            case ScalarNode() if tag in _SCALARS:
                return self._scalar(tag, node)
            case _:
                raise self._error(f"the tag {node.tag} means nothing here; remove it", node)

    def _mapping(self, node: MappingNode) -> dict[Any, Any]:
        data: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                raise self._error("a key must be a scalar", key_node)
            key = self.build(key_node)
            if key in data:
                raise self._error(f"duplicate key {key!r}; keep one of them", key_node)
            if key == "<<" and not key_node.style:
                raise self._error("merge keys are not YAML 1.2; write the entries out", key_node)
            data[key] = self.build(value_node)
        return data

    def _scalar(self, tag: str, node: ScalarNode) -> Any:
        try:
            return _SCALARS[tag](node.value)
        except (ValueError, KeyError) as error:
            raise self._error(f"{node.value[:40]!r} is not a {tag}", node) from error

    def _error(self, message: str, node: Node) -> LocatedError:
        return LocatedError(message, self._name, _line(node))


def _integer(text: str) -> int:
    return int(text, 0) if text[:2] in ("0o", "0x") else int(text)


def _float(text: str) -> float:
    return float(text.replace(".inf", "inf").replace(".nan", "nan") if "." in text[:2] else text)


_SCALARS: dict[str, Callable[[str], Any]] = {
    "str": str,
    "int": _integer,
    "float": lambda text: _float(text.lower()),
    "bool": lambda text: {"true": True, "false": False}[text.lower()],
    "null": lambda _: None,
}
