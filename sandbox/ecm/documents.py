"""Documents and their versions (page §8.3)."""

from collections.abc import Mapping
from typing import Any

from sandbox.ecm import words
from sandbox.ecm.forms import Form
from sandbox.ecm.reply import RefusedError, Reply, done, links, paged
from sandbox.ecm.tree import DOCUMENT, Node, Tree, Version

MOST_DESCRIPTION = 255


class Documents:
    """Adds, lists and reads versions."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    def add_version(self, node_id: str, form: Form) -> Reply:
        """POST /v2/nodes/{id}/versions: every call adds one (§8.3)."""
        node = self._document(self._tree.writable(node_id, 400))
        if form.file is None:
            raise RefusedError(400, words.missing("file"))
        version = self.add(node, form, form.fields.get("description", ""))
        return done({"data": {"versions": _shown(node, version)}}, f"/api/v2/nodes/{node_id}/versions", "POST")

    def versions(self, node_id: str, query: Mapping[str, str]) -> Reply:
        """GET /v2/nodes/{id}/versions."""
        node = self._document(self._tree.get(node_id, 400))
        ordered = node.versions[::-1] if query.get("order") == "desc" else node.versions
        rows, paging = paged(ordered, int(query.get("limit", "100")), int(query.get("page", "1")))
        shown = [{"data": {"versions": _shown(node, each)}} for each in rows]
        return Reply(200, {"links": links("", "GET"), "collection": {"paging": paging}, "results": shown})

    def content(self, node_id: str, number: str | None = None) -> Reply:
        """GET /v2/nodes/{id}/content, or that of one version."""
        node = self._document(self._tree.get(node_id, 400))
        found = [each for each in node.versions if number in (None, str(each.number))]
        if not found:
            raise RefusedError(400, words.no_node(node_id))
        return Reply(200, found[-1].content, content_type=found[-1].mime_type)

    def _document(self, node: Node) -> Node:
        if node.type != DOCUMENT:
            raise RefusedError(400, "invalid action 'addversion'")
        return node

    def add(self, node: Node, form: Form, description: str) -> Version:
        """One more version from the form's file."""
        assert form.file is not None
        if len(description) > MOST_DESCRIPTION:
            raise RefusedError(500, words.BAD_ATTRIBUTE)  # text unknown
        is_major = form.fields.get("add_major_version") == "true"
        made = Version(
            len(node.versions) + 1,
            form.file.content,
            form.file.name,
            form.file.media_type,
            description,
            self._tree.now(),
            is_major,
        )
        node.versions.append(made)
        self._tree.touched(node, 2, "Version Added")
        return made


def _shown(node: Node, version: Version) -> dict[str, Any]:
    return {
        "id": node.id,
        "version_id": node.id * 1000 + version.number,
        "version_number": version.number,
        "version_number_name": str(version.number),
        "file_name": version.file_name,
        "file_size": len(version.content),
        "mime_type": version.mime_type,
        "description": version.description,
        "create_date": version.created,
    }
