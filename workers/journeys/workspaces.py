"""Workspace events into the workspace's row, and the edges that snapshots only show as levels (design §4).

An edge is derived only against a row that was there: what a first sight shows may be years old, and must contact
nobody. Edges that a source reports itself change the row too, so the next sweep finds nothing new.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from common.store.times import micros
from common.store.values import Workspace
from topics.catalogue import topics
from workers.journeys.memory import Memory

TOPIC = "comms.workspace.v1"

_SNAPSHOTS = frozenset({"CREATED", "UPDATED"})
_ENDS = {"COMPLETED": "complete", "CANCELLED": "cancelled"}
_OPENS = frozenset({"CREATED", "REOPENED", "RENEWED"})
_DOCUMENT_EDGES = {"approved": "DOCUMENT_APPROVED", "rejected": "DOCUMENT_REJECTED"}
_STATUSES = {edge: status for status, edge in _DOCUMENT_EDGES.items()}
_REMOVED = "DOCUMENT_REMOVED"
WAS_THERE = "was_there"
"""The attribute of a snapshot whose document is older than its poller: at first sight it is known, and no news."""

_Edge = tuple[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Endings:
    """The statuses of a case that mean its end, in the words of the events."""

    completed: Collection[str] = ("Complete",)
    cancelled: Collection[str] = ("Cancelled",)

    def edge(self, known: Workspace, status: str) -> str | None:
        """What another status than the known one means; None for an end that was told already."""
        for ends, statuses in (("COMPLETED", self.completed), ("CANCELLED", self.cancelled)):
            if status in statuses:
                return None if known.state == _ENDS[ends] else ends
        was_over = known.case_status in self.completed or known.case_status in self.cancelled
        return "REOPENED" if was_over else "STATUS_CHANGED"


def take_workspace(memory: Memory, value: Mapping[str, Any], endings: Endings) -> None:
    """The workspace with this event, and its edges into the outbox; an older event than the row's changes nothing."""
    at, known = micros(value["occurred_at"]), memory.workspaces.get(value["workspace_id"])
    if known is not None and at < known.changed_at:
        return
    before = known or _unknown(memory, value["workspace_id"])
    if known is not None and value["type"] in _SNAPSHOTS:
        for kind, fields in _edges(known, value, endings):
            _emit(memory, value, kind, fields)
    memory.workspaces.put(_after(before, value, at))


def _edges(known: Workspace, value: Mapping[str, Any], endings: Endings) -> Iterator[_Edge]:
    kinds = {"milestone": "MILESTONE_REACHED", "case_status": None, "owner": "OWNER_CHANGED"}
    for name, kind in kinds.items():
        now, was = value[name], getattr(known, name)
        if now is not None and now != was and (edge := kind or endings.edge(known, now)):
            yield edge, {"previous": was}
    document = value["document"]
    if document is not None:
        before = known.documents.get(document["id"])
        if before is not None or WAS_THERE not in value["attributes"]:
            yield from _document_edges(before, document)


def _document_edges(known: Mapping[str, Any] | None, document: Mapping[str, Any]) -> Iterator[_Edge]:
    if known is None:
        yield "DOCUMENT_ADDED", {}
    status = (document["status"] or "").lower()
    edge = _DOCUMENT_EDGES.get(status)
    if edge and (known is None or (known["status"] or "").lower() != status):
        yield edge, {}


def _emit(memory: Memory, value: Mapping[str, Any], kind: str, fields: Mapping[str, Any]) -> None:
    event = {name: found for name, found in value.items() if name not in ("event_id", "ingested_at")}
    derived = {**event, **fields, "type": kind, "caused_by": value["event_id"]}
    key = topics()[TOPIC].key_of(value)
    if key is not None:
        memory.emit(TOPIC, key, derived, value["workspace_id"], kind, value["event_id"])


def _after(before: Workspace, value: Mapping[str, Any], at: int) -> Workspace:
    expires_at = value["expires_at"]
    stated = {
        "customer_id": value["customer"]["customer_id"] if value["customer"] else None,
        "workspace_type": value["workspace_type"],
        "workspace_name": value["workspace_name"],
        "milestone": value["milestone"],
        "case_status": value["case_status"],
        "owner": value["owner"],
        "expires_at": micros(expires_at) if expires_at else None,
    }
    said = {name: found for name, found in stated.items() if found is not None}
    documents = _documents(before, value)
    return replace(before, state=_state(before, value["type"]), documents=documents, changed_at=at, **said)


def _documents(before: Workspace, value: Mapping[str, Any]) -> dict[str, Any]:
    document = value["document"]
    if document is None:
        return before.documents
    others = {number: known for number, known in before.documents.items() if number != document["id"]}
    if value["type"] == _REMOVED:
        return others
    status = document["status"] or _STATUSES.get(value["type"])
    kept = {"type": document["type"], "status": status, "customer_visible": document["customer_visible"]}
    return {**others, document["id"]: kept}


def _state(before: Workspace, kind: str) -> str:
    return _ENDS.get(kind) or ("open" if kind in _OPENS else before.state)


def _unknown(memory: Memory, workspace_id: str) -> Workspace:
    return Workspace(workspace_id, memory.partition, None, None, None, "open", None, None, None, None, {}, 0)
