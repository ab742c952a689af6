"""Every flow of this deployment: the default catalogue, and what a site's own files add or change."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from common.errors import LocatedError
from workers.flows.entries import Entry, LeftOut, build_all, check_switches, read_entries, unique
from workers.flows.entry import Schemas, Surroundings, build, read_entry
from workers.flows.facts import Kept
from workers.flows.flow import Flow
from workers.flows.names import name_hash
from workers.flows.pattern import Predicate
from workers.flows.place import FaultyFlowsError
from workers.flows.site_values import SiteValues
from workers.sinks.api import Action

DEFAULT = tuple(Path(__file__).parent / "default" / f"{family}.yaml" for family in "mnb")


class Flows:
    """Compiled flows in catalogue order, indexed by topic and event type."""

    def __init__(self, flows: Iterable[Flow], group: str | None = None, left_out: Iterable[LeftOut] = ()) -> None:
        """With `group`, the flows of other groups only take part in choices. `left_out` wait for settings."""
        self.left_out = tuple(left_out)
        self._all = tuple(flows)
        self._own = tuple(flow for flow in self._all if group in (None, flow.action.group))
        self._foreign = frozenset(self._all) - frozenset(self._own)
        self._by_name = {flow.name: flow for flow in self._own}
        self._has_choices = any(flow.choice for flow in self._all)
        self._index = _index(self._all)

    def __iter__(self) -> Iterator[Flow]:
        return iter(self._own)

    def __len__(self) -> int:
        return len(self._own)

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics on which there is a flow."""
        return tuple(dict.fromkeys(flow.topic for flow in self._own))

    def by_name(self, name: str) -> Flow | None:
        """The flow of that name, if there is one."""
        return self._by_name.get(name)

    def matching(self, topic: str, value: Mapping[str, Any]) -> Sequence[Flow]:
        """The flows that act on an event, in catalogue order; of a choice, the first that matches."""
        candidates = self._index.get(topic, _NOTHING).get(value["type"], ())
        found = [flow for flow, test in candidates if test(value)]
        if self._has_choices:
            found = _chosen(found)
        return [flow for flow in found if flow not in self._foreign] if self._foreign else found

    def for_sink(self, name: str, group: str = "main") -> "Flows":
        """What the runner of one group of a sink acts on."""
        return Flows((flow for flow in self._all if flow.sink == name), group, self._left_out_of(name))

    def less(self, left_out: Iterable[LeftOut]) -> "Flows":
        """These flows without some."""
        more = {one.name: one for one in left_out}
        return Flows((flow for flow in self._all if flow.name not in more), None, (*self.left_out, *more.values()))

    def _left_out_of(self, sink: str) -> list[LeftOut]:
        return [one for one in self.left_out if one.sink == sink]


def load_flows(
    files: Sequence[Path],
    actions: Mapping[str, Action],
    values: Mapping[str, Any],
    schemas: Schemas,
    default: Sequence[Path] = DEFAULT,
    *,
    has_store: bool = False,
    kept: Kept | None = None,
) -> Flows:
    """Read the default catalogue and a site's files, check everything, and compile.

    A site's flow replaces the default one of its name, in its place; `enabled: false` switches one
    off; without `default`, only the site's own flows run. A default flow that waits for a setting is left out.
    `actions` are those of all sinks, by `sink.action`; `values` stand for `{setting: name}`; `has_store`: there is a
    customer store; `kept`: the facts of each journey's steps, where they are known.

    Raises FaultyFlowsError, which lists every fault of every file.
    """
    faults: list[LocatedError] = []
    defaults = unique(read_entries(default, "flow", read_entry, faults), "flow")
    own = unique(read_entries(files, "flow", read_entry, faults), "flow")
    check_switches(own, defaults, "flow")
    around = Surroundings(actions, SiteValues(values), schemas, has_store, kept)
    chosen = {**defaults, **{entry.name: entry for entry in own.values()}}
    flows, waiting = build_all(chosen.values(), defaults, lambda entry: build(entry, around), faults)
    _check_choices(flows)
    _check_hashes(flows)
    if faults:
        raise FaultyFlowsError(sorted(faults, key=lambda fault: (str(fault.file), fault.line)))
    return Flows((flow for _, flow in flows), left_out=waiting)


_Candidates = tuple[tuple[Flow, Predicate], ...]
_NOTHING: Mapping[str, _Candidates] = {}


def _index(flows: Iterable[Flow]) -> dict[str, dict[str, _Candidates]]:
    index: dict[str, dict[str, _Candidates]] = {}
    for flow in flows:
        by_type = index.setdefault(flow.topic, {})
        for symbol in flow.pattern.symbols:
            by_type[symbol] = (*by_type.get(symbol, ()), (flow, flow.pattern.residual))
    return index


def _chosen(found: Sequence[Flow]) -> list[Flow]:
    first: dict[tuple[str, str], Flow] = {}
    return [flow for flow in found if not flow.choice or first.setdefault((flow.sink, flow.choice), flow) is flow]


def _check_choices(flows: Iterable[tuple[Entry, Flow]]) -> None:
    first: dict[str, Flow] = {}
    for entry, flow in flows:
        if flow.choice and (other := first.setdefault(flow.choice, flow)).sink != flow.sink:
            entry.place.at("choice").fault(
                f"choice {flow.choice} holds within one sink: {other.name} is of {other.sink}, "
                f"{flow.name} of {flow.sink}; use another name"
            )


def _check_hashes(flows: Iterable[tuple[Entry, Flow]]) -> None:
    """A commit names a flow of its group by 16 bits: two flows of a group must not share them."""
    first: dict[tuple[str, str, int], Flow] = {}
    for entry, flow in flows:
        key = (flow.sink, flow.action.group, name_hash(flow.name))
        if (other := first.setdefault(key, flow)) is not flow:
            entry.place.at("name").fault(
                f"{flow.name} and {other.name} have the same hash in the commits of {flow.sink}; rename one"
            )
