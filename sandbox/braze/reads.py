"""POST /users/export/ids (page §2.9) and GET /subscription/status/get (§2.8)."""

from collections.abc import Iterator, Mapping
from typing import Any

from starlette.datastructures import QueryParams

from sandbox.braze import words
from sandbox.braze.options import Options
from sandbox.braze.reply import Reply, refused
from sandbox.braze.trigger import is_known
from sandbox.braze.users import Profile
from sandbox.braze.workspace import Workspace

_MOST_IDS = 50
_SINGLE = {"braze_id": "braze_id", "email_address": "email", "phone": "phone"}


def export(body: Mapping[str, Any], _: Options, workspace: Workspace) -> Reply:
    """Profiles by id; what is not found is named."""
    named = list(_named(body))
    if len(named) > _MOST_IDS:
        return refused(400, words.TOO_MANY_IDS)
    fields = body.get("fields_to_export")
    if not named or not isinstance(fields, list):
        return refused(400, words.BAD_REQUEST)
    found = [(name, workspace.find(name)) for name in named]
    users = [_exported(profile, fields) for _, profile in found if profile]
    invalid = [next(iter(name.values())) for name, profile in found if profile is None]
    return Reply(
        201,
        {"users": users, **({"invalid_user_ids": invalid} if invalid else {}), "message": words.SUCCESS},
    )


def subscription(query: QueryParams, options: Options, workspace: Workspace) -> Reply:
    """The state of users in a group: capitalised, and unknown in lower case, as recorded."""
    group_id, ids = query.get("subscription_group_id", ""), query.getlist("external_id[]")
    if not is_known(group_id, options.groups):
        return refused(400, words.BAD_GROUP)
    if not 0 < len(ids) <= _MOST_IDS:
        return refused(400, words.BAD_REQUEST)
    found = {id_: workspace.find({"external_id": id_}) for id_ in ids}
    states = {id_: one.subscriptions.get(group_id, "") if one else "" for id_, one in found.items()}
    told = {id_: state.capitalize() or "unknown" for id_, state in states.items()}
    return Reply(200, {"status": told, "message": words.SUCCESS})


def _named(body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    yield from ({"external_id": each} for each in _list(body.get("external_ids")))
    aliases = _list(body.get("user_aliases"))
    yield from ({"user_alias": each} for each in aliases if {"alias_name", "alias_label"} <= set(each))
    yield from ({ours: body[theirs]} for theirs, ours in _SINGLE.items() if isinstance(body.get(theirs), str))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _exported(profile: Profile, fields: list[Any]) -> dict[str, Any]:
    standard = {"email", "first_name", "last_name", "email_subscribe", "push_subscribe", "country", "language"}
    custom = {name: value for name, value in profile.attributes.items() if name not in standard}
    whole = {
        "external_id": profile.external_id,
        "user_aliases": [alias._asdict() for alias in profile.aliases],
        "braze_id": profile.braze_id,
        **{name: value for name, value in profile.attributes.items() if name in standard},
        "custom_attributes": custom,
        "custom_events": _counted(profile),
    }
    return {name: value for name, value in whole.items() if name in fields}


def _counted(profile: Profile) -> list[dict[str, Any]]:
    """One entry an event name: when first, when last, how often."""
    times: dict[str, list[str]] = {}
    for event in profile.events:
        times.setdefault(event["name"], []).append(event["time"])
    return [{"name": name, "first": min(each), "last": max(each), "count": len(each)} for name, each in times.items()]
