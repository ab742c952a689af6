"""The events that benchmarks send: the same ones for every contender and every run."""

import random
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain, repeat
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from common.codec import Encoder, LocalSchemas
from topics.catalogue import topics

TOPIC = "comms.communication.v1"

_SEED = 20260302
_NAMESPACE = UUID("0b0f6a4e-6d1c-4c1e-8a65-5a8f6f5d2c77")
_START = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
_DOCUMENTS = ("billing_statement", "policy_packet", "welcome_letter", "service_notice")
_PRODUCTS = ("home", "motor", "life")


class Payload(NamedTuple):
    """Key and value of a record, as they stand on the topic."""

    key: bytes
    value: bytes


def payloads(count: int, keys: int) -> Iterator[Payload]:
    """`count` encoded events of `keys` customers in a random order that never changes."""
    return encoded(events(count, keys))


def encoded(values: Iterable[dict[str, Any]]) -> Iterator[Payload]:
    """Events as they stand on the topic."""
    encoder, key_of = Encoder(LocalSchemas()), topics()[TOPIC].key_of
    for value in values:
        key = key_of(value)
        if key is None:
            raise ValueError(f"{TOPIC} gives this event no key: {value['event_id']}")
        yield Payload(key, encoder.encode(TOPIC, value))


def events(count: int, keys: int) -> Iterator[dict[str, Any]]:
    """The values of the events: every customer has one at least, as far as `count` goes."""
    chance = random.Random(_SEED)
    first = list(range(keys))
    chance.shuffle(first)
    anybody = (chance.randrange(keys) for _ in repeat(None))
    for number, customer in zip(range(count), chain(first, anybody), strict=False):
        yield event(number, customer)


def event(number: int, customer: int) -> dict[str, Any]:
    """One document that was sent to a customer; about 450 bytes as Avro."""
    at = _START + timedelta(milliseconds=number)
    return {
        "event_id": str(uuid5(_NAMESPACE, f"event/{number}")),
        "type": "SENT",
        "source": "exstream",
        "source_instance": "statements.example.com",
        "occurred_at": at,
        "ingested_at": at + timedelta(seconds=4),
        "customer": {
            "customer_id": f"C-{customer:06d}",
            "resolved": True,
            "email": f"customer.{customer}@example.com",
            "first_name": "Ada",
            "last_name": "Moreno",
            "locale": "en-GB",
            "time_zone": "Europe/London",
        },
        "correlation_id": str(uuid5(_NAMESPACE, f"job/{number // 1000}")),
        "attributes": {"site": "north"},
        "document_id": str(uuid5(_NAMESPACE, f"document/{number}")),
        "communication_id": str(uuid5(_NAMESPACE, f"communication/{number % 12}")),
        "document_type": _DOCUMENTS[number % len(_DOCUMENTS)],
        "template_id": "statement-2026-03",
        "product": _PRODUCTS[number % len(_PRODUCTS)],
        "purpose": "SERVICE",
        "channel": "EMAIL",
        "batch_id": f"batch-{number // 10_000}",
    }
