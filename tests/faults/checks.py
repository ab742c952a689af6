"""What must hold of a history when everything is quiet again. Pure: marks in, complaints out."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from tests.faults.events import Mark


def lost(acknowledged: Iterable[Mark], received: Iterable[Mark], dead: Iterable[Mark]) -> list[Mark]:
    """Events that the broker acknowledged and that neither the vendor nor a dead letter has."""
    return sorted(set(acknowledged) - set(received) - set(dead))


def invented(acknowledged: Iterable[Mark], received: Iterable[Mark]) -> list[Mark]:
    """What the vendor has and nobody sent: the harness itself would be wrong."""
    return sorted(set(received) - set(acknowledged))


def out_of_order(received: Sequence[Mark]) -> list[tuple[Mark, Mark]]:
    """Pairs (arrived before, arrived after) of one customer whose first occurrences are in the wrong order."""
    wrong: list[tuple[Mark, Mark]] = []
    newest: dict[str, Mark] = {}
    for mark in dict.fromkeys(received):  # first occurrences, in order of arrival
        before = newest.get(mark.customer)
        if before is not None and before.number > mark.number:
            wrong.append((before, mark))
        else:
            newest[mark.customer] = mark
    return wrong


def repeated(received: Iterable[Mark]) -> Mapping[Mark, int]:
    """How often too many, for each event that the vendor has more than once."""
    return {mark: times - 1 for mark, times in Counter(received).items() if times > 1}


def stale(received: Sequence[Mark]) -> list[tuple[Mark, Mark]]:
    """(newest, last) of each customer whose last arrival is not its newest event: an old value stayed."""
    newest: dict[str, Mark] = {}
    last: dict[str, Mark] = {}
    for mark in received:
        last[mark.customer] = mark
        newest[mark.customer] = max(mark, newest.get(mark.customer, mark))
    return [(newest[customer], last[customer]) for customer in sorted(last) if newest[customer] != last[customer]]
