"""Each request of the sink as a value (§3). Pure.

Bodies are forms, never JSON. In "body" style one field named `body` holds the JSON; in plain style each
value is a field, lists and objects JSON-encoded.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import orjson

from workers.sinks.ecm.pieces import Key
from workers.sinks.ecm.values import field as plain
from workers.vendors.ecm.ask import Ask, File, Kind


def _body(value: Mapping[str, Any]) -> dict[str, str]:
    return {"body": orjson.dumps(value).decode()}


# -- finding


def by_business_object(key: Key) -> Ask:
    """The direct way to a workspace (§5.1 a)."""
    return Ask("GET", f"v2/externalsystems/{_step(key.system)}/botypes/{_step(key.type)}/boids/{_step(key.id)}")


def workspaces_of(key: Key) -> Ask:
    """The list, which alone can say no (§5.1 b); expanded, or it shows our own recent ones only."""
    where = {"where_ext_system_id": key.system, "where_bo_type": key.type, "where_bo_id": key.id}
    query = [("expanded_view", "true"), *where.items(), ("fields", "properties{id,name,parent_id,type}")]
    return Ask("GET", "v2/businessworkspaces", query)


def children(parent: str, name: str, page: int) -> Ask:
    """Children whose name contains this one (§9)."""
    query = [("where_name", name), ("limit", "100"), ("page", str(page)), ("fields", "properties")]
    return Ask("GET", f"v2/nodes/{parent}/nodes", query)


def node(node_id: str) -> Ask:
    """A node's properties (§9)."""
    return Ask("GET", f"v2/nodes/{node_id}", [("fields", "properties")])


def state_of(node_id: str) -> Ask:
    """A node with the tokens of its categories (§7)."""
    return Ask("GET", f"v2/nodes/{node_id}", [("fields", "properties"), ("state", None)])


# -- categories


def categories(node_id: str) -> Ask:
    """All categories of a node with their values, flat (§7)."""
    return Ask("GET", f"v2/nodes/{node_id}/categories")


def apply_category(node_id: str, category: int, values: Mapping[str, Any], style: str) -> Ask:
    """Add a category with its first values (§7)."""
    given = {"category_id": category, **values}
    return Ask("POST", f"v2/nodes/{node_id}/categories", form=_styled(given, style), writes=True)


def put_category(node_id: str, category: int, values: Mapping[str, Any], token: str | None, style: str) -> Ask:
    """Change some values of a category, from the state that the token names (§7)."""
    lock = {f"{category}_1": {"metadata_token": token}} if token else {}
    path = f"v2/nodes/{node_id}/categories/{category}"
    return Ask("PUT", path, form=_styled({**values, **lock}, style), writes=True)


def _styled(values: Mapping[str, Any], style: str) -> dict[str, str]:
    return _body(values) if style == "body" else {name: plain(value) for name, value in values.items()}


# -- documents and versions


def create_document(body: Mapping[str, Any], file: File) -> Ask:
    """A document (§8.2)."""
    form = _body({"type": 144, **body})
    return Ask("POST", "v2/nodes", form=form, file=file, writes=True, is_slow=True)


def create_version(node_id: str, description: str, *, is_major: bool, file: File) -> Ask:
    """A version; every call adds one (§8.3)."""
    form = {"description": description, "add_major_version": plain(is_major)}
    return Ask("POST", f"v2/nodes/{node_id}/versions", form=form, file=file, writes=True, is_slow=True)


def latest_versions(node_id: str, count: int) -> Ask:
    """The newest versions first (§8.3)."""
    return Ask("GET", f"v2/nodes/{node_id}/versions", [("limit", str(count)), ("page", "1"), ("order", "desc")])


def content(node_id: str) -> Ask:
    """A document's bytes (§8.3)."""
    return Ask("GET", f"v2/nodes/{node_id}/content", kind=Kind.CONTENT)


# -- tasks, reminders, workspaces


def create_task(parent: str, name: str, properties: Mapping[str, Any]) -> Ask:
    """An item of a task list (§11.3)."""
    body = {"type": 206, "parent_id": int(parent), "name": name, **properties}
    return Ask("POST", "v2/nodes", form=_body(body), writes=True)


def add_reminder(node_id: str, data: Mapping[str, Any]) -> Ask:
    """A reminder: its one field is called data (§11.1)."""
    form = {"data": orjson.dumps(data).decode()}
    return Ask("POST", f"v2/resubmission/{node_id}/addreminder", form=form, writes=True)


def followups(node_id: str) -> Ask:
    """The reminders of a node (§11.1)."""
    return Ask("GET", f"v2/nodes/{node_id}/followups")


def create_workspace(body: Mapping[str, Any]) -> Ask:
    """A workspace (§6)."""
    return Ask("POST", "v2/businessworkspaces", form=_body(body), writes=True, is_slow=True)


def _step(text: str) -> str:
    """One step of a path."""
    return quote(text, safe="") if text not in (".", "..") else text.replace(".", "%2E")
