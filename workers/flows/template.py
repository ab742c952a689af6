"""`with`: plain data in which strings may read the event, compiled once to a plain closure.

`${path}` reads a field, `${path|default}` says what stands for a null; `$${` is a literal `${`. A
string that is exactly one expression keeps the field's native type; any other is joined as text, in
which timestamps are RFC 3339 in UTC with milliseconds. What would read a null without a default is
left out: the key of a mapping, the item of a list. `{rules: [{when: PATTERN, then: VALUE}, ...]}` stands for the
value of the first row whose pattern matches; a row without `when` always does, and where no row does it is left out.
Its rows may be a `{setting: name}`; a value that is no list of rows stands for itself.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from itertools import product
from typing import Any, assert_never

from common.rfc3339 import in_milliseconds
from workers.flows.fields import EventField
from workers.flows.pattern import Pattern, conditions, getter


class Missing(Enum):
    """A null where no default stands: neither a value nor None."""

    MISSING = "missing"


MISSING = Missing.MISSING
Render = Callable[[Mapping[str, Any]], Any]
Domain = Callable[[str], tuple[str, ...] | None]
_MOST_COMBINATIONS = 1000


@dataclass(frozen=True, slots=True)
class Constant:
    """Data without an expression in it."""

    value: Any


@dataclass(frozen=True, slots=True)
class Expression:
    """One field of the event, and what stands for a null."""

    field: EventField
    default: Any = MISSING


@dataclass(frozen=True, slots=True)
class Text:
    """Pieces that are joined."""

    parts: tuple[str | Expression, ...]


@dataclass(frozen=True, slots=True)
class Entries:
    """A mapping with an expression somewhere below."""

    entries: tuple[tuple[str, "Template"], ...]


@dataclass(frozen=True, slots=True)
class Items:
    """A list with an expression somewhere below."""

    items: tuple["Template", ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """A row of a table: what stands there for events that match; without a pattern, for all."""

    when: Pattern | None
    then: "Template"


@dataclass(frozen=True, slots=True)
class Rules:
    """A table of which the first row that matches counts."""

    rows: tuple[Rule, ...]

    @property
    def is_total(self) -> bool:
        """Whether some row matches every event."""
        return any(row.when is None for row in self.rows)


Template = Constant | Expression | Text | Entries | Items | Rules


def compile_template(template: Template) -> Render:
    """A closure that renders an event; MISSING where a null has no default."""
    match template:
        case Constant(value):
            return lambda _: value
        case Expression(field, default):
            return _expression(field, default)
        case Text(parts):
            return _text(parts)
        case Entries(entries):
            return _entries([(key, compile_template(below)) for key, below in entries])
        case Items(items):
            return _items([compile_template(below) for below in items])
        case Rules(rows):
            return _rules([(row.when, compile_template(row.then)) for row in rows])
        case _:
            assert_never(template)


def as_text(value: Any) -> str:
    """A scalar as it stands in joined text."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case datetime():
            return in_milliseconds(value)
        case _:
            return str(value)


def reads(template: Template) -> Iterator[str]:
    """The paths of the fields that a template reads, in order."""
    return (field.path for field in fields_of(template))


def reads_store(template: Template) -> bool:
    """Whether it reads what the customer store knows."""
    return any(field.is_lent for field in fields_of(template))


def fields_of(template: Template) -> Iterator[EventField]:
    """The fields that a template reads, its tables' patterns too, in order."""
    match template:
        case Constant():
            return
        case Expression(field):
            yield field
        case Text(parts):
            yield from (part.field for part in parts if isinstance(part, Expression))
        case Entries(entries):
            for _, below in entries:
                yield from fields_of(below)
        case Items(items):
            for below in items:
                yield from fields_of(below)
        case Rules(rows):
            for row in rows:
                if row.when is not None:
                    yield from (condition.field for condition in conditions(row.when.root))
                yield from fields_of(row.then)
        case _:
            assert_never(template)


def possible(template: Template, domain: Domain) -> tuple[str, ...] | None:
    """Every text that a template can become, given every text that a field can be; None when unbounded.

    Of a list, every text that can stand in it.
    """
    match template:
        case Constant(str() as value):
            return (value,)
        case Expression(field):
            return domain(field.path)
        case Text(parts):
            return _combinations([(p,) if isinstance(p, str) else domain(p.field.path) for p in parts])
        case Constant(list() as values) if all(isinstance(value, str) for value in values):
            return tuple(values)
        case Items(items):
            return _union([possible(below, domain) for below in items])
        case Rules(rows):
            return _union([possible(row.then, domain) for row in rows])
        case Constant() | Entries():
            return None
        case _:
            assert_never(template)


def below(template: Template, steps: tuple[str | int, ...]) -> Template:
    """The deepest template on the way along `steps`."""
    for step in steps:
        found: Template | None = None
        if isinstance(template, Entries):
            found = dict(template.entries).get(str(step))
        elif isinstance(template, Items) and isinstance(step, int):
            found = template.items[step]
        if found is None:
            break
        template = found
    return template


def _expression(field: EventField, default: Any) -> Render:
    if len(field.steps) == 1:
        name = field.steps[0]
        return lambda value: default if (found := value.get(name)) is None else found
    read = getter(field.steps)

    def render(value: Mapping[str, Any]) -> Any:
        found = read(value)
        return default if found is None else found

    return render


def _text(parts: tuple[str | Expression, ...]) -> Render:
    renders = [part if isinstance(part, str) else _expression(part.field, part.default) for part in parts]

    def render(value: Mapping[str, Any]) -> Any:
        texts = []
        for part in renders:
            found = part if isinstance(part, str) else part(value)
            if found is MISSING:
                return MISSING
            texts.append(as_text(found))
        return "".join(texts)

    return render


def _entries(entries: list[tuple[str, Render]]) -> Render:
    def render(value: Mapping[str, Any]) -> Any:
        rendered = {}
        for key, below_key in entries:
            found = below_key(value)
            if found is not MISSING:
                rendered[key] = found
        return rendered

    return render


def _items(items: list[Render]) -> Render:
    return lambda value: [found for item in items if (found := item(value)) is not MISSING]


def _rules(rows: list[tuple[Pattern | None, Render]]) -> Render:
    def render(value: Mapping[str, Any]) -> Any:
        for when, then in rows:
            if when is None or when.matches(value):
                return then(value)
        return MISSING

    return render


def _union(choices: list[tuple[str, ...] | None]) -> tuple[str, ...] | None:
    if any(choice is None for choice in choices):
        return None
    return tuple(dict.fromkeys(text for choice in choices for text in choice or ()))


def _combinations(choices: list[tuple[str, ...] | None]) -> tuple[str, ...] | None:
    known = [choice for choice in choices if choice is not None]
    count = 1
    for choice in known:
        count *= len(choice)
    if len(known) < len(choices) or count > _MOST_COMBINATIONS:
        return None
    return tuple(map("".join, product(*known)))
