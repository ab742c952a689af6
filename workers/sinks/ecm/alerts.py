"""The alert that a customer has no workspace in which a decision could be kept. Pure."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from common.event import Event
from workers.sinks.api import Answered, Outcome, Rejected, Yielded
from workers.sinks.ecm.pieces import ConsentPiece, Piece, Where

TOPIC = "comms.alert.v1"
_NAMESPACE = uuid.UUID("0a6b4b2e-7a55-5d0e-9a43-6f3d8f0b5a11")
"""Ours, fixed for ever: decisions about one missing workspace are one alert."""


def nowhere(event: Event, where: Where, audience: Sequence[str]) -> Mapping[str, Any]:
    """One alert for each missing workspace, whatever the number of decisions that wait for it."""
    value, place = event.value, _place(where)
    key = f"no-workspace:{place}"
    return {
        "event_id": str(uuid.uuid5(_NAMESPACE, key)),
        "type": "RAISED",
        "source": value["source"],
        "source_instance": value.get("source_instance"),
        "occurred_at": value["occurred_at"],
        "ingested_at": value["ingested_at"],
        "customer": value.get("customer"),
        "correlation_id": value.get("correlation_id"),
        "caused_by": value["event_id"],
        "alert_key": key,
        "topic": "consent-record",
        "severity": "MEDIUM",
        "title": "A consent decision has no workspace to be kept in",
        "body": f"There is no workspace for {place}. Create it, or correct the link, then redrive the dead letter.",
        "audience": list(audience),
    }


def with_alert(outcome: Outcome, piece: Piece) -> Outcome:
    """The outcome of a delivery whose workspace is not there: whoever is to be told of it is."""
    if not isinstance(piece, ConsentPiece) or piece.alert is None or not isinstance(outcome, Answered):
        return outcome
    told = (Yielded(TOPIC, piece.alert),)
    verdicts = [replace(one, events=told) if isinstance(one, Rejected) else one for one in outcome.verdicts]
    return replace(outcome, verdicts=verdicts)


def _place(where: Where) -> str:
    if where.key is None:
        return f"node {where.node}"
    return f"{where.key.system}/{where.key.type}/{where.key.id}"
