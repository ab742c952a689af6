"""What a sink, or the consent API, asks the store: everything about a batch of customers in one short read."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import Connection

from common.store import shapes
from common.store.database import Database
from common.store.partitions import oldest_fresh_at
from common.store.pseudonyms import Pseudonyms
from common.store.times import moment_of
from common.store.values import Evidence, Json, Profile

IDENTITY = "customer"


@dataclass(frozen=True, slots=True)
class Who:
    """A customer and the addresses that would be used."""

    customer_id: str
    email: str | None = None
    phone: str | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What the store knows of a customer. One who is missing is a fact, not an error: `is_known` is false.

    `reports` is about the customer, substitutes linked to them, and the addresses asked for: `subjects` has those,
    by the channel that uses them.
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
    """A look-up's result, by customer id; `fresh_at` is the oldest of all partitions, None when nobody knows."""

    known: Mapping[str, Known]
    fresh_at: datetime | None


class LookUps:
    """Batched reads; `partitions` is the topics' count, over which freshness is taken."""

    def __init__(self, database: Database, pseudonyms: Pseudonyms, partitions: int) -> None:
        self._database, self._pseudonyms, self._partitions = database, pseudonyms, partitions

    def ask(self, whose: Iterable[Who]) -> Answer:
        """Everything about these customers; raises StoreDownError."""
        asked = {who.customer_id: who for who in whose}
        with self._database.reading() as connection:
            # freshness first: what is read after it is at least as new
            fresh_at = oldest_fresh_at(connection, self._partitions)
            known = self._read(connection, asked)
        return Answer(known, moment_of(fresh_at) if fresh_at else None)

    def _read(self, connection: Connection, asked: Mapping[str, Who]) -> dict[str, Known]:
        names = [(customer_id,) for customer_id in asked]
        profiles = shapes.PROFILES.by_keys(connection, names)
        erased = self._erased(connection, asked)
        reports = self._reports(connection, asked)
        return {
            customer_id: replace(
                _known(who, profiles.get((customer_id,))),
                erased_at=erased.get(customer_id),
                reports=reports[customer_id],
                subjects=self._addresses(who),
            )
            for customer_id, who in asked.items()
        }

    def _erased(self, connection: Connection, asked: Iterable[str]) -> dict[str, datetime]:
        identities = {self._pseudonyms.identity(IDENTITY, customer_id): customer_id for customer_id in asked}
        stones = shapes.TOMBSTONES.by_keys(connection, [(identity,) for identity in identities])
        return {identities[stone.identity]: moment_of(stone.erased_at) for stone in stones.values()}

    def _reports(self, connection: Connection, asked: Mapping[str, Who]) -> Mapping[str, tuple[Evidence, ...]]:
        whose: defaultdict[str, list[str]] = defaultdict(list)
        for customer_id, who in asked.items():
            for subject in self._subjects(who):
                whose[subject].append(customer_id)
        links = shapes.LINKS.where_in(connection, ("customer_id",), [(customer_id,) for customer_id in asked])
        for one in links:
            whose[f"c:{one.substitute_id}"].append(one.customer_id)
        found: defaultdict[str, tuple[Evidence, ...]] = defaultdict(tuple)
        for report in shapes.EVIDENCE.where_in(connection, ("subject",), [(subject,) for subject in whose]):
            for customer_id in whose[report.subject]:
                found[customer_id] += (report,)
        return found

    def _subjects(self, who: Who) -> list[str]:
        return [f"c:{who.customer_id}", *self._addresses(who).values()]

    def _addresses(self, who: Who) -> dict[str, str]:
        used = {"EMAIL": who.email, "SMS": who.phone}
        return {channel: self._pseudonyms.address(text) for channel, text in used.items() if text}


def _known(who: Who, profile: Profile | None) -> Known:
    if profile is None:
        return Known(who)
    engaged_at = moment_of(profile.engaged_at) if profile.engaged_at else None
    return Known(who, True, profile.facts, profile.customer, engaged_at)
