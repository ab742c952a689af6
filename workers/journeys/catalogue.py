"""Every journey of this deployment: the default ones, and what a site's own files add or change."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.errors import LocatedError
from workers.flows.entries import Entry, LeftOut, build_all, check_switches, read_entries, unique
from workers.flows.entry import Schemas
from workers.flows.place import FaultyFlowsError
from workers.flows.site_values import SiteValues
from workers.journeys.definition import Journey, Mode, Wait
from workers.journeys.entry import build, read_entry

DEFAULT = tuple(Path(__file__).parent / "default" / f"{family}.yaml" for family in "mnb")


@dataclass(frozen=True, slots=True)
class Declared:
    """The journeys that run, in the files' order, and the default ones that wait for a setting."""

    journeys: tuple[Journey, ...]
    left_out: tuple[LeftOut, ...]


def load_journeys(
    files: Sequence[Path], values: Mapping[str, Any], schemas: Schemas, default: Sequence[Path] = DEFAULT
) -> Declared:
    """Read the default journeys and a site's files, check everything, and compile.

    A site's journey replaces the default one of its name; `enabled: false` switches one off; without `default`, only
    the site's own run. `values` stand for `{setting: name}`. Raises FaultyFlowsError, which lists every fault of every
    file.
    """
    faults: list[LocatedError] = []
    defaults = unique(read_entries(default, "journey", read_entry, faults), "journey")
    own = unique(read_entries(files, "journey", read_entry, faults), "journey")
    check_switches(own, defaults, "journey")
    site, chosen = SiteValues(values), {**defaults, **own}
    found, waiting = build_all(chosen.values(), defaults, lambda entry: build(entry, schemas, site), faults)
    for entry, journey in found:
        _check_again(entry, journey)
    if faults:
        raise FaultyFlowsError(sorted(faults, key=lambda fault: (str(fault.file), fault.line)))
    return Declared(tuple(journey for _, journey in found), tuple(waiting))


def kept_facts(files: Sequence[Path], default: Sequence[Path] = DEFAULT) -> dict[str, frozenset[str]]:
    """What the steps of each journey carry as facts, by the journey's name; those that do not run are among them.

    Nothing is checked: what is wrong with the files, `load_journeys` tells.
    """
    faults: list[LocatedError] = []
    entries = read_entries([*default, *files], "journey", read_entry, faults)
    return {entry.name: frozenset(_kept(entry)) for entry in entries if not entry.is_switch}


def _kept(entry: Entry) -> Iterator[str]:
    conditions = entry.raw.get("all")
    parts = [entry.raw, *(conditions.values() if isinstance(conditions, dict) else ())]
    lists = (part.get("keep") for part in parts if isinstance(part, dict))
    return (str(name) for names in lists if isinstance(names, list) for name in names)


def _check_again(entry: Entry, journey: Journey) -> None:
    again, place = journey.again, entry.place.at("again")
    match journey.kind:
        case Wait(after=steps) if again.mode is Mode.AFTER and again.after_us < max(steps.values(), default=0):
            place.fault("again must not be before the last step: a second run would begin during the first one")
        case Wait():
            pass
        case _ if again.mode is Mode.RESTART:
            place.fault("restart is for waits; a join begins again when a condition was closed and opened again")
