"""What a town's vendors hold in the end, as facts to be compared: without times, and ids that each run makes anew."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tests.support.town_sandbox import Sandbox

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d(T[\d:.]+(Z|[+-]\d\d:?\d\d)?)?")
_DAY = re.compile(r"D/\d{4}/\d+/\d+:\d+:\d+:\d+")
_CUSTOMER = re.compile(r"C-\d{4}")
_NEW = frozenset({"_evt", "eventId", "event_uuid", "marketoGUID", "id", "partition"})


@dataclass(frozen=True, slots=True, order=True)
class Fact:
    """One thing at a vendor: of which kind, about whom, and what."""

    vendor: str
    kind: str
    whom: str
    what: str


Facts = Counter[Fact]


def facts_of(boxes: Mapping[str, Sandbox], names: Mapping[str, str]) -> Facts:
    """Everything that the five vendors hold; `names` are those of campaigns and Canvases by the vendors' ids."""
    found = (fact for name, read in _READERS.items() for fact in read(boxes[name]))
    nodes = boxes["ecm"].state()["nodes"].values()
    owned = re.compile("|".join(rf"\b{node['id']}\b" for node in nodes if node.get("business_object")) or "(?!)")
    return Counter(replace(one, what=owned.sub("<workspace>", _named(one.what, names))) for one in found)


def _braze(box: Sandbox) -> Iterator[Fact]:
    for who, user in box.state()["users"].items():
        for kind in ("attributes", "subscriptions"):
            yield from (Fact("braze", kind, who, f"{name}={_told(one)}") for name, one in user[kind].items())
        for event in user["events"]:
            yield Fact("braze", "event", who, f"{event['name']} {_told(event.get('properties') or {})}")
    for one in box.received(path="/campaigns/trigger/send"):
        yield from (_send("campaign", one["body"]["campaign_id"], each) for each in one["body"]["recipients"])
    for one in box.received(path="/canvas/trigger/send"):
        yield from (_send("canvas", one["body"]["canvas_id"], each) for each in one["body"]["recipients"])


def _send(kind: str, name: str, recipient: Mapping[str, Any]) -> Fact:
    return Fact("braze", kind, recipient["external_user_id"], name)


def _ecm(box: Sandbox) -> Iterator[Fact]:
    nodes = {str(node["id"]): node for node in box.state()["nodes"].values()}
    for node in nodes.values():
        whom = _owner(node, nodes)
        yield Fact("ecm", str(node["type_name"]), whom, _plain(node["name"]))
        yield from (Fact("ecm", "Reminder", whom, _told(one)) for one in node.get("reminders") or ())
        for name, rows in node["categories"].items():
            for row in rows if isinstance(rows, list) else [rows]:
                yield Fact("ecm", "category", whom, f"{name} {_told(row)}")


def _owner(node: Mapping[str, Any] | None, nodes: Mapping[str, Mapping[str, Any]]) -> str:
    """The customer of the workspace in which a node is."""
    while node is not None:
        if node.get("business_object"):
            return str(node["business_object"][2])
        node = nodes.get(str(node["parent_id"]))
    return ""


def _exstream(box: Sandbox) -> Iterator[Fact]:
    state = box.state()
    for one in state["sent"]:
        yield Fact("exstream", "sent", _whom(one["data"]), f"{one['communication']} {_told(one['data'])}")
    for job in state["jobs"].values():
        data = json.loads(job["input"])
        yield Fact("exstream", "job", _whom(data), f"{job['channel']} {_told(data)}")
    for text in state["files"].values():
        for line in text.splitlines():
            yield Fact("exstream", "feed", _whom(line), _told(json.loads(line)))
    for name, template in state["templates"].items():
        yield Fact("exstream", "template", "", f"{name} {template['state']}")


def _marketo(box: Sandbox) -> Iterator[Fact]:
    state = box.state()
    who = {str(number): lead["customerNumber"] for number, lead in state["leads"].items()}
    for lead in state["leads"].values():
        yield from (
            Fact("marketo", "lead", lead["customerNumber"], f"{k}={_plain(v)}")
            for k, v in lead.items()
            if k not in _NEW
        )
    for one in state["activities"]:
        whom, text = who[str(one["leadId"])], f"{one['primaryAttributeValue']} {_told(one['attributes'])}"
        yield Fact("marketo", f"activity {one['activityTypeId']}", whom, text)
    for run in state["runs"]:
        yield Fact("marketo", "run", who[str(run["lead"])], f"{run['campaign']} {_told(run['tokens'])}")
    for name, members in state["lists"].items():
        yield from (Fact("marketo", "list", who[str(lead)], str(name)) for lead in members)
    for kind, records in state["objects"].items():
        yield from (Fact("marketo", kind, one["customerNumber"], _told(one)) for one in records)


def _notifications(box: Sandbox) -> Iterator[Fact]:
    for whom, messages in box.state()["inbox"].items():
        for one in messages:
            yield Fact("notifications", one["channel"], whom, _plain(one["said"].splitlines()[0]))


_READERS = {"braze": _braze, "ecm": _ecm, "exstream": _exstream, "marketo": _marketo, "notifications": _notifications}


def _told(value: Any) -> str:
    """A value as sorted JSON, without what is new in each run."""
    return _plain(json.dumps(_kept(value), sort_keys=True, ensure_ascii=False))


def _kept(value: Any) -> Any:
    match value:
        case dict():
            return {name: _kept(one) for name, one in value.items() if name not in _NEW}
        case list():
            return [_kept(one) for one in value]
        case _:
            return value


def _plain(text: Any) -> str:
    return _DAY.sub("<time>", _MOMENT.sub("<time>", _UUID.sub("<id>", str(text))))


def _whom(data: Any) -> str:
    found = _CUSTOMER.search(data if isinstance(data, str) else json.dumps(data))
    return found.group() if found else ""


def _named(what: str, names: Mapping[str, str]) -> str:
    first, space, rest = what.partition(" ")
    return f"{names.get(first, first)}{space}{rest}"
