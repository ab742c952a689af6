"""An event schema compiled to a function that reads Avro binary (Avro 1.12, Binary Encoding).

Ours because every record of the sink path passes it: fastavro, which asks a stream for each number, takes three
times as long for an event of ours (benchmarks/results). One function is written for a schema, straight from its
first field to its last, as `dataclasses` writes an `__init__`. It reads what usual writers write and gives up on
everything else; fastavro then says what the bytes mean, or what is wrong with them. So it may refuse what is
legal, but never reads anything else than fastavro would: tests compare the two.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import count
from typing import Any

Read = Callable[[bytes, int], dict[str, Any]]

GIVES_UP = (LookupError, ValueError, OverflowError)
"""What a reader raises for bytes that it does not read: all that it can."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LOW_BIAS = sum(0x80 << 7 * byte for byte in range(4))
_HIGH_BIAS = sum(0x80 << 7 * byte for byte in range(4, 7))
_LONGEST, _MOST_BITS = 10, 64  # bytes and bits of a number
_ONE_BYTE = 64  # numbers below it take one byte


def compile_reader(schema: Mapping[str, Any]) -> Read:
    """A function of a payload and of where its value begins; it raises one of GIVES_UP, or reads to the end.

    Raises KeyError for an Avro type that our schemas do not use.
    """
    source = _Source(schema["namespace"])
    lines = [
        "def read(data, at):",
        *_indented(source.lines("value", schema)),
        "    if at != len(data): raise odd",
        "    return value",
    ]
    scope: dict[str, Any] = {"number": _number, "moment": _moment, "odd": ValueError("not the usual form")}
    scope |= source.tables
    exec("\n".join(lines), scope)  # the text holds nothing but names of our own schemas, as literals
    read: Read = scope["read"]
    return read


class _Source:
    """The lines that read each type into a variable. `at` is where the next byte is, `size` a length."""

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace
        self._named: dict[str, Any] = {}
        self._numbers = count()
        self.tables: dict[str, Mapping[int, str]] = {}
        """What the lines look up by name: an enum's symbols by the byte that says which."""

    def lines(self, name: str, node: Any) -> Iterator[str]:
        """What puts a value of this type into the variable `name`."""
        if isinstance(node, str):
            node = self._named.get(node) or {"type": node}
        if isinstance(node, list):
            return self._nullable(name, node)
        if "name" in node:
            self._named[f"{node.get('namespace', self._namespace)}.{node['name']}"] = node
        if node.get("logicalType") == "timestamp-micros":
            return iter([f"{name}, at = moment(data, at)"])
        match node["type"]:
            case "record":
                return self._record(name, node["fields"])
            case "array":
                return self._array(name, node["items"])
            case "map":
                return self._map(name, node["values"])
            case "enum":
                return self._enum(name, node["symbols"])
            case other:
                return iter(_LEAVES[other].format(name=name).splitlines())

    def _enum(self, name: str, symbols: Iterable[str]) -> Iterator[str]:
        table = f"symbols_{self._new()}"  # written out in the lines it would be built anew for each event
        self.tables[table] = {index << 1: symbol for index, symbol in enumerate(symbols) if index < _ONE_BYTE}
        return iter([f"{name} = {table}[data[at]]", "at += 1"])

    def _new(self) -> str:
        return f"v{next(self._numbers)}"

    def _record(self, name: str, fields: Iterable[Mapping[str, Any]]) -> Iterator[str]:
        names = [(field["name"], self._new()) for field in fields]
        for field, (_, variable) in zip(fields, names, strict=True):
            yield from self.lines(variable, field["type"])
        yield f"{name} = {{{', '.join(f'{key!r}: {variable}' for key, variable in names)}}}"

    def _nullable(self, name: str, branches: list[Any]) -> Iterator[str]:
        if len(branches) != 2 or branches[0] != "null":
            raise KeyError(f"a union other than of null and one more: {branches}")
        yield "size = data[at]"
        yield "at += 1"
        yield f"if size == 0: {name} = None"
        yield "elif size == 2:"
        yield from _indented(self.lines(name, branches[1]))
        yield "else: raise odd"

    def _array(self, name: str, items: Any) -> Iterator[str]:
        item = self._new()
        return self._block(name, "[]", [*self.lines(item, items), f"{name}.append({item})"])

    def _map(self, name: str, values: Any) -> Iterator[str]:
        key, value = self._new(), self._new()
        entry = [*self.lines(key, "string"), *self.lines(value, values), f"{name}[{key}] = {value}"]
        return self._block(name, "{}", entry)

    @staticmethod
    def _block(name: str, empty: str, body: Iterable[str]) -> Iterator[str]:
        """One block of less than 64 items and the end; what a writer needs for more is left to fastavro."""
        yield f"{name} = {empty}"
        yield "size = data[at]"
        yield "at += 1"
        yield "if size:"
        yield "    if size & 129: raise odd"
        yield "    for _ in range(size >> 1):"
        yield from _indented(_indented(body))
        yield "    if data[at]: raise odd"
        yield "    at += 1"


_LEAVES = {
    "string": """\
size = data[at]
at += 1
if size & 129:
    size, at = number(data, at - 1)
    if size < 0: raise odd
    end = at + size
else: end = at + (size >> 1)
{name} = data[at:end].decode()
at = end""",
    "long": "{name}, at = number(data, at)",
    "boolean": """\
{name} = (False, True)[data[at]]
at += 1""",
}
"""A text that ends behind the payload is cut short here, and found at the next byte or at the end."""


def _indented(lines: Iterable[str]) -> Iterator[str]:
    return (f"    {line}" for line in lines)


def _number(data: bytes, at: int) -> tuple[int, int]:
    """Zig-zag and base 128, the lowest seven bits first; the value and where it ends."""
    value = shift = 0
    for byte in data[at : at + _LONGEST]:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    else:
        raise ValueError("a number without an end")
    if value >> _MOST_BITS:
        raise ValueError("more than 64 bits")
    return (value >> 1) ^ -(value & 1), at + shift // 7


def _moment(data: bytes, at: int) -> tuple[datetime, int]:
    """Microseconds since the epoch; of this century, and up to the year 3084, they take eight bytes."""
    a, b, c, d = data[at : at + 4]
    since = _since(data[at + 4 : at + 8])
    if since is None or a & 1 or not a & b & c & d & 0x80:
        micros, at = _number(data, at)
        return _EPOCH + timedelta(0, 0, micros), at
    return since + timedelta(0, 0, (a + (b << 7) + (c << 14) + (d << 21) - _LOW_BIAS) >> 1), at + 8


@lru_cache(4096)
def _since(high: bytes) -> datetime | None:
    """The two minutes (2^27 microseconds) that the upper four of eight bytes stand for; None for less, or for more."""
    e, f, g, h = high
    if h > 0x7F or not e & f & g & 0x80:
        return None
    zigzag = (e << 28) + (f << 35) + (g << 42) + (h << 49) - _HIGH_BIAS
    return _EPOCH + timedelta(0, 0, zigzag >> 1)
