"""The access table is enough, and no more: workers on a broker that enforces ACLs."""

import os
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import httpx
import pytest
from confluent_kafka import Producer

from common.kafka.admin import TopicAdmin
from common.metrics import samples
from tests.faults.processes import Worker, command
from tests.support.fixtures import SecureKafka
from tests.support.marketo import sandbox_marketo
from tests.support.poll import eventually
from tests.support.secure import Warden
from tests.support.site import TOKEN, TOPIC, kafka_variables, numbered, site, webhook_url
from tests.support.track_stub import TrackStub
from topics.catalogue import topics
from topics.plan import AddPartitions, ChangeConfig, CreateTopic, Environment, plan
from workers.access import Grant, Resource, grants

PASSWORD = "a password"
PREFIX = f"acl{os.getpid()}."


@pytest.fixture(scope="module")
def bootstrap(secure_kafka: SecureKafka) -> str:
    """The plaintext address of a broker that has all topics, made by a user with the grants of `topics`."""
    user, warden = "topics-by-hand", Warden(secure_kafka.bootstrap)
    warden.enrol(user, PASSWORD)
    warden.allow(f"User:{user}", grants("topics", PREFIX))
    admin = TopicAdmin(secure_kafka.door.client(user, PASSWORD))
    wanted, here = tuple(topics().values()), Environment(PREFIX, 1, 1, 1)
    drifted = CreateTopic(f"{PREFIX}comms.dlq.braze.v1", 1, 1, {"retention.ms": "1000"})
    admin.apply([drifted], lambda _: None)
    steps = plan(wanted, admin.describe(PREFIX, wanted), here)
    assert {CreateTopic, AddPartitions, ChangeConfig} < {type(step) for step in steps}
    admin.apply(steps, lambda _: None)
    return secure_kafka.bootstrap


@pytest.fixture
def vendor() -> Iterator[TrackStub]:
    """A scripted Braze."""
    with TrackStub() as running:
        yield running


@pytest.fixture
def settings(
    secure_kafka: SecureKafka, bootstrap: str, vendor: TrackStub, tmp_path: Path
) -> Callable[..., dict[str, str]]:
    """The site as one user sees it, who is allowed what a worker needs, but for one grant."""

    def of(worker: str, without: Grant | None = None) -> dict[str, str]:
        user, warden = f"{worker}-{uuid.uuid4().hex[:6]}", Warden(bootstrap)
        warden.enrol(user, PASSWORD)
        wanted = grants(worker, PREFIX)
        assert without is None or without in wanted
        warden.allow(f"User:{user}", [grant for grant in wanted if grant != without])
        kafka = secure_kafka.door.client(user, PASSWORD)
        return site(PREFIX, kafka, vendor.url, tmp_path, 1) | kafka_variables(kafka)

    return of


def test_what_is_listed_is_enough(
    settings: Callable[..., dict[str, str]], bootstrap: str, vendor: TrackStub, tmp_path: Path
) -> None:
    """Webhook, sink, dead-letter tools and topic tools, each with its own user and exactly its grants."""
    webhook = settings("webhook")
    with (
        Worker(["run", "ingest", "webhook"], webhook, tmp_path / "webhook.log") as door,
        Worker(["run", "sink", "braze"], settings("sink-braze"), tmp_path / "sink.log") as sink,
    ):
        door.wait_ready()
        sink.wait_ready()
        post(webhook)
        spoil(bootstrap)
        eventually(lambda: [one.customer for one in vendor.seen] == ["C-1"], 30)
        tools = settings("tools")
        eventually(lambda: "not_avro" in command(["dlq", "list"], tools), 30, every_s=0.5)
        assert door.stop() == sink.stop() == 0

    assert "nothing to change" in command(["topics", "plan"], settings("topics"))


LESS = [
    Grant(Resource.TOPIC, f"{PREFIX}comms.profile.v1", "Read", ""),
    Grant(Resource.TOPIC, f"{PREFIX}comms.retry.braze.main.v1", "Read", ""),
    Grant(Resource.GROUP, f"{PREFIX}commfleet.braze.", "Read", "", is_prefix=True),
    Grant(Resource.TRANSACTIONAL_ID, f"{PREFIX}commfleet.braze.", "Write", "", is_prefix=True),
]


@pytest.mark.parametrize("without", LESS, ids=lambda grant: str(grant).replace(PREFIX, ""))
def test_a_sink_with_one_grant_less_ends_with_words(
    without: Grant, settings: Callable[..., dict[str, str]], bootstrap: str, tmp_path: Path
) -> None:
    """It names what it may not do, and the command that prints what it needs."""
    spoil(bootstrap)  # a dead letter to write: only then is a transaction begun
    with Worker(["run", "sink", "braze"], settings("sink-braze", without), tmp_path / "sink.log") as sink:
        code = sink.wait_end(40)

    assert code == 1, sink.log_tail()
    assert "commfleet topics acls" in sink.log_tail()


def test_a_sink_that_may_not_write_letters_is_held_with_words(
    settings: Callable[..., dict[str, str]], bootstrap: str, tmp_path: Path
) -> None:
    """It may look at them, so it starts; the first that it has to write tells."""
    spoil(bootstrap)
    without = Grant(Resource.TOPIC, f"{PREFIX}comms.dlq.braze.v1", "Write", "")
    with Worker(["run", "sink", "braze"], settings("sink-braze", without), tmp_path / "sink.log") as sink:
        eventually(lambda: "dead_letters_away" in sink.holds(), 40)
        assert "commfleet topics acls" in sink.log_tail()


def test_a_webhook_with_one_grant_less_stores_nothing_there(
    settings: Callable[..., dict[str, str]], tmp_path: Path
) -> None:
    """The sender is told to come again; the log says what is not allowed. Other topics go on."""
    webhook = settings("webhook", Grant(Resource.TOPIC, f"{PREFIX}comms.alert.v1", "Write", ""))
    with Worker(["run", "ingest", "webhook"], webhook, tmp_path / "webhook.log") as door:
        eventually(lambda: "comms.alert.v1 does not exist" in door.log_tail(), 30)
        answer = post(
            webhook,
            "comms.alert.v1",
            {
                "type": "RAISED",
                "occurred_at": "2026-03-01T08:00:00Z",
                "alert_key": "a:1",
                "topic": "t",
                "severity": "HIGH",
                "title": "t",
                "source": "x",
            },
        )
        assert answer.status_code == 503, answer.text
        assert "comms.alert.v1" in door.log_tail()
        assert "commfleet topics acls" in door.log_tail()
        assert post(webhook).status_code == 200


def post(settings: Mapping[str, str], topic: str = TOPIC, event: Mapping[str, object] | None = None) -> httpx.Response:
    """Send an event to the webhook, as an upstream system does."""
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    return httpx.post(webhook_url(settings, topic), json=event or numbered("C-1", 1), headers=bearer, timeout=20)


def spoil(bootstrap: str) -> None:
    """A record that nobody can read."""
    with Producer({"bootstrap.servers": bootstrap}) as producer:
        producer.produce(PREFIX + TOPIC, b"not avro", b"C-2")
        producer.flush(10)


def test_a_poller_works_with_its_grants(settings: Callable[..., dict[str, str]], tmp_path: Path) -> None:
    """It takes the seat, reads its cursors, and publishes what its source shows."""
    with sandbox_marketo() as marketo:
        marketo.put("C-1")
        account = {
            "BASE_URL": marketo.url,
            "CLIENT_ID": "sandbox-client",
            "CLIENT_SECRET": "sandbox-only-secret",
            "MUNCHKIN_ID": "123-ABC-456",
            "CUSTOMER_ID_FIELD": "customerNumber",
        }
        named = {f"COMMFLEET_INGEST__POLLERS__MARKETO__{name}": value for name, value in account.items()}
        variables = {**settings("poller-marketo"), **named}
        with Worker(["run", "poller", "marketo", "--since", "1h"], variables, tmp_path / "poller.log") as worker:
            eventually(lambda: _stored(worker) > 0, 60, every_s=0.2, what="items are stored")


def _stored(worker: Worker) -> float:
    answer = worker.ask("metrics")
    found = samples(answer.text, "commfleet_poller_items_total") if answer else ()
    return sum(value for labels, value in found if labels["outcome"] == "stored")
