"""The endpoints: which permission each needs, and what it does with a call (page §2)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.marketo.instance import Instance
from sandbox.marketo.leads import Matches
from sandbox.marketo.log import numbers_of
from sandbox.marketo.words import RefusedError, skipped


@dataclass(frozen=True, slots=True)
class Call:
    """One request: what its path, query and body say; `matches` were found when it began."""

    path: Mapping[str, Any]
    query: Mapping[str, str]
    ids: list[str]
    body: Mapping[str, Any]
    matches: Matches | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A method of a path."""

    permission: str
    handle: Callable[[Instance, Call], dict[str, Any]]


_READ_LEADS, _WRITE_LEADS = "Read-Only Lead", "Read-Write Lead"
_READ_LOG, _WRITE_LOG = "Read-Only Activity", "Read-Write Activity"
_OBJECTS, _ASSETS = "Read-Write Custom Object", "Read-Only Assets"


def _delete_leads(instance: Instance, call: Call) -> dict[str, Any]:
    rows = call.body.get("input") or [{"id": int(each)} for text in call.ids for each in text.split(",")]
    return {
        "result": [
            {"id": row["id"], "status": "deleted"} if instance.leads.delete(row["id"]) else skipped("1004")
            for row in rows
        ]
    }


def _merge(instance: Instance, call: Call) -> dict[str, Any]:
    losers = [int(each) for each in call.query.get("leadIds", "").split(",") if each.isdecimal()]
    if len(losers) > 25:
        raise RefusedError("1080", "Too many leads to merge")
    if call.path["number"] not in instance.leads or any(each not in instance.leads for each in losers):
        raise RefusedError("1004")
    instance.leads.merge(call.path["number"], losers)
    return {}


def _usage(instance: Instance, _: Call) -> dict[str, Any]:
    limits = instance.limits
    total = limits.by_day[limits.today()]
    return {
        "result": [
            {"date": limits.today(), "total": total, "users": [{"userId": "api-user@customer.example", "count": total}]}
        ]
    }


def _errors(instance: Instance, _: Call) -> dict[str, Any]:
    refused = instance.limits.refused
    errors = [{"errorCode": code, "count": number} for code, number in refused.items()]
    return {"result": [{"date": instance.limits.today(), "total": refused.total(), "errors": errors}]}


def _changes(instance: Instance, call: Call) -> dict[str, Any]:
    wanted = set(call.query.get("fields", "").split(","))
    page = instance.log.page(call.query, frozenset({12, 13}))
    kept = [row for row in page["result"] if {each["name"] for each in row.get("fields", ())} & wanted]
    return {**page, "result": kept}


_ENDPOINTS: Mapping[str, Mapping[str, Endpoint]] = {
    "/rest/v1/leads.json": {
        "POST": Endpoint(_WRITE_LEADS, lambda i, c: {"result": i.leads.sync(c.body, c.matches)}),
        "GET": Endpoint(_READ_LEADS, lambda i, c: {"result": list(i.leads.filtered(c.query))}),
    },
    "/rest/v1/leads/delete.json": {"POST": Endpoint(_WRITE_LEADS, _delete_leads)},
    "/rest/v1/leads/{number:int}/merge.json": {"POST": Endpoint(_WRITE_LEADS, _merge)},
    "/rest/v1/activities/external.json": {
        "POST": Endpoint(_WRITE_LOG, lambda i, c: {"result": i.activities.add(c.body)}),
    },
    "/rest/v1/activities/external/types.json": {
        "GET": Endpoint(_READ_LOG, lambda i, _: {"result": i.activities.kinds()}),
    },
    "/rest/v1/activities/pagingtoken.json": {
        "GET": Endpoint(_READ_LOG, lambda i, c: {"nextPageToken": i.log.token_since(c.query.get("sinceDatetime", ""))}),
    },
    "/rest/v1/activities.json": {
        "GET": Endpoint(_READ_LOG, lambda i, c: i.log.page(c.query, numbers_of(c.query.get("activityTypeIds", "")))),
    },
    "/rest/v1/activities/leadchanges.json": {"GET": Endpoint(_READ_LOG, _changes)},
    "/rest/v1/activities/deletedleads.json": {
        "GET": Endpoint(_READ_LOG, lambda i, c: i.log.page(c.query, frozenset({37}))),
    },
    "/rest/v1/campaigns/{number:int}/trigger.json": {
        "POST": Endpoint("Execute Campaign", lambda i, c: {"result": i.campaigns.trigger(c.path["number"], c.body)}),
    },
    "/rest/v1/campaigns.json": {"GET": Endpoint(_ASSETS, lambda i, _: {"result": i.campaigns.listed()})},
    "/rest/v1/lists/{number:int}/leads.json": {
        "POST": Endpoint(_WRITE_LEADS, lambda i, c: {"result": i.lists.add(c.path["number"], c.body, c.ids)}),
        "DELETE": Endpoint(_WRITE_LEADS, lambda i, c: {"result": i.lists.remove(c.path["number"], c.body, c.ids)}),
    },
    "/rest/v1/customobjects/{name}.json": {
        "POST": Endpoint(_OBJECTS, lambda i, c: {"result": i.objects.sync(c.path["name"], c.body)}),
        "GET": Endpoint(_OBJECTS, lambda i, c: {"result": i.objects.found(c.path["name"], c.query)}),
    },
    "/rest/v1/customobjects/{name}/delete.json": {
        "POST": Endpoint(_OBJECTS, lambda i, c: {"result": i.objects.delete(c.path["name"], c.body)}),
    },
    "/rest/v1/stats/usage.json": {"GET": Endpoint(_READ_LEADS, _usage)},
    "/rest/v1/stats/errors.json": {"GET": Endpoint(_READ_LEADS, _errors)},
}

SYNC_LEADS = "/rest/v1/leads.json"


def endpoints() -> Mapping[str, Mapping[str, Endpoint]]:
    """By path and method."""
    return _ENDPOINTS
