"""Alert events into the alert of their key: as it was raised, and what became of it (flow N7)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from common.store.times import micros
from common.store.values import Alert
from workers.journeys.memory import Memory


def take_alert(memory: Memory, value: Mapping[str, Any]) -> None:
    """The alert with this event; an older event changes no state, an outcome counts once whatever its time."""
    at, key = micros(value["occurred_at"]), value["alert_key"]
    alert = memory.alerts.get(key) or _unknown(memory, key)
    if value["type"] == "OUTCOME":
        outcome = value["outcome"] or "unknown"
        seen = {**alert.outcomes.get(outcome, {}), value["event_id"]: at}
        alert = replace(alert, outcomes={**alert.outcomes, outcome: seen})
    elif at >= alert.changed_at:
        alert = replace(alert, state=value["type"], changed_at=at)
    if value["type"] == "RAISED" and at >= (alert.raised_at or 0):
        alert = replace(alert, raised_at=at, **_told(value))
    memory.alerts.put(alert)


def _told(value: Mapping[str, Any]) -> dict[str, Any]:
    expires_at = value["expires_at"]
    return {
        "customer_id": value["customer"]["customer_id"] if value["customer"] else None,
        "topic": value["topic"],
        "severity": value["severity"],
        "title": value["title"],
        "expires_at": micros(expires_at) if expires_at else None,
    }


def _unknown(memory: Memory, key: str) -> Alert:
    return Alert(key, memory.partition, None, None, None, None, "UNKNOWN", None, None, 0, {})
