"""`commfleet journeys list|explain|pending|cancel`, wired."""

import uuid
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from common.codec import Encoder, from_json
from common.errors import ConfigurationError, InvalidEventError
from common.kafka.clients import producer_config
from common.kafka.producer import ConfirmedProducer
from common.store.timers import pending_timers
from common.store.times import micros, moment_of
from schemas.catalogue import catalogue
from topics.catalogue import flow_topics, topics
from workers.ingest.intake import Records
from workers.ingest.sources.api import NewEvent
from workers.ingest.sources.canonical import CanonicalTranslation
from workers.ingest.strict_json import parse
from workers.journeys.catalogue import DEFAULT, Declared, load_journeys
from workers.journeys.definition import Journey
from workers.journeys.explain import Arrival, Line, explain
from workers.journeys.interpreter import CANCEL, TOPIC
from workers.journeys.memory import OURSELVES
from workers.journeys.rows import FORGET
from workers.moments import moment
from workers.schema_ids import schema_ids
from workers.settings import Settings
from workers.store_command import reader

_SOURCE = "explain"


@dataclass(frozen=True, slots=True)
class Pending:
    """A step that waits; `is_known` is false when the files have no such step any more: it will be dropped."""

    due_at: datetime
    journey: str
    customer_id: str
    step: str
    instance: str
    is_known: bool


def all_journeys(settings: Settings) -> tuple[Journey, ...]:
    """The journeys that run; raises FaultyFlowsError with every fault of every file."""
    return declared(settings).journeys


def declared(settings: Settings) -> Declared:
    """The default journeys and the site's own; raises FaultyFlowsError with every fault of every file."""
    at = settings.journeys
    found = load_journeys(at.files, settings.flows.values, catalogue(), DEFAULT if at.defaults else ())
    return replace(found, journeys=tuple(replace(one, tempo=at.tempo) for one in found.journeys))


def explain_lines(settings: Settings, lines: Iterable[bytes], only: str | None, now: datetime) -> Iterator[Line]:
    """What would happen with these events, a JSON object a line; no broker and no store is asked.

    Beside an event's own fields, `topic` names its topic where it fits several, and `read_at` says when it is read
    (else when it happened). Raises ConfigurationError, and InvalidEventError for a line that is no event.
    """
    journeys = [one for one in all_journeys(settings) if only in (None, one.name)]
    if not journeys:
        raise ConfigurationError(f"there is no journey {only!r}: `commfleet journeys list` has them all")
    arrivals = [_arrival(number, line, now) for number, line in enumerate(lines, 1) if line.strip()]
    return explain(journeys, arrivals)


def pending(settings: Settings, journey: str | None, customer_id: str | None, at_most: int) -> list[Pending]:
    """Steps that wait, the next first."""
    steps = {(one.name, step) for one in all_journeys(settings) for step in one.steps}
    with reader(settings) as database, database.reading() as connection:
        timers = pending_timers(connection, journey, customer_id, FORGET, at_most)
    found = [(one, *one.step.partition("@")[::2]) for one in timers]
    return [
        Pending(moment_of(one.due_at), one.journey, one.customer_id, step, instance, (one.journey, step) in steps)
        for one, step, instance in found
    ]


def cancel(settings: Settings, journey: str, customer_id: str, instance: str) -> str:
    """Publish the event that cancels an instance, and wait for Kafka; its id. Raises UnconfirmedError."""
    if journey not in {one.name for one in all_journeys(settings)}:
        raise ConfigurationError(f"there is no journey {journey!r}: `commfleet journeys list` has them all")
    now = datetime.now(UTC)
    event = {
        "event_id": str(uuid.uuid4()),
        "type": CANCEL,
        "source": OURSELVES,
        "source_instance": "journeys",
        "occurred_at": now,
        "ingested_at": now,
        "customer": {"customer_id": customer_id},
        "journey": journey,
        "instance": instance,
    }
    made = NewEvent(TOPIC, from_json(TOPIC, event))
    record = Records(Encoder(schema_ids(settings)), topics(), settings.prefix).record(made)
    with closing(ConfirmedProducer(producer_config(settings.kafka.client()))) as producer:
        producer.submit(record).result()
    return made.event_id


def _arrival(number: int, line: bytes, now: datetime) -> Arrival:
    signal = parse(line)
    if not isinstance(signal, dict):
        raise ConfigurationError(f"line {number} is no JSON object: one event a line")
    topic, read_at = signal.pop("topic", None), signal.pop("read_at", None)
    event = _event(number, signal, topic, now)
    at = event.value["occurred_at"] if read_at is None else _moment(number, read_at, now)
    return Arrival(micros(at), event.topic, event.value)


def _moment(number: int, text: Any, now: datetime) -> datetime:
    try:
        return moment(text, now)
    except (ValueError, TypeError) as error:
        raise ConfigurationError(f"line {number}: read_at is no time: {text!r}") from error


def _event(number: int, signal: dict[str, Any], topic: str | None, now: datetime) -> NewEvent:
    if topic is not None and topic not in flow_topics():
        raise ConfigurationError(f"line {number}: there is no topic {topic!r}: {', '.join(flow_topics())}")
    fitting = list(_fitting(signal, (topic,) if topic else flow_topics(), now))
    if len(fitting) == 1:
        return fitting[0]
    if topic:
        CanonicalTranslation(topic, _SOURCE).event(signal, now)  # says what is wrong
    found = " and ".join(event.topic for event in fitting) or "none as it is"
    raise ConfigurationError(f'line {number}: its topic cannot be told, it fits {found}: add "topic" to it')


def _fitting(signal: dict[str, Any], names: Iterable[str], now: datetime) -> Iterator[NewEvent]:
    for name in names:
        try:
            yield CanonicalTranslation(name, _SOURCE).event(signal, now)
        except InvalidEventError:
            continue
