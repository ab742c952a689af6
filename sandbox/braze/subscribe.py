"""POST /v2/subscription/status/set and /email/status (page §2.8)."""

import re
from collections.abc import Mapping
from typing import Any

from sandbox.braze import words
from sandbox.braze.options import Options
from sandbox.braze.reply import Reply, refused
from sandbox.braze.trigger import is_known
from sandbox.braze.workspace import Workspace

_NAMED_BY = ("external_ids", "emails", "phones")
_STATES = frozenset({"subscribed", "unsubscribed"})
_EMAIL_STATES = _STATES | {"opted_in"}
_MOST_USERS = 50
_E164 = re.compile(r"\+[1-9]\d{1,14}")


def set_groups(body: Mapping[str, Any], options: Options, workspace: Workspace) -> Reply:
    """Entries of one call stand or fall together; an unknown address keeps its state for 30 days."""
    entries = body.get("subscription_groups")
    if not isinstance(entries, list) or not entries or not all(map(_is_entry, entries)):
        return refused(400, words.BAD_REQUEST)
    if refusal := _refusal(entries, options):
        return refused(400, refusal)
    good, bad = _sorted(entries, options)
    if bad and options.subscription_errors == "fatal":
        return refused(400, words.BAD_REQUEST)
    workspace.accept(lambda: _apply(good, workspace))
    return Reply(201, {"message": words.SUCCESS, **({"errors": [words.BAD_ADDRESS] * len(bad)} if bad else {})})


def set_email(body: Mapping[str, Any], options: Options, workspace: Workspace) -> Reply:
    """The global state of one address, or of up to 50; also of one that nobody has."""
    given, state = body.get("email"), body.get("subscription_state")
    emails = [given] if isinstance(given, str) else given
    if not isinstance(emails, list) or not emails or not all(isinstance(each, str) and each for each in emails):
        return refused(400, words.BAD_REQUEST)
    if len(emails) > _MOST_USERS:
        return refused(400, words.TOO_MANY_IDS)
    if state not in _EMAIL_STATES or any(each in options.refused_addresses for each in emails):
        return refused(400, words.BAD_REQUEST)
    workspace.accept(lambda: workspace.subscriptions.set_emails(emails, str(state)))
    return Reply(201, {"message": words.SUCCESS})


def _is_entry(one: Any) -> bool:
    if not isinstance(one, dict) or one.get("subscription_state") not in _STATES:
        return False
    named = [one[name] for name in _NAMED_BY if name in one]
    return any(named) and all(isinstance(each, list) and all(isinstance(id_, str) for id_ in each) for each in named)


def _refusal(entries: list[Mapping[str, Any]], options: Options) -> str | None:
    for entry in entries:
        group_id = entry.get("subscription_group_id")
        if not isinstance(group_id, str) or not is_known(group_id, options.groups):
            return words.BAD_GROUP
        if sum(len(entry.get(name, ())) for name in _NAMED_BY) > _MOST_USERS:
            return words.TOO_MANY_IDS
    if any("emails" in entry for entry in entries) and any("phones" in entry for entry in entries):
        return words.TWO_KINDS
    return None


Named = list[tuple[Mapping[str, Any], str, str]]


def _sorted(entries: list[Mapping[str, Any]], options: Options) -> tuple[Named, Named]:
    """Good and bad ones, each as its entry, how it is named, and its name."""
    good: Named = []
    bad: Named = []
    for entry in entries:
        for name in _NAMED_BY:
            for id_ in entry.get(name, ()):
                is_number = name != "phones" or _E164.fullmatch(id_)
                fits = id_ and is_number and id_ not in options.refused_addresses
                (good if fits else bad).append((entry, name, id_))
    return good, bad


def _apply(named: Named, workspace: Workspace) -> None:
    """With double opt-in, nothing is kept of an address that nobody has."""
    for entry, name, id_ in named:
        group_id, state = entry["subscription_group_id"], entry["subscription_state"]
        keeps = not entry.get("use_double_opt_in_logic")
        workspace.subscriptions.set_group(group_id, state, name, id_, keeps=keeps)
