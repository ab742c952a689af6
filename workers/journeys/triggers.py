"""`start`, `stop`, `open` and `close`: from plain YAML data to triggers, every misuse a fault at its line."""

from typing import Any

from workers.flows.entry import Schemas
from workers.flows.fields import EventFields
from workers.flows.names import nearest
from workers.flows.pattern_parser import parse_pattern
from workers.flows.place import Place
from workers.flows.site_values import SiteValues
from workers.journeys.definition import Trigger


class Triggers:
    """Reads triggers; `refused` are topics on which a journey would answer itself."""

    def __init__(self, schemas: Schemas, values: SiteValues, refused: tuple[str, ...]) -> None:
        self._schemas, self._values = schemas, values
        self._topics = tuple(topic for topic in schemas.topics if topic not in refused)

    def many(
        self, raw: dict[str, Any] | Any, key: str, place: Place, by: tuple[str, ...], *, is_stop: bool = False,
        has_times: bool = False,
    ) -> tuple[Trigger, ...]:  # fmt: skip
        """What stands under a key: one trigger, or a list of them."""
        found, here = raw.get(key), place.at(key)
        listed = found if isinstance(found, list) else [found]
        places = [here.at(index) for index in range(len(listed))] if isinstance(found, list) else [here]
        if not listed or found is None:
            here.fault(f"{key} is missing: {{on: TOPIC, when: PATTERN}}, or a list of such")
            return ()
        known = ("on", "when", *(("by",) if is_stop else ()), *(("times",) if has_times else ()))
        read = (self._one(one, where, by, known) for one, where in zip(listed, places, strict=True))
        return tuple(one for one in read if one is not None)

    def times(self, raw: Any, place: Place) -> int:
        """How many openings it takes; 1 where nothing is said."""
        triggers = raw if isinstance(raw, list) else [raw]
        said = {one.get("times", 1) for one in triggers if isinstance(one, dict)} or {1}
        if len(said) == 1 and isinstance(found := said.pop(), int) and not isinstance(found, bool) and 1 <= found <= 50:
            return found
        place.fault("times is a whole number from 1 to 50, the same for every trigger of an open")
        return 1

    def _one(self, raw: Any, place: Place, by: tuple[str, ...], known: tuple[str, ...]) -> Trigger | None:
        if not isinstance(raw, dict):
            place.fault("a trigger is a mapping with on and when")
            return None
        for key in raw:
            if key not in known:
                place.at(key).fault(f"this has no key {key!r}{nearest(key, known) or ': ' + ', '.join(known)}")
        topic = raw.get("on")
        if topic not in self._topics:
            place.at("on").fault(f"no journey can be on {topic!r}{nearest(topic, self._topics)}")
            return None
        fields = EventFields(str(topic), self._schemas.schema(str(topic)))
        pattern = parse_pattern(raw.get("when"), place.at("when"), fields, self._values)
        return Trigger(str(topic), pattern, self._by(raw, place, by, fields))

    def _by(self, raw: dict[str, Any], place: Place, by: tuple[str, ...], fields: EventFields) -> tuple[str, ...]:
        wider, here = raw.get("by"), place.at("by") if "by" in raw else place
        if wider is not None and (not isinstance(wider, list) or not set(wider) <= set(by)):
            here.fault(f"by may only leave fields of the journey's own out: {', '.join(by) or 'it has none'}")
            return by
        used = by if wider is None else tuple(wider)
        for path in used:
            found = fields.find(path)
            if found is None:
                here.fault(f"{fields.why_not(path)}: it cannot find its instance by it")
            elif not found.is_scalar:
                here.fault(f"{path} is {found.described}: an instance is found by a field of one value")
        return used
