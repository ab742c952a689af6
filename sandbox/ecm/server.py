"""What is true in one Content Server, and what the control endpoint asks of it."""

from typing import Any

from sandbox.clock import SandboxClock
from sandbox.ecm.categories import Categories
from sandbox.ecm.documents import Documents
from sandbox.ecm.nodes import Nodes
from sandbox.ecm.options import Options
from sandbox.ecm.reminders import Reminders
from sandbox.ecm.tickets import TicketOffice
from sandbox.ecm.tree import Node, Tree, properties
from sandbox.ecm.windows import Window
from sandbox.ecm.workspaces import Workspaces


class Server:
    """The tree, and what works on it."""

    name = "ecm"

    def __init__(self, options: Options, clock: SandboxClock) -> None:
        self._options, self._clock = options, clock
        self.window = Window(clock.now)
        self.clear()

    def clear(self) -> None:
        """A server with nothing but what the options say; tickets are forgotten too."""
        self.tickets = TicketOffice(self._options, self._clock.now)
        self.tree = Tree(self._clock)
        self.categories = Categories(self._options, self.tree)
        self.documents = Documents(self.tree)
        self.nodes = Nodes(self._options, self.tree, self.categories, self.documents)
        self.reminders = Reminders(self._options, self.tree)
        self.workspaces = Workspaces(self._options, self.tree, self.categories)

    def state(self) -> dict[str, Any]:
        """Every node by id, and how often somebody logged in."""
        return {"nodes": {str(node.id): _shown(node) for node in self.tree}, "logins": self.tickets.logins}

    def history(self) -> dict[str, list[Any]]:
        """What was done to each node, in order."""
        found: dict[str, list[Any]] = {}
        for row in self.tree.audit:
            found.setdefault(str(row["id"]), []).append(row)
        return found

    def set_quota(self, endpoint: str, limit: int, window_s: float) -> None:
        """What the proxy in front allows: endpoint `*` only."""
        if endpoint != "*":
            raise KeyError(endpoint)
        self.window.limit, self.window.seconds = limit, window_s


def _shown(node: Node) -> dict[str, Any]:
    return {
        **properties(node),
        **node.fields,
        "categories": {str(category): values for category, values in node.categories.items()},
        "business_object": list(node.business_object) if node.business_object else None,
        "versions": [
            {"number": each.number, "content": each.content.decode("utf-8", "replace"), "description": each.description}
            for each in node.versions
        ],
        "reminders": node.reminders,
    }
