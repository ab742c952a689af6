"""POST /transactional/v1/campaigns/{campaign_id}/send (page §2.7)."""

import re
from collections.abc import Mapping
from typing import Any

from sandbox.braze import words
from sandbox.braze.options import Options
from sandbox.braze.reply import Reply, refused
from sandbox.braze.trigger import fits, is_alias, is_known
from sandbox.braze.workspace import Workspace

_SEND_ID = re.compile(r"[a-zA-Z0-9\-_+/=]+")
_JUST_NOW_S = 1.0


def transactional(body: Mapping[str, Any], options: Options, workspace: Workspace) -> Reply:
    """Send one message; an id that was seen in the last 24 hours sends nothing more."""
    if refusal := _campaign(str(body["campaign_id"]), options):
        return refused(options.transactional_error_status, refusal)
    if not _is_good(body):
        return refused(400, words.BAD_REQUEST)
    send_id = body.get("external_send_id")
    if send_id is not None and (seen := workspace.message(send_id)):
        is_new = workspace.now() - seen["at"] < _JUST_NOW_S
        if is_new and options.repeat_says == "queued":
            return refused(options.transactional_error_status, words.IN_FLIGHT)
        return _accepted(seen, options)
    return _accepted(_sent(body, send_id, options, workspace), options)


def _sent(body: Mapping[str, Any], send_id: str | None, options: Options, workspace: Workspace) -> Mapping[str, Any]:
    message = {
        "dispatch_id": options.new_id(),
        "campaign_id": body["campaign_id"],
        "external_send_id": send_id,
        "trigger_properties": body.get("trigger_properties") or {},
        "at": workspace.now(),
    }
    workspace.remember(message)
    recipient = {**body["recipient"], "send_to_existing_only": False}
    workspace.accept(lambda: workspace.send(message, recipient, "trigger_properties"))
    return message


def _accepted(message: Mapping[str, Any], options: Options) -> Reply:
    metadata = {"campaign_api_id": message["campaign_id"], "external_send_id": message["external_send_id"]}
    answer = {"dispatch_id": message["dispatch_id"], "status": "sent", "metadata": metadata}
    return Reply(options.transactional_status, answer)


def _campaign(campaign_id: str, options: Options) -> str | None:
    """What is wrong with the campaign of the path."""
    if state := options.stopped.get(campaign_id):
        return words.STOPPED_CAMPAIGNS[state]
    if is_known(campaign_id, options.transactional_campaigns):
        return None
    is_other = options.campaigns is not None and campaign_id in options.campaigns
    return words.NOT_TRANSACTIONAL if is_other else words.NO_CAMPAIGN


def _is_good(body: Mapping[str, Any]) -> bool:
    recipient, send_id = body.get("recipient"), body.get("external_send_id")
    if not isinstance(recipient, dict) or not fits(body.get("trigger_properties")):
        return False
    if send_id is not None and not (isinstance(send_id, str) and _SEND_ID.fullmatch(send_id)):
        return False
    named = [name for name in ("external_user_id", "user_alias") if recipient.get(name)]
    if len(named) != 1 or not isinstance(recipient.get("attributes", {}), dict):
        return False
    return named != ["user_alias"] or is_alias(recipient["user_alias"])
