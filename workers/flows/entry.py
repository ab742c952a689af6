"""One entry of a flow file, checked against schemas, actions and settings, made a Flow."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from workers.flows.entries import Entry
from workers.flows.facts import Kept, check_facts
from workers.flows.fields import EventFields
from workers.flows.flow import Flow
from workers.flows.names import nearest
from workers.flows.parameters import Parameters, check_parameters
from workers.flows.pattern_parser import parse_pattern
from workers.flows.place import Place
from workers.flows.site_values import SiteValues, is_reference
from workers.flows.store_fields import PROFILE_TOPIC, consent_fields, profile_fields
from workers.flows.template_parser import parse_template
from workers.flows.wanted import CHANNELS, HOW, Wanted, parse_wanted
from workers.sinks.api import Action, Contacts, Repeat

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
KEYS = ("name", "about", "on", "when", "do", "with", "consent", "choice", "repeat", "enabled")
RECEIPTS = "comms.receipt.v1"  # written by sinks: a flow on it would answer its own deliveries


class Schemas(Protocol):
    """What flows ask of the schema catalogue."""

    @property
    def topics(self) -> tuple[str, ...]:
        """The logical names of the event topics."""
        ...

    def schema(self, topic: str) -> dict[str, Any]:
        """The Avro schema of a topic, shared records inlined."""
        ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an entry is checked against."""

    actions: Mapping[str, Action]
    values: SiteValues
    schemas: Schemas
    has_store: bool = False
    """Whether there is a customer store: flows that ask it do not run without."""
    kept: Kept | None = None
    """What journeys keep; None where nobody knows."""

    def topics(self) -> tuple[str, ...]:
        """The topics on which a flow may be."""
        return tuple(topic for topic in self.schemas.topics if topic != RECEIPTS)


def read_entry(raw: Any, place: Place) -> Entry | None:
    """The entry, its keys checked; None after a fault that leaves it without a name."""
    if not isinstance(raw, dict):
        place.fault("a flow is a mapping with name, on and do")
        return None
    for key in raw:
        if key not in KEYS:
            place.at(key).fault(f"a flow has no key {key!r}{nearest(key, KEYS) or ': ' + ', '.join(KEYS)}")
    for key in ("about", "choice"):
        if key in raw and (not isinstance(raw[key], str) or not raw[key]):
            place.at(key).fault(f"{key} must be a text")
    if "enabled" in raw and not isinstance(raw["enabled"], bool):
        place.at("enabled").fault("enabled must be true or false")
    name = raw.get("name")
    if isinstance(name, str) and _NAME.fullmatch(name):
        return Entry(name, raw, place)
    place.at("name").fault("a flow needs a name of letters, digits, dots, dashes and underscores")
    return None


def build(entry: Entry, around: Surroundings) -> Flow | None:
    """The flow that an entry declares; None after a fault."""
    raw, place, before = entry.raw, entry.place, len(entry.place.faults)
    topic, action = _topic(entry, around), _tolerated(entry, _action(entry, around))
    if topic is None:
        _consent(entry, action, None, around)
        return None
    profile = profile_fields(around.schemas.schema(PROFILE_TOPIC))
    fields = EventFields(topic, around.schemas.schema(topic)).beside(profile)
    pattern = parse_pattern(raw.get("when"), place.at("when"), fields, around.values)
    consent = _consent(entry, action, fields, around)
    lent = consent_fields(CHANNELS, is_asked=isinstance(raw.get("consent"), dict))
    parameters = _parameters(entry, action, fields.beside(lent), around.values)
    if action is None or parameters is None or len(place.faults) > before:
        return None
    flow = Flow(
        name=entry.name,
        about=raw.get("about", ""),
        topic=topic,
        sink=raw["do"].partition(".")[0],
        action=action,
        choice=raw.get("choice"),
        consent=consent,
        file=place.document.file,
        line=place.line,
        pattern=pattern,
        with_=parameters,
    )
    _check_reads(flow, entry, around)
    return flow if len(place.faults) == before else None


def _check_reads(flow: Flow, entry: Entry, around: Surroundings) -> None:
    """Note what the flow reads and is not there: facts that no journey keeps, or the customer store."""
    if around.kept is not None:
        check_facts(flow, around.kept, entry.place)
    if not flow.needs_store or around.has_store:
        return
    what = "asks for consent" if flow.consent else "reads the profile or the preferred channel"
    way_out = "set store.url and store.address_key (docs/store.md)"
    entry.place.at("consent").lack(f"flow {flow.name} {what}, which needs the customer store: {way_out}")


def _topic(entry: Entry, around: Surroundings) -> str | None:
    topic, place = entry.raw.get("on"), entry.place.at("on")
    if topic in around.topics():
        return str(topic)
    if topic is None:
        place.fault(f"flow {entry.name} does not say on which topic: {', '.join(around.topics())}")
    elif topic == RECEIPTS:
        place.fault(f"no flow can be on {RECEIPTS}: receipts are what deliveries leave behind")
    else:
        place.fault(f"there is no topic {topic!r}{nearest(topic, around.topics())}")
    return None


def _action(entry: Entry, around: Surroundings) -> Action | None:
    name, place = entry.raw.get("do"), entry.place.at("do")
    if isinstance(name, str) and name in around.actions:
        return around.actions[name]
    if name is None:
        place.fault(f"flow {entry.name} does not say what to do: {', '.join(sorted(around.actions))}")
    else:
        place.fault(f"there is no action {name!r}{nearest(name, around.actions)}")
    return None


def _tolerated(entry: Entry, action: Action | None) -> Action | None:
    """The action as this flow wants it: `repeat: tolerated` takes the fence from a once-action."""
    stated, place = entry.raw.get("repeat"), entry.place.at("repeat")
    if stated is None or action is None:
        return action
    if stated != Repeat.TOLERATED:
        place.fault("repeat is tolerated, or not there: what an action is otherwise, its sink says")
    elif action.repeat is Repeat.REPEATABLE:
        place.fault(f"{entry.raw['do']} may be repeated anyway; leave repeat out")
    return replace(action, repeat=Repeat.TOLERATED)


def _parameters(entry: Entry, action: Action | None, fields: EventFields, values: SiteValues) -> Parameters | None:
    raw, place, before = entry.raw.get("with", {}), entry.place.at("with"), len(entry.place.faults)
    if not isinstance(raw, dict) or is_reference(raw):
        place.fault("with is a mapping of parameters to values")
        return None
    template = parse_template(raw, place, fields, values)
    if action is None or len(place.faults) > before:
        return None
    check_parameters(template, action.parameters, place)
    return Parameters(entry.name, action.parameters, template)


def _consent(entry: Entry, action: Action | None, fields: EventFields | None, around: Surroundings) -> Wanted | None:
    """The leave that the flow needs; None where it needs none, and after a fault. Channels may read `fields`."""
    stated, place = entry.raw.get("consent"), entry.place.at("consent")
    if stated is None:
        if action is not None and action.contacts is Contacts.CUSTOMER:
            place.fault(f"{entry.raw['do']} contacts the customer, so flow {entry.name} must say {HOW}")
        return None
    if fields is None:
        return None
    return parse_wanted(stated, place, fields.beside(consent_fields(CHANNELS, is_asked=False)), around.values)
