"""Erasure: an event that the partition's owner applies (design §8).

Everything under the customer's id, and under substitutes linked to it, is deleted. What stays is a tombstone, the HMAC
of each id, by which older events are ignored, and objections by address, which hold for the address whoever has it.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, delete, select

from common.store import shapes, tables
from common.store.pseudonyms import Pseudonyms
from common.store.values import Outgoing, Profile, Scope, Tombstone
from workers.journeys.memory import Memory
from workers.journeys.preferences import TOPIC, consent_key

_IDS = ("marketo_lead_id", "braze_external_id")

_BY_CUSTOMER = (
    tables.profile,
    tables.decision,
    tables.system_view,
    tables.workspace,
    tables.alert,
    tables.timeline,
    tables.instance,
    tables.timer,
    tables.link,
)


class Identities:
    """A customer's ids under the HMAC, as tombstones keep them."""

    def __init__(self, pseudonyms: Pseudonyms) -> None:
        self._pseudonyms = pseudonyms

    def of(self, customer: Mapping[str, Any]) -> list[str]:
        """Of everything in this record that names the customer."""
        others = ((name, customer.get(name)) for name in _IDS)
        named = [("customer", customer["customer_id"]), *((name, found) for name, found in others if found)]
        return [self._pseudonyms.identity(kind, text) for kind, text in named]

    def is_forgotten(self, memory: Memory, customer: Mapping[str, Any], at: int) -> bool:
        """Whether an event of this customer, at this time, is to be ignored."""
        stones = (memory.tombstones.get(identity) for identity in self.of(customer))
        return any(stone is not None and at <= stone.erased_at for stone in stones)


def erase(connection: Connection, identities: Identities, memory: Memory, customer: Mapping[str, Any], at: int) -> None:
    """Delete all that is known of a customer; what goes to the outbox is left in `memory`."""
    ids = sorted({customer["customer_id"], *_substitutes(connection, customer["customer_id"])})
    records = [customer, *_records(connection, ids), *({"customer_id": one} for one in ids)]
    stones = {Tombstone(identity, at) for record in records for identity in identities.of(record)}
    memory.outbox.extend(_forgotten(connection, memory, customer["customer_id"], ids))
    shapes.TOMBSTONES.save(connection, stones)
    for table in _BY_CUSTOMER:
        connection.execute(delete(table).where(table.c.customer_id.in_(ids)))
    subjects = [f"c:{one}" for one in ids]
    connection.execute(delete(tables.evidence).where(tables.evidence.c.subject.in_(subjects)))


def _substitutes(connection: Connection, customer_id: str) -> Iterable[str]:
    query = select(tables.link.c.substitute_id).where(tables.link.c.customer_id == customer_id)
    return [row.substitute_id for row in connection.execute(query)]


def _records(connection: Connection, ids: list[str]) -> list[dict[str, Any]]:
    found: Iterable[Profile] = shapes.PROFILES.select(connection, tables.profile.c.customer_id.in_(ids))
    return [{**profile.customer, "customer_id": profile.customer_id} for profile in found]


def _forgotten(connection: Connection, memory: Memory, customer_id: str, ids: list[str]) -> list[Outgoing]:
    """Deletions from the compacted topic of decisions."""
    scratch = Memory(memory.partition, memory.now)
    for one in list(shapes.DECISIONS.select(connection, tables.decision.c.customer_id.in_(ids))):
        scope = Scope(one.kind, one.channel, one.purpose, one.subscription_group)
        scratch.forget(TOPIC, consent_key(one.customer_id, scope), customer_id, *scope, str(memory.now))
    return scratch.outbox
