"""Business workspaces (page §5, §6)."""

from collections.abc import Mapping
from typing import Any

from sandbox.ecm import words
from sandbox.ecm.categories import Categories
from sandbox.ecm.forms import Form
from sandbox.ecm.nodes import by_category
from sandbox.ecm.options import CUSTOMER_TEMPLATE, ENTERPRISE, Options
from sandbox.ecm.reply import RefusedError, Reply, done, links, paged
from sandbox.ecm.tree import FOLDER, TASK_LIST, WORKSPACE, Node, Tree, properties

Key = tuple[str, str, str]
_TEMPLATE_TREE = (("Letters", FOLDER), ("Tasks", TASK_LIST))


class Workspaces:
    """Found by business object, created from a template."""

    def __init__(self, options: Options, tree: Tree, categories: Categories) -> None:
        self._options, self._tree, self._categories = options, tree, categories
        self._touched: dict[str, set[int]] = {}
        for key in options.workspaces:
            self._made(key, f"{key[2]} - {key[1]}", CUSTOMER_TEMPLATE, tree.get(ENTERPRISE, 400))

    def direct(self, key: Key) -> Reply:
        """GET /v2/externalsystems/{}/botypes/{}/boids/{}: not found is an error whose status is a switch (§5.1)."""
        found = self._tree.workspaces_of(key)
        if not found:
            raise RefusedError(self._options.bo_not_found_status, words.no_node("/".join(key)))
        return self._page_of(found, 500, 1)

    def listed(self, query: Mapping[str, str], user: str) -> Reply:
        """GET /v2/businessworkspaces: without expanded_view only what this account touched (§5.1)."""
        found = [node for node in self._tree if node.type == WORKSPACE and not self._tree.is_hidden(node)]
        if query.get("expanded_view") != "true":
            found = [node for node in found if node.id in self._touched.get(user, set())]
        for name, position in (("where_ext_system_id", 0), ("where_bo_type", 1), ("where_bo_id", 2)):
            if wanted := query.get(name):
                found = [node for node in found if node.business_object and node.business_object[position] == wanted]
        if wanted := query.get("where_workspace_type_id"):
            found = [node for node in found if str(node.workspace_type) == wanted]
        if wanted := query.get("where_workspace_type_name"):
            found = [node for node in found if self._type_name(node).lower().startswith(wanted.lower())]
        if wanted := query.get("where_name"):
            found = [node for node in found if node.name == wanted]
        if query.get("sort") in ("asc_modify_date", "desc_modify_date"):
            found.sort(key=lambda node: (node.modified, node.id), reverse=query["sort"].startswith("desc"))
        return self._page_of(found, int(query.get("limit", "500")), int(query.get("page", "1")))

    def read(self, node_id: str, user: str) -> Reply:
        """GET /v2/businessworkspaces/{id}."""
        node = self._tree.get(node_id, 400)
        if node.type != WORKSPACE:
            raise RefusedError(400, words.no_node(node_id))
        self._touched.setdefault(user, set()).add(node.id)
        system, kind, key = node.business_object or ("", "", "")
        business = {"external_system_id": system, "business_object_type": kind, "business_object_id": key}
        business["workspace_type_name"] = self._type_name(node)
        shown: dict[str, Any] = {"properties": properties(node), "business_properties": business}
        shown["categories"] = {key: value for values in node.categories.values() for key, value in values.items()}
        return done({"data": shown}, f"/api/v2/businessworkspaces/{node_id}")

    def create(self, form: Form, user: str) -> Reply:
        """POST /v2/businessworkspaces: the id is results.id (§6)."""
        body = form.json()
        template = _integer(body.get("template_id"))
        if template not in self._options.templates:
            raise RefusedError(400, words.missing("template_id"))
        key = self._key(body)
        if key and self._options.unique_business_objects and self._tree.workspaces_of(key):
            raise RefusedError(400, words.DUPLICATE_OBJECT)
        given = by_category((body.get("roles") or {}).get("categories") or {})
        parent = self._tree.writable(body.get("parent_id") or ENTERPRISE, 400)
        node = self._made(key, str(body.get("name", "")), template, parent)
        try:
            for category, values in given.items():
                self._categories.add(node, category, values)
        except RefusedError:
            self._tree.remove(node)
            raise
        node.description = str(body.get("description", ""))
        self._touched.setdefault(user, set()).add(node.id)
        return done({"direct_open": True, "id": node.id, "sub_folder_id": 0}, "/api/v2/businessworkspaces", "POST")

    def _made(self, key: Key | None, name: str, template: int, parent: Node) -> Node:
        node = self._tree.add(parent, WORKSPACE, name, 500)
        node.business_object, node.template = key, template
        node.workspace_type = self._options.templates.get(template)
        for child, kind in _TEMPLATE_TREE:
            self._tree.add(node, kind, child, 500)
        return node

    def _key(self, body: Mapping[str, Any]) -> Key | None:
        given = [body.get(name) for name in ("ext_system_id", "bo_type", "bo_id")]
        if not any(given):
            return None
        if not all(given):
            raise RefusedError(400, words.missing("bo_id"))
        return str(given[0]), str(given[1]), str(given[2])

    def _type_name(self, node: Node) -> str:
        return self._options.workspace_types.get(node.workspace_type or 0, "")

    def _page_of(self, found: list[Node], limit: int, page: int) -> Reply:
        """Paging stands at the top here (§3)."""
        rows, paging = paged(found, limit, page)
        results = [{"data": {"properties": properties(node)}} for node in rows]
        info = {"wksp_type_icon": None}
        return Reply(200, {"links": links("", "GET"), "paging": paging, "results": results, "wksp_info": info})


def _integer(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        return 0
