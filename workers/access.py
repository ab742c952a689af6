"""What each worker may do on a cluster that enforces ACLs: exactly this, and no more. Pure.

Kafka's rules that the tables rest on: Read and Write imply Describe; an idempotent producer needs nothing
beside Write on its topic (KIP-679, brokers from 2.8 on); who sends a group's offsets in a transaction needs
Read on the group. Topics are named one by one; groups and transactional ids, whose names end in a group's or a
worker's own name, as prefixed patterns. `prefix` is the setting, in front of them all.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import groupby
from shlex import quote

from common.errors import ConfigurationError
from topics.catalogue import Kind, Topic, dead_letter_topic, flow_topics, retry_topic, topics
from workers.ingest.sources.canonical import WRITTEN_BY_WORKERS


class Resource(StrEnum):
    """What a grant is about; the value is kafka-acls' option."""

    TOPIC = "topic"
    GROUP = "group"
    TRANSACTIONAL_ID = "transactional-id"


@dataclass(frozen=True, slots=True)
class Grant:
    """One operation on one resource, or on all whose names begin with `name`."""

    resource: Resource
    name: str
    operation: str
    why: str = field(compare=False)
    is_prefix: bool = False

    def __str__(self) -> str:
        return f"{self.operation} on {self.resource} {self.name}{'*' if self.is_prefix else ''}"


WEBHOOK, FILES, JOURNEYS = "webhook", "files", "journeys"
TOOLS, TOPICS, UPSTREAM = "tools", "topics", "upstream"
_SINK, _POLLER = "sink-", "poller-"
_POLLED = ("braze", "ecm", "exstream", "marketo", "notifications")
_CHECKPOINT, _INGEST_LETTERS = "comms.checkpoint.v1", "comms.dlq.ingest.v1"

_JOURNEYS_WRITE = ("comms.consent.v1", "comms.journey.v1", "comms.workspace.v1")
_RECEIPT, _ALERT = "comms.receipt.v1", "comms.alert.v1"
_ASKS_ABOUT_RECEIPTS = "notifications"
_RAISING = ("ecm", "notifications")
"""Sinks of which an action raises alerts."""

_INGEST = "ingest"


def sinks() -> tuple[str, ...]:
    """The sinks that have topics."""
    names = (name.split(".") for name, topic in topics().items() if topic.kind is Kind.RETRY)
    return tuple(dict.fromkeys(parts[2] for parts in names if parts[2] != JOURNEYS))


def workers() -> tuple[str, ...]:
    """Everybody who needs grants, by the names that `grants` takes."""
    pollers = (f"{_POLLER}{name}" for name in _POLLED)
    return (WEBHOOK, FILES, *(f"{_SINK}{name}" for name in sinks()), *pollers, JOURNEYS, TOOLS, TOPICS, UPSTREAM)


def grants(worker: str, prefix: str = "") -> list[Grant]:
    """What one of `workers()` needs. Raises ConfigurationError naming them when there is no such worker."""
    if worker.startswith(_SINK) and worker in workers():
        return list(_sink(worker.removeprefix(_SINK), prefix))
    if worker.startswith(_POLLER) and worker in workers():
        return list(_poller(worker.removeprefix(_POLLER), prefix))
    if worker not in _OTHERS:
        raise ConfigurationError(f"there is no worker {worker!r}; there are: {', '.join(workers())}")
    return list(_OTHERS[worker](prefix))


def commands(worker: str, principal: str, prefix: str = "") -> list[str]:
    """The same as kafka-acls lines, one for each kind of resource and operation.

    `$BOOTSTRAP` is the brokers' address, `$ADMIN` the properties file of a principal that may alter ACLs.
    """
    found = sorted(grants(worker, prefix), key=_alike)
    return [_command(principal, list(same)) for _, same in groupby(found, key=_alike)]


def principals(given: Iterable[str]) -> Mapping[str, str]:
    """Who each worker is to the broker: `User:commfleet-<worker>`, unless a `WORKER=PRINCIPAL` says otherwise.

    Raises ConfigurationError when one cannot be read.
    """
    named = {worker: f"User:commfleet-{worker}" for worker in workers()}
    for text in given:
        worker, equals, principal = text.partition("=")
        if not equals or worker not in named or not principal:
            raise ConfigurationError(
                f"{text!r} is not WORKER=PRINCIPAL; the workers are: {', '.join(named)}. "
                "Example: --principal sink-braze=User:CN=braze,O=acme"
            )
        named[worker] = principal if ":" in principal else f"User:{principal}"
    return named


def _webhook(prefix: str) -> Iterator[Grant]:
    yield from _each(_open_topics(), prefix, "Write", "what sources send")
    yield from _each([dead_letter_topic(_INGEST)], prefix, "Write", "bad signals of senders that send nothing twice")
    closed = (name for name in flow_topics() if name not in _open_topics())
    yield from _each(closed, prefix, "Describe", "partition counts are checked at the start")


def _files(prefix: str) -> Iterator[Grant]:
    yield from _each(_open_topics(), prefix, "Write", "what files hold")
    yield from _each([_INGEST_LETTERS], prefix, "Write", "bad lines")
    closed = (name for name in flow_topics() if name not in _open_topics())
    yield from _each(closed, prefix, "Describe", "partition counts are checked at the start")


def _poller(name: str, prefix: str) -> Iterator[Grant]:
    yield from _each(_open_topics(), prefix, "Write", "what the source shows")
    closed = (topic for topic in flow_topics() if topic not in _open_topics())
    yield from _each(closed, prefix, "Describe", "partition counts are checked at the start")
    yield from _each([_CHECKPOINT], prefix, "Read", "its cursors; who owns partition 0 polls")
    yield from _each([_CHECKPOINT], prefix, "Write", "its cursors, together with the events")
    yield from _each([_INGEST_LETTERS], prefix, "Write", "what cannot become an event")
    if name == _ASKS_ABOUT_RECEIPTS:
        yield from _each([_RECEIPT], prefix, "Read", "the jobs that it asks about")
    yield Grant(Resource.GROUP, f"{prefix}commfleet.poller.{name}", "Read", "one active poller, the others stand by")
    yield Grant(Resource.TRANSACTIONAL_ID, f"{prefix}poller-{name}", "Write", "fences a stalled predecessor")


def _sink(name: str, prefix: str) -> Iterator[Grant]:
    retries = _retry_topics(f"comms.retry.{name}.")
    yield from _each(flow_topics(), prefix, "Read", "events that flows may be on")
    yield from _each(retries, prefix, "Read", "what was parked or redriven")
    yield from _each(retries, prefix, "Write", "parks what waits too long")
    yield from _each([dead_letter_topic(name)], prefix, "Write", "dead letters")
    yield from _each([dead_letter_topic(name)], prefix, "Read", "how long the oldest has been open")
    yield from _each([_RECEIPT], prefix, "Write", "receipts")
    yield from _each([_ALERT] if name in _RAISING else [], prefix, "Write", "alerts that its actions raise")
    yield from _own(f"{prefix}commfleet.{name}.", "its consumer groups", "dead letters, together with their offsets")


def _journeys(prefix: str) -> Iterator[Grant]:
    retry = retry_topic(JOURNEYS, "").replace("..", ".")
    yield from _each([*flow_topics(), _RECEIPT], prefix, "Read", "facts for the customer store")
    yield from _each([retry], prefix, "Read", "what was redriven")
    yield from _each(_JOURNEYS_WRITE, prefix, "Write", "what it derives")
    yield from _each([dead_letter_topic(JOURNEYS)], prefix, "Write", "dead letters")
    yield from _each([dead_letter_topic(JOURNEYS)], prefix, "Read", "how long the oldest has been open")
    yield from _own(f"{prefix}commfleet.{JOURNEYS}", "its consumer group", "dead letters, together with their offsets")


def _tools(prefix: str) -> Iterator[Grant]:
    letters = [name for name, topic in topics().items() if topic.kind is Kind.DEAD_LETTER]
    yield from _each(letters, prefix, "Read", "dlq list, show")
    yield from _each(letters, prefix, "Write", "redrive and discard mark a letter as dealt with")
    yield from _each(letters, prefix, "Delete", "what is dealt with is deleted")
    yield from _each(_open_topics(), prefix, "Write", "redrive of signals through their parser; customer erase")
    yield from _each(["comms.journey.v1"], prefix, "Write", "journeys cancel")
    yield from _each(flow_topics(), prefix, "Read", "redrive looks for later events; offsets accept, status")
    yield from _each(_retry_topics("comms.retry."), prefix, "Read", "offsets accept, status")
    yield from _each(_retry_topics("comms.retry."), prefix, "Write", "redrive sends again; offsets accept")
    yield from _each([_CHECKPOINT], prefix, "Read", "cursors list, status")
    yield from _each([_CHECKPOINT], prefix, "Write", "cursors set")
    yield Grant(Resource.GROUP, f"{prefix}commfleet.", "Read", "offsets accept, status", is_prefix=True)
    yield Grant(
        Resource.TRANSACTIONAL_ID,
        f"{prefix}redrive-",
        "Write",
        "one redrive of one topic at a time",
        True,
    )
    yield Grant(Resource.TRANSACTIONAL_ID, f"{prefix}poller-", "Write", "cursors set fences a running poller", True)


def _topics(prefix: str) -> Iterator[Grant]:
    """`topics list|plan|apply`; the names in front of which the prefix stands all begin with `comms.`."""
    reasons = {
        "Describe": "topics list, plan",
        "DescribeConfigs": "topics plan",
        "Create": "topics apply",
        "Alter": "topics apply: partitions of an empty topic",
        "AlterConfigs": "topics apply: drifted configs",
    }
    for operation, why in reasons.items():
        yield Grant(Resource.TOPIC, f"{prefix}comms.", operation, why, is_prefix=True)


def _upstream(prefix: str) -> Iterator[Grant]:
    return _each(_open_topics(), prefix, "Write", "events of its own: grant only the topics that it writes")


_OTHERS: Mapping[str, Callable[[str], Iterator[Grant]]] = {
    WEBHOOK: _webhook,
    FILES: _files,
    JOURNEYS: _journeys,
    TOOLS: _tools,
    TOPICS: _topics,
    UPSTREAM: _upstream,
}


def _own(name: str, group: str, transactions: str) -> Iterator[Grant]:
    yield Grant(Resource.GROUP, name, "Read", group, is_prefix=True)
    yield Grant(Resource.TRANSACTIONAL_ID, name, "Write", transactions, is_prefix=True)


def _each(names: Iterable[str], prefix: str, operation: str, why: str) -> Iterator[Grant]:
    return (Grant(Resource.TOPIC, prefix + name, operation, why) for name in names)


def _open_topics() -> list[str]:
    return [name for name in flow_topics() if name not in WRITTEN_BY_WORKERS]


def _retry_topics(start: str) -> list[str]:
    def is_meant(topic: Topic) -> bool:
        return topic.kind is Kind.RETRY and topic.name.startswith(start)

    return [topic.name for topic in topics().values() if is_meant(topic)]


def _alike(grant: Grant) -> tuple[str, str, bool]:
    return grant.resource, grant.operation, grant.is_prefix


def _command(principal: str, same: list[Grant]) -> str:
    first = same[0]
    names = " ".join(f"--{first.resource} {quote(grant.name)}" for grant in same)
    pattern = " --resource-pattern-type prefixed" if first.is_prefix else ""
    return (
        'kafka-acls --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN" --add '
        f"--allow-principal {quote(principal)} --operation {first.operation} {names}{pattern}"
    )
