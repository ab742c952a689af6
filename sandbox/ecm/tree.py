"""Everything is a node with an id (page §4): the tree, its names, its categories, versions and reminders."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

from sandbox.clock import SandboxClock
from sandbox.ecm import words
from sandbox.ecm.options import ENTERPRISE
from sandbox.ecm.reply import RefusedError

FOLDER, DOCUMENT, TASK_LIST, TASK_GROUP, TASK, WORKSPACE = 0, 144, 204, 205, 206, 848
TYPES = {0: "Folder", 1: "Shortcut", 140: "URL", 144: "Document", 204: "Task List", 205: "Task Group", 206: "Task"}
TYPE_NAMES = TYPES | {848: "Business Workspace", 141: "Enterprise Workspace"}
_CONTAINERS = frozenset({FOLDER, TASK_LIST, TASK_GROUP, WORKSPACE, 141})
MAX_NAME = 248


@dataclass(slots=True)
class Version:
    """One version of a document."""

    number: int
    content: bytes
    file_name: str
    mime_type: str
    description: str
    created: str
    is_major: bool = False


@dataclass(slots=True)
class Node:
    """One item; `categories` by id, each a map of its keys; `tokens` count its changes."""

    id: int
    parent: int
    type: int
    name: str
    created: str
    modified: str
    description: str = ""
    fields: dict[str, Any] = field(default_factory=dict)
    categories: dict[int, dict[str, Any]] = field(default_factory=dict)
    tokens: dict[int, int] = field(default_factory=dict)
    versions: list[Version] = field(default_factory=list)
    reminders: list[dict[str, Any]] = field(default_factory=list)
    business_object: tuple[str, str, str] | None = None
    workspace_type: int | None = None
    template: int | None = None

    @property
    def is_container(self) -> bool:
        """Whether it may have children."""
        return self.type in _CONTAINERS


class Tree:
    """All nodes; ids are of the whole system, names unique below one parent whatever their case."""

    def __init__(self, clock: SandboxClock) -> None:
        self._clock = clock
        self._nodes: dict[int, Node] = {}
        self._ids = count(30_001)
        self.audit: list[dict[str, Any]] = []
        self.hidden: set[int] = set()
        self.read_only: set[int] = set()
        self.user_id = 1000
        now = self.now()
        self._nodes[ENTERPRISE] = Node(ENTERPRISE, -1, 141, "Enterprise", now, now)

    def __iter__(self) -> Iterator[Node]:
        return iter(self._nodes.values())

    def now(self) -> str:
        """Dates are ISO without a zone, to the second (§3)."""
        return datetime.fromtimestamp(self._clock.now(), UTC).strftime("%Y-%m-%dT%H:%M:%S")

    def get(self, node_id: object, status: int) -> Node:
        """A node that the account sees; the same words for missing and hidden, under the call's own status (§19)."""
        try:
            node = self._nodes.get(int(str(node_id)))
        except ValueError:
            node = None
        if node is None or self.is_hidden(node):
            raise RefusedError(status, words.no_node(node_id))
        return node

    def is_hidden(self, node: Node) -> bool:
        """Whether it, or what it is in, is out of the account's sight."""
        while True:
            if node.id in self.hidden:
                return True
            if node.parent not in self._nodes:
                return False
            node = self._nodes[node.parent]

    def writable(self, node_id: object, status: int) -> Node:
        """A node that the account may change."""
        node = self.get(node_id, status)
        if node.id in self.read_only:
            raise RefusedError(400, words.NOT_ALLOWED)
        return node

    def children(self, parent: int) -> list[Node]:
        """What is in a container and seen, oldest first."""
        return [node for node in self if node.parent == parent and not self.is_hidden(node)]

    def add(self, parent: Node, kind: int, name: str, taken_status: int) -> Node:
        """A new node; a name that is taken is refused with its call's own status (§8.2)."""
        if not name or ":" in name or len(name) > MAX_NAME:
            raise RefusedError(400, words.BAD_NAME)
        if any(node.parent == parent.id and node.name.lower() == name.lower() for node in self):
            raise RefusedError(taken_status, words.taken(name))
        now = self.now()
        node = Node(next(self._ids), parent.id, kind, name, now, now)
        self._nodes[node.id] = node
        self.noted(node, 1, "Create")
        return node

    def remove(self, node: Node) -> None:
        """Delete a node and what is in it."""
        for child in [each for each in self if each.parent == node.id]:
            self.remove(child)
        del self._nodes[node.id]

    def touched(self, node: Node, event_type: int, name: str, *, is_dated: bool = True) -> None:
        """A node changed; its date says so, or does not."""
        if is_dated:
            node.modified = self.now()
        self.noted(node, event_type, name)

    def noted(self, node: Node, event_type: int, name: str) -> None:
        """An audit row: its id is the node's (§12.2)."""
        row = {"id": node.id, "event_type": event_type, "audit_date": f"{self.now()}Z", "user_id": self.user_id}
        self.audit.append({**row, "agent_id": None, "target_user_id": None, "audit_name": name})

    def workspaces_of(self, key: tuple[str, str, str]) -> list[Node]:
        """The workspaces of a business object that the account sees."""
        return [node for node in self if node.business_object == key and not self.is_hidden(node)]


def properties(node: Node, *, is_lean: bool = False) -> dict[str, Any]:
    """`data.properties` (§4)."""
    latest = node.versions[-1] if node.versions else None
    shown = {
        "id": node.id,
        "name": node.name,
        "type": node.type,
        "type_name": TYPE_NAMES.get(node.type, str(node.type)),
        "parent_id": node.parent,
        "description": node.description,
        "create_date": node.created,
        "modify_date": node.modified,
        "container": node.is_container,
        "size": len(latest.content) if latest else 0,
        "mime_type": latest.mime_type if latest else None,
        "reserved": False,
        "external_source": node.fields.get("external_source"),
        "external_identity": node.fields.get("external_identity"),
        "external_identity_type": node.fields.get("external_identity_type"),
    }
    if node.type == WORKSPACE:
        shown |= {"wnf_wksp_type_id": node.workspace_type, "wnf_wksp_template_id": node.template}
    if is_lean:
        return {name: value for name, value in shown.items() if not name.startswith("external_")}
    return shown
