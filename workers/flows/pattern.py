"""When a flow matches: a parsed pattern, compiled once to a plain closure.

A pattern is a conjunction of conditions on fields; `$or` holds branches of which one must match, as
in Amazon EventBridge. An array matches when one of its items does; a null or absent field and an
empty array match `exists: false` only.

An event whose type is in RESERVED matches only a pattern that names that symbol as a plain item:
an unknown type must not fall under `anything-but`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, assert_never

from workers.flows.fields import EventField
from workers.flows.matchers import Equals, Exists, Matcher, Scalar, any_of, only_literals, shown

RESERVED = frozenset({"UNKNOWN", "CANCEL_REQUESTED"})
Predicate = Callable[[Mapping[str, Any]], bool]


@dataclass(frozen=True, slots=True)
class Condition:
    """A field, and what its value may be: any of the matchers."""

    field: EventField
    matchers: tuple[Matcher, ...]


@dataclass(frozen=True, slots=True)
class AllOf:
    """Conditions that must all hold."""

    parts: tuple["Condition | AnyOf", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Branches of which one must hold: `$or`."""

    branches: tuple[AllOf, ...]


Node = Condition | AllOf | AnyOf


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a pattern does not match: the first field that failed, in the order of the file."""

    path: str
    expected: str
    actual: Any


@dataclass(frozen=True, slots=True)
class Pattern:
    """A compiled pattern.

    `symbols` are the event types that can match at all; `residual` is the rest of the test, for an
    event whose type is among them.
    """

    root: AllOf
    symbols: frozenset[str]
    residual: Predicate = field(repr=False)

    def matches(self, value: Mapping[str, Any]) -> bool:
        """Whether this event matches."""
        return value["type"] in self.symbols and self.residual(value)

    def failure(self, value: Mapping[str, Any]) -> Failure | None:
        """The first condition that this event fails; None when it matches."""
        found = _failure(self.root, value)
        if found is None and value["type"] not in self.symbols:
            return Failure("type", "a pattern that names this type", value["type"])
        return found

    def domain(self, path: str) -> tuple[str, ...] | None:
        """Every text that a matching event can have at `path`; None when there is no bound."""
        if path == "type":
            return tuple(sorted(self.symbols))
        for part in self.root.parts:
            if isinstance(part, Condition) and part.field.path == path and not part.field.many:
                texts = tuple(str(m.value) for m in part.matchers if isinstance(m, Equals))
                return texts if len(texts) == len(part.matchers) else None
        return None


def compile_pattern(root: AllOf, types: tuple[str, ...]) -> Pattern:
    """Compile for a topic whose `type` enum has these symbols."""
    named = frozenset(_named(root))
    tests = [_test(part) for part in root.parts if isinstance(part, Condition) and _is_type(part)]
    possible = (symbol for symbol in types if symbol not in RESERVED or symbol in named)
    symbols = frozenset(symbol for symbol in possible if all(test(symbol) for test in tests))
    return Pattern(root, symbols, _all([_compiled(part) for part in root.parts if not _is_type(part)]))


def getter(steps: tuple[str, ...]) -> Callable[[Mapping[str, Any]], Any]:
    """A closure that reads a nested field; null wherever a parent is null or absent."""
    first, *rest = steps
    if not rest:
        return lambda value: value.get(first)
    if len(rest) == 1:
        second = rest[0]
        return lambda value: (value.get(first) or {}).get(second)

    def read(value: Mapping[str, Any]) -> Any:
        found: Any = value
        for step in steps:
            if found is None:
                return None
            found = found.get(step)
        return found

    return read


def _is_type(node: Node) -> bool:
    return isinstance(node, Condition) and node.field.path == "type"


def conditions(node: Node) -> Iterator[Condition]:
    """Every condition of a pattern, in the order of the file."""
    match node:
        case Condition():
            yield node
        case AllOf(parts) | AnyOf(parts):
            for part in parts:
                yield from conditions(part)
        case _:
            assert_never(node)


def _named(node: Node) -> Iterator[str]:
    types = (condition for condition in conditions(node) if condition.field.path == "type")
    return (str(m.value) for condition in types for m in condition.matchers if isinstance(m, Equals))


def _compiled(node: Node) -> Predicate:
    match node:
        case Condition():
            return _condition(node)
        case AllOf(parts):
            return _all([_compiled(part) for part in parts])
        case AnyOf(branches):
            return _any([_compiled(branch) for branch in branches])
        case _:
            assert_never(node)


def _all(tests: list[Predicate]) -> Predicate:
    if not tests:
        return lambda _: True
    first, *rest = tests
    if not rest:
        return first
    others = _all(rest)  # nested closures: half the price of a loop
    return lambda value: first(value) and others(value)


def _any(tests: list[Predicate]) -> Predicate:
    return lambda value: any(test(value) for test in tests)


def _condition(node: Condition) -> Predicate:
    read, test = getter(node.field.steps), _test(node)
    if node.field.is_scalar and node.field.path != "type" and (literals := only_literals(node.matchers)):
        return _among(node.field.steps, literals)
    matches_absent = Exists(wanted=False) in node.matchers

    def predicate(value: Mapping[str, Any]) -> bool:
        found = read(value)
        return matches_absent if found is None or found == [] else test(found)

    return predicate


def _among(steps: tuple[str, ...], literals: frozenset[Scalar]) -> Predicate:
    """What most conditions are; a null is never among the literals."""
    read = getter(steps)
    if len(steps) == 1:
        name = steps[0]
        return lambda value: value.get(name) in literals
    return lambda value: read(value) in literals


def _test(node: Condition) -> Callable[[Any], bool]:
    """The test of a value that is there."""
    test = any_of(node.matchers)
    if node.field.many:
        return lambda items: any(map(test, items))
    if node.field.path == "type":
        named = frozenset(_named(node))
        return lambda found: found in named or (found not in RESERVED and test(found))
    return test


def _failure(node: Node, value: Mapping[str, Any]) -> Failure | None:
    match node:
        case Condition():
            return None if _condition(node)(value) else _unmet(node, value)
        case AllOf(parts):
            return next(filter(None, (_failure(part, value) for part in parts)), None)
        case AnyOf(branches):
            failures = [found for branch in branches if (found := _failure(branch, value))]
            if len(failures) < len(branches):
                return None
            expected = " or ".join(f"{f.path}: {f.expected}" for f in failures)
            return Failure("$or", expected, {f.path: f.actual for f in failures})
        case _:
            assert_never(node)


def _unmet(node: Condition, value: Mapping[str, Any]) -> Failure:
    actual = getter(node.field.steps)(value)
    expected = " or ".join(map(shown, node.matchers)) or "nothing: the list is empty"
    if node.field.path == "type" and actual in RESERVED:
        expected += f" ({actual} matches only where it is named)"
    hidden = node.field.pii and actual is not None
    return Failure(node.field.path, expected, "(personal)" if hidden else actual)
