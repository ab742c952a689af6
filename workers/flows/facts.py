"""`facts.*`: what a journey kept of the events that it was made of; checked against what the journeys keep."""

from collections.abc import Collection, Iterator, Mapping

from workers.flows.flow import Flow
from workers.flows.names import nearest
from workers.flows.pattern import conditions
from workers.flows.place import Place

STEPS = "comms.journey.v1"
Kept = Mapping[str, Collection[str]]
"""By the name of a journey, the facts that its steps carry."""

_FACTS = "facts."


def check_facts(flow: Flow, kept: Kept, place: Place) -> None:
    """Note the journeys that are not there, and the facts that none of the named journeys keeps."""
    named = flow.pattern.domain("journey")
    if flow.topic != STEPS or named is None:
        return
    missing = [name for name in named if name not in kept]
    for name in missing:
        place.at("when").lack(f"flow {flow.name} waits for the journey {name}, which is not there{nearest(name, kept)}")
    known = sorted({fact for name in named for fact in kept.get(name, ())})
    for fact in () if missing else dict.fromkeys(_facts(flow)):
        if fact not in known:
            hint = nearest(fact, known) or f": it has {', '.join(known) or 'nothing'}"
            place.at("with").fault(f"{', '.join(named)} keeps no fact {fact!r}{hint}")


def _facts(flow: Flow) -> Iterator[str]:
    paths = [condition.field.path for condition in conditions(flow.pattern.root)]
    paths += flow.with_.reads()
    paths += flow.consent.reads() if flow.consent else ()
    return (path.removeprefix(_FACTS) for path in paths if path.startswith(_FACTS))
