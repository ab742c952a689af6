"""Why an event does, or does not, start each flow, and what the vendor would get. Nothing is sent."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from common.errors import UnusableEventError
from workers.flows.flow import Flow
from workers.flows.pattern import Failure
from workers.sinks.api import Item

Prepare = Callable[[Flow, BaseModel], Item]
"""The sink's own mapping for one flow: its `prepare`, with the event put in."""

Read = Callable[[Flow], Mapping[str, Any] | str]
"""The event as a flow that asks the customer store reads it, or why it does not act."""


@dataclass(frozen=True, slots=True)
class Explained:
    """What became of an event at one flow.

    A flow that does not match has a `failure`; one that matches, but too late for its choice, names
    the flow that acts as `yields_to`; one that acts has the `parameters` and the `item`, an
    `error` where the event cannot become one, or the words in which the customer store `refused` it.
    """

    flow: Flow
    failure: Failure | None = None
    yields_to: str | None = None
    parameters: BaseModel | None = None
    item: Item | None = None
    error: UnusableEventError | None = None
    refused: str = ""

    @property
    def acts(self) -> bool:
        """Whether this event is a delivery of this flow."""
        return self.failure is None and self.yields_to is None and not self.refused


def explain(
    flows: Iterable[Flow], topic: str, value: Mapping[str, Any], prepare: Prepare, read: Read | None = None
) -> list[Explained]:
    """Every flow, in catalogue order, and what this event is to it.

    `value` has the profile where there is one; `read` gives what flows that ask the customer store are sent with.
    """
    acting: dict[tuple[str, str], str] = {}
    explained = []
    for flow in flows:
        if failure := _failure(flow, topic, value):
            explained.append(Explained(flow, failure=failure))
        elif flow.choice and (first := acting.setdefault((flow.sink, flow.choice), flow.name)) != flow.name:
            explained.append(Explained(flow, yields_to=first))
        else:
            explained.append(_allowed(flow, value, prepare, read))
    return explained


def _allowed(flow: Flow, value: Mapping[str, Any], prepare: Prepare, read: Read | None) -> Explained:
    found = read(flow) if read is not None and flow.asks else value
    return Explained(flow, refused=found) if isinstance(found, str) else _rendered(flow, found, prepare)


def _failure(flow: Flow, topic: str, value: Mapping[str, Any]) -> Failure | None:
    return flow.failure(value) if flow.topic == topic else Failure("on", flow.topic, topic)


def _rendered(flow: Flow, value: Mapping[str, Any], prepare: Prepare) -> Explained:
    parameters = None
    try:
        parameters = flow.parameters(value)
        return Explained(flow, parameters=parameters, item=prepare(flow, parameters))
    except UnusableEventError as error:
        return Explained(flow, parameters=parameters, error=error)
