"""The small values of a journey: durations, times of day, zones, names; each may be `{setting: name}`."""

from datetime import time
from typing import Any
from zoneinfo import ZoneInfo

from workers.flows.place import Place
from workers.flows.site_values import SiteValues
from workers.journeys.definition import Again, Mode
from workers.journeys.durations import duration


class Scalars:
    """Reads values, by a site's settings; a fault where one cannot be."""

    def __init__(self, values: SiteValues) -> None:
        self._values = values

    def duration(self, raw: Any, place: Place) -> int:
        """Microseconds."""
        before = len(place.faults)
        text = self._values.resolved(raw, place)
        found = duration(text)
        if found is None and len(place.faults) == before:
            place.fault(f"{text!r} is not a duration: a whole number and s, m, h, d or w, such as 30m or 7d")
        return found or 0

    def again(self, raw: Any, place: Place) -> Again:
        """What a second start does."""
        match raw:
            case "ignore" | "restart":
                return Again(Mode(raw))
            case {"after": length} if len(raw) == 1:
                return Again(Mode.AFTER, self.duration(length, place.at("after")))
            case _:
                place.fault("again is ignore, restart, or {after: DURATION}")
                return Again()

    def time_of_day(self, raw: Any, place: Place) -> time | None:
        """A local time."""
        if raw is None:
            return None
        before = len(place.faults)
        text = self._values.resolved(raw, place)
        try:
            found = time.fromisoformat(text)
            if found.tzinfo is None:
                return found
        except (ValueError, TypeError):
            pass
        if len(place.faults) == before:
            place.fault(f'{text!r} is not a time of day, such as "09:00"')
        return None

    def zone(self, raw: Any, place: Place) -> ZoneInfo:
        """A time zone by its IANA name."""
        before = len(place.faults)
        text = self._values.resolved(raw, place)
        try:
            return ZoneInfo(text)
        except (ValueError, TypeError, OSError, LookupError):
            if len(place.faults) == before:
                place.fault(f"there is no time zone {text!r}; write an IANA name, such as Europe/Berlin")
            return ZoneInfo("UTC")

    def names(self, raw: Any, place: Place) -> tuple[str, ...]:
        """A list of fields."""
        if isinstance(raw, list) and all(isinstance(one, str) for one in raw) and len(set(raw)) == len(raw):
            return tuple(raw)
        place.fault("this is a list of different fields, such as [document_id]")
        return ()
