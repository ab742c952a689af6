"""A real Schema Registry: registering, what it takes, looking ids up, and a sink while it is gone."""

import copy
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from common.clock import SystemClock
from common.codec import Decoder, Encoder, checked
from common.errors import RegistryDownError, UndecodableError
from common.kafka.admin import TopicAdmin
from common.kafka.registry import Registry as Requests
from common.kafka.registry import subject_of
from common.kafka.registry_schemas import RegistrySchemas, connect
from common.reasons import Cause, Reason
from common.settings import RegistrySettings
from schemas.catalogue import Schema, catalogue
from schemas.compatibility import Mode, Past, incompatibilities
from tests.support.fixtures import Kafka
from tests.support.poll import eventually
from tests.support.registry import Registry
from tests.support.sink_rig import DEAD, RETRY, WORKSPACE, RigSchemas, SinkRig, rig_flows, workspace_event
from tests.support.wire import written
from topics.catalogue import flow_topics
from topics.plan import CreateTopic
from workers.cli import main
from workers.sinks.receipts import TOPIC as RECEIPTS

BATCH = "comms.batch.v1"
LEVEL = "BACKWARD_TRANSITIVE"


@pytest.fixture
def settings(registry: Registry) -> RegistrySettings:
    """Of the real registry."""
    return RegistrySettings(url=registry.url, timeout_s=20, retry_s=0.2)


@pytest.fixture
def requests(settings: RegistrySettings) -> Iterator[Requests]:
    """Requests to it."""
    with closing(Requests(settings, SystemClock())) as requests:
        yield requests


@pytest.fixture
def source(settings: RegistrySettings, prefix: str) -> Iterator[RegistrySchemas]:
    """Its ids for this test's prefix."""
    with closing(connect(settings, prefix, SystemClock())) as source:
        yield source


def commfleet(registry: Registry, prefix: str, *words: str, text: str = "") -> Result:
    """Run a command with settings of this registry."""
    environment = {"COMMFLEET_REGISTRY__URL": registry.url, "COMMFLEET_PREFIX": prefix}
    return CliRunner().invoke(main, words, input=text, env={**environment, "COMMFLEET_REGISTRY__TIMEOUT_S": "20"})


def changed(topic: str, **field: Any) -> Schema:
    """A topic's schema with one more field."""
    schema = copy.deepcopy(catalogue().schema(topic))
    schema["fields"].append({"doc": "New.", **field})
    return schema


def test_register_shows_its_plan_then_does_it(registry: Registry, prefix: str, requests: Requests) -> None:
    """Subjects with the prefix, schemas whole, levels set; afterwards there is nothing to do."""
    refused = commfleet(registry, prefix, "schemas", "register", text="n\n")
    assert (refused.exit_code, requests.versions(subject_of(prefix, BATCH))) == (1, [])
    assert f"{prefix}{BATCH}-value: register it, a new subject, set its level to {LEVEL} (now the" in refused.output

    done = commfleet(registry, prefix, "schemas", "register", "--yes")

    assert done.exit_code == 0, done.output
    for topic in catalogue().topics:
        subject = subject_of(prefix, topic)
        assert f"done: {subject}: id " in done.output
        assert requests.level(subject) == LEVEL
        assert requests.id_of(subject, catalogue().schema(topic)) is not None
    again = commfleet(registry, prefix, "schemas", "register")
    assert again.output.endswith("nothing to register\n")
    assert commfleet(registry, prefix, "schemas", "plan").exit_code == 0


def test_levels_may_be_left_alone(registry: Registry, prefix: str, requests: Requests) -> None:
    """Where a platform team owns them; one that differs is mended otherwise."""
    subject = subject_of(prefix, BATCH)
    requests.set_level(subject, "FULL")

    kept = commfleet(registry, prefix, "schemas", "register", "--yes", "--keep-levels")
    assert (kept.exit_code, requests.level(subject)) == (0, "FULL")

    mended = commfleet(registry, prefix, "schemas", "register", "--yes")
    assert f"{subject}: has our schema as id" in mended.output
    assert f"set its level to {LEVEL} (now FULL)" in mended.output
    assert requests.level(subject) == LEVEL


def test_what_the_registry_could_not_read_is_refused_before_anything_is_done(
    registry: Registry, prefix: str, requests: Requests
) -> None:
    """A subject that has another schema already: named, field by field, and nothing is registered."""
    subject = subject_of(prefix, BATCH)
    foreign = copy.deepcopy(catalogue().schema(BATCH))
    next(field for field in foreign["fields"] if field["name"] == "volume")["type"] = ["null", "string"]
    requests.register(subject, foreign)

    answer = commfleet(registry, prefix, "schemas", "register", "--yes")

    assert answer.exit_code == 1
    assert f"{subject}: it cannot read version 1: volume: reader union lacking writer type" in answer.output
    assert requests.versions(subject_of(prefix, "comms.alert.v1")) == []
    assert commfleet(registry, prefix, "schemas", "plan").exit_code == 1


def test_the_registrys_own_verdict_counts_too(registry: Registry, prefix: str, requests: Requests) -> None:
    """A stricter level that is kept refuses what ours would take."""
    subject = subject_of(prefix, BATCH)
    before = copy.deepcopy(catalogue().schema(BATCH))
    before["fields"].append({"name": "extra", "type": "string"})
    requests.register(subject, before)
    requests.set_level(subject, "FULL")

    answer = commfleet(registry, prefix, "schemas", "register", "--yes", "--keep-levels")

    assert answer.exit_code == 1
    assert f"{subject}: the registry says that our schema may not follow its versions" in answer.output


PAIRS: dict[str, tuple[Schema, Schema]] = {
    "an optional field more": (
        catalogue().schema(BATCH),
        changed(BATCH, name="extra", type=["null", "string"], default=None),
    ),
    "a required field more": (catalogue().schema(BATCH), changed(BATCH, name="extra", type="string")),
    "a required field less": (changed(BATCH, name="extra", type="string"), catalogue().schema(BATCH)),
    "an optional field less": (
        changed(BATCH, name="extra", type=["null", "string"], default=None),
        catalogue().schema(BATCH),
    ),
    "another type": (changed(BATCH, name="extra", type="string"), changed(BATCH, name="extra", type="int")),
    "a wider type": (changed(BATCH, name="extra", type="int"), changed(BATCH, name="extra", type="long")),
}


@pytest.mark.parametrize("mode", [mode for mode in Mode if mode is not Mode.NONE])
def test_offline_and_online_agree(prefix: str, requests: Requests, mode: Mode) -> None:
    """Our verdict without a registry is the registry's own, in every mode."""
    for number, (before, after) in enumerate(PAIRS.values()):
        subject = f"{prefix}{number}-value"
        requests.register(subject, before)
        requests.set_level(subject, mode)

        ours = incompatibilities(after, [Past("version 1", before)], mode)

        assert requests.accepts(subject, after) is (not ours), (mode, number, ours)


def test_only_the_transitive_modes_look_further_back(prefix: str, requests: Requests) -> None:
    """Three versions: the third reads the second, not the first."""
    optional = changed(BATCH, name="extra", type=["null", "string"], default=None)
    history = [catalogue().schema(BATCH), optional]
    third = changed(BATCH, name="extra", type=["null", "string"])
    subject = f"{prefix}three-value"
    for version in history:
        requests.register(subject, version)
    past = [Past(str(number), version) for number, version in enumerate(history, 1)]

    for mode in (Mode.BACKWARD, Mode.BACKWARD_TRANSITIVE):
        requests.set_level(subject, mode)
        assert requests.accepts(subject, third) is (incompatibilities(third, past, mode) == [])
    assert incompatibilities(third, past, Mode.BACKWARD) == []
    assert incompatibilities(third, past, Mode.BACKWARD_TRANSITIVE) != []


def test_events_travel_with_the_registrys_ids(registry: Registry, prefix: str, source: RegistrySchemas) -> None:
    """Encoded with a looked-up id, decoded by asking for it; unregistered, nothing is encoded."""
    event = workspace_event(1)
    with pytest.raises(RegistryDownError, match="commfleet schemas register"):
        Encoder(source).encode(WORKSPACE, event)

    assert commfleet(registry, prefix, "schemas", "register", "--yes").exit_code == 0
    payload = Encoder(source).encode(WORKSPACE, event)

    assert int.from_bytes(payload[1:5]) == source.id_for(WORKSPACE) < 2**30
    assert Decoder(source).decode(WORKSPACE, payload)["event_id"] == event["event_id"]


def test_an_id_that_the_registry_does_not_have_is_unknown(source: RegistrySchemas) -> None:
    """In its own words."""
    source.answers()
    with pytest.raises(UndecodableError) as unknown:
        source.schema(999_999)

    assert unknown.value.reason is Reason.UNKNOWN_SCHEMA


def test_a_wrong_path_is_no_unknown_id(registry: Registry, prefix: str) -> None:
    """The registry's own server answers 404 there, and knows nothing of schemas: a hold."""
    wrong = RegistrySettings(url=registry.url.removesuffix("/ccompat/v7"))
    with (
        closing(connect(wrong, prefix, SystemClock())) as source,
        pytest.raises(RegistryDownError, match=r"check the path of registry\.url"),
    ):
        source.schema(1)


def test_without_a_registry_there_is_nothing_to_register_at() -> None:
    """The setting is named."""
    answer = CliRunner().invoke(main, ("schemas", "register", "--yes"))

    assert (answer.exit_code, "set registry.url" in answer.output) == (1, True)


# -- a registry that is stopped in the middle --------------------------------------------------


@pytest.fixture
def rig(kafka: Kafka, prefix: str, tmp_path: Path) -> Iterator[SinkRig]:
    """A sink on the real broker."""
    steps = [CreateTopic(prefix + name, 4, 1, {}) for name in (*flow_topics(), RETRY, DEAD, RECEIPTS)]
    TopicAdmin({"bootstrap.servers": kafka.bootstrap}).apply(steps, lambda _: None)
    with closing(SinkRig(kafka.bootstrap, rig_flows(tmp_path), prefix)) as rig:
        yield rig


class Asking(RigSchemas):
    """The rig's schemas are the registry's."""

    def __init__(self, source: RegistrySchemas) -> None:
        super().__init__()
        self._source = source

    def schema(self, schema_id: int) -> Schema:
        """Asks it."""
        return self._source.schema(schema_id)


def versions(count: int) -> list[Schema]:
    """So many versions of the workspace schema, each readable by ours."""
    return [changed(WORKSPACE, name=f"extra_{number}", type="string", default="") for number in range(count)]


@dataclass
class Producers:
    """Upstream producers, each with a version of the schema that the registry knows."""

    rig: SinkRig
    registered: list[tuple[int, Schema]]
    written: list[tuple[str, str]] = field(default_factory=list)

    def write(self, number: int, count: int) -> None:
        """Events of many customers, with one version."""
        schema_id, schema = self.registered[number]
        for _ in range(count):
            key = f"c{len(self.written) % 16}"
            value = checked(WORKSPACE, workspace_event(len(self.written), key))
            self.rig.write_raw(WORKSPACE, key.encode(), written(schema, value, schema_id))
            self.written.append((key, value["event_id"]))


def test_a_registry_that_is_stopped_and_started_loses_nothing(
    registry: Registry, rig: SinkRig, settings: RegistrySettings, prefix: str
) -> None:
    """Known ids go on, new ones wait; when it is back all is delivered in order, and nothing is a dead letter."""
    subject = subject_of(prefix, WORKSPACE)
    with closing(Requests(settings, SystemClock())) as requests:
        producers = Producers(rig, [(requests.register(subject, schema), schema) for schema in versions(3)])
    quick = settings.model_copy(update={"timeout_s": 1.0, "retries": 0})
    with closing(connect(quick, prefix, SystemClock())) as source:
        rig.schemas = Asking(source)
        with rig.running() as runner:
            producers.write(0, 40)
            eventually(lambda: len(rig.sink.got) == 40, 30, what="the first version is delivered")

            registry.stop()
            try:
                producers.write(0, 40)
                eventually(lambda: len(rig.sink.got) == 80, 30, what="what needs no registry goes on")
                producers.write(1, 40)
                producers.write(0, 40)
                causes = eventually(lambda: {hold.cause for hold in runner.status.holds}, 30, what="a hold is shown")
                held = len(rig.sink.got)
            finally:
                registry.start()

            producers.write(2, 40)
            eventually(lambda: len(rig.sink.got) == 200, 60, what="everything is delivered")
        assert rig.committed() == 200

    assert causes == {Cause.REGISTRY_DOWN}
    assert held < 160
    assert rig.letters() == []
    got = [(one.key, one.event_id) for one in rig.sink.got]
    assert sorted(got) == sorted(producers.written)
    for key in {key for key, _ in got}:
        assert [one for one in got if one[0] == key] == [one for one in producers.written if one[0] == key]
