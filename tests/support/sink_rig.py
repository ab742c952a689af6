"""A runner on the embedded broker, with a vendor that a test scripts."""

import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from confluent_kafka import Producer
from pydantic import BaseModel

from common.clock import SystemClock
from common.codec import Decoder, Encoder, LocalSchemas
from common.errors import RegistryDownError
from common.event import Commit, Event, PartitionId
from common.kafka.clients import consumer_config, producer_config
from common.kafka.consumer import GroupConsumer
from common.kafka.log_reader import LogReader
from common.kafka.past_reader import PastReader
from common.kafka.plain import PlainProducer
from common.kafka.transactions import TransactionalProducer
from common.reasons import Reason
from schemas.catalogue import Schema, catalogue
from topics.catalogue import flow_topics, topics
from workers.dead_letters import DeadLetters
from workers.flows.catalogue import Flows, load_flows
from workers.sinks.api import (
    Action,
    Answered,
    Batch,
    Contacts,
    Count,
    Delivered,
    Hold,
    Item,
    Limit,
    Outcome,
    Repeat,
    Unsure,
)
from workers.sinks.budget import Budget
from workers.sinks.copies import Copies
from workers.sinks.duplicates import Duplicates, DuplicateWindow
from workers.sinks.holdings import Terms
from workers.sinks.ledger import Writers
from workers.sinks.letters import Letters
from workers.sinks.memory import StoreAccess
from workers.sinks.meter import Meter, NoMeter
from workers.sinks.pace import Pace
from workers.sinks.planner import Planner
from workers.sinks.receipts import TOPIC as RECEIPTS
from workers.sinks.receipts import Receipts
from workers.sinks.recent import EventIds, Past, Recent
from workers.sinks.retries import Retries
from workers.sinks.runner import Clients, Runner
from workers.sinks.slices import Slice
from workers.sinks.starts import FirstStarts
from workers.sinks.tails import Tails
from workers.sinks.window import Limits
from workers.sinks.yields import Yields

WORKSPACE = "comms.workspace.v1"
RETRY, DEAD = "comms.retry.braze.main.v1", "comms.dlq.braze.v1"


class Parameters(BaseModel):
    """What the rig's actions take."""

    text: str = ""


@dataclass(frozen=True)
class Got:
    """One item that the vendor received."""

    action: str
    key: str
    event_id: str
    at: float


Script = Callable[[Batch, Sequence[Got]], Outcome | None]


@dataclass
class ScriptedSink:
    """A vendor that accepts everything, unless its script answers first."""

    name: str = "braze"
    script: Script = lambda _batch, _items: None
    on_probe: Callable[[], Hold | None] = lambda: None
    got: list[Got] = field(default_factory=list)
    requests: list[int] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    """The parameter `text` by event id, as it was last prepared."""
    probes: int = 0
    actions: Mapping[str, Action] = field(default_factory=lambda: rig_actions(0.05))
    limits: Sequence[Limit] = ()
    at_once: int | None = None
    on_counted: Callable[[Callable[[], None]], Count | None] = lambda _: None
    on_look_up: Callable[[Sequence[Item]], Sequence[Delivered | Unsure | None]] = lambda items: [None] * len(items)

    def problems(self, action: Action, possible: Callable[[str], Sequence[str] | None]) -> list[str]:
        """Nothing is ever lacking."""
        return []

    def prepare(self, action: Action, event: Event, parameters: BaseModel) -> Item:
        """The item is the event's key and id; the parameters are kept beside."""
        body = ((event.key or b"").decode(), str(event.value["event_id"]))
        self.texts[body[1]] = str(getattr(parameters, "text", ""))
        return Item(body, len(orjson.dumps(body)))

    def deliver(self, batch: Batch) -> Outcome:
        """Ask the script, else accept; what was accepted is remembered."""
        with batch.permit():
            items = [Got(batch.action.name, i.body[0], i.body[1], time.monotonic()) for i in batch.items]
            self.requests.append(len(items))
            answer = self.script(batch, items)
            if answer is None:
                self.got.extend(items)
                return Answered([Delivered()] * len(items))
            if isinstance(answer, Answered):
                taken = zip(items, answer.verdicts, strict=True)
                self.got.extend(item for item, verdict in taken if isinstance(verdict, Delivered))
            return answer

    def look_up(self, action: Action, items: Sequence[Item]) -> Sequence[Delivered | Unsure | None]:
        """What the test says; nothing was done by default."""
        return self.on_look_up(items)

    def counted(self, spend: Callable[[], None]) -> Count | None:
        """What the test says; nothing is counted by default."""
        return self.on_counted(spend)

    def probe(self, action: Action) -> Hold | None:
        """What the test says."""
        self.probes += 1
        return self.on_probe()

    def close(self) -> None:
        """Nothing to let go."""


def rig_actions(settle_after_s: float, can_look_up: bool = False, **repeats: Any) -> dict[str, Action]:
    """`send` once, `put` repeatable, `note` without any request, `obey` for consent decisions."""
    once, repeatable, nobody = Repeat.ONCE, Repeat.REPEATABLE, Contacts.NOBODY
    made = (
        Action("send", once, nobody, Parameters, 10, 10_000, settle_after_s, can_look_up=can_look_up, **repeats),
        Action("put", repeatable, nobody, Parameters, 10, 10_000, settle_after_s),
        Action("note", repeatable, nobody, Parameters, 10, 10_000, 0.0, is_local=True),
        Action("obey", repeatable, nobody, Parameters, 10, 10_000, settle_after_s, writes_state=True),
    )
    return {action.name: action for action in made}


def rig_flows(folder: Path, *flows: str, can_look_up: bool = False, has_store: bool = False, **repeats: Any) -> Flows:
    """Flows in YAML on workspace events; by default one that puts every CREATED."""
    default = "- {name: put-created, on: comms.workspace.v1, when: {type: [CREATED]}, do: braze.put, consent: none}"
    file = folder / "flows.yaml"
    file.write_text("\n".join(flows or [default]))
    named = {f"braze.{name}": action for name, action in rig_actions(0.05, can_look_up, **repeats).items()}
    return load_flows([file], named, {}, catalogue(), default=(), has_store=has_store)


def workspace_event(number: int, key: str = "c1", type_: str = "CREATED", **more: Any) -> dict[str, Any]:
    """One event, numbered so that its order can be told."""
    now = datetime.now(UTC)
    return {
        "event_id": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{key}/{number}")),
        "type": type_,
        "source": "ecm",
        "occurred_at": now,
        "ingested_at": now,
        "customer": {"customer_id": key, "resolved": True},
        "workspace_id": f"w-{key}",
        **more,
    }


class RigSchemas(LocalSchemas):
    """The committed schemas, more of them, or none while it is down."""

    def __init__(self) -> None:
        super().__init__()
        self.more: dict[int, Schema] = {}
        self.is_down = False

    def schema(self, schema_id: int) -> Schema:
        """As a registry would answer."""
        if self.is_down:
            raise RegistryDownError("the rig's registry is down")
        return self.more.get(schema_id) or super().schema(schema_id)


class _KilledError(BaseException):
    """Stands for SIGKILL: nobody catches it."""


class SinkRig:
    """Topics on a broker, a scripted vendor, and runners that a test starts and stops."""

    def __init__(self, bootstrap: str, flows: Flows, prefix: str, session_ms: int = 6000) -> None:
        self.kafka = {"bootstrap.servers": bootstrap}
        self.flows, self.prefix, self._session_ms = flows, prefix, session_ms
        self.sink, self.schemas = ScriptedSink(), RigSchemas()
        self.slice = Slice()
        self.meter: Meter = NoMeter()
        self._encoder = Encoder(LocalSchemas())
        self._producer = Producer(producer_config(self.kafka))
        self.group = f"{prefix}commfleet.braze.main"
        self.has_ended = False
        self.store: StoreAccess | None = None
        self.past: Past | None = None
        """Stands in for the log before the start, where duplicates are looked for."""
        self._asking = self._asker()
        self.touch()

    def close(self) -> None:
        """Let its own clients go."""
        self._asking.close()

    def touch(self) -> None:
        """Make the topics: the embedded broker does when they are asked about."""
        for topic in (*flow_topics(), RETRY, DEAD, RECEIPTS):
            self._producer.list_topics(self.prefix + topic, timeout=10)

    def write(self, *values: dict[str, Any], topic: str = WORKSPACE) -> None:
        """Events onto a topic, acknowledged."""
        for value in values:
            key = topics()[topic].key_of(value)
            self.write_raw(topic, key, self._encoder.encode(topic, value))

    def write_raw(
        self, topic: str, key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes]] = ()
    ) -> None:
        """Any bytes onto any topic, acknowledged."""
        self._producer.produce(self.prefix + topic, value, key, headers=list(headers))
        assert self._producer.flush(10) == 0

    def runner(self, window_records: int = 1000, **pace: Any) -> Runner:
        """A wired runner of this rig's group."""
        group = self.group
        paces = {
            "max_in_flight": 4, "linger_s": 0.01, "backoff_base_s": 0.05, "backoff_cap_s": 0.2,
            "patience_s": 60.0, "give_up_s": 3600.0, "give_up_once_s": 3600.0, "drain_s": 5.0,
        }  # fmt: skip
        transactions = TransactionalProducer(producer_config(self.kafka, transactional_id=f"{group}.{uuid.uuid4()}"))
        consumer = GroupConsumer(
            consumer_config(self.kafka, group_id=group, session_timeout_ms=self._session_ms), lambda _: None
        )
        planner = Planner(group, Decoder(self.schemas), self.flows, topics(), self.prefix, self.prefix + RETRY)
        tails = Tails(LogReader(self.kafka), self.prefix + RETRY, planner.lane_of)
        return Runner(
            group,
            [self.prefix + topic for topic in (*flow_topics(), RETRY)],
            self.sink,
            planner,
            Clients(consumer, transactions, PlainProducer(producer_config(self.kafka))),
            FirstStarts(consumer, tails, transactions, "beginning", self.prefix + RETRY),
            tails,
            self._copies(),
            Writers(
                Letters(self.prefix + DEAD, "braze", "main", "rig"),
                Receipts(self._encoder, "braze", group, self.prefix),
                Retries(self.prefix + RETRY, group),
                Yields(self._encoder, topics(), self.prefix),
            ),
            Terms(self._session_ms / 1000, 0.05, Limits(window_records, 1_000_000)),
            Pace(**{**paces, **pace}),
            Budget(self.slice, SystemClock(), 4, slot_rest_s=0.1, meter=self.meter),
            SystemClock(),
            self.meter,
            self.store,
        )

    def _copies(self) -> Copies:
        topics = {self.prefix + flow.topic for flow in self.flows if flow.action.repeat is Repeat.ONCE}
        window, clock = DuplicateWindow(), SystemClock()
        ids = (EventIds(Decoder(self.schemas), self.prefix) for _ in range(2))
        recent = Recent(self.past or PastReader(self.kafka), next(ids), topics, window, clock, random.Random())
        return Copies(Duplicates(window, clock), recent, next(ids), topics, self.prefix + RETRY)

    @contextmanager
    def running(self, window_records: int = 1000, **pace: Any) -> Iterator[Runner]:
        """A runner in a thread; what it raised is raised at the end."""
        runner, stop = self.runner(window_records, **pace), threading.Event()
        failures: list[BaseException] = []

        def run() -> None:
            try:
                runner.run(stop)
            except BaseException as error:
                failures.append(error)
            finally:
                self.has_ended = True

        self.has_ended = False
        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield runner
        finally:
            stop.set()
            thread.join(30)
        assert not thread.is_alive(), "the runner did not stop"
        if failures:
            raise failures[0]

    @contextmanager
    def crashing(self) -> Iterator[None]:
        """A runner that ends in the block like one that was killed: no settle, no commit, a request on its way."""
        runner, stop, release = self.runner(), threading.Event(), threading.Event()

        def hang(_: Batch, items: Sequence[Got]) -> Outcome:
            release.wait(30)
            return Answered([Unsure(Reason.CONNECTION)] * len(items))

        self.sink.script = hang
        thread = threading.Thread(target=self._run_until_killed, args=(runner, stop))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(10)
            release.set()

    def _run_until_killed(self, runner: Runner, killed: threading.Event) -> None:
        turn, owns = runner._turn, runner._ownership

        def last_turn() -> None:
            if killed.is_set():
                raise _KilledError
            turn()

        runner._turn = last_turn  # type: ignore[method-assign]
        runner._close = lambda: None  # type: ignore[method-assign]
        with suppress(_KilledError):
            runner.run(threading.Event())
        owns.revoked = owns.lost = lambda _: None  # type: ignore[assignment,method-assign]
        runner._consumer.close()
        runner._copies.close()

    def rename_group(self, suffix: str) -> None:
        """Another group's name, and so no commits, on the same topics."""
        self.group += suffix
        self._asking.close()
        self._asking = self._asker()

    def reset_offsets(self, offset: int) -> None:
        """What kafka-consumer-groups --reset-offsets does: offsets without our metadata."""
        self._asking.commit_now({PartitionId(self.prefix + WORKSPACE, n): Commit(offset, "") for n in range(4)})

    def _asker(self) -> GroupConsumer:
        return GroupConsumer(consumer_config(self.kafka, group_id=self.group), lambda _: None)

    def commits(self) -> list[Commit]:
        """What the group keeps for the workspace topic."""
        found = self._asking.committed([PartitionId(self.prefix + WORKSPACE, number) for number in range(4)])
        return [commit for commit in found.values() if commit]

    def committed(self) -> int:
        """Records of the workspace topic below the group's committed offsets."""
        return sum(commit.offset for commit in self.commits())

    def receipts(self) -> list[dict[str, Any]]:
        """Every receipt, decoded, in the log's order."""
        decoder = Decoder(self.schemas)
        records = LogReader(self.kafka).records(self.prefix + RECEIPTS)
        return [decoder.decode(RECEIPTS, record.value) for record in records]

    def letters(self) -> list[dict[str, str]]:
        """The `dlq.*` headers of every letter."""
        return [
            {name: (value or b"").decode() for name, value in record.headers if name.startswith("dlq.")}
            for record in LogReader(self.kafka).records(self.prefix + DEAD)
        ]

    def redrive(self) -> int:
        """Send every open letter again; how many were sent."""
        letters = DeadLetters(
            LogReader(self.kafka), self.prefix + DEAD, self.prefix, Decoder(self.schemas),
            {"main": self.prefix + RETRY}, self.flows,
        )  # fmt: skip
        config = producer_config(self.kafka, transactional_id=f"{self.prefix}redrive-braze")
        with closing(TransactionalProducer(config)) as producer:
            return letters.redrive(letters.plan(letters.open()), producer, 0, lambda _: None)
