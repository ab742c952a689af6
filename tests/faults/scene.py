"""A fault history's scene: real Kafka, the scripted vendor, a sink process, and the comparison at the end."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults import checks, log
from tests.faults.events import TOPIC, History, Mark
from tests.faults.processes import Worker, command
from tests.faults.vendor import Vendor
from tests.support.broker import Broker
from tests.support.poll import eventually

PREFIX = "fault."
GROUP = PREFIX + "commfleet.braze.main"
DEAD_LETTERS = PREFIX + "comms.dlq.braze.v1"
QUIET_S = 90.0

_FLOWS = f"""
- name: numbered-event
  on: {TOPIC}
  when: {{type: [UPDATED], source: [fault-harness]}}
  do: braze.track_event
  with: {{name: numbered, properties: {{number: "${{attributes.number}}"}}}}
- name: numbered-attribute
  on: {TOPIC}
  when: {{type: [UPDATED], source: [fault-harness]}}
  do: braze.update_attributes
  with: {{attributes: {{number: "${{attributes.number}}"}}}}
"""


@dataclass(frozen=True, slots=True)
class Scene:
    """One history; `settings` are those of every process in it."""

    broker: Broker
    vendor: Vendor
    history: History
    folder: Path
    upstream: log.Upstream
    settings: Mapping[str, str] = field(repr=False)

    @property
    def marks(self) -> list[Mark]:
        """The whole history."""
        return list(self.history.marks())

    def sink(self) -> Worker:
        """A Braze sink, not started yet."""
        return Worker(["run", "sink", "braze"], self.settings, self.folder / "sink.log")

    def wait_received(self, at_least: int) -> None:
        """Until the vendor has so many events: a fault then strikes in the middle of the work."""
        eventually(lambda: len(self.vendor.received()) >= at_least, QUIET_S, what=f"{at_least} events arrived")

    def wait_quiet(self) -> None:
        """Until the group has committed past every record."""
        bootstrap = self.broker.bootstrap
        eventually(lambda: log.unsettled(bootstrap, PREFIX, GROUP) == 0, QUIET_S, every_s=0.25, what="all is settled")

    def dead(self) -> list[Mark]:
        """The events among the dead letters."""
        return log.dead(self.broker.bootstrap, DEAD_LETTERS)


def settings_for(broker: Broker, vendor: Vendor, folder: Path) -> dict[str, str]:
    """Short waits, so that a history takes seconds; no flows but the harness's own."""
    flows = folder / "flows.yaml"
    flows.write_text(_FLOWS)
    return {
        "COMMFLEET_PREFIX": PREFIX,
        "COMMFLEET_WORKER_NAME": "fault-sink",
        "COMMFLEET_KAFKA__BOOTSTRAP_SERVERS": broker.bootstrap,
        "COMMFLEET_KAFKA__SESSION_TIMEOUT_MS": "6000",
        "COMMFLEET_KAFKA__HEARTBEAT_INTERVAL_MS": "1000",
        "COMMFLEET_TOPICS__REPLICATION_FACTOR": "1",
        "COMMFLEET_TOPICS__MIN_INSYNC_REPLICAS": "1",
        "COMMFLEET_FLOWS__DEFAULTS": "false",
        "COMMFLEET_FLOWS__FILES": str(flows),
        "COMMFLEET_SINKS__BRAZE__BASE_URL": vendor.url,
        "COMMFLEET_SINKS__BRAZE__API_KEY": "fault-harness",
        "COMMFLEET_SINKS__BRAZE__START_FROM": "beginning",
        "COMMFLEET_SINKS__BRAZE__SETTLE_AFTER_S": "1",
        "COMMFLEET_SINKS__BRAZE__MAX_BACKOFF_S": "2",
        "COMMFLEET_SINKS__BRAZE__READ_TIMEOUT_S": "5",
        "COMMFLEET_LOG__FORMAT": "console",
    }


def set_scene(broker: Broker, vendor: Vendor, history: History, folder: Path) -> Scene:
    """Topics created by `topics apply`, as an operator would; no sink runs yet."""
    settings = settings_for(broker, vendor, folder)
    command(["topics", "apply", "--yes"], settings)
    return Scene(broker, vendor, history, folder, log.Upstream(broker.bootstrap, PREFIX), settings)


def verify(scene: Scene) -> str:
    """AssertionError naming what was lost or out of order; else a line of what was counted."""
    acknowledged, dead = scene.upstream.acknowledged, scene.dead()
    events, attributes = scene.vendor.received("events"), scene.vendor.received("attributes")
    assert scene.upstream.refused == []
    assert len(acknowledged) == len(scene.marks)
    for what, received in (("events", events), ("attributes", attributes)):
        assert checks.lost(acknowledged, received, dead) == [], f"{what} lost, seed {scene.history.seed}"
        assert checks.invented(acknowledged, received) == [], what
        assert checks.out_of_order(received) == [], f"{what} out of order, seed {scene.history.seed}"
    assert checks.stale(attributes) == [], "an old attribute value stayed"
    repeats = [sum(checks.repeated(received).values()) for received in (events, attributes)]
    return f"{len(acknowledged)} events, {len(dead)} dead, repeats {repeats[0]} once / {repeats[1]} repeatable"
