"""A group's slice of what a vendor allows: whole parts, and how many workers can share them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from pydantic import BaseModel

from common.errors import ConfigurationError
from workers.check import check
from workers.settings import Settings
from workers.sinks.action import Action, Contacts, Repeat
from workers.sinks.limit import Limit, WindowKind
from workers.sinks.slices import slices

RATE, DAY = Limit(100, 20.0), Limit(40_000, 86_400.0, WindowKind.DAY, is_counted=True)
MARKETO = {
    "base_url": "https://123-ABC-456.mktorest.com",
    "client_id": "id",
    "client_secret": "secret",
    "customer_id_field": "customerNumber",
}


def _action(name: str, group: str) -> Action:
    return Action(name, Repeat.REPEATABLE, Contacts.NOBODY, BaseModel, 1, 1, 0, group)


@dataclass(frozen=True)
class Vendor:
    """Two groups, a rate, a day, and so many at once."""

    name: str = "vendor"
    actions: Mapping[str, Action] = field(
        default_factory=lambda: {"put": _action("put", "main"), "consent": _action("consent", "consent")}
    )
    limits: Sequence[Limit] = (RATE, DAY)
    at_once: int | None = 10


def test_groups_have_whole_parts_that_add_up() -> None:
    """Of the rate and of what runs at once; of the vendor's own count each has its weight."""
    main, consent = slices(Vendor(), 0.2)["main"], slices(Vendor(), 0.2)["consent"]
    assert (main.requests, consent.requests) == ({RATE: 79}, {RATE: 21})
    assert (main.slots, consent.slots) == (7, 3)
    assert main.counted == DAY
    assert main.weight == pytest.approx(0.8)


def test_what_bounds_the_workers_is_told() -> None:
    """The smallest part; where nothing is bounded, the partitions."""
    parts = slices(Vendor(), 0.2)
    assert parts["main"].most_workers(12) == (6, "7 requests at once")
    assert parts["consent"].most_workers(12) == (3, "3 requests at once")
    assert slices(Vendor(limits=(), at_once=None), 0.2)["main"].most_workers(12) == (12, "its partitions")


def test_a_limit_too_small_for_every_group_is_refused() -> None:
    """With the sink's name and the way out."""
    with pytest.raises(ConfigurationError, match=r"sink vendor: its limit of 1 cannot be split.*sinks\.vendor"):
        slices(Vendor(at_once=1), 0.2)


@pytest.mark.parametrize(("workers", "told"), [(2, []), (3, ["consent"]), (4, ["main", "consent"])])
def test_check_says_what_cannot_be_shared_by_so_many(workers: int, told: list[str]) -> None:
    """Marketo's five at once are three and two: enough for three and two workers on twelve partitions."""
    settings = Settings.model_validate({"sinks": {"marketo": MARKETO | {"start_from": "end"}}})
    problems = [problem.message for problem in check(settings, workers=workers) if problem.part == "budget"]
    assert [message.split("group ")[1].split(":")[0] for message in problems] == told


def test_check_says_what_no_group_can_have() -> None:
    """One request in 20 seconds is nothing for two groups, however few workers there are."""
    settings = Settings.model_validate({"sinks": {"marketo": MARKETO | {"start_from": "end", "requests_per_20_s": 1}}})
    (problem,) = [problem for problem in check(settings) if problem.part == "budget"]
    assert "raise it in sinks.marketo" in problem.message
