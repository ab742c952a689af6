"""The dead letters of a sink: each is a delivery, and goes again to that sink only.

A `transactional.id` of the sink fences whoever began before; what that one has closed meanwhile is left alone.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from common.event import OutRecord
from workers.event_letters import EventMailbox
from workers.flows.catalogue import Flows
from workers.mailbox import Letter, Step
from workers.sinks.api import Repeat
from workers.sinks.headers import NO_FLOW, Origin, own_headers
from workers.stale import Place, stale

_STALE = "its key has later events, and old state would overwrite new; --even-if-stale sends it all the same"


@dataclass(frozen=True, slots=True)
class DeadLetters(EventMailbox):
    """The letters of one sink. `topic` and `retry_topics` (by group) are names on the broker."""

    retry_topics: Mapping[str, str]
    flows: Flows

    def _without_stale(self, steps: list[Step]) -> list[Step]:
        """Repeatable actions whose key has later events are left."""
        old = stale(self.reader, dict(self._places(step.letter for step in steps if not step.obstacle)))
        return [Step(step.letter, _STALE) if step.letter.address in old else step for step in steps]

    def _again(self, letter: Letter) -> Sequence[OutRecord]:
        return [self._retry_record(letter)]

    def _obstacle(self, letter: Letter) -> str:
        """Checked against today's schemas and flows."""
        if letter.facts.get("group") not in self.retry_topics:
            return f"its group {letter.facts.get('group')!r} is not one of this sink"
        if letter.flow != NO_FLOW and self.flows.by_name(letter.flow) is None:
            return f"flow {letter.flow} is not in the catalogue"
        return self._illegible(letter)

    def _places(self, letters: Iterable[Letter]) -> Iterator[tuple[str, Place]]:
        """Where the events of those letters stand that could overwrite newer state."""
        for letter in letters:
            flow = self.flows.by_name(letter.flow)
            if letter.key is not None and flow is not None and flow.action.repeat is Repeat.REPEATABLE:
                yield letter.address, Place(letter.origin.position, letter.key)

    def _retry_record(self, letter: Letter) -> OutRecord:
        """A redriven letter begins anew: no former attempts count against it."""
        first = letter.origin
        fresh = Origin(first.delivery, first.flow, first.position, first.timestamp_ms, letter=letter.address)
        headers = (*own_headers(letter.headers), *fresh.written("retry."))
        topic = self.retry_topics[letter.facts["group"]]
        return OutRecord(topic, letter.key, letter.value, headers, first.position.partition)
