"""What asks staff to do something: tasks and reminders of a workspace (§11.1, §11.3). Pure."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from common.errors import UnusableEventError
from common.event import Event
from common.reasons import Reason
from workers.sinks.api import Item
from workers.sinks.ecm import pieces
from workers.sinks.ecm.config import EcmConfig
from workers.sinks.ecm.mapping import item_of, unknown_name, where_of
from workers.sinks.ecm.parameters import CreateReminder, CreateTask
from workers.sinks.ecm.values import (
    MAX_NAME,
    correlation,
    encodable,
    event_tag,
    moment,
    name_tag,
    node_name,
    reminder_date,
    tagged,
)

_PRIORITIES = {"low": "0", "medium": "50", "high": "100"}
_MAX_TEXT = 100_000


def create_task(event: Event, parameters: CreateTask, config: EcmConfig) -> Item:
    """A task list item (§11.3); without a code for its priority none is sent."""
    tag = name_tag(correlation(event.value["event_id"]))
    name = node_name(tagged(encodable(parameters.name.strip(), "name"), tag, MAX_NAME), "name")
    properties: dict[str, str | int] = {"instructions": _text(parameters.instructions, "instructions")}
    if parameters.assignee is not None:
        properties["assigned_member_id"] = _member(parameters.assignee, "assignee", config)
    if (due_at := _due(event, parameters)) is not None:
        properties["due_date"] = moment(due_at, config.time_zone)
    if parameters.start_at is not None:
        properties["start_date"] = moment(parameters.start_at, config.time_zone)
    if parameters.attachment_id is not None:
        properties["attachment_id"] = parameters.attachment_id
    if parameters.priority in config.task_priorities:
        properties["priority"] = config.task_priorities[str(parameters.priority)]
    return item_of(pieces.TaskPiece(where_of(parameters, config), name, properties), properties)


def create_reminder(event: Event, parameters: CreateReminder, config: EcmConfig) -> Item:
    """A reminder for a fixed date, with escalation after it where somebody is named for it (§11.1)."""
    tag, due_at = event_tag(correlation(event.value["event_id"])), _due(event, parameters)
    assert due_at is not None  # the parameters say so
    data: dict[str, str | int | list[int]] = {
        "RSTYPE": config.reminder_type,
        "RSRULE": "0",
        "RSDATE": reminder_date(due_at, config.time_zone),
        "RSDESCRIPTION": tagged(encodable(parameters.description, "description"), tag),
        "PRIORITY": _PRIORITIES[parameters.priority],
        "recipients": _members(parameters.recipients, "recipients", config),
        "RSACTIVATION": 1,
        "RSACTIVATIONUNIT": "1",
        "RSACTIVATIONBDAY": "1",
    }
    if parameters.escalate_to:
        data |= {
            "escalationEnabled": "1",
            "escalationrecipient_list": _members(parameters.escalate_to, "escalate_to", config),
            "escalationWhen": "1",
            "escalation": str(parameters.escalate_after_days),
            "EscalationUnit": "1",
            "escalationOnBusinessDay": 1,
        }
    return item_of(pieces.ReminderPiece(where_of(parameters, config), parameters.node_id, tag, data), data)


def _due(event: Event, parameters: CreateTask | CreateReminder) -> datetime | None:
    """The date itself, else so many days after the event, so that a repeat says the same."""
    if parameters.due_in_days is None:
        return parameters.due_at
    occurred_at: datetime = event.value["occurred_at"]
    return occurred_at + timedelta(days=parameters.due_in_days)


def _members(names: Iterable[str], path: str, config: EcmConfig) -> list[int]:
    return [_member(name, path, config) for name in names]


def is_member(name: str, config: EcmConfig) -> bool:
    """Whether it is our name for a member, or a member id."""
    return name in config.members or (name.isascii() and name.isdigit() and len(name) <= 15)


def _member(name: str, path: str, config: EcmConfig) -> int:
    """A member id by our name for it, or as it stands."""
    if not is_member(name, config):
        raise unknown_name(path, name, "members")
    return config.members[name] if name in config.members else int(name)


def _text(text: str, path: str) -> str:
    if len(text) > _MAX_TEXT:
        raise UnusableEventError(Reason.OVERSIZED, f"{path}: {len(text)} characters, {_MAX_TEXT} fit")
    return encodable(text, path)
