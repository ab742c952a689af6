"""Every flow of this deployment: the default catalogue, and what a site's own files add or change."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
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
        self._late = _late(self._all)
        self.late_choices = frozenset(flow.choice for flow in self._all if flow.choice and flow.decides_late)
        """Choices that only the customer store can make."""

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

    def matching(self, topic: str, value: Mapping[str, Any], taken: Collection[int] = ()) -> Sequence[Flow]:
        """The flows that act on an event, in catalogue order; of a choice, the first that matches.

        `taken` has the hashes of flows that began to act on it: they match, and are what their choice came to.
        """
        candidates = self._index.get(topic, _NOTHING).get(value["type"], ())
        if taken:
            return self._matching_again(candidates, value, taken)
        found = [flow for flow, test in candidates if test(value)]
        if self._has_choices:
            found = _chosen(found)
        return [flow for flow in found if flow not in self._foreign] if self._foreign else found

    def is_late(self, topic: str, value: Mapping[str, Any]) -> bool:
        """Whether a flow may match this event, and only the customer store can tell."""
        if not self._late:
            return False
        return any(early(value) for early in self._late.get((topic, value["type"]), ()))

    def _matching_again(
        self, candidates: "_Candidates", value: Mapping[str, Any], taken: Collection[int]
    ) -> Sequence[Flow]:
        begun = [flow for flow, _ in candidates if name_hash(flow.name) in taken and flow not in self._foreign]
        made = {flow.choice for flow in begun if flow.choice}
        matching = [flow for flow, test in candidates if flow in begun or (flow.choice not in made and test(value))]
        return [flow for flow in _chosen(matching, begun) if flow not in self._foreign]

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
    _check_groups(flows)
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


def _late(flows: Iterable[Flow]) -> dict[tuple[str, str], list[Predicate]]:
    """By topic and type, what the event tells of each flow that the profile decides about."""
    found: dict[tuple[str, str], list[Predicate]] = {}
    for flow in flows:
        if flow.pattern.early is not None:
            for symbol in flow.pattern.symbols:
                found.setdefault((flow.topic, symbol), []).append(flow.pattern.early)
    return found


def _chosen(found: Sequence[Flow], begun: Collection[Flow] = ()) -> list[Flow]:
    """Of each choice the first; all that were begun."""
    first: dict[tuple[str, str], Flow] = {}
    return [
        flow
        for flow in found
        if not flow.choice or first.setdefault((flow.sink, flow.choice), flow) is flow or flow in begun
    ]


def _check_choices(flows: Iterable[tuple[Entry, Flow]]) -> None:
    first: dict[str, Flow] = {}
    for entry, flow in flows:
        if flow.choice and (other := first.setdefault(flow.choice, flow)).sink != flow.sink:
            entry.place.at("choice").fault(
                f"choice {flow.choice} holds within one sink: {other.name} is of {other.sink}, "
                f"{flow.name} of {flow.sink}; use another name"
            )


def _check_groups(flows: Iterable[tuple[Entry, Flow]]) -> None:
    """Two groups would ask the store at two times: what the profile decides, one of them has to decide."""
    members: dict[str, list[tuple[Entry, Flow]]] = {}
    for entry, flow in flows:
        if flow.choice:
            members.setdefault(flow.choice, []).append((entry, flow))
    for name, those in members.items():
        late = next((entry for entry, flow in those if flow.decides_late), None)
        groups = sorted({flow.action.group for _, flow in those})
        if late is not None and len(groups) > 1:
            late.place.at("choice").fault(
                f"choice {name} is made by the profile and spans the groups {', '.join(groups)}, which would ask at "
                "two times; leave the profile out, or keep the choice within one group"
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
