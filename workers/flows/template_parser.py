"""`with`: from plain YAML data to a Template, every misuse a fault at its line."""

import re
from datetime import datetime
from typing import Any

from workers.flows.fields import EventField, EventFields
from workers.flows.pattern_parser import parse_pattern
from workers.flows.place import Place
from workers.flows.site_values import SiteValues, is_reference
from workers.flows.template import MISSING, Constant, Entries, Expression, Items, Rule, Rules, Template, Text

_TOKEN = re.compile(r"\$\$\{|\$\{([^{}]*)\}|\$\{")


def parse_template(raw: Any, place: Place, fields: EventFields, values: SiteValues) -> Template:
    """The template that `raw` declares; what cannot work is noted at `place`."""
    return _Parser(fields, values).parse(raw, place)


def parse_rules(raw: Any, place: Place, fields: EventFields, values: SiteValues) -> Rules:
    """A table of rows, or the setting that holds it; a value that is no table stands for itself."""
    name = f"flows.values.{raw['setting']}" if is_reference(raw) else "the table"
    before, rows = len(place.faults), values.resolved(raw, place)
    if len(place.faults) > before:
        return Rules(())
    if not isinstance(rows, list) or not any(isinstance(row, dict) for row in rows):
        rows = [{"then": rows}]
    parts = ((row, f"{name}, rule {number}") for number, row in enumerate(rows, start=1))
    return Rules(tuple(_rule(row, called, place, fields, values) for row, called in parts))


def _rule(raw: Any, called: str, place: Place, fields: EventFields, values: SiteValues) -> Rule:
    """A row; its faults say which it is, since it may stand in the settings."""
    if not isinstance(raw, dict) or not {"then"} <= raw.keys() <= {"when", "then"}:
        place.fault(f"{called} is {{when: PATTERN, then: VALUE}}")
        return Rule(None, Constant(None))
    here = Place(place.document, [], place.path)
    when = parse_pattern(raw["when"], here, fields, values) if "when" in raw else None
    if _refers(raw["then"]):
        here.fault("`then` is a value, and no setting or rules: write the value itself")
        then: Template = Constant(None)
    else:
        then = _Parser(fields, values).parse(raw["then"], here)
    for fault in here.faults:
        place.faults.append(type(fault)(f"{called}: {fault.message}", fault.file, fault.line))
    return Rule(when, then)


def _refers(raw: Any) -> bool:
    """Whether a setting or a table is meant somewhere in it: one within another could be without end."""
    match raw:
        case dict():
            return raw.keys() in ({"setting"}, {"rules"}) or any(map(_refers, raw.values()))
        case list():
            return any(map(_refers, raw))
    return False


class _Parser:
    def __init__(self, fields: EventFields, values: SiteValues) -> None:
        self._fields, self._values = fields, values

    def parse(self, raw: Any, place: Place) -> Template:
        """One piece of data and all below it."""
        match raw:
            case str():
                return self._string(raw, place)
            case dict() if is_reference(raw):
                return Constant(self._values.resolved(raw, place))
            case dict() if raw.keys() == {"rules"}:
                return parse_rules(raw["rules"], place.at("rules"), self._fields, self._values)
            case dict():
                return self._mapping(raw, place)
            case list():
                items = tuple(self.parse(item, place.at(index)) for index, item in enumerate(raw))
                return _folded(Items(items))
            case _:
                return Constant(raw)

    def _mapping(self, raw: dict[Any, Any], place: Place) -> Template:
        for key in raw:
            if not isinstance(key, str):
                place.at(key).fault(f"the key {key!r} is not text; put it in quotes")
            elif "${" in key:
                place.at(key).fault("a key cannot read the event, only a value can")
        return _folded(Entries(tuple((str(key), self.parse(raw[key], place.at(key))) for key in raw)))

    def _string(self, raw: str, place: Place) -> Template:
        parts: list[str | Expression] = []
        alone, end = False, 0
        for token in _TOKEN.finditer(raw):
            parts.append(raw[end : token.start()])
            alone, end = token.span() == (0, len(raw)), token.end()
            if token[0] == "$${":
                parts.append("${")
            elif expression := self._expression(token, alone, place):
                parts.append(expression)
        parts.append(raw[end:])
        return _joined([part for part in parts if part != ""], alone)

    def _expression(self, token: re.Match[str], alone: bool, place: Place) -> Expression | None:
        if token[1] is None:
            place.fault("${ is not closed by }; write $${ for the characters themselves")
            return None
        path, bar, default = token[1].partition("|")
        field = self._fields.find(path.strip())
        if field is None:
            place.fault(self._fields.why_not(path.strip()))
            return None
        if alone:
            return Expression(field, _native(default, field, place) if bar else MISSING)
        if not field.is_scalar:
            place.fault(f"{field.path} is {field.described} and cannot be joined as text; let it stand alone")
        return Expression(field, default if bar else MISSING)


def _joined(parts: list[str | Expression], alone: bool) -> Template:
    match parts:
        case [Expression() as expression] if alone:
            return expression
        case _ if any(isinstance(part, Expression) for part in parts):
            return Text(tuple(parts))
        case _:
            return Constant("".join(map(str, parts)))


def _folded(template: Entries | Items) -> Template:
    """The same, as a Constant where nothing below reads the event."""
    match template:
        case Entries(entries) if all(isinstance(below, Constant) for _, below in entries):
            return Constant({key: below.value for key, below in entries if isinstance(below, Constant)})
        case Items(items) if all(isinstance(below, Constant) for below in items):
            return Constant([below.value for below in items if isinstance(below, Constant)])
    return template


def _native(default: str, field: EventField, place: Place) -> Any:
    """The default in the field's own type."""
    if not field.is_scalar:
        place.fault(f"{field.path} is {field.described}: it can have no default")
        return MISSING
    try:
        match field.kind:
            case "int" | "long":
                return int(default)
            case "double":
                return float(default)
            case "boolean":
                return {"true": True, "false": False}[default]
            case "timestamp":
                return _timestamp(default)
            case _:
                return default
    except (ValueError, KeyError):
        place.fault(f"the default {default!r} of {field.path} is not {field.described}")
        return MISSING


def _timestamp(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("a timestamp needs its offset from UTC")
    return found
