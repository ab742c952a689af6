"""The tests of one field's value: the operators of Amazon EventBridge event patterns.

Source: EventBridge user guide, "Comparison operators for use in event patterns". Each operator is a
frozen value; `compiled` turns it into a plain closure over a value that is there.
"""

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, assert_never

Scalar = str | int | float | bool
Test = Callable[[Any], bool]

COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True, slots=True)
class Equals:
    """The value itself: a plain item of a pattern's list."""

    value: Scalar


@dataclass(frozen=True, slots=True)
class Prefix:
    """Text that begins with `text`."""

    text: str


@dataclass(frozen=True, slots=True)
class Suffix:
    """Text that ends with `text`."""

    text: str


@dataclass(frozen=True, slots=True)
class EqualsIgnoreCase:
    """Text that differs from `text` in case only."""

    text: str


@dataclass(frozen=True, slots=True)
class AnythingBut:
    """Any value that is there, but none of these."""

    values: frozenset[Scalar]


@dataclass(frozen=True, slots=True)
class Numeric:
    """A number within every bound: pairs of an operator of COMPARISONS and a number."""

    bounds: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Exists:
    """A field that is there (`wanted`), or one that is null or absent."""

    wanted: bool


Matcher = Equals | Prefix | Suffix | EqualsIgnoreCase | AnythingBut | Numeric | Exists


def compiled(matcher: Matcher) -> Test:
    """A closure that tells whether a value that is there passes."""
    match matcher:
        case Equals(value):
            return lambda found: bool(found == value)
        case Prefix(text):
            return lambda found: bool(found.startswith(text))
        case Suffix(text):
            return lambda found: bool(found.endswith(text))
        case EqualsIgnoreCase(text):
            folded = text.casefold()
            return lambda found: bool(found.casefold() == folded)
        case AnythingBut(values):
            return lambda found: found not in values
        case Numeric(bounds):
            return _within([(COMPARISONS[name], bound) for name, bound in bounds])
        case Exists(wanted):
            return lambda _: wanted
        case _:
            assert_never(matcher)


def _within(bounds: list[tuple[Callable[[Any, Any], bool], float]]) -> Test:
    return lambda found: all(compare(found, bound) for compare, bound in bounds)


def any_of(matchers: tuple[Matcher, ...]) -> Test:
    """A closure that tells whether a value that is there passes one of them."""
    literals = frozenset(m.value for m in matchers if isinstance(m, Equals))
    tests = [literals.__contains__] if literals or not matchers else []
    tests += [compiled(m) for m in matchers if not isinstance(m, Equals)]
    return _either(tests)


def only_literals(matchers: tuple[Matcher, ...]) -> frozenset[Scalar] | None:
    """The values, where nothing but plain values is listed."""
    values = [m.value for m in matchers if isinstance(m, Equals)]
    return frozenset(values) if len(values) == len(matchers) else None


def _either(tests: list[Test]) -> Test:
    first, *rest = tests
    if not rest:
        return first
    others = _either(rest)  # nested closures: half the price of a loop
    return lambda found: first(found) or others(found)


def shown(matcher: Matcher) -> str:
    """The matcher as a person reads it."""
    match matcher:
        case Equals(value):
            return _plain(value)
        case Prefix(text):
            return f"prefix {text!r}"
        case Suffix(text):
            return f"suffix {text!r}"
        case EqualsIgnoreCase(text):
            return f"{text!r} in any case"
        case AnythingBut(values):
            return "anything but " + ", ".join(sorted(map(_plain, values)))
        case Numeric(bounds):
            return "a number " + " and ".join(f"{name} {bound:g}" for name, bound in bounds)
        case Exists(wanted):
            return "a value" if wanted else "no value"
        case _:
            assert_never(matcher)


def _plain(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
