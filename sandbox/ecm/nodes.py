"""Nodes of every kind: created, read, changed, deleted (page §8, §9, §11.3)."""

from collections.abc import Mapping
from typing import Any

from sandbox.ecm import words
from sandbox.ecm.categories import Categories
from sandbox.ecm.documents import Documents
from sandbox.ecm.forms import Form
from sandbox.ecm.options import Options
from sandbox.ecm.reply import RefusedError, Reply, done, links, paged
from sandbox.ecm.tree import DOCUMENT, TASK, TASK_GROUP, TASK_LIST, TYPES, Node, Tree, properties

_SOURCES = frozenset(
    [
        "file_system",
        "mobile_device",
        "scanner",
        "fax",
        "ftp",
        "shared_drive",
        "removable_disk",
        "backup_media",
        "optical_disk",
        "onedrive",
        "cloud_storage",
        "camera",
        "email_server",
        "elink",
        "opentext_core",
        "edocs",
        "sap",
        "document_management",
        "exchange_mailbox",
        "notes_mailbox",
        "outlook_pst",
        "file_stream",
        "mailbox_other",
    ]
)
_IDENTITY_TYPES = frozenset(
    [
        "email_address",
        "domain_userid",
        "generic_userid",
        "name",
        "last_name",
        "windows_sid",
        "guid",
        "phone_number",
        "ldap_name",
        "exchange_mailboxid",
    ]
)
_KEPT = (
    "external_source",
    "external_identity",
    "external_identity_type",
    "external_create_date",
    "external_modify_date",
    "assigned_member_id",
    "due_date",
    "start_date",
    "priority",
    "status",
    "instructions",
    "attachment_id",
    "url",
    "original_id",
)


class Nodes:
    """Creates, reads, changes and deletes."""

    def __init__(self, options: Options, tree: Tree, categories: Categories, documents: Documents) -> None:
        self._options, self._tree, self._categories, self._documents = options, tree, categories, documents

    def create(self, form: Form, *, is_v1: bool) -> Reply:
        """POST /v1|v2/nodes: duplicates are 400 in v1 and 500 in v2; categories nested in v1, flat in v2 (§8.2)."""
        body = form.json()
        kind, parent = self._kind(body), self._parent(body)
        _checked_source(body)
        if kind == DOCUMENT and form.file is None:
            raise RefusedError(400, words.missing("file"))
        if kind in (TASK, TASK_GROUP) and parent.type not in (TASK_LIST, TASK_GROUP):
            raise RefusedError(400, words.NOT_ALLOWED)
        if "assigned_member_id" in body and body["assigned_member_id"] not in self._options.members:
            raise RefusedError(500, words.BAD_ASSIGNEE)
        roles = body.get("roles") or {}
        given = _by_category(roles.get("categories") or {}, is_nested=is_v1)
        node = self._tree.add(parent, kind, str(body.get("name", "")), 400 if is_v1 else 500)
        try:
            for category, values in given.items():
                self._categories.add(node, category, values)
        except RefusedError:
            self._tree.remove(node)
            raise
        node.description = str(body.get("description", ""))
        node.fields = {name: body[name] for name in _KEPT if name in body}
        if form.file is not None:
            self._documents.add(node, form, "")
        if is_v1:
            return Reply(200, {"id": node.id})
        return done({"data": {"properties": properties(node)}}, "/api/v2/nodes", "POST")

    def read(self, node_id: str, query: Mapping[str, str]) -> Reply:
        """GET /v2/nodes/{id}; missing is 400, not 404 (§9)."""
        node = self._tree.get(node_id, 400)
        results: dict[str, Any] = {"data": {"properties": properties(node)}}
        if "state" in query:
            results["state"] = self._categories.state(node)
        return done(results, f"/api/v2/nodes/{node_id}")

    def children(self, node_id: str, query: Mapping[str, str]) -> Reply:
        """GET /v2/nodes/{id}/nodes; the name is a contains match, missing is 500 (§9)."""
        node = self._tree.get(node_id, 500)
        found = self._tree.children(node.id)
        if part := query.get("where_name"):
            found = [each for each in found if part.lower() in each.name.lower()]
        if kind := query.get("where_type"):
            found = [each for each in found if _is_kind(each, kind)]
        found.sort(key=lambda each: (each.modified, each.id), reverse=query.get("sort") == "desc_modify_date")
        rows, paging = paged(found, int(query.get("limit", "25")), int(query.get("page", "1")))
        shown = [{"data": {"properties": properties(each, is_lean=self._options.lean_children)}} for each in rows]
        return Reply(200, {"links": links("", "GET"), "collection": {"paging": paging}, "results": shown})

    def change(self, node_id: str, form: Form) -> Reply:
        """PUT /v2/nodes/{id}: name, description, parent."""
        node, body = self._tree.writable(node_id, 400), form.json()
        node.name = str(body.get("name", node.name))
        node.description = str(body.get("description", node.description))
        if "parent_id" in body:
            node.parent = self._parent(body).id
        self._tree.touched(node, 9, "Changed")
        return done({"data": {"properties": properties(node)}})

    def delete(self, node_id: str) -> Reply:
        """DELETE /v2/nodes/{id}."""
        self._tree.remove(self._tree.writable(node_id, 400))
        return done({})

    def names(self, form: Form) -> Reply:
        """POST /v1/validation/nodes/names: collisions only (§8.1)."""
        body = form.json()
        parent = self._parent(body)
        wanted = {str(name).lower() for name in body.get("names", [])}
        found = [each for each in self._tree.children(parent.id) if each.name.lower() in wanted]
        return Reply(200, {"results": [{"id": each.id, "name": each.name} for each in found]})

    def audit(self, node_id: str, query: Mapping[str, str]) -> Reply:
        """GET /v2/nodes/{id}/audit: dates are filtered by the day (§12.2)."""
        node = self._tree.get(node_id, 400)
        since, until = query.get("where_audit_date_start", ""), query.get("where_audit_date_end", "9999")
        kept = [row for row in self._tree.audit if row["id"] == node.id]
        kept = [row for row in kept if since[:10] <= row["audit_date"][:10] <= until[:10]]
        order = query.get("sort", "desc_audit_date")
        if order.startswith("desc"):
            kept.reverse()
        rows, paging = paged(kept, int(query.get("limit", "100")), int(query.get("page", "1")))
        collection = {"paging": paging, "sorting": {"sort": [{"key": "sort", "value": order}]}}
        results = {"data": {"audit": list(rows), "audit_event_types": [{"id": 1, "name": "Create"}]}}
        return Reply(200, {"collection": collection, "results": results})

    # -- inside -----------------------------------------------------------------------------------

    def _kind(self, body: Mapping[str, Any]) -> int:
        if "type" not in body:
            raise RefusedError(400, words.missing("type"))
        kind = body["type"]
        if str(kind) not in map(str, TYPES):
            raise RefusedError(400, words.no_subtype(kind))
        return int(kind)

    def _parent(self, body: Mapping[str, Any]) -> Node:
        if "parent_id" not in body:
            raise RefusedError(400, words.missing("parent_id"))
        parent = self._tree.writable(body["parent_id"], 400)
        if not parent.is_container:
            raise RefusedError(400, words.NOT_ALLOWED)
        return parent


def _by_category(given: Mapping[str, Any], *, is_nested: bool) -> dict[int, dict[str, Any]]:
    """v1 and workspaces nest values below their category, v2 does not (§8.2)."""
    found: dict[int, dict[str, Any]] = {}
    for key, value in given.items():
        head = key.partition("_")[0]
        if not head.isdigit() or (is_nested != isinstance(value, dict)):
            raise RefusedError(500, words.BAD_ATTRIBUTE)
        if is_nested:
            found[int(head)] = dict(value)
        else:
            found.setdefault(int(head), {})[key] = value
    return found


def by_category(given: Mapping[str, Any]) -> dict[int, dict[str, Any]]:
    """The nested form."""
    return _by_category(given, is_nested=True)


def _checked_source(body: Mapping[str, Any]) -> None:
    if body.get("external_source") is not None and body["external_source"] not in _SOURCES:
        raise RefusedError(400, words.UNKNOWN_SOURCE)
    if body.get("external_identity_type") is not None and body["external_identity_type"] not in _IDENTITY_TYPES:
        raise RefusedError(400, words.UNKNOWN_IDENTITY_TYPE)


def _is_kind(node: Node, kind: str) -> bool:
    match kind:
        case "-1":
            return node.is_container
        case "-3":
            return not node.is_container
        case "-2":
            return True
    return str(node.type) == kind
