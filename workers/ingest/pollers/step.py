"""One page as records: its new items as events or letters, the cursor behind them, what was seen. No I/O."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from common.errors import InvalidEventError, RecordTooLargeError
from common.event import OutRecord
from common.reasons import Reason
from workers.ingest.intake import Records
from workers.ingest.pollers.api import Feed, Item
from workers.ingest.pollers.letters import PollLetters
from workers.ingest.sources.api import NewEvent


@dataclass(frozen=True, slots=True)
class Made:
    """The records of new items, in order, and what became of the items: stored, invalid, ignored, too_large."""

    records: Sequence[OutRecord]
    events: Sequence[NewEvent]
    outcomes: Counter[str]

    @property
    def substitutes(self) -> int:
        """Events that carry a substitute for the customer id."""
        return sum(event.is_substitute for event in self.events)

    @property
    def unknown_types(self) -> int:
        """Events of a type that we have no word for."""
        return sum(event.is_unknown for event in self.events)


class Maker:
    """Makes records of items."""

    def __init__(self, records: Records, letters: PollLetters) -> None:
        self._records, self._letters = records, letters

    def make(self, feed: Feed, items: Sequence[Item], received_at: datetime) -> Made:
        """The records of these items. Raises RegistryDownError; a bad item is a letter and stops nobody."""
        records: list[OutRecord] = []
        events: list[NewEvent] = []
        outcomes: Counter[str] = Counter()
        for item in items:
            try:
                found = feed.translate(item, received_at)
                made = [self._record(event) for event in found]
            except InvalidEventError as error:
                outcomes["invalid"] += 1
                records.append(self._letters.wrap(feed.name, item, Reason.INVALID_FIELD, str(error), received_at))
            except RecordTooLargeError as error:
                outcomes["too_large"] += 1
                records.append(self._letters.wrap(feed.name, item, Reason.OVERSIZED, str(error), received_at))
            else:
                outcomes["stored" if made else "ignored"] += 1
                records += made
                events += found
        return Made(records, events, outcomes)

    def _record(self, event: NewEvent) -> OutRecord:
        made = self._records.record(event)
        return OutRecord(made.topic, made.key, made.value, made.headers)
