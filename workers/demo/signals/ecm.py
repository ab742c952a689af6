"""What a site's Extended ECM posts of workspaces and documents (ecm.md §13)."""

import uuid
from collections.abc import Mapping
from typing import Any

from workers.demo.signals import now
from workers.demo.signals.people import Person


def workspace(
    event_type: str,
    who: Person,
    workspace_id: str,
    kind: str,
    attributes: Mapping[str, Any] | None = None,
    previous: Mapping[str, Any] | None = None,
    node: str | None = None,
) -> Mapping[str, Any]:
    """An event of a workspace, or of a node in it; `previous` is what the sender knows of before."""
    return {
        "event_id": str(uuid.uuid4()),
        "event_type": event_type,
        "occurred_at": now(),
        "node": {"id": node or workspace_id, "type": 144 if node else 848, "version": 1},
        "workspace": {
            "id": workspace_id,
            "name": f"{kind} of {who.first_name} {who.last_name}",
            "type": kind,
            "ext_system_id": "SF",
            "bo_type": "Account",
            "bo_id": who.id,
        },
        "actor": {"id": 7240, "login": "jdoe"},
        "attributes": {"Customer Id": who.id, **(attributes or {})},
        "previous": previous or {},
        "links": {"web": f"https://ecm.example.com/app/nodes/{node or workspace_id}"},
    }


def document(
    event_type: str, who: Person, workspace_id: str, kind: str, document_type: str, status: str
) -> Mapping[str, Any]:
    """The same of a document of a type."""
    node = str(uuid.uuid4().int % 10**8)
    attributes = {"Document Type": document_type, "Status": status}
    return workspace(event_type, who, workspace_id, kind, attributes, node=node)
