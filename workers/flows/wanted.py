"""What a flow says of consent: the purpose, and the channels by which it would contact the customer, best first."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas.catalogue import catalogue
from schemas.fields import field as schema_field
from workers.flows.fields import EventFields
from workers.flows.names import nearest
from workers.flows.place import Place
from workers.flows.site_values import SiteValues
from workers.flows.template import MISSING, Constant, Domain, Expression, Template, compile_template, possible, reads
from workers.flows.template_parser import parse_template

_UNKNOWN = "UNKNOWN"
_NONE, _KEYS = "none", ("purpose", "channels")
HOW = "consent: {purpose, channels} or consent: none"
_PREFERENCE = "comms.preference.v1"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Leave that a flow needs: for a purpose, by the first of these channels that may be used.

    A channel is a symbol, or a template that reads event, profile or preferred channel; what it makes of an event that
    is no channel is passed over.
    """

    purpose: str
    channels: tuple[Template, ...]
    _renders: tuple[Callable[[Mapping[str, Any]], Any], ...] = field(init=False, repr=False, compare=False)
    fixed: tuple[str, ...] | None = field(init=False, repr=False, compare=False)
    """The channels where they are the same for every event; else None."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "_renders", tuple(map(compile_template, self.channels)))
        is_fixed = all(isinstance(one, Constant) for one in self.channels)
        object.__setattr__(self, "fixed", tuple(self.by({})) if is_fixed else None)

    def __str__(self) -> str:
        return f"{self.purpose} by {', '.join(map(_shown, self.channels))}"

    def by(self, value: Mapping[str, Any]) -> tuple[str, ...]:
        """The channels for this event, best first, each once."""
        found = (render(value) for render in self._renders)
        return tuple(dict.fromkeys(one for one in found if one in CHANNELS))

    def possible(self, domain: Domain) -> tuple[str, ...]:
        """Every channel that it can come to; `domain` bounds the fields that are read."""
        texts = (possible(one, domain) for one in self.channels)
        found = [one for some in texts for one in (some if some is not None else CHANNELS)]
        defaults = [str(one.default) for one in self.channels if isinstance(one, Expression)]
        return tuple(dict.fromkeys(one for one in (*found, *defaults) if one in CHANNELS))

    def reads(self) -> Iterator[str]:
        """The fields that the channels read."""
        return (path for one in self.channels for path in reads(one))


def symbols(name: str) -> tuple[str, ...]:
    """What a preference may say as its `purpose` or `channel`."""
    found = schema_field(catalogue().schema(_PREFERENCE), name)
    return tuple(one for one in found.symbols if one != _UNKNOWN) if found else ()


CHANNELS, PURPOSES = symbols("channel"), symbols("purpose")


def parse_wanted(stated: Any, place: Place, fields: EventFields, values: SiteValues) -> Wanted | None:
    """What `consent:` declares; None for `none`, and after a fault. `fields` has what channels may read."""
    if stated == _NONE:
        return None
    if not isinstance(stated, dict) or set(stated) != set(_KEYS):
        place.fault("consent is none, or {purpose: PURPOSE, channels: [CHANNEL, ...]}")
        return None
    before = len(place.faults)
    purpose = _symbol(values.resolved(stated["purpose"], place.at("purpose")), PURPOSES, place.at("purpose"), before)
    channels = tuple(_channels(stated["channels"], place.at("channels"), fields, values))
    return Wanted(str(purpose), channels) if len(place.faults) == before else None


def _channels(raw: Any, place: Place, fields: EventFields, values: SiteValues) -> Iterator[Template]:
    if not isinstance(raw, list) or not raw:
        place.fault(f"channels is a list, best first, of {', '.join(CHANNELS)}")
        return
    for item, here in values.spliced(raw, place):
        before = len(here.faults)
        channel = parse_template(item, here, fields, values)
        for text in _texts(channel):
            _symbol(text, CHANNELS, here, before)
        yield channel


def _shown(channel: Template) -> str:
    match channel:
        case Constant(value):
            return str(value)
        case Expression(field, default):
            return field.path if default is MISSING else f"{field.path} else {default}"
        case _:
            return "a text of the event"


def _texts(channel: Template) -> Iterator[Any]:
    """What is written out of a channel: itself, or what stands for a null."""
    match channel:
        case Constant(value):
            yield value
        case Expression(default=str() as default):
            yield default


def _symbol(text: Any, known: tuple[str, ...], place: Place, before: int) -> Any:
    if len(place.faults) == before and text not in known:
        place.fault(f"{text!r} is none of {', '.join(known)}{nearest(text, known)}")
    return text
