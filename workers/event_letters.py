"""Dead letters that hold an event: shown decoded, and read again by today's schemas."""

from dataclasses import dataclass
from typing import Any

from common.codec import Decoder, to_json
from common.errors import CommfleetError, UndecodableError
from workers.mailbox import Letter, Mailbox
from workers.masking import masked_event


@dataclass(frozen=True, slots=True)
class EventMailbox(Mailbox):
    """Letters whose value is an event's record; `prefix` stands in front of the names of topics on the broker."""

    prefix: str
    decoder: Decoder

    def _content(self, letter: Letter, reveal: bool) -> dict[str, Any]:
        return {"event": self._event(letter, reveal)}

    def _event(self, letter: Letter, reveal: bool) -> Any:
        topic = self._topic_of(letter)
        try:
            shown = to_json(topic, self.decoder.decode(topic, letter.value))
        except CommfleetError as error:
            return f"cannot be read: {error}"
        return shown if reveal else masked_event(topic, shown)

    def _illegible(self, letter: Letter) -> str:
        """Why its event cannot be read by today's schemas; empty when it can."""
        try:
            self.decoder.decode(self._topic_of(letter), letter.value)
        except UndecodableError as error:
            return f"still cannot be read: {error}"
        return ""

    def _topic_of(self, letter: Letter) -> str:
        """The logical name of the topic that its event was written to."""
        return letter.origin.position.topic[len(self.prefix) :]
