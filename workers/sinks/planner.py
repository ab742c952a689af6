"""From a record to its deliveries: decode, check, match. Pure but for the schemas it looks up."""

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from common.codec import Decoder
from common.errors import UndecodableError
from common.event import Event
from common.reasons import Reason
from topics.catalogue import Topic
from workers.flows.catalogue import Flows
from workers.flows.flow import Flow
from workers.flows.names import name_hash
from workers.sinks.api import Repeat
from workers.sinks.delivery import Delivery, Doubt, RecordLike
from workers.sinks.gone import gone_flow
from workers.sinks.headers import NO_FLOW, UNSURE, Origin
from workers.sinks.window import Window


@dataclass(frozen=True, slots=True)
class Unusable:
    """A record that ends as one dead letter: no flow can use it."""

    origin: Origin
    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Late:
    """A decoded record of which only the profile of its customer tells which flows match."""

    event: Event
    retried: Origin | None


Plan = Sequence[Delivery] | Unusable
"""What becomes of a record: its deliveries, in catalogue order, none when no flow matches; or one dead letter."""


class Planner:
    """Knows a group's flows and what each topic's file prescribes."""

    def __init__(
        self, group: str, decoder: Decoder, flows: Flows, topics: Mapping[str, Topic], prefix: str, retry_topic: str
    ) -> None:
        """`group` begins each delivery's name; `prefix` begins the broker's topic names, `retry_topic` included."""
        self._group = group
        self._decoder = decoder
        self._flows = flows
        self._topics = topics
        self._cut = len(prefix)
        self.retry_topic = retry_topic
        self._hashes = {flow.name: name_hash(flow.name) for flow in flows}
        self._once = {name_hash(flow.name) for flow in flows if _is_remembered(flow, flows.late_choices)}
        self._known = frozenset(self._hashes.values())
        self._used = frozenset(prefix + topic for topic in flows.topics) | {retry_topic}
        self.has_flows = len(self._hashes) > 0
        """Without any, every event is passed unread: nobody waits for the first one of a page."""

    def is_used(self, topic: str) -> bool:
        """Whether the group has a flow on this topic; records of other topics are done unread."""
        return topic in self._used

    def is_once(self, flow_hash: int) -> bool:
        """Whether a flow's settled deliveries must be remembered; those of unknown flows are.

        A choice by the profile must not fall another way after a crash: its repeatable flows are remembered, too.
        """
        return flow_hash in self._once or flow_hash not in self._known

    def plan(self, record: RecordLike, window: Window) -> Plan | Late:
        """What becomes of a record, or that the customer store must be asked first.

        Raises ReaderTooOldError and RegistryDownError: the record has to wait.
        """
        retried: Origin | None = None
        try:
            if record.topic == self.retry_topic:
                retried = self._retried(record)
            event = self._event(record, (retried.position.topic if retried else record.topic)[self._cut :])
            if event and self._is_late(event, retried):
                return Late(event, retried)
            flows = self._flows_of(event, retried) if event else ()
        except UndecodableError as error:
            origin = retried or Origin.of_record(self._group, NO_FLOW, record.position, record.timestamp_ms)
            return Unusable(origin, error.reason, error.detail)
        return [self._delivery(event, flow, record, window, retried) for flow in flows] if event else ()

    def orphans(self, record: RecordLike, window: Window, named: Collection[int]) -> Sequence[Delivery]:
        """What a former owner was about to do with a record, for flows that do not act on it here: a person must look.

        `named` has the hashes of the flows' names. Nothing where the record is no event.
        """
        try:
            event = None if record.topic == self.retry_topic else self._event(record, record.topic[self._cut :])
        except UndecodableError:
            return ()
        return [self._orphan(event, flow_hash, record, window) for flow_hash in named] if event else ()

    def _orphan(self, event: Event, flow_hash: int, record: RecordLike, window: Window) -> Delivery:
        known = (flow for flow in self._flows if self._hashes[flow.name] == flow_hash)
        flow = next(known, None) or gone_flow(flow_hash, event.topic)
        lane = self._lane(event, record)
        return Delivery(event, flow, flow_hash, record, lane, window, None, Doubt.ORPHANED)

    def decide(
        self, late: Late, profile: Mapping[str, Any] | None, taken: Collection[int], record: RecordLike, window: Window
    ) -> Sequence[Delivery]:
        """The deliveries of a record whose customer was looked up.

        `taken` has the hashes of flows that a former owner settled or named: they match whatever the profile says now.
        """
        value = {**late.event.value, "profile": profile}
        flows = self._flows.matching(late.event.topic, value, taken)
        return [self._delivery(late.event, flow, record, window, late.retried) for flow in flows]

    def _is_late(self, event: Event, retried: Origin | None) -> bool:
        """Whether flows are to be matched, and the event alone does not tell which."""
        is_matched = retried is None or retried.flow == NO_FLOW
        return is_matched and self._flows.is_late(event.topic, event.value)

    @property
    def flows(self) -> Flows:
        """The flows of the group."""
        return self._flows

    @staticmethod
    def _retried(record: RecordLike) -> Origin:
        try:
            return Origin.of_retry(record.headers)
        except ValueError as error:
            raise UndecodableError(Reason.MALFORMED, f"the headers of a retry record: {error}") from error

    def _event(self, record: RecordLike, topic: str) -> Event | None:
        """The decoded event, or None for a legal tombstone."""
        declared = self._topics.get(topic)
        if declared is None:
            raise UndecodableError(Reason.MALFORMED, f"a retry record of {topic}, which is no event topic")
        if record.value is None:
            if declared.tombstones:
                return None
            raise UndecodableError(Reason.TOMBSTONE, f"a null value, and {topic} takes none")
        value = self._decoder.decode(topic, record.value)
        if record.key != declared.key_of(value):
            raise UndecodableError(
                Reason.WRONG_KEY, f"the record's key is not the one that topics/{topic}.yaml prescribes"
            )
        return Event(topic, record.key, value)

    def _flows_of(self, event: Event, retried: Origin | None) -> Sequence[Flow]:
        """A retry record names its flow, and `when` is not asked again."""
        if retried is None or retried.flow == NO_FLOW:
            return self._flows.matching(event.topic, event.value)
        flow = self._flows.by_name(retried.flow)
        if flow is None:
            raise UndecodableError(Reason.FLOW_GONE, f"flow {retried.flow} is not in this worker's catalogue")
        return (flow,)

    def _delivery(
        self, event: Event, flow: Flow, record: RecordLike, window: Window, retried: Origin | None
    ) -> Delivery:
        lane = self._lane(event, record)
        named = retried if retried and retried.flow != NO_FLOW else None
        doubt = Doubt.INHERITED if named and named.state == UNSURE else Doubt.NONE
        return Delivery(event, flow, self._hashes[flow.name], record, lane, window, named, doubt)

    def _lane(self, event: Event, record: RecordLike) -> Hashable:
        key = self._topics[event.topic].lane_of(event.key)
        return (record.topic, record.offset) if key is None else key

    def lane_of(self, record: RecordLike) -> Hashable:
        """The lane of a retry record, as its origin's topic prescribes it; its own where that cannot be told."""
        try:
            topic = Origin.of_retry(record.headers).position.topic[self._cut :]
            key = self._topics[topic].lane_of(record.key)
        except (ValueError, KeyError):
            key = record.key
        return (record.topic, record.offset) if key is None else key


def _is_remembered(flow: Flow, late_choices: Collection[str]) -> bool:
    return flow.action.repeat is Repeat.ONCE or flow.choice in late_choices
