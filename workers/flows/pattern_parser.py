"""`when`: from plain YAML data to a Pattern, every misuse a fault at its line.

Checked against the topic's schema: the field exists, the symbol is in its enum, the operator fits
the kind of the field.
"""

from collections.abc import Callable
from typing import Any

from workers.flows.fields import EventField, EventFields
from workers.flows.matchers import (
    COMPARISONS,
    AnythingBut,
    Equals,
    EqualsIgnoreCase,
    Exists,
    Matcher,
    Numeric,
    Prefix,
    Scalar,
    Suffix,
    compiled,
)
from workers.flows.names import nearest
from workers.flows.pattern import AllOf, AnyOf, Condition, Pattern, compile_pattern
from workers.flows.place import Place
from workers.flows.site_values import SiteValues, is_reference

_TEXTUAL: dict[str, Callable[[str], Matcher]] = {
    "prefix": Prefix,
    "suffix": Suffix,
    "equals-ignore-case": EqualsIgnoreCase,
}
_OPERATORS = (*_TEXTUAL, "anything-but", "numeric", "exists")


def parse_pattern(raw: Any, place: Place, fields: EventFields, values: SiteValues) -> Pattern:
    """The pattern that `raw` declares; None is the pattern of every event.

    What cannot work is noted at `place` and left out of the result.
    """
    before = len(place.faults)
    root = AllOf(()) if raw is None else _Parser(fields, values).branch(raw, place)
    pattern = compile_pattern(root, fields.types)
    if not pattern.symbols and len(place.faults) == before:
        place.fault(f"no type of {fields.topic} can match this")
    return pattern


class _Parser:
    def __init__(self, fields: EventFields, values: SiteValues) -> None:
        self._fields, self._values = fields, values

    def branch(self, raw: Any, place: Place, prefix: str = "") -> AllOf:
        """The conditions of one mapping, nested ones included."""
        if not isinstance(raw, dict):
            place.fault("a pattern is a mapping of fields to lists of values")
            return AllOf(())
        parts: list[Condition | AnyOf] = []
        for key, item in raw.items():
            parts.extend(self._entry(str(key), item, place.at(key), prefix))
        return AllOf(tuple(parts))

    def _entry(self, key: str, item: Any, place: Place, prefix: str) -> tuple[Condition | AnyOf, ...]:
        if key == "$or":
            return self._alternatives(item, place, prefix)
        path = prefix + key
        found = self._fields.find(path)
        if found is None:
            place.fault(self._fields.why_not(path))
        elif isinstance(item, list):
            return (self._condition(item, place, found),)
        elif isinstance(item, dict) and item and not found.many and found.kind in ("record", "map"):
            return self.branch(item, place, path + ".").parts
        else:
            place.fault(f"{path} takes a list of values, even of one: {path}: [{_example(item)}]")
        return ()

    def _alternatives(self, raw: Any, place: Place, prefix: str) -> tuple[AnyOf, ...]:
        if not isinstance(raw, list) or len(raw) < 2:
            place.fault("$or takes a list of at least two patterns")
            return ()
        return (AnyOf(tuple(self.branch(item, place.at(i), prefix) for i, item in enumerate(raw))),)

    def _condition(self, items: list[Any], place: Place, field: EventField) -> Condition:
        if not items:
            place.fault(f"an empty list never matches; to match where {field.path} is absent: [{{exists: false}}]")
        found = (self._matcher(item, here, field) for item, here in self._values.spliced(items, place))
        return Condition(field, tuple(m for m in found if m is not None))

    def _matcher(self, raw: Any, place: Place, field: EventField) -> Matcher | None:
        if isinstance(raw, dict):
            return self._operator(raw, place, field)
        return Equals(raw) if _fits(raw, place, field) else None

    def _operator(self, raw: dict[Any, Any], place: Place, field: EventField) -> Matcher | None:
        name = next(iter(raw), None)
        if len(raw) != 1 or name not in _OPERATORS:
            hint = nearest(name, _OPERATORS)
            place.fault(f"an operator is one of {', '.join(_OPERATORS)}, alone in its mapping{hint}")
            return None
        before = len(place.faults)
        argument = self._values.resolved(raw[name], place.at(name))
        if len(place.faults) > before:
            return None
        match name:
            case "exists":
                return _exists(argument, place)
            case "numeric":
                return _numeric(argument, place, field)
            case "anything-but":
                return self._anything_but(argument, place.at(name), field)
            case _:
                return _textual(name, argument, place, field)

    def _anything_but(self, raw: Any, place: Place, field: EventField) -> Matcher | None:
        items = self._values.spliced(raw if isinstance(raw, list) else [raw], place)
        checked = [(item, _fits(item, here, field)) for item, here in items]
        return AnythingBut(frozenset(item for item, _ in checked)) if all(ok for _, ok in checked) else None


def _exists(argument: Any, place: Place) -> Exists | None:
    if isinstance(argument, bool):
        return Exists(argument)
    place.fault("exists takes true or false")
    return None


def _textual(name: str, argument: Any, place: Place, field: EventField) -> Matcher | None:
    if field.kind not in ("string", "enum"):
        place.fault(f"{name} needs text, {field.path} is {field.described}")
    elif not isinstance(argument, str) or not argument:
        place.fault(f"{name} takes a text")
    else:
        matcher = _TEXTUAL[name](argument)
        if field.kind != "enum" or any(map(compiled(matcher), field.symbols)):
            return matcher
        place.fault(f"no symbol of {field.path} has the {name} {argument!r}: {', '.join(field.symbols)}")
    return None


def _numeric(argument: Any, place: Place, field: EventField) -> Numeric | None:
    if not field.is_number:
        place.fault(f"numeric needs a number, {field.path} is {field.described}")
        return None
    pairs = list(zip(argument[::2], argument[1::2], strict=False)) if isinstance(argument, list) else []
    good = all(isinstance(name, str) and name in COMPARISONS and _is_number(bound) for name, bound in pairs)
    if not pairs or len(argument) % 2 or not good:
        place.fault(f"numeric takes pairs of {' '.join(COMPARISONS)} and a number, such as ['>=', 80]")
        return None
    return Numeric(tuple(pairs))


def _fits(value: Any, place: Place, field: EventField) -> bool:
    """Whether a plain value can ever equal the field; a fault where not."""
    before = len(place.faults)
    match field.kind:
        case _ if value is None:
            place.fault(f"null is matched by {{exists: false}}: {field.path}: [{{exists: false}}]")
        case "string" if not isinstance(value, str):
            place.fault(f"{field.path} is {field.described}, {_example(value)} is not; put it in quotes")
        case "enum" if value not in field.symbols:
            hint = nearest(value, field.symbols)
            place.fault(f"{field.path} has no symbol {value!r}{hint or ': ' + ', '.join(field.symbols)}")
        case "boolean" if not isinstance(value, bool):
            place.fault(f"{field.path} is {field.described}: true or false, not {value!r}")
        case "int" | "long" | "double" if not _is_number(value):
            place.fault(f"{field.path} is {field.described}, {value!r} is not")
        case "timestamp" | "record" | "map":
            place.fault(f"{field.path} is {field.described}: only exists can test it")
    return len(place.faults) == before


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _example(item: Any) -> Scalar:
    if isinstance(item, dict):
        return f"{{{next(iter(item), 'exists')}: …}}" if not is_reference(item) else f"{{setting: {item['setting']}}}"
    return str(item).lower() if isinstance(item, bool) else str(item)
