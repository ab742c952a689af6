"""The whole town on Apache Kafka and PostgreSQL: two workers of each kind, killed in the middle.

Two towns live the same weeks at the same time. In one nothing goes wrong: its workers are threads, on the embedded
broker. In the other each kind of worker is two processes, vendors are slow, and all kinds are killed while signals come
in. In the end the vendors hold the same, but for dead letters that say `in_doubt`: there nobody can tell whether the
vendor acted, and nobody is contacted twice.
"""

import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from tests.support.fixtures import Kafka
from tests.support.poll import eventually
from tests.support.town_calm import SINKS, CalmTown, calm_town
from tests.support.town_facts import Fact, Facts
from tests.support.town_fleet import TownFleet
from workers import customers
from workers.demo import acts
from workers.mailbox import Letter

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(900), pytest.mark.soak]

IDS: dict[str, tuple[str, str, str]] = {
    "M1": ("exstream", "sent|job", "renewal_reminder|product_brochure.*standard"),
    "M2": ("marketo", "activity|run", "statement|policy_notice|cross_sell"),
    "M3": ("marketo|exstream", "lead|feed", "unsubscribed|paperless|preferredChannel|PREFERRED_CHANNEL"),
    "M4": ("marketo", "run", "onboarding"),
    "M5": ("marketo|notifications", "run|emails", "retention_workflow|reminder|offer|unanswered"),
    "M6": ("exstream", "sent|job", '"Offer": "(premium|service)"'),
    "M7": ("marketo", "run|list", "follow_up|save"),
    "M8": ("marketo", "communication_c", "document"),
    "N1": ("notifications", "emails", "is complete|has failed"),
    "N2": ("notifications", "emails", "did not reach"),
    "N3": ("notifications", "emails", "For review"),
    "N4": ("notifications", "emails", "overdue"),
    "N5": ("notifications", "emails", "Updated"),
    "N6": ("notifications", "emails", "output generated|delivery completed|Approved"),
    "N7": ("notifications", "emails", "Disk 7"),
    "B1": ("braze", "attributes|campaign|event", "stage|onboarding"),
    "B2": ("braze", "campaign|event", "service"),
    "B3": ("braze", "canvas", "renewal|retention|re-engagement"),
    "B4": ("ecm", "category", "9840"),
    "B5": ("braze", "canvas", "financing"),
    "B6": ("ecm|notifications", "Task|Reminder|emails", "unresolved|reads nothing|Quiet"),
    "B7": ("braze|ecm", "campaign|Document", "feedback|Feedback"),
    "B8": ("ecm", "Document|category", "footer|9850"),
}
"""Of each flow, the facts by which it is known at the vendors: which vendor, kind of fact, and words."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a town's weeks ended."""

    facts: Facts
    letters: dict[str, list[Letter]]


@dataclass(frozen=True, slots=True)
class Both:
    """The town without faults, and the one with."""

    calm: Ended
    killed: Ended

    @property
    def missing(self) -> Facts:
        """What only the calm town's vendors hold."""
        return self.calm.facts - self.killed.facts

    def is_in_doubt(self, fact: Fact) -> bool:
        """Whether a dead letter of the killed town explains why a fact may be missing."""
        found = [one for one in self.killed.letters[fact.vendor] if one.reason == "in_doubt"]
        if fact.vendor == "notifications":
            return bool(found)  # an alert's letter has the key of the alert; how many there are is counted below
        return any((one.key or b"").decode().startswith(fact.whom) for one in found)


@pytest.fixture(scope="module")
def both(kafka: Kafka, postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """Both towns, at the same time."""
    folder = tmp_path_factory.mktemp("towns")
    with ThreadPoolExecutor(2) as threads:
        killed = threads.submit(_live, _fleet(kafka.bootstrap, postgres, folder / "killed"))
        calm = threads.submit(_live, calm_town(folder / "calm"))
        yield Both(calm.result(), killed.result())


@pytest.mark.parametrize("name", IDS)
def test_the_flow_arrived_as_without_faults(both: Both, name: str) -> None:
    """Nothing is lost but what is in doubt, and said so."""
    expected = _of(both.calm.facts, name)
    assert expected, "the town plays this flow"

    missing = expected - _of(both.killed.facts, name)

    assert [one for one in missing if not both.is_in_doubt(one)] == []


def test_nothing_happened_twice(both: Both) -> None:
    """Whoever was killed: the vendors hold nothing that the calm town's do not."""
    assert sorted((both.killed.facts - both.calm.facts).elements()) == []


def test_what_is_missing_is_in_doubt(both: Both) -> None:
    """Counted: no more is missing than there are dead letters of that vendor, and they are the only ones more."""
    killed, calm = both.killed.letters, both.calm.letters
    doubts = {sink: [one for one in killed[sink] if one.reason == "in_doubt"] for sink in SINKS}

    assert [one for one in both.missing if not both.is_in_doubt(one)] == []
    for sink in SINKS:
        lost = {_effect(one) for one in both.missing if one.vendor == sink and one.kind != "attributes"}
        assert len(lost) <= len(doubts[sink]), (lost, [one.facts for one in doubts[sink]])
    assert {sink: _reasons(killed[sink], but="in_doubt") for sink in SINKS} == {
        sink: _reasons(calm[sink]) for sink in SINKS
    }


def _effect(fact: Fact) -> str:
    """What one request has done: a message goes to many, a send sets attributes beside it."""
    return fact.what if fact.vendor == "notifications" else f"{fact.whom} {fact.what}"


def _of(facts: Facts, name: str) -> Facts:
    vendors, kinds, words = (re.compile(one) for one in IDS[name])
    return Counter(
        {
            one: count
            for one, count in facts.items()
            if vendors.search(one.vendor) and kinds.search(one.kind) and words.search(one.what)
        }
    )


def _reasons(letters: list[Letter], but: str = "") -> Counter[tuple[str, str]]:
    return Counter((one.flow, one.reason) for one in letters if one.reason != but)


def _live(begun: AbstractContextManager[CalmTown | TownFleet]) -> Ended:
    """The weeks of a town."""
    with begun as town:
        workspaces = _move_in(town)
        _have_a_morning(town, workspaces)
        town.settle()
        town.await_days(3)  # whose case is done is asked for feedback
        town.post(acts.feedback(workspaces, {who.id for who in acts.PEOPLE[25:28]}))
        town.await_days(31)
        return Ended(town.facts(), town.letters())


@contextmanager
def _fleet(bootstrap: str, postgres: str, folder: Path) -> Iterator[TownFleet]:
    with psycopg.connect(f"{postgres}/postgres", autocommit=True) as connection:
        connection.execute(b"CREATE DATABASE town")
    with TownFleet(folder, bootstrap, f"{postgres}/town", "town.", 2) as fleet:
        fleet.await_ready()
        yield fleet


def _move_in(town: CalmTown | TownFleet) -> dict[str, str]:
    newcomer = acts.PEOPLE[23]
    town.vendors.leads(acts.PEOPLE)
    town.post(acts.census())
    town.settle()
    workspaces = town.vendors.workspaces()
    town.vendors.leads([newcomer], lifecycleStage="prospect", productInterest="savings")
    town.vendors.approved_block("footer", workspaces[newcomer.id], "<p>Approved by legal</p>")
    town.start_pollers()
    town.settle()
    eventually(lambda: _knows(town, newcomer.id), 60, every_s=0.5, what="the newcomer's stage is known")
    town.vendors.scored(newcomer, 92, 70)
    town.settle()
    eventually(lambda: _has_an_offer(town, newcomer.id), 120, every_s=1, what="the newcomer has an offer")
    return workspaces


def _have_a_morning(town: CalmTown | TownFleet, workspaces: dict[str, str]) -> None:
    """The killed town's vendors take their time, so that requests are on their way when workers are killed."""
    town.post(acts.wishes())
    if isinstance(town, TownFleet):
        for vendor in SINKS:
            town.vendors.fault(vendor, {"kind": "slow", "delay_s": 0.4, "share": 0.5, "for_s": 30})
    town.post(acts.onboarding(), _once(12, lambda: town.kill(0)))
    town.post(itertools.chain(acts.letters(), acts.interest(), acts.production()))  # each happens when it is posted
    claims = list(acts.claims(workspaces))
    town.post(claims, _once(len(claims) // 2, lambda: town.kill(1)))
    town.post(acts.contracts(town.date(33), town.date(400)))


def _once(at: int, act: Callable[[], None]) -> Callable[[], None]:
    """Something to be called before each signal, that acts before the one of this number."""
    numbers = itertools.count()

    def called() -> None:
        if next(numbers) == at:
            act()

    return called


def _knows(town: CalmTown | TownFleet, customer_id: str) -> bool:
    """Whether the store has heard of the lead's stage: a poller told."""
    found = customers.everything(town.settings, customer_id, reveal=True)
    return any("lifecycle_stage" in row["facts"] for row in found.get("profile", []))


def _has_an_offer(town: CalmTown | TownFleet, customer_id: str) -> bool:
    """Before anything else starts the same journey: which came first would be chance."""
    return any((one.kind, one.whom) == ("sent", customer_id) for one in town.facts())
