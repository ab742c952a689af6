"""Tables in `with`: every row is checked once at least, and the first that matches counts, for any tables."""

from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from common import yaml
from tests.support.flows import fields
from workers.flows.pattern_parser import parse_pattern
from workers.flows.place import Place
from workers.flows.site_values import SiteValues
from workers.flows.template import (
    MISSING,
    Constant,
    Entries,
    Items,
    Rule,
    Rules,
    Template,
    compile_template,
)
from workers.flows.variants import variants

CHANNELS = ["EMAIL", "PRINT", "WEB", "SMS"]
Row = tuple[frozenset[str] | None, int]
"""Channels for which it counts (None: for all), and what it says."""

tables = st.lists(
    st.tuples(st.none() | st.frozensets(st.sampled_from(CHANNELS), min_size=1), st.integers(0, 99)),
    min_size=1,
    max_size=5,
)


def table(rows: list[Row]) -> Rules:
    """A table with real patterns."""
    document = yaml.parse("{}", "with.yaml")
    place, values = Place(document, []), SiteValues({})

    def when(channels: frozenset[str]) -> Any:
        return parse_pattern({"channel": sorted(channels)}, place, fields(), values)

    return Rules(tuple(Rule(when(channels) if channels else None, Constant(said)) for channels, said in rows))


@given(tables, st.sampled_from([*CHANNELS, None]))
def test_the_first_row_that_matches_counts(rows: list[Row], channel: str | None) -> None:
    """As a plain search would have it."""
    said = compile_template(table(rows))({"type": "SENT", "channel": channel})

    expected = (value for channels, value in rows if channels is None or channel in channels)
    assert said == next(expected, MISSING)


@given(st.lists(tables, min_size=1, max_size=3))
def test_every_row_stands_in_a_variant(all_rows: list[list[Row]]) -> None:
    """Also beside other tables, which repeat their last row; and each table that may say nothing is left out once."""
    template = Entries(tuple((f"p{n}", Items((table(rows),))) for n, rows in enumerate(all_rows)))

    found = list(variants(template))

    for n, rows in enumerate(all_rows):
        said = [_of(variant, f"p{n}") for variant in found]
        assert {value for _, value in rows} <= {value for values in said for value in values}
        is_total = any(channels is None for channels, _ in rows)
        assert is_total or () in said
    assert not any(map(_has_rules, found))


def _of(variant: Template, key: str) -> tuple[int, ...]:
    assert isinstance(variant, Entries)
    items = dict(variant.entries)[key]
    assert isinstance(items, Items)
    return tuple(item.value for item in items.items if isinstance(item, Constant))


def _has_rules(template: Template) -> bool:
    return any(isinstance(each, Rules) for each in _all(template))


def _all(template: Template) -> Iterator[Template]:
    yield template
    match template:
        case Entries(entries):
            for _, below in entries:
                yield from _all(below)
        case Items(items):
            for below in items:
                yield from _all(below)
