"""`commfleet flows explain`: one JSON event held against every flow; nothing is sent."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime
from html import unescape
from typing import Any

import orjson
from pydantic import BaseModel

from common.errors import ConfigurationError, InvalidEventError
from common.event import Event
from topics.catalogue import flow_topics, topics
from workers.catalogue import all_flows, configured_sinks
from workers.explaining_store import ask_about
from workers.flows.explain import Explained, explain
from workers.flows.flow import Flow
from workers.ingest.sources.api import NewEvent
from workers.ingest.sources.canonical import CanonicalTranslation
from workers.ingest.strict_json import parse
from workers.masking import covered
from workers.settings import Settings
from workers.sinks.api import Item

_SOURCE = "explain"
"""The `source` of an event that names none."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an event is to one flow: `acts` with the `request` that would be made, or `why` not."""

    flow: str
    do: str
    repeat: str
    where: str
    acts: bool
    why: str
    request: Any


@dataclass(frozen=True, slots=True)
class Explanation:
    """What an event is to every flow; the flows of other topics are only counted."""

    topic: str
    event_id: str
    verdicts: list[Verdict]
    elsewhere: int


def explain_event(settings: Settings, raw: bytes, topic: str | None, *, reveal: bool = False) -> Explanation:
    """Which flows act on an event, why the others do not, and what the vendors would get.

    Without a topic, the one whose schema the event fits. Personal data is masked unless `reveal`. Raises
    InvalidEventError, and ConfigurationError when the topic cannot be told.
    """
    event, flows = _event(raw, topic), all_flows(settings)
    asked = ask_about(settings, _read(event), flows)
    with ExitStack() as stack:
        sinks = configured_sinks(settings)
        for sink in sinks.values():
            stack.callback(sink.close)

        def prepare(flow: Flow, parameters: BaseModel) -> Item:
            if flow.sink not in sinks:
                return Item(f"sinks.{flow.sink} is not configured: its request cannot be shown", 0)
            return sinks[flow.sink].prepare(flow.action, _read(event), parameters)

        explained = explain(flows, event.topic, asked.value, prepare, asked.read)
    here = [each for each in explained if each.flow.topic == event.topic]
    verdicts = [_verdict(each, event, asked.personal, reveal) for each in here]
    return Explanation(event.topic, event.event_id, verdicts, len(explained) - len(here))


def _read(event: NewEvent) -> Event:
    return Event(event.topic, topics()[event.topic].key_of(event.value), event.value)


def _event(raw: bytes, topic: str | None) -> NewEvent:
    signal, now = parse(raw), datetime.now(UTC)
    if topic is not None:
        return CanonicalTranslation(topic, _SOURCE).event(signal, now)
    fitting = list(_fitting(signal, now))
    if len(fitting) == 1:
        return fitting[0]
    found = f"it fits {' and '.join(event.topic for event in fitting)}" if fitting else "it fits none as it is"
    raise ConfigurationError(f"the topic of this event cannot be told ({found}): name it with --topic")


def _fitting(signal: Any, now: datetime) -> Iterator[NewEvent]:
    for topic in flow_topics():
        try:
            yield CanonicalTranslation(topic, _SOURCE).event(signal, now)
        except InvalidEventError:
            continue


def _verdict(explained: Explained, event: NewEvent, known: Mapping[str, Any], reveal: bool) -> Verdict:
    flow, request = explained.flow, _plain(explained.item.body) if explained.item else None
    return Verdict(
        flow=flow.name,
        do=f"{flow.sink}.{flow.action.name}",
        repeat=flow.action.repeat,
        where=f"{flow.file}:{flow.line}",
        acts=explained.acts and explained.error is None,
        why=_why(explained),
        request=request if reveal else _covered(event, known, request),
    )


def _covered(event: NewEvent, known: Mapping[str, Any], request: Any) -> Any:
    """Without the personal data of the event, and of what is known of its customer."""
    return covered(event.topic, {"customer": known}, covered(event.topic, event.value, request))


def _why(explained: Explained) -> str:
    if failure := explained.failure:
        return f"{failure.path} is {failure.actual}, not {failure.expected}"
    if explained.refused:
        return f"matches, but {explained.refused}"
    if explained.yields_to:
        return f"{explained.yields_to} comes first in the choice {explained.flow.choice}"
    return f"matches, but {explained.error}" if explained.error else ""


def _read_back(body: bytes) -> Any:
    """JSON, else text (XML) as people read it: an escaped name would not be recognised as one to be masked."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return unescape(body.decode("utf-8", "replace"))


def _plain(body: Any) -> Any:
    """A sink's own item as JSON-able data: what it is made of, and JSON (or text) where it is serialised already."""
    if isinstance(body, bytes):
        return _read_back(body)
    if isinstance(body, BaseModel):
        return body.model_dump(mode="json")
    if is_dataclass(body):
        return {field.name: _plain(getattr(body, field.name)) for field in fields(body)}
    return body
