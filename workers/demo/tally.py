"""What the demo counted, and what it lost: computed from the log, the vendors and the letters, never assumed."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import httpx

from common.codec import Decoder, LocalSchemas
from common.errors import UndecodableError
from common.event import Event, Position
from common.kafka.log_reader import LogReader
from common.metrics import samples
from topics.catalogue import flow_topics, topics
from workers.catalogue import VENDORS, all_flows
from workers.demo.vendors import Vendors, contacts, mailed_twice
from workers.flows.flow import Flow
from workers.mailbox import Letter
from workers.settings import Settings
from workers.sinks.api import Repeat
from workers.sinks.receipts import TOPIC as RECEIPTS

DELIVERED = "DELIVERED"


@dataclass(frozen=True, slots=True)
class DeliveryCount:
    """One row of commfleet_deliveries_total."""

    sink: str
    flow: str
    action: str
    verdict: str
    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one delivery, as its sink told."""

    event_id: str
    flow: str
    action: str
    verdict: str


class Tally:
    """Reads what is true: Kafka by its own reader, vendors by their control endpoints, workers by /metrics."""

    def __init__(self, settings: Settings, http: httpx.Client, health: Mapping[str, str], vendors: Vendors) -> None:
        """`health` has the base URL of each sink's health port."""
        self._prefix, self._log = settings.prefix, LogReader(settings.kafka.client())
        self._http, self._health, self._vendors = http, health, vendors
        self._flows = all_flows(settings)
        self._decoder = Decoder(LocalSchemas())

    @property
    def flows(self) -> tuple[Flow, ...]:
        """Every flow that runs."""
        return tuple(self._flows)

    def logged(self) -> Iterator[tuple[Position, Event | None]]:
        """Every record of the topics that flows may be on; None for one that cannot be read."""
        for topic in flow_topics():
            for record in self._log.records(self._prefix + topic):
                try:
                    value = self._decoder.decode(topic, record.value)
                except UndecodableError:
                    yield record.position, None
                else:
                    yield record.position, Event(topic, topics()[topic].key_of(value), value)

    def deliveries(self) -> list[DeliveryCount]:
        """The sinks' own count of deliveries that ended."""
        return [one for name in VENDORS for one in self._ended(self._health[name])]

    def receipts(self) -> set[Receipt]:
        """Every receipt; one that was written twice counts once."""
        read = (self._decoder.decode(RECEIPTS, one.value) for one in self._log.records(self._prefix + RECEIPTS))
        return {
            Receipt(one["delivery_event_id"], one["flow"], f"{one['sink']}.{one['action']}", one["verdict"])
            for one in read
        }

    def expected(self) -> set[tuple[str, Flow]]:
        """The deliveries that must end, as event and flow: those for which the log alone says that a flow acts."""
        events = [event for _, event in self.logged() if event]
        return {
            (str(event.value["event_id"]), flow)
            for flow in self._flows
            if not (flow.decides_late or flow.choice)
            for event in events
            if event.topic == flow.topic and flow.matches(event.value)
        }

    def repeated(self) -> int:
        """How often a vendor counts more contacts than there are receipts of deliveries, or had a message twice."""
        delivered, found = self._delivered(), contacts(self._vendors)
        return sum(max(0, found[name] - delivered[name]) for name in found) + mailed_twice(self._vendors)

    def lost(self, acknowledged: Iterable[str], letters: Iterable[Letter]) -> list[str]:
        """What was promised and is nowhere, in words."""
        return [*self._not_logged(acknowledged), *self._without_end(letters), *self._not_at_vendors()]

    def _ended(self, health: str) -> Iterator[DeliveryCount]:
        text = self._http.get(f"{health}/metrics", headers={"accept": "text/plain"}).text
        for labels, value in samples(text, "commfleet_deliveries_total"):
            yield DeliveryCount(**labels, count=int(value))

    def _delivered(self) -> Counter[str]:
        return Counter(one.action for one in self.receipts() if one.verdict == DELIVERED)

    def _not_logged(self, acknowledged: Iterable[str]) -> list[str]:
        logged = {str(event.value["event_id"]) for _, event in self.logged() if event}
        return [f"event {event_id} was acknowledged and is not in Kafka" for event_id in set(acknowledged) - logged]

    def _without_end(self, letters: Iterable[Letter]) -> Iterator[str]:
        """Once-deliveries by their receipts, repeatable ones by the sinks' count."""
        receipts = {(one.event_id, one.flow) for one in self.receipts()}
        counted = Counter[str]()
        for one in self.deliveries():
            counted[one.flow] += one.count
        wanted = Counter[str]()
        for event_id, flow in self.expected():
            if flow.action.repeat is not Repeat.REPEATABLE and (event_id, flow.name) not in receipts:
                yield f"{flow.name} of {event_id} has no receipt"
            wanted[flow.name] += 1
        for name, count in wanted.items():
            if counted[name] < count:
                yield f"{count - counted[name]} deliveries of {name} did not end"
        unknown = [one.address for one in letters if not one.reason]
        yield from (f"the dead letter {address} says no reason" for address in unknown)

    def _not_at_vendors(self) -> Iterator[str]:
        delivered, found = self._delivered(), contacts(self._vendors)
        for name, count in found.items():
            if count < delivered[name]:
                yield f"{delivered[name] - count} of {delivered[name]} {name} are not at the vendor"
