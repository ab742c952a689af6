"""Every journey of this deployment: the default ones, and what a site's own files add or change."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from common import yaml
from common.errors import LocatedError
from workers.flows.entries import Entry, check_switches, read_entries, unique
from workers.flows.entry import Schemas
from workers.flows.place import FaultyFlowsError
from workers.flows.site_values import SiteValues
from workers.journeys.definition import Journey, Mode, Wait
from workers.journeys.entry import build, read_entry

DEFAULT = Path(__file__).with_name("default.yaml")
VALUES = Path(__file__).with_name("values.yaml")


def load_journeys(
    files: Sequence[Path], values: Mapping[str, Any], schemas: Schemas, default: Path | None = DEFAULT
) -> tuple[Journey, ...]:
    """Read the default journeys and a site's files, check everything, and compile.

    A site's journey replaces the default one of its name; `enabled: false` switches one off; without `default`, only
    the site's own run. `values` stand for `{setting: name}`, over those of values.yaml. Raises FaultyFlowsError, which
    lists every fault of every file.
    """
    faults: list[LocatedError] = []
    defaults = unique(read_entries([default] if default else [], "journey", read_entry, faults), "journey")
    own = unique(read_entries(files, "journey", read_entry, faults), "journey")
    check_switches(own, defaults, "journey")
    site = SiteValues({**_flat(yaml.load(VALUES)), **_flat(values)})
    built = [(entry, build(entry, schemas, site)) for entry in {**defaults, **own}.values() if not entry.is_switch]
    found = [(entry, journey) for entry, journey in built if journey is not None and entry.is_enabled]
    for entry, journey in found:
        _check_again(entry, journey)
    if faults:
        raise FaultyFlowsError(sorted(faults, key=lambda fault: (str(fault.file), fault.line)))
    return tuple(journey for _, journey in found)


def _check_again(entry: Entry, journey: Journey) -> None:
    again, place = journey.again, entry.place.at("again")
    match journey.kind:
        case Wait(after=steps) if again.mode is Mode.AFTER and again.after_us < max(steps.values(), default=0):
            place.fault("again must not be before the last step: a second run would begin during the first one")
        case Wait():
            pass
        case _ if again.mode is Mode.RESTART:
            place.fault("restart is for waits; a join begins again when a condition was closed and opened again")


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        found |= _flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {prefix + name: value}
    return found
