"""The vendors there are and the flows that a site runs: what every command that knows flows stands on."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Protocol

from common.clock import Clock, SystemClock
from common.errors import ConfigurationError
from common.http import RequestMeter
from schemas.catalogue import catalogue
from workers.flows.catalogue import DEFAULT, Flows, load_flows
from workers.flows.entries import LeftOut
from workers.flows.flow import Flow
from workers.journeys.catalogue import DEFAULT as JOURNEYS
from workers.journeys.catalogue import kept_facts
from workers.rotation import Latest
from workers.settings import Settings
from workers.sinks.api import Action, Repeat, Sink
from workers.sinks.braze.actions import actions as braze_actions
from workers.sinks.braze.sink import BrazeSink
from workers.sinks.ecm.actions import actions as ecm_actions
from workers.sinks.ecm.sink import EcmSink
from workers.sinks.exstream.sink import ExstreamSink
from workers.sinks.exstream.sink import actions as exstream_actions
from workers.sinks.marketo.actions import actions as marketo_actions
from workers.sinks.marketo.sink import MarketoSink
from workers.sinks.notifications.actions import actions as notifications_actions
from workers.sinks.notifications.sink import NotificationsSink


class Connect(Protocol):
    """Makes a sink with connections of its own; nothing is contacted yet.

    `latest` gives the section with the secrets of the moment; without it they stay what they are.
    """

    def __call__(
        self, config: Any, clock: Clock, meter: RequestMeter | None = None, latest: Latest[Any] | None = None, /
    ) -> Sink:
        """The sink."""
        ...


@dataclass(frozen=True, slots=True)
class Vendor:
    """How a vendor's sink comes into being from its section of the settings."""

    actions: Callable[[Any], Mapping[str, Action]]
    connect: Connect


VENDORS: Mapping[str, Vendor] = {
    "braze": Vendor(braze_actions, BrazeSink.connect),
    "ecm": Vendor(ecm_actions, EcmSink.connect),
    "exstream": Vendor(exstream_actions, ExstreamSink.connect),
    "marketo": Vendor(marketo_actions, MarketoSink.connect),
    "notifications": Vendor(notifications_actions, NotificationsSink.connect),
}


def vendor_config(settings: Settings, name: str) -> Any:
    """A sink's section. Raises ConfigurationError when there is no such sink, or it has no section."""
    if name not in VENDORS:
        raise ConfigurationError(f"there is no sink {name!r}; there are: {', '.join(VENDORS)}")
    config = getattr(settings.sinks, name)
    if config is None:
        raise ConfigurationError(
            f"sink {name} is not configured: add sinks.{name} to the configuration file (docs/settings.md)"
        )
    return config


def all_actions(settings: Settings) -> dict[str, Action]:
    """Every action of every sink, as `sink.action`, with the limits that its configuration sets."""
    return {
        f"{name}.{action.name}": action
        for name, vendor in VENDORS.items()
        for action in vendor.actions(getattr(settings.sinks, name)).values()
    }


def configured_sinks(settings: Settings) -> dict[str, Sink]:
    """The sinks that have a section, by name; nothing is contacted."""
    configs = {name: getattr(settings.sinks, name) for name in VENDORS}
    return {name: VENDORS[name].connect(config, SystemClock(), None) for name, config in configs.items() if config}


def all_flows(settings: Settings) -> Flows:
    """The default catalogue and the site's own flows; raises FaultyFlowsError with every fault of every file.

    A default flow is left out for as long as its sink's section lacks what it names (a campaign, say).
    """
    flows = load_flows(
        settings.flows.files,
        all_actions(settings),
        settings.flows.values,
        catalogue(),
        DEFAULT if settings.flows.defaults else (),
        has_store=settings.store is not None,
        kept=kept_facts(settings.journeys.files, JOURNEYS if settings.journeys.defaults else ()),
    )
    return flows.less(_unnamed(settings, [flow for flow in flows if flow.file in DEFAULT]))


def _unnamed(settings: Settings, flows: Sequence[Flow]) -> Iterator[LeftOut]:
    """The flows whose sinks do not know what they name."""
    for name, sink in configured_sinks(settings).items():
        with closing(sink):
            for flow in flows:
                needs = sink.problems(flow.action, flow.possible) if flow.sink == name else ()
                if needs:
                    yield LeftOut(flow.name, flow.about, f"{flow.sink}.{flow.action.name}", tuple(needs))


def sink_problems(sink: Sink, flows: Flows) -> list[str]:
    """What a sink's own configuration lacks for the flows that use it, each with file and line."""
    return [
        f"{flow.file}:{flow.line}: flow {flow.name}: {problem}"
        for flow in flows
        if flow.sink == sink.name
        for problem in sink.problems(flow.action, flow.possible)
    ]


def start_of(name: str, config: Any, flows: Flows) -> Any:
    """Where a group without offsets begins. Raises ConfigurationError when a once-flow needs it said."""
    if config.start_from is not None:
        return config.start_from
    once = sorted(flow.name for flow in flows if flow.action.repeat is not Repeat.REPEATABLE)
    if once:
        raise ConfigurationError(
            f"sinks.{name}.start_from is not set, and {', '.join(once)} contact somebody, or add what the vendor "
            "counts: say beginning, end or a time; it counts for partitions that this group has never read"
        )
    return "beginning"
