"""The requests to Marketo, as values: method, path and body, nothing sent. Pure."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, urlencode

import orjson

from workers.vendors.marketo.request import LEADS, Request

_ACTIVITIES = "/rest/v1/activities/external.json"
_USAGE = "/rest/v1/stats/usage.json"


@dataclass(frozen=True, slots=True)
class LeadsCall:
    """What the leads of one sync share (§2.1)."""

    mode: str
    lookup_field: str
    partition: str | None


@dataclass(frozen=True, slots=True)
class CampaignCall:
    """What the leads of one campaign request share: its tokens too (§2.5)."""

    campaign_id: int
    tokens: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ListCall:
    """What the leads of one membership call share (§2.8)."""

    list_id: int


@dataclass(frozen=True, slots=True)
class ObjectCall:
    """What the records of one custom-object sync share (§2.7)."""

    api_name: str


def write(shared_by: Hashable, rows: Sequence[bytes], *, is_removal: bool = False) -> Request:
    """The request of a batch: its records, and what they share."""
    match shared_by:
        case LeadsCall():
            return _sync_leads(shared_by, rows)
        case CampaignCall(campaign_id, tokens):
            listed = [{"name": name, "value": value} for name, value in tokens]
            body = orjson.dumps({"input": {"leads": _fragments(rows), "tokens": listed}})
            return Request("POST", f"/rest/v1/campaigns/{campaign_id}/trigger.json", body)
        case ListCall(list_id):
            method: Literal["POST", "DELETE"] = "DELETE" if is_removal else "POST"
            return Request(method, f"/rest/v1/lists/{list_id}/leads.json", orjson.dumps({"input": _fragments(rows)}))
        case ObjectCall(api_name):
            fixed = {"action": "createOrUpdate", "dedupeBy": "dedupeFields"}
            body = orjson.dumps({**fixed, "input": _fragments(rows)})
            return Request("POST", f"/rest/v1/customobjects/{quote(api_name, safe='')}.json", body)
        case None:
            return Request("POST", _ACTIVITIES, orjson.dumps({"input": _fragments(rows)}))
    raise TypeError(f"no request is shared by a {type(shared_by).__name__}")


def with_id(name: str, lead_id: int, row: bytes = b"{}") -> bytes:
    """A serialised record with the lead's number in front."""
    return b'{"%s":%d%s%s' % (name.encode(), lead_id, b"" if row == b"{}" else b",", row[1:])


def harmless_read(field: str) -> Request:
    """A read that finds nobody, and notices a customer id field that Marketo does not know (§2.2)."""
    query = urlencode({"filterType": field, "filterValues": "0", "fields": "id", "batchSize": "1"})
    return Request("GET", f"{LEADS}?{query}")


def usage_today() -> Request:
    """How many requests Marketo has counted today (§3)."""
    return Request("GET", _USAGE)


def _sync_leads(call: LeadsCall, rows: Sequence[bytes]) -> Request:
    partition = {"partitionName": call.partition} if call.partition else {}
    fixed = {"action": call.mode, "lookupField": call.lookup_field, **partition}
    return Request("POST", LEADS, orjson.dumps({**fixed, "input": _fragments(rows)}))


def _fragments(rows: Sequence[bytes]) -> list[orjson.Fragment]:
    return [orjson.Fragment(row) for row in rows]
