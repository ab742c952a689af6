"""Where a delivery goes: the workspace of a business object, a folder or another child by name (§5.1, §9)."""

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from common.reasons import Reason
from workers.sinks.api import Deferred, Rejected, Unsure
from workers.sinks.ecm import asks, mapping
from workers.sinks.ecm.cache import Cache
from workers.sinks.ecm.caller import Caller, EndedError, absent, ended, unreadable
from workers.sinks.ecm.config import EcmConfig
from workers.sinks.ecm.pieces import Key, Where, WorkspacePiece
from workers.sinks.ecm.rules import Meaning
from workers.sinks.ecm.values import wire
from workers.vendors.ecm.reply import at, count_of, id_of, rows

Properties = Mapping[str, Any]

FOLDER, DOCUMENT, TASK_LIST, TASK = 0, 144, 204, 206
_MOST_PAGES = 20
_PAGE = 100
_SAYS_NOTHING_OF_IT = (400, 403, 404, 500)


class Places:
    """Finds nodes and remembers them; creates a workspace where the settings say so."""

    def __init__(self, config: EcmConfig, cache: Cache) -> None:
        self._config, self._cache = config, cache
        self._one_creation = threading.Lock()

    def workspace(self, caller: Caller, where: Where) -> str:
        """A workspace's node id; raises EndedError where there is none."""
        found = self.known_workspace(caller, where)
        if found is not None:
            return found
        assert where.key is not None
        missing = mapping.missing_workspace(where.key, self._config)
        if self._config.missing_workspace == "reject" or not caller.may_write or missing is None:
            raise absent("the business object has no workspace (or our account does not see it)")
        return self.create(caller, missing)

    def known_workspace(self, caller: Caller, where: Where) -> str | None:
        """A workspace's node id, or None; nothing is created."""
        if where.node is not None:
            return where.node
        if where.key is None:
            return None
        return self._remembered(caller, where.key) or self.find_workspace(caller, where.key)

    def find_workspace(self, caller: Caller, key: Key) -> str | None:
        """Ask the server, the cheap way first; only the list can say no (§5.1)."""
        judgement, reply = caller.attempt(asks.by_business_object(key))
        found: list[Properties] = []
        if judgement.outcome is Meaning.DONE:
            found = list(rows(reply, "data", "properties"))
        elif reply.status not in _SAYS_NOTHING_OF_IT or reply.is_html:
            raise _ended_by(judgement.outcome, judgement.row)
        if not found:
            reply = caller.ask(asks.workspaces_of(key)).reply
            found = list(rows(reply, "data", "properties"))
            if not found and count_of(reply) != 0:
                raise ended(Deferred(Reason.VENDOR_ERROR))
        if len(found) > 1 or (count_of(reply) or 0) > 1:
            raise ended(Rejected(Reason.REFUSED, "several workspaces for one business object", "DUPLICATE_WORKSPACE"))
        node = id_of(found[0]) if found else None
        if node is not None:
            self._cache.put(key, node)
        return node

    def create(self, caller: Caller, piece: WorkspacePiece) -> str:
        """A workspace's node id, created unless it is there; one at a time, for templates are copied (§6, §15)."""
        with self._one_creation:
            found = self.find_workspace(caller, piece.key)
            if found is not None:
                return found
            said = caller.ask(asks.create_workspace(_workspace_body(piece, self._config.empty_list)), Meaning.TAKEN)
            if said.meaning is Meaning.TAKEN:
                found = self.find_workspace(caller, piece.key)
                if found is None:
                    raise ended(Rejected(Reason.REFUSED, "another item has the workspace's name", "NAME_TAKEN"))
                return found
            node = id_of(at(said.reply.values, "results"))
            if node is None:
                raise unreadable("id of the workspace")
            self._cache.put(piece.key, node)
            return node

    def folder(self, caller: Caller, where: Where, path: Sequence[str]) -> str:
        """The node id of a folder in a workspace; raises EndedError where one is missing."""
        node = self.workspace(caller, where)
        for step in path:
            node = self.container(caller, node, step, FOLDER)
        return node

    def known_folder(self, caller: Caller, where: Where, path: Sequence[str]) -> str | None:
        """The same for a look-up: None where anything is missing."""
        if self.known_workspace(caller, where) is None:
            return None
        try:
            return self.folder(caller, where, path)
        except EndedError as error:
            if error.is_absent:
                return None
            raise

    def container(self, caller: Caller, parent: str, name: str, kind: int) -> str:
        """A child that holds others, by name and type; remembered."""
        key = (parent, name, kind)
        if (found := self._remembered(caller, key)) is not None:
            return found
        properties = self.child(caller, parent, name, kind)
        node = id_of(properties)
        if node is None:
            what = "task list" if kind == TASK_LIST else "folder"
            raise absent(f"no {what} of this name in the workspace; add it to the workspace's template")
        self._cache.put(key, node)
        return node

    def child(self, caller: Caller, parent: str, name: str, kind: int) -> Properties | None:
        """A child by exact name (the server's filter is a contains match) and type, with its properties."""
        for page in range(1, _MOST_PAGES + 1):
            reply = caller.ask(asks.children(parent, name, page)).reply
            found = list(rows(reply, "data", "properties"))
            for properties in found:
                if _has_name(properties, name) and properties.get("type") == kind:
                    return properties
            if page * _PAGE >= (count_of(reply) or len(found)):
                return None
        raise ended(Unsure(Reason.VENDOR_ERROR, "too many children have this name in theirs"))

    def properties(self, caller: Caller, there: Properties, needed: str) -> Properties:
        """A child's properties with the one that is needed: a list of children need not tell all of them."""
        node = id_of(there)
        if needed in there or node is None:
            return there
        found = at(caller.ask(asks.node(node)).reply.values, "results", "data", "properties")
        return found if isinstance(found, Mapping) else there

    def forget(self, nodes: Sequence[str]) -> bool:
        """Drop nodes that may be gone; whether any was remembered."""
        forgotten = [self._cache.forget(node) for node in nodes]
        return any(forgotten)

    def _remembered(self, caller: Caller, key: object) -> str | None:
        found = self._cache.get(key)
        if found is not None:
            caller.remembered.append(found)
        return found


def _has_name(properties: Properties, name: str) -> bool:
    found = properties.get("name")
    return isinstance(found, str) and found.casefold() == name.casefold()


def _ended_by(outcome: Any, row: str) -> EndedError:
    """A judgement that says nothing of the record; what only means something is no answer to this question."""
    return EndedError(outcome, row) if not isinstance(outcome, Meaning) else ended(Deferred(Reason.VENDOR_ERROR))


def _workspace_body(piece: WorkspacePiece, empty_list: str) -> dict[str, Any]:
    """The form field `body` (§6): categories are nested here."""
    body: dict[str, Any] = {
        "template_id": str(piece.template_id),
        "wksp_type_id": str(piece.type_id),
        "type": "848",
        "name": piece.name,
        "description": piece.description,
        "ext_system_id": piece.key.system,
        "bo_type": piece.key.type,
        "bo_id": piece.key.id,
        "parent_id": piece.parent_id,
    }
    if change := piece.change:
        values = {f"{change.category}_{number}": wire(value, empty_list) for number, value in change.values.items()}
        body["roles"] = {"categories": {str(change.category): values}}
    return body
