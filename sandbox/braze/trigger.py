"""POST /campaigns/trigger/send and /canvas/trigger/send (page §2.4, §2.5)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sandbox.braze import words
from sandbox.braze.options import Options
from sandbox.braze.reply import Reply, refused
from sandbox.braze.workspace import Workspace

_NAMES = ("external_user_id", "user_alias", "email")
_MOST_RECIPIENTS = 50
_MOST_PROPERTY_BYTES = 51_200


@dataclass(frozen=True, slots=True)
class _Kind:
    """How the two endpoints differ; `properties` are what a body may call them, today's name first."""

    id_name: str
    not_a_string: str
    unknown: str
    properties: tuple[str, ...]


_CAMPAIGN = _Kind("campaign_id", words.CAMPAIGN_NOT_A_STRING, words.UNKNOWN_CAMPAIGN, ("trigger_properties",))
_CANVAS = _Kind("canvas_id", words.BAD_CANVAS, words.BAD_CANVAS, ("context", "canvas_entry_properties"))


def trigger(body: Mapping[str, Any], options: Options, workspace: Workspace) -> Reply:
    """Send a campaign to its recipients, or (broadcast) to its audience."""
    if refusal := _refusal(body, _CAMPAIGN, options.campaigns):
        return refused(400, refusal)
    state = options.stopped.get(body["campaign_id"])
    if state and options.stopped_campaign == "refused":
        return refused(400, words.STOPPED_CAMPAIGNS[state])
    notice = {"notice": words.STOPPED_CAMPAIGNS[state]} if state and options.stopped_campaign == "notice" else {}
    return _sent(body, _CAMPAIGN, options, workspace, notice, is_stopped=state is not None)


def canvas(body: Mapping[str, Any], options: Options, workspace: Workspace) -> Reply:
    """Let recipients, or (broadcast) the audience, enter a Canvas; a notice says that nobody did."""
    if refusal := _refusal(body, _CANVAS, options.canvases):
        return refused(400, refusal)
    state = options.stopped.get(body["canvas_id"])
    notice = {"notice": words.STOPPED_CANVASES[state]} if state else {}
    return _sent(body, _CANVAS, options, workspace, notice, is_stopped=state is not None)


def _sent(
    body: Mapping[str, Any], kind: _Kind, options: Options, workspace: Workspace, notice: dict[str, str], *,
    is_stopped: bool,
) -> Reply:  # fmt: skip
    send = {
        "dispatch_id": options.new_id(),
        kind.id_name: body[kind.id_name],
        kind.properties[0]: _properties(body, kind) or {},
    }
    recipients = [_plain(one, kind) for one in _deduplicated(body.get("recipients") or [])]
    if not is_stopped:
        workspace.accept(lambda: _apply(send, recipients, kind.properties[0], workspace))
    return Reply(201, {**notice, "dispatch_id": send["dispatch_id"], "message": words.SUCCESS})


def _apply(send: Mapping[str, Any], recipients: list[Mapping[str, Any]], properties: str, workspace: Workspace) -> None:
    for recipient in recipients:
        workspace.send(send, recipient, properties)
    if not recipients:
        workspace.broadcast(send)


def _refusal(body: Mapping[str, Any], kind: _Kind, known: Mapping[str, str] | None) -> str | None:
    id_ = body.get(kind.id_name)
    if not isinstance(id_, str):
        return kind.not_a_string
    return _recipients(body, kind) if is_known(id_, known) else kind.unknown


def is_known(id_: str, known: Mapping[str, str] | None) -> bool:
    """Whether an identifier is one of those that exist; without a list, any UUID is."""
    if known is not None:
        return id_ in known
    try:
        UUID(id_)
    except ValueError:
        return False
    return True


def _recipients(body: Mapping[str, Any], kind: _Kind) -> str | None:
    """What is wrong with who is addressed, and with what they are told."""
    recipients, broadcast = body.get("recipients"), body.get("broadcast", False)
    if not fits(_properties(body, kind)):
        return words.BAD_REQUEST
    if not recipients:
        return None if broadcast is True else words.NO_RECIPIENTS
    if broadcast is True or not isinstance(recipients, list):
        return words.BAD_REQUEST
    if len(recipients) > _MOST_RECIPIENTS:
        return words.TOO_MANY_RECIPIENTS
    return None if all(_is_recipient(one, kind) for one in recipients) else words.BAD_REQUEST


def _is_recipient(one: Any, kind: _Kind) -> bool:
    """Exactly one name; creation needs attributes and is not for aliases; an e-mail needs prioritization."""
    if not isinstance(one, dict):
        return False
    named = [name for name in _NAMES if one.get(name)]
    if len(named) != 1 or not fits(_properties(one, kind)):
        return False
    attributes = one.get("attributes")
    if attributes is not None and not isinstance(attributes, dict):
        return False
    if one.get("send_to_existing_only", True) is False and (not attributes or named == ["user_alias"]):
        return False
    if named == ["user_alias"]:
        return is_alias(one["user_alias"])
    return named != ["email"] or bool(one.get("prioritization"))


def is_alias(value: Any) -> bool:
    """Both parts, and not empty."""
    return isinstance(value, dict) and all(
        isinstance(value.get(part), str) and value[part] for part in ("alias_name", "alias_label")
    )


def fits(properties: Any) -> bool:
    """Absent, or an object of at most 50 KB."""
    if properties is None:
        return True
    is_object = isinstance(properties, dict)
    return is_object and len(json.dumps(properties, ensure_ascii=False).encode()) <= _MOST_PROPERTY_BYTES


def _properties(one: Mapping[str, Any], kind: _Kind) -> Any:
    return next((one[name] for name in kind.properties if name in one), None)


def _plain(recipient: Mapping[str, Any], kind: _Kind) -> Mapping[str, Any]:
    """A recipient whose properties have today's name."""
    given = _properties(recipient, kind)
    rest = {name: value for name, value in recipient.items() if name not in kind.properties}
    return rest if given is None else {**rest, kind.properties[0]: given}


def _deduplicated(recipients: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """A user once, where it stands first, with what its last entry says."""
    latest: dict[str, Mapping[str, Any]] = {}
    for one in recipients:
        latest[json.dumps([one.get(name) for name in _NAMES], sort_keys=True)] = one
    return list(latest.values())
