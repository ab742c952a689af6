"""Tasks and reminders: found again by the event's id in name or description (§11.1, §11.3)."""

from collections.abc import Mapping
from typing import Any

from workers.sinks.api import Delivered
from workers.sinks.ecm import asks
from workers.sinks.ecm.caller import Caller, EndedError, unreadable
from workers.sinks.ecm.pieces import ReminderPiece, TaskPiece
from workers.sinks.ecm.places import TASK, TASK_LIST, Places
from workers.sinks.ecm.rules import Meaning
from workers.vendors.ecm.reply import Reply, at, id_of


class Tasks:
    """Task list items and follow-ups."""

    def __init__(self, task_list: str, places: Places) -> None:
        self._task_list, self._places = task_list, places

    def create_task(self, caller: Caller, piece: TaskPiece) -> Delivered:
        """A task; a name that is taken is this event's own. Raises EndedError."""
        parent = self._places.container(caller, self._places.workspace(caller, piece.where), self._task_list, TASK_LIST)
        said = caller.ask(asks.create_task(parent, piece.name, piece.properties), Meaning.TAKEN)
        if said.meaning is Meaning.TAKEN:
            node = id_of(self._places.child(caller, parent, piece.name, TASK))
            return Delivered({"task_id": node} if node else {})
        node = id_of(at(said.reply.values, "results", "data", "properties"))
        if node is None:
            raise unreadable("id of the task")
        return Delivered({"task_id": node})

    def task_found(self, caller: Caller, piece: TaskPiece) -> Delivered | None:
        """The task of this event, or None for certainly none."""
        workspace = self._places.known_workspace(caller, piece.where)
        if workspace is None:
            return None
        try:
            parent = self._places.container(caller, workspace, self._task_list, TASK_LIST)
        except EndedError as error:
            if error.is_absent:
                return None
            raise
        node = id_of(self._places.child(caller, parent, piece.name, TASK))
        return Delivered({"task_id": node}) if node else None

    def create_reminder(self, caller: Caller, piece: ReminderPiece) -> Delivered:
        """A reminder; servers before 26.2 do not tell its id. Raises EndedError."""
        node = piece.node or self._places.workspace(caller, piece.where)
        reply = caller.ask(asks.add_reminder(node, piece.data)).reply
        made = id_of(at(reply.values, "results"))
        return Delivered({"node_id": node, **({"reminder_id": made} if made else {})})

    def reminder_found(self, caller: Caller, piece: ReminderPiece) -> Delivered | None:
        """The reminder whose description carries this event's id, or None for certainly none."""
        node = piece.node or self._places.known_workspace(caller, piece.where)
        if node is None:
            return None
        for followup in followups_of(caller.ask(asks.followups(node)).reply):
            if piece.tag in str(followup.get("description") or ""):
                made = str(followup.get("followup_id") or "")
                return Delivered({"node_id": node, "reminder_id": made})
        return None


def followups_of(reply: Reply) -> list[Mapping[str, Any]]:
    """`results.followups[].data.followup` (§11.1)."""
    results = at(reply.values, "results")
    listed = results.get("followups") if isinstance(results, Mapping) else None
    found = [at(entry, "data", "followup") for entry in (listed if isinstance(listed, list) else [listed])]
    return [each for each in found if isinstance(each, Mapping)]
