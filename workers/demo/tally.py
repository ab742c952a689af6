"""What the demo counted, and what it lost: computed from the log, the vendor and the letters, never assumed."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import orjson

from common.codec import Decoder, LocalSchemas
from common.errors import UndecodableError
from common.event import Event, Position
from common.kafka.log_reader import LogReader
from common.metrics import samples
from topics.catalogue import topics
from workers.flows.catalogue import Flows
from workers.mailbox import Letter
from workers.sinks.api import Sink
from workers.sinks.headers import NO_FLOW

_ARRAYS = {"track_event": "events", "update_attributes": "attributes", "trigger_campaign": "recipients"}


@dataclass(frozen=True, slots=True)
class Expected:
    """A delivery that must end: at the vendor as this very object, or as a dead letter."""

    flow: str
    event_id: str
    position: Position
    array: str
    item: str


@dataclass(frozen=True, slots=True)
class DeliveryCount:
    """One row of commfleet_deliveries_total."""

    sink: str
    flow: str
    action: str
    verdict: str
    reason: str
    count: int


class Tally:
    """Reads what is true: Kafka by its own reader, the vendor by its control endpoint, workers by /metrics."""

    def __init__(self, kafka: Mapping[str, Any], sandbox: str, sink_health: str, flows: Flows, sink: Sink) -> None:
        self._log, self._sandbox, self._health = LogReader(kafka), sandbox, sink_health
        self._flows, self._sink = flows, sink
        self._decoder = Decoder(LocalSchemas())
        self._http = httpx.Client(timeout=10.0, trust_env=False)

    def close(self) -> None:
        """Let connections go."""
        self._http.close()

    def logged(self) -> Iterator[tuple[Position, Event | None]]:
        """Every record of the topics that have a flow; None for one that cannot be read."""
        for topic in self._flows.topics:
            for record in self._log.records(topic):
                try:
                    value = self._decoder.decode(topic, record.value)
                except UndecodableError:
                    yield record.position, None
                else:
                    yield record.position, Event(topic, topics()[topic].key_of(value), value)

    def expected(self) -> list[Expected]:
        """What has to come of every record in the log, by today's flows."""
        return [one for position, event in self.logged() for one in self._of(position, event)]

    def deliveries(self) -> list[DeliveryCount]:
        """The sink's own count of deliveries that ended."""
        text = self._http.get(f"{self._health}/metrics", headers={"accept": "text/plain"}).text
        counted = samples(text, "commfleet_deliveries_total")
        return [DeliveryCount(**labels, count=int(value)) for labels, value in counted]

    def received(self) -> Counter[tuple[str, str]]:
        """The objects that the vendor accepted, by array, as canonical JSON."""
        requests = self._http.get(f"{self._sandbox}/_sandbox/received").json()["requests"]
        accepted = [one for one in requests if one["method"] == "POST" and one["status"] // 100 == 2]
        return Counter((array, _canonical(one)) for request in accepted for array, one in _objects(request["body"]))

    def repeated(self, expected: Iterable[Expected]) -> int:
        """How many objects the vendor accepted that nobody expected: repeats."""
        return sum((self.received() - Counter((one.array, one.item) for one in expected)).values())

    def lost(self, acknowledged: Iterable[str], letters: Iterable[Letter]) -> list[str]:
        """What was promised and is nowhere: acknowledged events not in the log, deliveries without an end."""
        logged = {str(event.value["event_id"]) for _, event in self.logged() if event}
        missing = [f"event {event_id} was acknowledged and is not in Kafka" for event_id in set(acknowledged) - logged]
        return missing + [f"{one.flow} of {one.event_id}" for one in self._unended(letters)]

    def _unended(self, letters: Iterable[Letter]) -> Iterator[Expected]:
        received = self.received()
        dead = {(letter.origin.position, letter.flow) for letter in letters}
        for one in self.expected():
            mark = (one.array, one.item)
            if received[mark] > 0:
                received[mark] -= 1
            elif (one.position, one.flow) not in dead:
                yield one

    def _of(self, position: Position, event: Event | None) -> Iterator[Expected]:
        if event is None:
            yield Expected(NO_FLOW, "", position, "", "")
            return
        for flow in self._flows.matching(event.topic, event.value):
            item = self._sink.prepare(flow.action, event, flow.parameters(event.value))
            body = _canonical(orjson.loads(item.body.data))
            yield Expected(flow.name, str(event.value["event_id"]), position, _ARRAYS[flow.action.name], body)


def _objects(body: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for array in ("events", "attributes", "recipients"):
        for one in body.get(array, ()):
            yield array, one


def _canonical(data: Any) -> str:
    return json.dumps(data, sort_keys=True)
