"""What a site's Extended ECM posts becomes workspace events; pure (ecm.md §13, "Our inbound contract").

Where the signal says what a value was before, the edge is told (a milestone reached, a status changed); where it does
not, an UPDATED snapshot is, and the journey worker finds the edge.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from common.errors import InvalidEventError
from workers.ingest.event_id import canonical_json, hash_of
from workers.ingest.feeds import Signal
from workers.ingest.identity import customer_of, usable_id
from workers.ingest.sources.api import Events, NewEvent
from workers.ingest.sources.ecm_config import EcmVocabulary
from workers.ingest.sources.ecm_payload import EcmSignal
from workers.ingest.sources.envelope import Envelope, actor
from workers.ingest.sources.reading import at, moment, present, read, text

SOURCE, TOPIC = "ecm", "comms.workspace.v1"

_TYPES = {
    "workspace.created": "CREATED",
    "workspace.updated": "UPDATED",
    "workspace.completed": "COMPLETED",
    "workspace.cancelled": "CANCELLED",
    "workspace.reopened": "REOPENED",
    "workspace.renewed": "RENEWED",
    "document.created": "DOCUMENT_ADDED",
    "document.updated": "UPDATED",
    "document.version_added": "UPDATED",
    "document.removed": "DOCUMENT_REMOVED",
    "owner.changed": "OWNER_CHANGED",
    "sla.breached": "WORKFLOW_LATE",
}
"""What needs no look at the attributes."""

_BY_DOCUMENT = frozenset({"document.status_changed", "approval.completed"})


class EcmTranslation:
    """One site's way from its ECM's signals to workspace events."""

    def __init__(self, config: EcmVocabulary, instance: str) -> None:
        self._config, self._instance = config, instance

    def __call__(self, signal: Any, received_at: datetime) -> Events:
        """The event of one signal; raises InvalidEventError naming every missing or wrong field."""
        sent = read(EcmSignal, signal, "one event of ECM")
        errors: list[tuple[str, str]] = []
        expires_at = moment(sent.attributes.get(self._config.expires_attribute), self._expires_path, errors)
        if errors:
            raise InvalidEventError(errors)
        kind = self._kind(sent)
        value = self._envelope(signal, sent, received_at).value(
            kind, **self._workspace(sent), **self._levels(sent, kind), expires_at=expires_at
        )
        return [NewEvent(TOPIC, value, signal=_signal_of(sent.event_type, kind))]

    @property
    def _expires_path(self) -> str:
        return f"attributes.{self._config.expires_attribute}"

    def _envelope(self, signal: Any, sent: EcmSignal, received_at: datetime) -> Envelope:
        instance = self._instance
        natural_id = hash_of(instance, usable_id(sent.event_id) or hash_of(canonical_json(signal)))
        found = (usable_id(at(signal, path)) for path in self._config.identity_paths)
        customer = customer_of(SOURCE, instance, next(filter(None, found), None), workspace_id=sent.workspace.id)
        node = sent.node
        told = present(
            {
                "event_type": sent.event_type,
                "node_id": node.id,
                "version": node.version,
                "web": sent.web,
                "changed_at": sent.changed_at,
                "was_there": sent.was_there or sent.event_type == "document.version_added" or None,
            }
        )
        return Envelope(SOURCE, instance, natural_id, sent.occurred_at, received_at, customer, told)

    def _kind(self, sent: EcmSignal) -> str:
        if sent.event_type in _BY_DOCUMENT:
            return self._kind_of_document(sent.attributes)
        if sent.event_type == "category.changed":
            return self._kind_of_change(sent)
        return _TYPES.get(sent.event_type, "UNKNOWN")

    def _kind_of_document(self, attributes: Mapping[str, Any]) -> str:
        status = text(attributes.get(self._config.status_attribute))
        if status in self._config.approved_statuses:
            return "DOCUMENT_APPROVED"
        return "DOCUMENT_REJECTED" if status in self._config.rejected_statuses else "UPDATED"

    def _kind_of_change(self, sent: EcmSignal) -> str:
        """An edge where the signal says what was before, the weightiest first; a snapshot where it does not."""
        config = self._config
        if sent.has_changed(config.status_attribute):
            return self._kind_of_status(sent)
        if sent.has_changed(config.milestone_attribute):
            return "MILESTONE_REACHED"
        return "RENEWED" if self._is_renewed(sent) else "UPDATED"

    def _kind_of_status(self, sent: EcmSignal) -> str:
        config = self._config
        now, before = (text(one.get(config.status_attribute)) for one in (sent.attributes, sent.previous))
        if now in config.completed_statuses:
            return "COMPLETED"
        if now in config.cancelled_statuses:
            return "CANCELLED"
        return "REOPENED" if before in config.completed_statuses | config.cancelled_statuses else "STATUS_CHANGED"

    def _is_renewed(self, sent: EcmSignal) -> bool:
        """Whether it now runs out later than it did."""
        name, errors = self._config.expires_attribute, list[tuple[str, str]]()
        now, before = (moment(one.get(name), name, errors) for one in (sent.attributes, sent.previous))
        return now is not None and before is not None and now > before

    def _workspace(self, sent: EcmSignal) -> dict[str, Any]:
        workspace, known = sent.workspace, self._config.workspace_types
        linked = workspace.ext_system_id and workspace.bo_type and workspace.bo_id
        return {
            "actor": actor(sent.actor.kind, sent.actor.name) if sent.actor else None,
            "workspace_id": workspace.id,
            "workspace_name": workspace.name,
            "workspace_type": known.get(workspace.type or "", workspace.type),
            "business_object": {"system": workspace.ext_system_id, "type": workspace.bo_type, "id": workspace.bo_id}
            if linked
            else None,
        }

    def _levels(self, sent: EcmSignal, kind: str) -> dict[str, Any]:
        """What is now, and what was before of that which changed."""
        config, attributes = self._config, sent.attributes
        changed = {
            "MILESTONE_REACHED": config.milestone_attribute,
            "OWNER_CHANGED": config.owner_attribute,
            "RENEWED": config.expires_attribute,
        }
        milestone = text(attributes.get(config.milestone_attribute))
        status = text(attributes.get(config.status_attribute))
        is_about_document = sent.event_type.startswith("document.") or sent.event_type in _BY_DOCUMENT
        return {
            "milestone": config.milestones.get(milestone or "", milestone),
            "case_status": None if is_about_document else status,
            "previous": text(sent.previous.get(changed.get(kind, config.status_attribute))),
            "owner": text(attributes.get(config.owner_attribute)),
            "document": self._document(sent, status) if is_about_document else None,
        }

    def _document(self, sent: EcmSignal, status: str | None) -> dict[str, Any]:
        document_type = text(sent.attributes.get(self._config.document_type_attribute))
        visible = document_type in self._config.customer_visible
        if sent.event_type == "document.updated":
            status = self._known_status(status)
        return {"id": sent.node.id, "type": document_type, "status": status, "customer_visible": visible}

    def _known_status(self, status: str | None) -> str | None:
        """What a snapshot says in the words by which the journey worker knows an approval."""
        if status in self._config.approved_statuses:
            return "Approved"
        return "Rejected" if status in self._config.rejected_statuses else status


def _signal_of(event_type: str, kind: str) -> Signal | None:
    if kind == "UNKNOWN":
        return None
    if kind == "WORKFLOW_LATE":
        return Signal.WORKFLOW
    return Signal.DOCUMENT if event_type.startswith("document.") or event_type in _BY_DOCUMENT else Signal.WORKSPACE
