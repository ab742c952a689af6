"""Reminders, which the server calls follow-ups (page §11.1)."""

from itertools import count

from sandbox.ecm import words
from sandbox.ecm.documents import MOST_DESCRIPTION
from sandbox.ecm.forms import Form
from sandbox.ecm.options import Options
from sandbox.ecm.reply import RefusedError, Reply, done
from sandbox.ecm.tree import Tree


class Reminders:
    """Adds and lists."""

    def __init__(self, options: Options, tree: Tree) -> None:
        self._options, self._tree = options, tree
        self._followups = count(501)

    def add_reminder(self, node_id: str, form: Form) -> Reply:
        """POST /v2/resubmission/{id}/addreminder: one field, data; the id is told from 26.2 on (§11.1)."""
        data = form.json("data")
        try:
            node = self._tree.writable(node_id, 500)
        except RefusedError:
            raise RefusedError(500, words.REMINDER_REFUSED) from None
        recipients = [*data.get("recipients", []), *data.get("escalationrecipient_list", [])]
        if not recipients or any(each not in self._options.members for each in recipients):
            raise RefusedError(500, words.BAD_ASSIGNEE)
        if any(name not in data for name in ("RSTYPE", "RSRULE", "RSDATE", "RSDESCRIPTION")):
            raise RefusedError(400, words.missing("data"))
        if len(str(data["RSDESCRIPTION"])) > MOST_DESCRIPTION:
            raise RefusedError(500, words.BAD_ATTRIBUTE)  # text unknown
        made = {"followup_id": next(self._followups), "data": data}
        node.reminders.append(made)
        told = {"id": made["followup_id"]} if self._options.reminder_ids else {}
        return done(told, f"/api/v2/resubmission/{node_id}/addreminder", "POST")

    def followups(self, node_id: str) -> Reply:
        """GET /v2/nodes/{id}/followups."""
        node = self._tree.get(node_id, 500)
        shown = [
            {
                "data": {
                    "followup": {
                        "followup_id": each["followup_id"],
                        "followup_type": each["data"]["RSTYPE"],
                        "description": each["data"]["RSDESCRIPTION"],
                        "due_date": each["data"]["RSDATE"],
                        "assignees": each["data"]["recipients"],
                        "status": 1,
                        "escalation_enabled": each["data"].get("escalationEnabled") == "1",
                    }
                }
            }
            for each in node.reminders
        ]
        return done({"followups": shown}, f"/api/v2/nodes/{node_id}/followups")
