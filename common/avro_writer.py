"""An event schema compiled to a function that writes complete values as Avro binary (Avro 1.12, Binary Encoding).

Ours because it is on every way into Kafka: fastavro tries the branches of a union one by one with its
validator and takes many times as long for an event of ours (benchmarks/results). One function is written for a
schema, straight from its first field to its last, as common/avro_reader.py does it for reading. It knows what our
schemas use and no more, and a test compares it with fastavro byte by byte.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from itertools import count
from typing import Any

Write = Callable[[bytes, Mapping[str, Any]], bytes]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NULL, _PRESENT, _END = b"\x00", b"\x02", b"\x00"


def compile_writer(schema: Mapping[str, Any]) -> Write:
    """A function of a prefix and a value that gives the prefix and the value's bytes.

    The value must be complete and fit: what `common.event_json.checked` or `from_json` gave. Raises KeyError
    for an Avro type that our schemas do not use.
    """
    source = _Source(schema["namespace"])
    lines = [
        "def write(prefix, value):",
        *_indented(source.lines("data", "value", schema)),
        "    return prefix + data",
    ]
    scope: dict[str, Any] = {"number": _number, "moment": _moment, "join": b"".join}
    scope |= {"lengths": _SMALL, "given_lengths": _GIVEN_SMALL} | source.tables
    exec("\n".join(lines), scope)  # the text holds nothing but names of our own schemas, as literals
    write: Write = scope["write"]
    return write


def _number(value: int) -> bytes:
    """Zig-zag and base 128, the lowest seven bits first."""
    rest, parts = (value << 1) ^ (value >> 63), bytearray()
    while rest > 0x7F:
        parts.append(rest & 0x7F | 0x80)
        rest >>= 7
    parts.append(rest)
    return bytes(parts)


_SMALL = tuple(_number(value) for value in range(1024))
"""Lengths, as most of them are."""

_GIVEN_SMALL = tuple(_PRESENT + number for number in _SMALL)


@lru_cache(256)
def _moment(value: datetime) -> bytes:
    """Microseconds since the epoch; events that are made together share a moment."""
    since = value - _EPOCH
    return _number((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds)


class _Source:
    """The lines that put the bytes of each type into the variable `name`, given the variable of its value."""

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace
        self._named: dict[str, Any] = {}
        self._numbers = count()
        self.tables: dict[str, Mapping[str, bytes]] = {}
        """What the lines look up by name: the bytes of an enum's symbols."""

    def lines(self, name: str, value: str, node: Any) -> Iterator[str]:
        """What puts the bytes of `value` into `name`."""
        if isinstance(node, str):
            node = self._named.get(node) or {"type": node}
        if isinstance(node, list):
            return self._nullable(name, value, node)
        if "name" in node:
            self._named[f"{node.get('namespace', self._namespace)}.{node['name']}"] = node
        if node.get("logicalType") == "timestamp-micros":
            return iter([f"{name} = moment({value})"])
        match node["type"]:
            case "record":
                return self._record(name, value, node["fields"])
            case "array":
                return self._array(name, value, node["items"])
            case "map":
                return self._map(name, value, node["values"])
            case "enum":
                return self._enum(name, value, node["symbols"])
            case other:
                return iter(_LEAVES[other].format(name=name, value=value).splitlines())

    def _new(self) -> str:
        return f"v{next(self._numbers)}"

    def _record(self, name: str, value: str, fields: Iterable[Mapping[str, Any]]) -> Iterator[str]:
        parts = []
        for field in fields:
            part, below = self._new(), self._new()
            parts.append(part)
            yield f"{below} = {value}[{field['name']!r}]"
            yield from self.lines(part, below, field["type"])
        yield f"{name} = join(({', '.join(parts)},))"

    def _nullable(self, name: str, value: str, branches: list[Any]) -> Iterator[str]:
        if len(branches) != 2 or branches[0] != "null":
            raise KeyError(f"a union other than of null and one more: {branches}")
        yield f"if {value} is None: {name} = {_NULL!r}"
        yield "else:"
        if branches[1] == "string":  # what most fields are
            yield from _indented(_LEAVES["given string"].format(name=name, value=value).splitlines())
        else:
            yield from _indented(self.lines(name, value, branches[1]))
            yield f"    {name} = {_PRESENT!r} + {name}"

    def _enum(self, name: str, value: str, symbols: Iterable[str]) -> Iterator[str]:
        table = f"symbols_{self._new()}"
        self.tables[table] = {symbol: _number(index) for index, symbol in enumerate(symbols)}
        return iter([f"{name} = {table}[{value}]"])

    def _array(self, name: str, value: str, items: Any) -> Iterator[str]:
        part, item = self._new(), self._new()
        return self._block(name, value, item, [*self.lines(part, item, items), f"{name} += {part}"])

    def _map(self, name: str, value: str, values: Any) -> Iterator[str]:
        key, item, first, second = self._new(), self._new(), self._new(), self._new()
        entry = [*self.lines(first, key, "string"), *self.lines(second, item, values), f"{name} += {first} + {second}"]
        return self._block(name, f"{value}.items()", f"{key}, {item}", entry)

    @staticmethod
    def _block(name: str, items: str, variables: str, body: Iterable[str]) -> Iterator[str]:
        """One block of everything, and the end; nothing but the end where it is empty."""
        yield f"{name} = {_END!r}"
        yield f"if {items}:"
        yield f"    {name} = number(len({items}))"
        yield f"    for {variables} in {items}:"
        yield from _indented(_indented(body))
        yield f"    {name} += {_END!r}"


_LEAVES = {
    "string": """\
text = {value}.encode()
size = len(text)
{name} = (lengths[size] if size < 1024 else number(size)) + text""",
    "given string": """\
text = {value}.encode()
size = len(text)
{name} = given_lengths[size] + text if size < 1024 else b"\\x02" + number(size) + text""",
    "long": "{name} = number({value})",
    "boolean": '{name} = b"\\x01" if {value} else b"\\x00"',
}


def _indented(lines: Iterable[str]) -> Iterator[str]:
    return (f"    {line}" for line in lines)
