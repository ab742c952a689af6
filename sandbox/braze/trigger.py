"""POST /campaigns/trigger/send (page §2.4)."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sandbox.braze import words
from sandbox.braze.options import Options
from sandbox.braze.reply import Reply, refused
from sandbox.braze.workspace import Workspace

_NAMES = ("external_user_id", "user_alias", "email")
_MOST_RECIPIENTS = 50
_MOST_PROPERTY_BYTES = 51_200


def trigger(body: Mapping[str, Any], options: Options, workspace: Workspace) -> Reply:
    """Send a campaign to its recipients, or (broadcast) to its audience."""
    if refusal := _campaign(body.get("campaign_id"), options) or _recipients(body):
        return refused(400, refusal)
    properties = body.get("trigger_properties") or {}
    send = {
        "dispatch_id": options.new_id(),
        "campaign_id": body["campaign_id"],
        "trigger_properties": properties,
    }
    recipients = _deduplicated(body.get("recipients") or [])
    workspace.accept(lambda: _send(send, recipients, workspace))
    return Reply(201, {"dispatch_id": send["dispatch_id"], "message": words.SUCCESS})


def _send(send: Mapping[str, Any], recipients: list[Mapping[str, Any]], workspace: Workspace) -> None:
    for recipient in recipients:
        workspace.send(send, recipient)
    if not recipients:
        workspace.broadcast(send)


def _campaign(campaign_id: Any, options: Options) -> str | None:
    if not isinstance(campaign_id, str):
        return words.CAMPAIGN_NOT_A_STRING
    if options.campaigns is not None:
        return None if campaign_id in options.campaigns else words.UNKNOWN_CAMPAIGN
    try:
        UUID(campaign_id)
    except ValueError:
        return words.UNKNOWN_CAMPAIGN
    return None


def _recipients(body: Mapping[str, Any]) -> str | None:
    """What is wrong with who is addressed, and with what they are told."""
    recipients, broadcast = body.get("recipients"), body.get("broadcast", False)
    if not _fits(body.get("trigger_properties")):
        return words.BAD_REQUEST
    if not recipients:
        return None if broadcast is True else words.NO_RECIPIENTS
    if broadcast is True or not isinstance(recipients, list):
        return words.BAD_REQUEST
    if len(recipients) > _MOST_RECIPIENTS:
        return words.TOO_MANY_RECIPIENTS
    return None if all(map(_is_recipient, recipients)) else words.BAD_REQUEST


def _is_recipient(one: Any) -> bool:
    """Exactly one name; creation needs attributes and is not for aliases; an e-mail needs prioritization."""
    if not isinstance(one, dict):
        return False
    named = [name for name in _NAMES if one.get(name)]
    if len(named) != 1 or not _fits(one.get("trigger_properties")):
        return False
    attributes = one.get("attributes")
    if attributes is not None and not isinstance(attributes, dict):
        return False
    if one.get("send_to_existing_only", True) is False and (not attributes or named == ["user_alias"]):
        return False
    if named == ["user_alias"]:
        return _is_alias(one["user_alias"])
    return named != ["email"] or bool(one.get("prioritization"))


def _is_alias(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(value.get(part), str) and value[part] for part in ("alias_name", "alias_label")
    )


def _fits(properties: Any) -> bool:
    if properties is None:
        return True
    is_object = isinstance(properties, dict)
    return is_object and len(json.dumps(properties, ensure_ascii=False).encode()) <= _MOST_PROPERTY_BYTES


def _deduplicated(recipients: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """A user once, where it stands first, with what its last entry says."""
    latest: dict[str, Mapping[str, Any]] = {}
    for one in recipients:
        latest[json.dumps([one.get(name) for name in _NAMES], sort_keys=True)] = one
    return list(latest.values())
