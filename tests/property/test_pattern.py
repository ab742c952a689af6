"""A compiled pattern says what a naive reading of the same YAML says, for any pattern and any event."""

import json
import operator
from functools import cache
from typing import Any

from hypothesis import event as seen
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.catalogue import catalogue
from tests.support.flows import pattern

RESERVED = ("UNKNOWN", "CANCEL_REQUESTED")
COMPARE = {"=": operator.eq, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}

words = st.sampled_from(["", "a", "A", "ab"])
full_words = st.sampled_from(["a", "A", "b", "aB"])
numbers = st.integers(-1, 2)

# For each topic: dotted path -> kind.
TOPICS = {
    "comms.journey.v1": {"journey": "text", "step": "text", "facts.kind": "text", "customer.email": "text"},
    "comms.profile.v1": {
        "customer.region": "text",
        "lead_score": "number",
        "memberships": "texts",
        "customer.resolved": "boolean",
        "actor.kind": "text-enum",
    },
}
ACTORS = ("UNKNOWN", "CUSTOMER", "USER", "SYSTEM")


@cache
def types_of(topic: str) -> tuple[str, ...]:
    """Some symbols of a topic's `type`, the reserved ones among them: few, so that events often match."""
    symbols = catalogue().schema(topic)["fields"][1]["type"]["symbols"]
    return tuple(s for s in symbols if s in RESERVED or s in symbols[1:3])


# -- the naive reading


def naive(raw: dict[str, Any], event: dict[str, Any]) -> bool:
    """Whether an event matches, straight from the words of the design."""
    kind = event["type"]
    return (kind not in RESERVED or kind in set(named(raw))) and holds(raw, event, "")


def named(raw: Any) -> list[Any]:
    """The plain items of every list under `type`."""
    found = []
    for key, item in raw.items():
        if key == "$or":
            found += [one for branch in item for one in named(branch)]
        elif key == "type":
            found += [one for one in item if isinstance(one, str)]
    return found


def holds(raw: dict[str, Any], event: dict[str, Any], prefix: str) -> bool:
    """Every key of a mapping must hold."""
    for key, item in raw.items():
        path = prefix + key
        if key == "$or":
            ok = any(holds(branch, event, prefix) for branch in item)
        elif isinstance(item, dict):
            ok = holds(item, event, path + ".")
        else:
            ok = any(one_holds(one, look_up(event, path), is_type=path == "type") for one in item)
        if not ok:
            return False
    return True


def look_up(event: Any, path: str) -> Any:
    """The value at a dotted path, None when any part is not there."""
    for step in path.split("."):
        event = event.get(step) if isinstance(event, dict) else None
    return event


def one_holds(item: Any, value: Any, *, is_type: bool) -> bool:
    """One item of a list against one value; an array is as many values as it has items."""
    absent = value is None or value == []
    if isinstance(item, dict) and "exists" in item and not is_type:
        return bool(item["exists"] is not absent)
    if absent:
        return False
    return any(passes(item, one, is_type) for one in (value if isinstance(value, list) else [value]))


def passes(item: Any, value: Any, is_type: bool) -> bool:
    """One item against one value that is there."""
    if not isinstance(item, dict):
        return bool(item == value)
    if is_type and value in RESERVED:
        return False
    ((name, argument),) = item.items()
    match name:
        case "exists":
            return bool(argument)
        case "prefix":
            return bool(value[: len(argument)] == argument)
        case "suffix":
            return bool(value[len(value) - len(argument) :] == argument) and len(value) >= len(argument)
        case "equals-ignore-case":
            return bool(value.lower() == argument.lower())
        case "anything-but":
            return value not in (argument if isinstance(argument, list) else [argument])
        case "numeric":
            return all(COMPARE[o](value, n) for o, n in zip(argument[::2], argument[1::2], strict=True))
    raise AssertionError(name)


# -- patterns and events of one topic


@cache
def lists(kind: str, types: tuple[str, ...]) -> st.SearchStrategy[list[Any]]:
    """A list of items that are legal for a kind of field."""
    match kind:
        case "type":
            plain: st.SearchStrategy[Any] = st.sampled_from(types)
        case "text-enum":
            plain = st.sampled_from(ACTORS)
        case "number":
            plain = numbers
        case "boolean":
            plain = st.booleans()
        case _:
            plain = words
    operators: list[st.SearchStrategy[Any]] = [
        plain,
        st.fixed_dictionaries({"exists": st.booleans()}),
        st.fixed_dictionaries({"anything-but": plain | st.lists(plain, min_size=1, max_size=3)}),
    ]
    if kind in ("text", "texts"):
        operators += [st.fixed_dictionaries({n: full_words}) for n in ("prefix", "suffix", "equals-ignore-case")]
    if kind == "number":
        bounds = st.lists(st.tuples(st.sampled_from(list(COMPARE)), numbers), min_size=1, max_size=2)
        operators.append(st.fixed_dictionaries({"numeric": bounds.map(lambda pairs: [x for p in pairs for x in p])}))
    return st.lists(st.one_of(operators), min_size=1, max_size=3)


def nested(conditions: dict[str, Any], by_dots: bool) -> dict[str, Any]:
    """The same conditions with dotted keys, or as nested mappings."""
    if by_dots:
        return conditions
    found: dict[str, Any] = {}
    for path, items in conditions.items():
        *parents, last = path.split(".")
        into = found
        for parent in parents:
            into = into.setdefault(parent, {})
        into[last] = items
    return found


@cache
def branches(topic: str) -> st.SearchStrategy[dict[str, Any]]:
    """A mapping without `$or`."""
    paths = {"type": "type", **TOPICS[topic]}
    filled = st.lists(st.sampled_from([*paths, "type"]), min_size=1, max_size=2, unique=True).flatmap(
        lambda keys: st.fixed_dictionaries({path: lists(paths[path], types_of(topic)) for path in keys})
    )
    return st.builds(nested, filled, st.booleans())


@cache
def patterns(topic: str) -> st.SearchStrategy[dict[str, Any]]:
    """A mapping that may hold `$or`."""
    either = st.lists(branches(topic), min_size=2, max_size=3)
    return branches(topic) | st.builds(lambda raw, ors: {**raw, "$or": ors}, branches(topic), either)


@cache
def values(kind: str) -> st.SearchStrategy[Any]:
    """What a field of a kind can hold, null included."""
    match kind:
        case "texts":
            return st.lists(words, max_size=3)
        case "number":
            return st.none() | numbers
        case "boolean":
            return st.booleans()
        case "text-enum":
            return st.sampled_from(ACTORS)
        case _:
            return st.none() | words


@cache
def events(topic: str) -> st.SearchStrategy[dict[str, Any]]:
    """An event with any of the fields there, null or absent; records may be null as a whole."""
    top: dict[str, Any] = {"type": st.sampled_from(types_of(topic))}
    records: dict[str, dict[str, Any]] = {}
    for path, kind in TOPICS[topic].items():
        parent, _, child = path.rpartition(".")
        (records.setdefault(parent, {}) if parent else top)[child or path] = values(kind)
    parents = {name: st.none() | st.fixed_dictionaries(inner) for name, inner in records.items()}
    return st.fixed_dictionaries({"type": top.pop("type")}, optional={**top, **parents})


cases = st.sampled_from(sorted(TOPICS)).flatmap(
    lambda t: st.tuples(st.just(t), patterns(t), st.lists(events(t), min_size=1, max_size=8))
)


@settings(max_examples=500)
@given(cases)
def test_compiled_is_naive(case: tuple[str, dict[str, Any], list[dict[str, Any]]]) -> None:
    """`matches`, `failure` and the index by type agree with the naive reading."""
    topic, raw, some_events = case
    found, faults = pattern(json.dumps(raw), topic)

    assert [fault for fault in faults if "no type of" not in fault] == []
    for value in some_events:
        expected = naive(raw, value)
        seen("matches" if expected else "does not match")
        assert found.matches(value) is expected
        assert (found.failure(value) is None) is expected
        assert value["type"] in found.symbols or not expected
