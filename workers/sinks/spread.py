"""Which items of a batch travel, and their verdicts in the batch's order again. Pure."""

from collections.abc import Hashable, Iterable, Mapping, Sequence

from common.reasons import Reason
from workers.sinks.api import Answered, Deferred, Outcome, Verdict


def first_of_each(keys: Iterable[tuple[int, Hashable]]) -> list[int]:
    """The positions at which each key stands first; what has no key (None) is always there."""
    seen: set[Hashable] = set()
    firsts = []
    for position, key in keys:
        if key is None or key not in seen:
            firsts.append(position)
            seen.add(key)
    return firsts


def spread(outcome: Outcome, sent: Sequence[int], known: Mapping[int, Verdict], count: int) -> Outcome:
    """The verdicts of what was sent and those known before; what was kept back is deferred, certainly unsent.

    A hold or a refusal is about the whole batch, and passes as it is.
    """
    if not isinstance(outcome, Answered):
        return outcome
    verdicts: list[Verdict] = [known.get(position, Deferred(Reason.THROTTLED)) for position in range(count)]
    for position, verdict in zip(sent, outcome.verdicts, strict=True):
        verdicts[position] = verdict
    return Answered(verdicts, outcome.hold)
