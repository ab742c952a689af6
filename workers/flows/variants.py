"""What a template with tables can be, row by row: how each row of each table is checked before any event is seen."""

from collections.abc import Iterator

from workers.flows.template import Entries, Items, Rules, Template


def variants(template: Template) -> Iterator[Template]:
    """The template when its tables say their first rows, their second ones, and so on; a shorter one repeats its last.

    Each row stands once; a table of which no row need match also says nothing once.
    """
    for turn in range(_turns(template)):
        if (found := _variant(template, turn)) is not None:
            yield found


def _turns(template: Template) -> int:
    match template:
        case Rules():
            return len(_says(template))
        case Entries(entries):
            return max((_turns(below) for _, below in entries), default=1)
        case Items(items):
            return max(map(_turns, items), default=1)
    return 1


def _variant(template: Template, turn: int) -> Template | None:
    """None where a table says nothing."""
    match template:
        case Rules():
            says = _says(template)
            return says[min(turn, len(says) - 1)]
        case Entries(entries):
            chosen = [(key, _variant(below, turn)) for key, below in entries]
            return Entries(tuple((key, found) for key, found in chosen if found is not None))
        case Items(items):
            return Items(tuple(found for below in items if (found := _variant(below, turn)) is not None))
    return template


def _says(rules: Rules) -> list[Template | None]:
    """The values of its rows; None where every row may fail to match."""
    then: list[Template | None] = [row.then for row in rules.rows]
    return then if rules.is_total else [*then, None]
