"""What a flow or journey of a file needs configured: values, names in its sink's section, the customer store. Pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workers.flows.catalogue import DEFAULT as FLOWS
from workers.flows.entries import Entry, read_entries
from workers.flows.entry import read_entry as read_flow
from workers.flows.place import Place
from workers.flows.site_values import default_values, is_reference
from workers.journeys.catalogue import DEFAULT as JOURNEYS
from workers.journeys.entry import read_entry as read_journey
from workers.settings import Settings

_NAMED: Mapping[str, Mapping[str, str]] = {
    "braze.trigger_campaign": {"campaign": "campaigns"},
    "braze.trigger_canvas": {"canvas": "canvases"},
    "braze.send_transactional": {"campaign": "transactional_campaigns"},
    "braze.set_subscription": {"subscription_group": "subscription_groups"},
    "ecm.update_category": {"category": "categories"},
    "ecm.upload_document": {"category": "categories"},
    "ecm.create_workspace": {"workspace_type": "workspace_types", "category": "categories"},
    "ecm.create_task": {"assignee": "members"},
    "ecm.create_reminder": {"recipients": "members"},
    "exstream.start_service": {"communication": "communications"},
    "marketo.trigger_campaign": {"campaign": "campaigns"},
    "marketo.add_activity": {"activity": "activities"},
    "marketo.add_to_list": {"list": "lists"},
    "marketo.remove_from_list": {"list": "lists"},
    "marketo.upsert_object": {"object": "objects"},
    "notifications.raise_alert": {"audience": "audiences"},
    "notifications.notify": {"audience": "audiences"},
    "notifications.http_alert": {"audience": "audiences"},
}
"""Parameters that name something of the sink's section, by action."""

_SECTIONS: Mapping[str, str] = {
    "ecm.record_consent": "consent",
    "exstream.publish_preferences": "feed",
    "exstream.start_service": "api",
    "marketo.update_consent": "consent",
    "notifications.notify": "messaging",
    "notifications.http_alert": "http_alert",
}
"""What an action cannot work without in its sink's section."""


@dataclass(frozen=True, slots=True)
class Needs:
    """`must` has no default, `may` has one (both under flows.values); `names` stand in the sink's section."""

    must: tuple[str, ...]
    may: tuple[str, ...]
    names: tuple[str, ...]
    store: bool

    def __str__(self) -> str:
        values = [f"flows.values.{name}" for name in (*self.must, *self.may)]
        return ", ".join([*values, *self.names, *(["store"] if self.store else [])])


def needs_of(raw: Mapping[str, Any]) -> Needs:
    """What one entry needs; a journey (it has a kind) always needs the store."""
    named, defaults = sorted(set(_settings(raw))), default_values()
    return Needs(
        tuple(name for name in named if defaults.get(name) is None),
        tuple(name for name in named if defaults.get(name) is not None),
        tuple(_names(str(raw.get("do", "")), raw.get("with") or {})),
        "kind" in raw or _asks_store(raw),
    )


def flow_needs(settings: Settings) -> dict[str, Needs]:
    """The same for every flow of a site, by name."""
    default = FLOWS if settings.flows.defaults else ()
    return _by_name([*default, *settings.flows.files], "flow", read_flow)


def journey_needs(settings: Settings) -> dict[str, Needs]:
    """The same for every journey of a site, by name."""
    default = JOURNEYS if settings.journeys.defaults else ()
    return _by_name([*default, *settings.journeys.files], "journey", read_journey)


def _by_name(files: Sequence[Path], what: str, read_entry: Callable[[Any, Place], Entry | None]) -> dict[str, Needs]:
    """Later files over earlier ones; what is wrong in them is told where flows and journeys are loaded."""
    return {one.name: needs_of(one.raw) for one in read_entries(files, what, read_entry, [])}


def _settings(raw: Any) -> Iterator[str]:
    if is_reference(raw):
        yield str(raw["setting"])
    elif isinstance(raw, Mapping):
        for value in raw.values():
            yield from _settings(value)
    elif isinstance(raw, list):
        for value in raw:
            yield from _settings(value)


def _names(do: str, given: Mapping[str, Any]) -> Iterator[str]:
    sink = do.partition(".")[0]
    if section := _SECTIONS.get(do):
        yield f"sinks.{sink}.{section}"
    for parameter, section in _NAMED.get(do, {}).items():
        if isinstance(given.get(parameter), str):
            yield f"sinks.{sink}.{section}: {given[parameter]}"
        elif given.get(parameter):
            yield f"sinks.{sink}.{section}"


def _asks_store(raw: Mapping[str, Any]) -> bool:
    return isinstance(raw.get("consent"), Mapping) or any("profile" in _words(raw.get(key)) for key in ("when", "with"))


def _words(raw: Any) -> set[str]:
    """The keys of a pattern, and what templates read, by their first name."""
    match raw:
        case str():
            return {part.partition(".")[0] for part in raw.split("${")[1:]}
        case Mapping():
            return {*map(str, raw)}.union(*map(_words, raw.values()))
        case list():
            return set[str]().union(*map(_words, raw))
        case _:
            return set()
