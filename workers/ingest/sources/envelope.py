"""The fields that every event begins with, made in one place for every source."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from workers.ingest.event_id import event_id
from workers.ingest.sources.words import ActorKind


@dataclass(frozen=True, slots=True)
class Envelope:
    """What all events of one signal share. `natural_id` is the source's own id of the signal, or its hash."""

    source: str
    instance: str
    natural_id: str
    occurred_at: datetime
    received_at: datetime
    customer: Mapping[str, Any] | None = None
    attributes: Mapping[str, str] | None = None

    def value(self, event_type: str, part: str = "", /, **fields: Any) -> dict[str, Any]:
        """An event's value; `part` tells the events of one signal apart, the first of them has none."""
        natural_id = f"{self.natural_id}\n{part}" if part else self.natural_id
        return {
            "event_id": event_id(self.source, natural_id),
            "type": event_type,
            "source": self.source,
            "source_instance": self.instance,
            "occurred_at": self.occurred_at,
            "ingested_at": self.received_at,
            "customer": self.customer,
            "attributes": dict(self.attributes or {}),
            **fields,
        }


def actor(kind: ActorKind | None, actor_id: str | None = None) -> dict[str, Any] | None:
    """Who caused it, None where the source does not say."""
    return {"kind": kind.value, "id": actor_id} if kind else None
