"""The ingest's dead letters: each is a signal, and goes through the parser of its source again.

What a redrive publishes has the id that the signal would have had: where it came in by another way meanwhile, it is
a repeat that sinks recognise.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import Any

from common.errors import CommfleetError, ConfigurationError, InvalidEventError, UnreadableFileError
from common.event import OutRecord
from common.kafka.producer import Outgoing
from workers.ingest.config import CanonicalSource, SourceConfig
from workers.ingest.content import Unreadable, vendors_content_of
from workers.ingest.files.letters import CONTENT_TYPES
from workers.ingest.files.mapping import Format
from workers.ingest.files.read import rows_of
from workers.ingest.files.rows import Place
from workers.ingest.files.work import Source
from workers.ingest.intake import Intake
from workers.ingest.letters import Holds, told
from workers.ingest.pollers.api import Feed, Item
from workers.ingest.problem import RefusalError
from workers.ingest.sources.api import Events, NewEvent
from workers.ingest.sources.catalogue import Hook, hook_of
from workers.ingest.strict_json import parse
from workers.mailbox import Letter, Mailbox
from workers.masking import MASK

Parse = Callable[[Letter], Events]
"""The events of a letter; raises InvalidEventError naming what is still wrong, or ConfigurationError."""


@dataclass(frozen=True, slots=True)
class IngestMailbox(Mailbox):
    """The letters of the ingest. `parsers` read them, by the way they came; `intake` makes records of their events."""

    parsers: Mapping[str, Parse]
    intake: Intake

    def _content(self, letter: Letter, reveal: bool) -> dict[str, Any]:
        """Names tell what is wrong; values are the customer's, all of them."""
        try:
            signal = parse(letter.value or b"")
        except InvalidEventError:
            signal = (letter.value or b"").decode("utf-8", "backslashreplace")
        return {"signal": signal if reveal else _hidden(signal)}

    def _obstacle(self, letter: Letter) -> str:
        try:
            self._records(letter)
        except InvalidEventError as error:
            return f"still cannot be read: {told(error.errors)}"
        except CommfleetError as error:
            return str(error)
        return ""

    def _again(self, letter: Letter) -> Sequence[OutRecord]:
        return [OutRecord(one.topic, one.key, one.value, one.headers) for one in self._records(letter)]

    def _records(self, letter: Letter) -> list[Outgoing]:
        way = letter.facts.get("way", "")
        if way not in self.parsers:
            raise ConfigurationError(f"nothing here reads what came by {way or 'an unknown way'}")
        trace = dict(letter.headers).get("traceparent") or b""
        return [self.intake.record(event, trace.decode(errors="replace")) for event in self.parsers[way](letter)]


@dataclass(frozen=True, slots=True)
class HookParser:
    """Reads again what the webhook could not, by today's settings of its source."""

    sources: Mapping[str, SourceConfig]
    body_max_bytes: int
    items_max: int

    def __call__(self, letter: Letter) -> Events:
        """The events of a letter, as at the time when it came."""
        hook, received_at = self._hook(letter), datetime.fromisoformat(letter.facts["received_at"])
        events: list[NewEvent] = []
        for signal in self._signals(letter, hook):
            if isinstance(signal, Unreadable):
                raise InvalidEventError(signal.errors)
            events += hook.translate(signal, received_at)
        return events

    def _hook(self, letter: Letter) -> Hook:
        name = letter.facts.get("source", "")
        config = self.sources.get(name)
        if config is None or isinstance(config, CanonicalSource):
            raise ConfigurationError(f"ingest.webhook.sources has no {name}: add it again to read its letters")
        return hook_of(config)

    def _signals(self, letter: Letter, hook: Hook) -> Sequence[Any]:
        value, facts = letter.value or b"", letter.facts
        if facts.get("holds") == Holds.ITEM:
            return [parse(value)]
        headers = {"content-type": facts.get("content_type", "")}
        if coding := facts.get("content_encoding"):
            headers["content-encoding"] = coding
        content = vendors_content_of(headers)
        try:
            return content.signals(content.plain(value, self.body_max_bytes), self.items_max, hook.unwrap).items
        except RefusalError as refusal:
            raise InvalidEventError(refusal.problem.errors or [("", refusal.problem.detail)]) from None


@dataclass(frozen=True, slots=True)
class FileParser:
    """Reads a line again by today's mapping of its source; its id is that of the place where it stood."""

    source: Callable[[str], Source]

    def __call__(self, letter: Letter) -> Events:
        """The event of a letter, as at the time when it came."""
        source = self.source(letter.facts.get("source", ""))
        received_at = datetime.fromisoformat(letter.facts["received_at"])
        is_json = letter.facts.get("content_type") == CONTENT_TYPES[Format.JSONL]
        form = Format.JSONL if is_json else source.mapping.format
        mapping = source.mapping.model_copy(update={"format": form})
        events: list[NewEvent] = []
        try:
            for row in rows_of(BytesIO(letter.value or b""), mapping, Place()):
                if row.columns is None:
                    raise InvalidEventError(row.errors)
                events.append(source.translate(row.columns, letter.facts.get("signal_id", ""), received_at))
        except UnreadableFileError as error:
            raise InvalidEventError([("", str(error))]) from None
        return events


@dataclass(frozen=True, slots=True)
class PollerParser:
    """Reads again what a poller could not, by today's settings of its source; `feed` gives one of a source's feeds."""

    feed: Callable[[str, str], Feed]

    def __call__(self, letter: Letter) -> Events:
        """The events of a letter, as at the time when it was polled."""
        facts = letter.facts
        if "cut" in facts:
            raise InvalidEventError([("", "was too large for a letter, whose end is missing: only the source has it")])
        feed = self.feed(facts.get("source", ""), facts.get("place", ""))
        received_at = datetime.fromisoformat(facts["received_at"])
        return feed.translate(Item(facts.get("signal_id", ""), parse(letter.value or b"")), received_at)


def _hidden(signal: Any) -> Any:
    match signal:
        case dict():
            return {name: _hidden(each) for name, each in signal.items()}
        case list():
            return [_hidden(each) for each in signal]
        case None:
            return None
        case _:
            return MASK
