"""An event schema compiled to a closure that writes complete values as Avro binary (Avro 1.12, Binary Encoding).

Ours because it is on every way into Kafka: fastavro tries the branches of a union one by one with its
validator and takes four times as long for an event of ours (benchmarks/results). It knows what our schemas
use and no more, and a test compares it with fastavro byte by byte.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

Append = Callable[[bytes], None]
Write = Callable[[Any, Append], None]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NULL, _PRESENT, _END = b"\x00", b"\x02", b"\x00"
_TRUE, _FALSE = b"\x01", b"\x00"


def compile_writer(schema: Mapping[str, Any]) -> Callable[[bytes, Mapping[str, Any]], bytes]:
    """A function of a prefix and a value that gives the prefix and the value's bytes.

    The value must be complete and fit: what `common.event_json.checked` or `from_json` gave. Raises KeyError
    for an Avro type that our schemas do not use.
    """
    write = _Compiler(schema["namespace"]).compile(schema)

    def encode(prefix: bytes, value: Mapping[str, Any]) -> bytes:
        parts = [prefix]
        write(value, parts.append)
        return b"".join(parts)

    return encode


def _number(value: int) -> bytes:
    """Zig-zag and base 128, the lowest seven bits first."""
    rest, parts = (value << 1) ^ (value >> 63), bytearray()
    while rest > 0x7F:
        parts.append(rest & 0x7F | 0x80)
        rest >>= 7
    parts.append(rest)
    return bytes(parts)


_SMALL = tuple(_number(value) for value in range(1024))
"""Lengths and indices, which are what most numbers are."""

_PRESENT_SMALL = tuple(_PRESENT + number for number in _SMALL)


class _Compiler:
    """Compiles a named type where it is written out, and finds it again by its name."""

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace
        self._named: dict[str, Write] = {}

    def compile(self, node: Any) -> Write:
        """The writer of one type."""
        if isinstance(node, str):
            return self._named.get(node) or _LEAVES[node]
        if isinstance(node, list):
            return _nullable(node, self.compile(next(branch for branch in node if branch != "null")))
        if node.get("logicalType") == "timestamp-micros":
            return _timestamp
        match node["type"]:
            case "array":
                return _array(self.compile(node["items"]))
            case "map":
                return _map(self.compile(node["values"]))
            case "enum":
                return self._name(node, _enum(node["symbols"]))
            case "record":
                fields = [(field["name"], self.compile(field["type"])) for field in node["fields"]]
                return self._name(node, _record(fields))
            case other:
                return _LEAVES[other]

    def _name(self, node: Mapping[str, Any], write: Write) -> Write:
        self._named[f"{node.get('namespace', self._namespace)}.{node['name']}"] = write
        return write


def _record(fields: Iterable[tuple[str, Write]]) -> Write:
    writers = tuple(fields)

    def write(value: Any, append: Append) -> None:
        for name, write_field in writers:
            write_field(value[name], append)

    return write


def _nullable(branches: list[Any], write_present: Write) -> Write:
    if len(branches) != 2 or branches[0] != "null":
        raise KeyError(f"a union other than of null and one more: {branches}")

    def write(value: Any, append: Append) -> None:
        if value is None:
            append(_NULL)
        else:
            append(_PRESENT)
            write_present(value, append)

    return _nullable_string if write_present is _string else write


def _nullable_string(value: str | None, append: Append) -> None:
    """What most fields are: one call and two pieces instead of two and three."""
    if value is None:
        append(_NULL)
        return
    data = value.encode()
    size = len(data)
    append(_PRESENT_SMALL[size] if size < len(_SMALL) else _PRESENT + _number(size))
    append(data)


def _enum(symbols: Iterable[str]) -> Write:
    numbers = {symbol: _number(index) for index, symbol in enumerate(symbols)}
    return lambda value, append: append(numbers[value])


def _array(write_item: Write) -> Write:
    def write(value: Any, append: Append) -> None:
        if value:
            append(_number(len(value)))
            for item in value:
                write_item(item, append)
        append(_END)

    return write


def _map(write_item: Write) -> Write:
    def write(value: Any, append: Append) -> None:
        if value:
            append(_number(len(value)))
            for name, item in value.items():
                _string(name, append)
                write_item(item, append)
        append(_END)

    return write


def _string(value: str, append: Append) -> None:
    data = value.encode()
    size = len(data)
    append(_SMALL[size] if size < len(_SMALL) else _number(size))
    append(data)


def _timestamp(value: datetime, append: Append) -> None:
    since = value - _EPOCH
    append(_number((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds))


_LEAVES: dict[str, Write] = {
    "string": _string,
    "long": lambda value, append: append(_number(value)),
    "boolean": lambda value, append: append(_TRUE if value else _FALSE),
}
