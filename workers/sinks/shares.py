"""Whole parts of what a fleet shares: requests and slots by groups, then by partitions. Pure.

A vendor's limit is a number of whole things. Its groups get theirs by a configured split; a group's are laid
evenly over the partition numbers, thing j on partition ⌊j·P/things⌋, and belong to whoever owns that partition.
So nobody has to ask anybody, and the parts add up to the whole whoever owns what.
"""

from collections.abc import Collection, Mapping

from common.errors import ConfigurationError


def split_whole(total: int, split: Mapping[str, float]) -> dict[str, int]:
    """So many whole things divided by weight, each group at least one; they add up to `total`.

    What rounding leaves goes to the largest remainders (Hamilton's method). Raises ConfigurationError when
    there are fewer things than groups, or a weight is not positive.
    """
    if total < len(split) or not split or min(split.values()) <= 0:
        raise ConfigurationError(f"{total} cannot be split as {dict(split)}: a group needs one, and a weight above 0")
    weights = sum(split.values())
    spare = total - len(split)
    exact = {group: spare * weight / weights for group, weight in split.items()}
    parts = {group: 1 + int(part) for group, part in exact.items()}
    by_remainder = sorted(exact, key=lambda group: int(exact[group]) - exact[group])
    for group in by_remainder[: total - sum(parts.values())]:
        parts[group] += 1
    return parts


def part(things: int, partitions: int, number: int) -> int:
    """How many of a group's things lie on one partition number."""
    return _below(number + 1, things, partitions) - _below(number, things, partitions)


def part_of(things: int, partitions: int, numbers: Collection[int]) -> int:
    """How many of a group's things belong to the owner of these partition numbers."""
    return sum(part(things, partitions, number) for number in numbers)


def most_workers(things: int, partitions: int) -> int:
    """How many workers can share so many things, each getting one of what the range assignor gives it.

    The largest n with ⌊partitions÷n⌋ >= ⌈partitions÷things⌉.
    """
    return partitions // -(-partitions // things) if things > 0 else 0


def _below(number: int, things: int, partitions: int) -> int:
    """How many things lie on partitions below this one: the j with ⌊j·P/things⌋ < number."""
    return -(-number * things // partitions)
