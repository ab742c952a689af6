"""A fault history's scene: a real Kafka, the scripted vendor, a fleet of sink processes, and the evidence."""

import json
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from confluent_kafka import KafkaException

from tests.faults.checks import complaints, repeats
from tests.faults.events import CAMPAIGN, FLOWS, Delivery, FlowLine, Mark, event_id, flow_file, known_name
from tests.faults.log import Log, Upstream
from tests.faults.processes import READY_S, Worker, command
from tests.faults.story import Counted, End, Life, Story
from tests.faults.vendor import Vendor
from tests.support.poll import eventually
from topics.catalogue import dead_letter_topic, flow_topics, retry_topic
from workers.sinks.braze.config import BrazeConfig

GROUP, RUNNER = "commfleet.braze.main", "braze.main"
RETRY, LETTERS, RECEIPTS = retry_topic("braze", "main"), dead_letter_topic("braze"), "comms.receipt.v1"
NEEDED = (*flow_topics(), RECEIPTS, RETRY, retry_topic("braze", "consent"), LETTERS)
SESSION_S = 6.0
QUIET_S = 60.0
PATIENCE_S = 3.0


class Bootstrap(Protocol):
    """A broker that a scene runs on."""

    @property
    def bootstrap(self) -> str:
        """Its address."""
        ...


@dataclass(frozen=True, slots=True)
class Terms:
    """What the processes of a scene are told, beside addresses. `braze` are settings of the sink."""

    flows: Sequence[FlowLine] = FLOWS
    optional_flows: Sequence[FlowLine] = ()
    partitions: int = 4
    braze: dict[str, Any] = field(default_factory=dict)
    kafka: dict[str, str] = field(default_factory=dict)

    def settings(self) -> dict[str, Any]:
        """The sink's section: short waits, small batches, so that a history takes seconds."""
        usual = {
            "start_from": "beginning",
            "settle_after_s": 1.0,
            "base_backoff_s": 0.3,
            "max_backoff_s": 2,
            "read_timeout_s": PATIENCE_S,
            "max_in_flight": 3,
            "max_objects": 10,
            "max_recipients": 10,
            "campaigns": {"harness": CAMPAIGN},
        }
        known = BrazeConfig.model_fields
        return {name: value for name, value in {**usual, **self.braze}.items() if name in known}


class Member:
    """A worker of the fleet: one life after another, each under a name of its own for the vendor."""

    def __init__(self, scene: "Scene", name: str, worker_name: str = "") -> None:
        self._scene, self.name, self._worker_name = scene, name, worker_name or name
        self._lives = 0
        self.worker: Worker | None = None
        self.life: Life | None = None

    @property
    def process(self) -> Worker:
        """The process of its current life."""
        assert self.worker is not None, f"{self.name} is not running"
        return self.worker

    def start(
        self, *, patch: str = "", flows: Sequence[FlowLine] | None = None, group: str = "main", **environment: str
    ) -> Self:
        """Begin a life; returns at once. A patch replaces a collaborator, a flow list replaces the scene's.

        Only one group runs unless `group` is empty: the histories' flows are of `main`.
        """
        self._lives += 1
        name = f"{self.name}.{self._lives}"
        settings = self._scene.settings_for(name, self._worker_name, flows) | environment
        arguments = ["run", "sink", "braze", *(["--group", group] if group else [])]
        self.worker = Worker(arguments, settings, self._scene.folder / f"{self.name}.log", patch)
        self.life = Life(name, self._worker_name, time.monotonic())
        self._scene.lives.append(self.life)
        self.worker.start()
        return self

    def ready(self) -> Self:
        """Wait until it is ready, and its runner is asked about that."""
        eventually(lambda: RUNNER in self.process.wait_ready().checks(), READY_S, what=f"{self.name} runs")
        return self

    def kill(self) -> None:
        """kill -9."""
        self._killed(self.process.kill)

    def died(self, timeout_s: float = 40.0) -> None:
        """Wait until a patched collaborator has killed it."""
        self._killed(lambda: self.process.wait_end(timeout_s))

    def stop(self) -> float:
        """SIGTERM; how long it took, in seconds. One that had not begun its work has nothing to settle."""
        began, life = time.monotonic(), self.life
        assert life is not None
        life.code = self.process.stop()
        is_calm = life.code == 0 or (life.code == -signal.SIGTERM and not self._scene.has_called(life.name))
        life.ended_at, life.end = time.monotonic(), End.CALM if is_calm else End.BADLY
        self.worker = None
        return life.ended_at - began

    def sleep(self, *, until: Callable[[], object] | None = None, at_least_s: float = SESSION_S + 1.5) -> None:
        """SIGSTOP, for longer than the session and until something is so; then SIGCONT."""
        self.process.suspend()
        self.nap(until=until, at_least_s=at_least_s)

    def nap(self, *, until: Callable[[], object] | None = None, at_least_s: float = SESSION_S + 1.5) -> None:
        """As `sleep`, for one that a patched collaborator has stopped."""
        since = time.monotonic()
        eventually(lambda: time.monotonic() - since >= at_least_s, at_least_s + 5, every_s=0.1)
        if until is not None:
            eventually(until, QUIET_S, every_s=0.1, what="what the sleeper waits for")
        assert self.life is not None
        self.life.asleep.append((since, time.monotonic()))
        self.process.resume()

    def settle_down(self, within_s: float = 3.0) -> None:
        """After a nap: give it time to try what it was about to do; it may well end."""
        until = time.monotonic() + within_s
        eventually(lambda: not self.process.is_running or time.monotonic() > until, within_s + 5, every_s=0.1)

    def _killed(self, how: Callable[[], object]) -> None:
        assert self.life is not None
        how()
        self.life.ended_at, self.life.end, self.worker = time.monotonic(), End.KILLED, None


class Scene:
    """One history: topics under a prefix of its own, a vendor, an upstream, a fleet. `with` ends all of it."""

    def __init__(self, broker: Bootstrap, prefix: str, folder: Path) -> None:
        self.broker, self.folder = broker, folder
        self.log = Log(broker.bootstrap, prefix)
        self.vendor = Vendor(delay_s=0.03)
        self.lives: list[Life] = []
        self.outages: list[tuple[float, float]] = []
        self.terms = Terms()
        self._fleet: dict[str, Member] = {}
        self._upstream: Upstream | None = None

    def open(self, **terms: Any) -> Self:
        """Make the topics; no sink runs yet."""
        self.terms = Terms(**terms)
        self.log.create(NEEDED, self.terms.partitions)
        self._upstream = Upstream(self.broker.bootstrap, self.log.prefix)
        return self

    @property
    def upstream(self) -> Upstream:
        """Who produces the events."""
        assert self._upstream is not None, "open() the scene first"
        return self._upstream

    @property
    def fleet(self) -> list[Member]:
        """The workers that run."""
        return [one for one in self._fleet.values() if one.worker is not None and one.worker.is_running]

    def member(self, name: str, worker_name: str = "") -> Member:
        """A worker by its name, which is also what it calls itself unless told otherwise; it may not be started."""
        return self._fleet.setdefault(name, Member(self, name, worker_name))

    def has_called(self, life: str) -> bool:
        """Whether the vendor knows a life."""
        return any(request.by == life for request in self.vendor.requests)

    def produce(self, marks: Iterable[Mark], padding: str = "") -> None:
        """Events that the broker has acknowledged when this returns."""
        self.upstream.submit(marks, padding)
        self.upstream.finish()

    def wait_made(self, count: int, flow: str = "", deadline_s: float = QUIET_S) -> None:
        """Until the vendor has done so much."""
        eventually(
            lambda: sum(flow in ("", act.delivery.flow) for act in self.vendor.acts) >= count,
            deadline_s,
            what=f"{count} deliveries of {flow or 'any flow'} are made",
        )

    def unsettled(self) -> int:
        """How many records the group has not committed past, retry records among them; -1 when nobody can tell."""
        try:
            flows = self.log.stored(GROUP, flow_topics())
        except KafkaException:
            return -1  # the broker has only just come back
        left = sum(stored.end - max(0, stored.offset) for stored in flows.values())
        return left or self.log.unread(GROUP, RETRY)

    def wait_quiet(self, deadline_s: float = QUIET_S) -> None:
        """Until the group has committed past every record, and the vendor has nothing to do."""
        self.upstream.finish()
        try:
            eventually(lambda: self.unsettled() == 0, deadline_s, every_s=0.4, what="all is settled")
        except AssertionError as error:
            states = {one.name: answer.text for one in self.fleet if (answer := one.process.ask("readyz"))}
            raise AssertionError(f"{error}\n{self._behind()}\n{states}") from None
        eventually(lambda: self.vendor.is_idle, 20, what="the vendor is idle")

    def end(self, deadline_s: float = QUIET_S) -> Story:
        """Wait for quiet, read the figures, stop everybody calmly; the evidence."""
        self.wait_quiet(deadline_s)
        counted = {}
        for member in self.fleet:
            if member.life and (figures := member.process.counted()):
                counted[member.life.name] = figures
        for member in self.fleet:
            member.stop()
        return self.story(counted)

    def story(self, counted: dict[str, Counted] | None = None) -> Story:
        """The evidence as it stands now."""
        stored = self.log.stored(GROUP, flow_topics())
        is_tracked = bool(self.upstream.acknowledged)
        return Story(
            flows=self.terms.flows,
            optional_flows=self.terms.optional_flows,
            produced=self.upstream.acknowledged,
            requests=self.vendor.requests,
            acts=self.vendor.acts,
            letters=self.log.letters(LETTERS),
            lives=[replace(life) for life in self.lives],
            in_flight=self._in_flight(),
            patience_s=self.terms.settings()["read_timeout_s"] - 0.3,
            poison=frozenset(self.vendor.poison),
            outages=list(self.outages),
            counted=counted or {},
            stored={where: one for where, one in stored.items() if one.end} if is_tracked else {},
            receipts=self._receipts(),
        )

    def check(self, story: Story, without: Iterable[str] = ()) -> str:
        """AssertionError with every checker's complaints; else a line of what was counted."""
        found = complaints(story, set(without))
        lines = [f"{name}: {len(said)}\n  " + "\n  ".join(said[:8]) for name, said in found.items()]
        assert self.upstream.refused == []
        assert not found, "\n".join(["the promises are broken:", *lines])
        doubted = sum(letter.reason == "in_doubt" for letter in story.letters)
        return (
            f"{len(story.produced)} events, {len(story.acts)} made, {len(story.letters)} dead letters "
            f"({doubted} in doubt), {repeats(story)} repeats"
        )

    def verify(self, without: Iterable[str] = ()) -> str:
        """End, and check everything."""
        return self.check(self.end(), without)

    def redrive(self, *arguments: str) -> str:
        """`commfleet dlq redrive`, to its end."""
        return command(["dlq", "redrive", "--sink", "braze", "--yes", *arguments], self.settings_for("tool", "tool"))

    def settings_for(self, key: str, worker: str, flows: Sequence[FlowLine] | None = None) -> dict[str, str]:
        """The environment of one process; `key` is what the vendor knows it by."""
        file = self.folder / f"flows-{key}.json"
        file.write_text(flow_file(flows or self.terms.flows))
        sink = {"base_url": self.vendor.url, "api_key": key, **self.terms.settings()}
        kafka = {
            "bootstrap.servers": self.broker.bootstrap,
            "session.timeout.ms": str(int(SESSION_S * 1000)),
            "heartbeat.interval.ms": "1000",
            **self.terms.kafka,
        }
        return {
            "COMMFLEET_PREFIX": self.log.prefix,
            "COMMFLEET_WORKER_NAME": worker,
            "COMMFLEET_TOPICS__PARTITIONS": str(self.terms.partitions),
            "COMMFLEET_TOPICS__REPLICATION_FACTOR": "1",
            "COMMFLEET_TOPICS__MIN_INSYNC_REPLICAS": "1",
            "COMMFLEET_FLOWS__DEFAULTS": "false",
            "COMMFLEET_FLOWS__FILES": str(file),
            "COMMFLEET_LOG__FORMAT": "console",
            **{f"COMMFLEET_KAFKA__{name.upper().replace('.', '_')}": value for name, value in kafka.items()},
            **{f"COMMFLEET_SINKS__BRAZE__{name.upper()}": _text(value) for name, value in sink.items()},
        }

    def last_words(self, lines: int = 60) -> str:
        """The end of every worker's log; whoever still runs is made to say where its threads are."""
        for member in self.fleet:
            member.process.resume()
            member.process.abort()
        logs = sorted(self.folder.glob("*.log"))
        said = {log.stem: log.read_text(errors="replace").splitlines() for log in logs}
        tails = {name: [line for line in all_ if "rdkafka#" not in line][-lines:] for name, all_ in said.items()}
        return "\n".join(f"--- {name}\n" + "\n".join(tail) for name, tail in tails.items())

    def __enter__(self) -> Self:
        self.vendor.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for member in self._fleet.values():
            if member.worker is not None and member.worker.is_running:
                member.worker.kill()
        self.vendor.__exit__(kind, error, trace)
        if self._upstream is not None:
            self._upstream.close()
            if error is None:
                self.log.delete(NEEDED)

    def _behind(self) -> dict[str, str]:
        """Which partitions are not committed to their end."""
        stored = self.log.stored(GROUP, (*flow_topics(), RETRY))
        behind = {where: one for where, one in stored.items() if one.end > max(0, one.offset)}
        return {f"{topic}/{number}": f"{one.offset} of {one.end}" for (topic, number), one in behind.items()}

    def _in_flight(self) -> int:
        """How many deliveries a worker may have out at once."""
        sink = self.terms.settings()
        return int(sink["max_in_flight"]) * int(sink["max_objects"])

    def _receipts(self) -> list[tuple[Delivery, str]]:
        by_id = {event_id(one.mark): one.mark for one in self.upstream.acknowledged}
        found = []
        for value in self.log.values(RECEIPTS):
            mark = by_id.get(str(value["delivery_event_id"]))
            if mark is not None:
                found.append((Delivery(known_name(str(value["flow"])), mark), str(value["verdict"]).lower()))
        return found


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def marks(customer: str, count: int, topic: str, first: int = 0) -> list[Mark]:
    """Events of one customer, in order."""
    return [Mark(topic, customer, number) for number in range(first, first + count)]
