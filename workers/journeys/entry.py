"""One entry of a journey file, checked against schemas and settings, made a Journey."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from workers.flows.entries import Entry
from workers.flows.entry import RECEIPTS, Schemas
from workers.flows.fields import EventFields
from workers.flows.names import nearest
from workers.flows.pattern import RESERVED
from workers.flows.place import Place
from workers.flows.site_values import SiteValues
from workers.journeys.definition import Condition, Date, Join, Journey, Kind, Trigger, Wait
from workers.journeys.scalars import Scalars
from workers.journeys.triggers import Triggers

STEPS = "comms.journey.v1"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_STEP = re.compile(r"[A-Za-z0-9_-]{1,50}")
_COMMON = ("name", "about", "kind", "by", "keep", "emit", "late", "grace", "spread", "at", "zone", "enabled")
_KEYS: Mapping[str, tuple[str, ...]] = {
    "wait": (*_COMMON, "start", "stop", "after", "again"),
    "date": (*_COMMON, "start", "stop", "date", "before"),
    "join": (*_COMMON, "all", "for", "again"),
}


def read_entry(raw: Any, place: Place) -> Entry | None:
    """The entry; None after a fault that leaves it without a name."""
    if not isinstance(raw, dict):
        place.fault("a journey is a mapping with name, kind and emit")
        return None
    name = raw.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        place.at("name").fault("a journey needs a name of letters, digits, dots, dashes and underscores")
        return None
    entry = Entry(name, raw, place)
    if not entry.is_switch:
        _check_keys(entry)
    return entry


def build(entry: Entry, schemas: Schemas, values: SiteValues) -> Journey | None:
    """The journey that an entry declares; None after a fault."""
    if entry.raw.get("kind") not in _KEYS:
        return None
    before = len(entry.place.faults)
    journey = _Builder(entry, schemas, values).journey()
    return journey if len(entry.place.faults) == before else None


def _check_keys(entry: Entry) -> None:
    raw, place = entry.raw, entry.place
    known = _KEYS.get(raw.get("kind", ""))
    if known is None:
        place.at("kind").fault(f"the kind of {entry.name} is one of {', '.join(_KEYS)}")
        return
    for key in raw:
        if key not in known:
            place.at(key).fault(f"a journey of kind {raw['kind']} has no key {key!r}{nearest(key, known)}")
    if not isinstance(raw.get("about", ""), str):
        place.at("about").fault("about must be a text")
    if not isinstance(raw.get("enabled", True), bool):
        place.at("enabled").fault("enabled must be true or false")


class _Builder:
    def __init__(self, entry: Entry, schemas: Schemas, values: SiteValues) -> None:
        self._entry, self._raw, self._place, self._schemas = entry, entry.raw, entry.place, schemas
        self._triggers = Triggers(schemas, values, (RECEIPTS, STEPS))
        self._scalars = Scalars(values)

    def journey(self) -> Journey:
        """The journey; worth something only when no fault was noted."""
        raw, place, scalars = self._raw, self._place, self._scalars
        by = scalars.names(raw.get("by", []), place.at("by"))
        keep = scalars.names(raw.get("keep", []), place.at("keep"))
        kind = self._kind(by)
        self._check_fields(keep, self._starts(kind), place.at("keep"))
        return Journey(
            name=self._entry.name,
            about=str(raw.get("about", "")),
            emit=self._emit(),
            kind=kind,
            by=by,
            keep=keep,
            again=scalars.again(raw.get("again", "ignore"), place.at("again")),
            late_us=scalars.duration(raw.get("late", "1d"), place.at("late")),
            grace_us=scalars.duration(raw.get("grace", "30m"), place.at("grace")),
            spread_us=scalars.duration(raw.get("spread", "0s"), place.at("spread")),
            at=scalars.time_of_day(raw.get("at"), place.at("at")),
            zone=scalars.zone(raw.get("zone", "UTC"), place.at("zone")),
            file=place.document.file,
            line=place.line,
        )

    def _kind(self, by: tuple[str, ...]) -> Kind:
        raw, place = self._raw, self._place
        match raw["kind"]:
            case "join":
                held = self._scalars.duration(raw.get("for", "0s"), place.at("for"))
                return Join(self._conditions(by), held)
            case "date":
                start = self._triggers.many(raw, "start", place, by)
                field = self._date_field(start)
                return Date(start, self._stops(by), field, self._steps("before"))
            case _:
                start = self._triggers.many(raw, "start", place, by)
                return Wait(start, self._stops(by), self._steps("after"))

    def _stops(self, by: tuple[str, ...]) -> tuple[Trigger, ...]:
        return self._triggers.many(self._raw, "stop", self._place, by, is_stop=True) if "stop" in self._raw else ()

    def _conditions(self, by: tuple[str, ...]) -> tuple[Condition, ...]:
        raw, place = self._raw.get("all"), self._place.at("all")
        if not isinstance(raw, dict) or len(raw) < 2:
            place.fault("all is a mapping of at least two conditions, each with open and close")
            return ()
        found = (self._condition(str(name), one, place.at(name), by) for name, one in raw.items())
        return tuple(one for one in found if one is not None)

    def _condition(self, name: str, raw: Any, place: Place, by: tuple[str, ...]) -> Condition | None:
        known = ("open", "close", "by", "keep")
        if not isinstance(raw, dict):
            place.fault("a condition is a mapping with open and close")
            return None
        for key in raw:
            if key not in known:
                place.at(key).fault(f"a condition has no key {key!r}{nearest(key, known)}")
        own = self._scalars.names(raw.get("by", []), place.at("by"))
        keep = self._scalars.names(raw.get("keep", []), place.at("keep"))
        opens = self._triggers.many(raw, "open", place, (*by, *own), has_times=True)
        closes = self._triggers.many(raw, "close", place, (*by, *own)) if "close" in raw else ()
        self._check_fields(keep, opens, place.at("keep"))
        return Condition(name, opens, closes, own, self._triggers.times(raw.get("open"), place.at("open")), keep)

    def _steps(self, key: str) -> dict[str, int]:
        raw, place = self._raw.get(key), self._place.at(key)
        if not isinstance(raw, dict) or not raw:
            place.fault(f"{key} is a mapping of steps to durations, such as {{reminder: 7d}}")
            return {}
        for name in raw:
            if not isinstance(name, str) or not _STEP.fullmatch(name):
                place.at(name).fault(f"the step {name!r} needs a name of letters, digits, dashes and underscores")
        return {str(name): self._scalars.duration(one, place.at(name)) for name, one in raw.items()}

    def _emit(self) -> str:
        found, place = self._raw.get("emit"), self._place.at("emit")
        types = [one for one in EventFields(STEPS, self._schemas.schema(STEPS)).types if one not in RESERVED]
        if found not in types:
            place.fault(f"emit is one of {', '.join(types)}{nearest(found, types)}")
        return str(found)

    def _date_field(self, start: Iterable[Trigger]) -> str:
        path, place = self._raw.get("date"), self._place.at("date")
        if not isinstance(path, str):
            place.fault("date names the field with the date")
            return ""
        for topic in {one.topic for one in start}:
            fields = EventFields(topic, self._schemas.schema(topic))
            found = fields.find(path)
            if found is None:
                place.fault(fields.why_not(path))
            elif found.kind != "timestamp" or found.many:
                place.fault(f"{path} of {topic} is {found.described}, not a timestamp")
        return path

    def _starts(self, kind: Kind) -> tuple[Trigger, ...]:
        match kind:
            case Wait(start) | Date(start):
                return start
            case Join(conditions):
                return tuple(trigger for one in conditions for trigger in one.open)

    def _check_fields(self, paths: Iterable[str], starts: Iterable[Trigger], place: Place) -> None:
        """Each is a field of at least one of these topics, and has one value."""
        fields = [EventFields(topic, self._schemas.schema(topic)) for topic in sorted({one.topic for one in starts})]
        for path in paths:
            found = [one.find(path) for one in fields]
            if fields and not any(found):
                place.fault(fields[0].why_not(path))
            elif any(one is not None and not one.is_scalar for one in found):
                place.fault(f"{path} has parts: keep fields of one value")
