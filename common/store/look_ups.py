"""What a sink, or the consent API, asks the store: everything about a batch of customers in one short read."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection

from common.store import shapes
from common.store.database import Database
from common.store.opening import partition_count
from common.store.partitions import oldest_fresh_at
from common.store.pseudonyms import Pseudonyms
from common.store.rows import Key
from common.store.times import moment_of
from common.store.values import Evidence, Json, Profile

IDENTITY = "customer"


Wish = tuple[str, str, str, str, str]
"""Whose wish, and its scope: customer id, kind, channel, purpose, subscription group; empty for every one."""


class Decided(NamedTuple):
    """What was last decided about a wish, and when it took effect (microseconds)."""

    state: str
    effective_at: int


class Who(NamedTuple):
    """A customer and the addresses that would be used; one that is not given is that of the profile."""

    customer_id: str
    email: str | None = None
    phone: str | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What the store knows of a customer. One who is missing is a fact, not an error: `is_known` is false.

    `erased_at` is of somebody who is forgotten and has not come back. `reports` is about the customer, substitutes
    linked to them, and the addresses asked for: `subjects` has those, by the channel that uses them.
    """

    who: Who
    is_known: bool = False
    profile: Json = field(default_factory=dict)
    customer: Json = field(default_factory=dict)
    engaged_at: datetime | None = None
    erased_at: datetime | None = None
    reports: tuple[Evidence, ...] = ()
    subjects: Mapping[str, str] = field(default_factory=dict)

    def reports_for(self, channel: str) -> list[Evidence]:
        """What concerns a channel: everything about the customer, and about the address that it uses."""
        address = self.subjects.get(channel)
        return [one for one in self.reports if one.subject.startswith("c:") or one.subject == address]


@dataclass(frozen=True, slots=True)
class Answer:
    """A look-up's result, by customer id; `fresh_at` is the oldest of all partitions, None when nobody knows.

    `decided` has of each wish that was asked about what was last decided.
    """

    known: Mapping[str, Known]
    fresh_at: datetime | None
    decided: Mapping[Wish, Decided] = field(default_factory=dict)


class LookUps:
    """Batched reads; `partitions` is the topics' count, over which freshness is taken; None asks the store for it."""

    def __init__(self, database: Database, pseudonyms: Pseudonyms, partitions: int | None = None) -> None:
        self._database, self._pseudonyms, self._partitions = database, pseudonyms, partitions

    def ask(self, whose: Iterable[Who], wishes: Collection[Wish] = ()) -> Answer:
        """Everything about these customers, and how these wishes were decided; raises StoreDownError."""
        asked = {who.customer_id: who for who in whose}
        with self._database.reading() as connection:
            # freshness first: what is read after it is at least as new
            fresh_at = oldest_fresh_at(connection, self._partitions or partition_count(connection) or 0)
            known = self._read(connection, asked) if asked else {}
            decided = shapes.DECISIONS.by_keys(connection, wishes) if wishes else {}
        wanted = {_wish(key): Decided(one.state, one.effective_at) for key, one in decided.items()}
        return Answer(known, moment_of(fresh_at) if fresh_at else None, wanted)

    def _read(self, connection: Connection, asked: Mapping[str, Who]) -> dict[str, Known]:
        names = [(customer_id,) for customer_id in asked]
        profiles = {key[0]: profile for key, profile in shapes.PROFILES.by_keys(connection, names).items()}
        addresses = {name: self._addresses(who, profiles.get(name)) for name, who in asked.items()}
        erased = self._erased(connection, [name for name in asked if name not in profiles])
        reports = self._reports(connection, addresses)
        return {
            name: _known(who, profiles.get(name), erased.get(name), reports.get(name, ()), addresses[name])
            for name, who in asked.items()
        }

    def _erased(self, connection: Connection, asked: Iterable[str]) -> dict[str, datetime]:
        identities = {self._pseudonyms.identity(IDENTITY, customer_id): customer_id for customer_id in asked}
        stones = shapes.TOMBSTONES.by_keys(connection, [(identity,) for identity in identities])
        return {identities[stone.identity]: moment_of(stone.erased_at) for stone in stones.values()}

    def _reports(
        self, connection: Connection, addresses: Mapping[str, Mapping[str, str]]
    ) -> Mapping[str, tuple[Evidence, ...]]:
        """By customer id, what was reported of them, of substitutes linked to them, and of these addresses."""
        whose: defaultdict[str, list[str]] = defaultdict(list)
        for customer_id, subjects in addresses.items():
            for subject in (f"c:{customer_id}", *subjects.values()):
                whose[subject].append(customer_id)
        links = shapes.LINKS.where_in(connection, ("customer_id",), [(customer_id,) for customer_id in addresses])
        for one in links:
            whose[f"c:{one.substitute_id}"].append(one.customer_id)
        found: defaultdict[str, tuple[Evidence, ...]] = defaultdict(tuple)
        for report in shapes.EVIDENCE.where_in(connection, ("subject",), [(subject,) for subject in whose]):
            for customer_id in whose[report.subject]:
                found[customer_id] += (report,)
        return found

    def _addresses(self, who: Who, profile: Profile | None) -> dict[str, str]:
        known = profile.customer if profile else {}
        used = {"EMAIL": who.email or known.get("email"), "SMS": who.phone or known.get("phone")}
        return {channel: self._pseudonyms.address(text) for channel, text in used.items() if text}


def _wish(key: Key) -> Wish:
    customer_id, kind, channel, purpose, group = key
    return customer_id, kind, channel, purpose, group


def _known(
    who: Who, profile: Profile | None, erased_at: datetime | None, reports: tuple[Evidence, ...],
    subjects: Mapping[str, str],
) -> Known:  # fmt: skip
    if profile is None:
        return Known(who, erased_at=erased_at, reports=reports, subjects=subjects)
    engaged_at = moment_of(profile.engaged_at) if profile.engaged_at else None
    return Known(who, True, profile.facts, profile.customer, engaged_at, erased_at, reports, subjects)
