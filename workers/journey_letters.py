"""The dead letters of the journey workers: events that could not be read, and go to the store again when they can.

They travel over the journeys' retry topic, on the partition number where they stood first: its owner applies them
behind the same fence as everything else. Nothing is stale here: the store weighs events by when they happened.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from common.event import OutRecord
from workers.event_letters import EventMailbox
from workers.journeys.reading import PREFERENCE
from workers.mailbox import Letter
from workers.sinks.headers import DISCARDED, Origin, own_headers


@dataclass(frozen=True, slots=True)
class JourneyLetters(EventMailbox):
    """The letters of the journeys; `retry_topic` is its name on the broker."""

    retry_topic: str

    def _obstacle(self, letter: Letter) -> str:
        return self._illegible(letter)

    def _again(self, letter: Letter) -> Sequence[OutRecord]:
        headers = (*own_headers(letter.headers), *_fresh(letter).written("retry."))
        return [OutRecord(self.retry_topic, letter.key, letter.value, headers, letter.origin.position.partition)]

    def _let_go(self, letter: Letter) -> Sequence[OutRecord]:
        """A preference that nobody could read suppressed its customer: its owner is told that this is over."""
        if self._topic_of(letter) != PREFERENCE or letter.key is None:
            return ()
        headers = (*_fresh(letter).written("retry."), (DISCARDED, b""))
        return [OutRecord(self.retry_topic, letter.key, None, headers, letter.origin.position.partition)]


def _fresh(letter: Letter) -> Origin:
    """No former attempts count against it."""
    first = letter.origin
    return Origin(first.delivery, first.flow, first.position, first.timestamp_ms, letter=letter.address)
