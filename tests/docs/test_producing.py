"""docs/producing.md: what it says is so, and its programs run as they stand there, against a real Kafka."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from confluent_kafka import Producer

from common.codec import MAX_PAYLOAD_BYTES, Decoder, LocalSchemas
from common.kafka.admin import TopicAdmin
from common.kafka.log_reader import LogReader
from schemas.catalogue import catalogue
from tests.faults.processes import Worker, command
from tests.support.fixtures import Kafka
from tests.support.kafka_jars import NoKafkaError, producer_jars
from tests.support.poll import eventually
from tests.support.require import Server, absent
from tests.support.site import TOKEN, TOPIC, numbered, site, webhook_url
from tests.support.track_stub import TrackStub
from topics.catalogue import Kind, topics
from topics.plan import HEADROOM_BYTES, CreateTopic
from workers.ingest.sources.canonical import WRITTEN_BY_WORKERS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "producing.md").read_text()
SCHEMA = ROOT / "schemas" / "released" / TOPIC / f"{catalogue().id_of(TOPIC)}.avsc"
CUSTOMERS = ("C-1", "C-2", "Zoë", "acme|7")
ROUNDS = 4


def programs() -> dict[str, str]:
    """Every block of the page that names a file."""
    found = re.findall(r"^<!-- file: (\S+) -->\n```\w+\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return dict(found)


@dataclass(frozen=True, slots=True)
class Desk:
    """A folder with the page's programs, and what they are told about the broker."""

    folder: Path
    env: dict[str, str]

    def start(self, *line: str) -> "subprocess.Popen[str]":
        """A program that is given lines one by one."""
        pipe = subprocess.PIPE
        return subprocess.Popen(line, cwd=self.folder, env=self.env, stdin=pipe, stdout=pipe, text=True)

    def shell(self, file: str, **variables: str) -> str:
        """A program to its end; what it printed."""
        done = subprocess.run(
            ["sh", "-eu", file],
            cwd=self.folder,
            env=self.env | variables,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def desk(kafka: Kafka, prefix: str, tmp_path: Path) -> Desk:
    """The page's programs as files; `python` is this one."""
    for name, text in programs().items():
        (tmp_path / name).write_text(text)
    env = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PREFIX": prefix,
        "BOOTSTRAP": kafka.bootstrap,
        "SCHEMA": str(SCHEMA),
    }
    return Desk(tmp_path, env)


@pytest.fixture
def vendor() -> Iterator[TrackStub]:
    """A scripted Braze."""
    with TrackStub() as running:
        yield running


class Lines:
    """A producer program of the page: one line in, one confirmation out."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        assert process.stdin
        assert process.stdout
        self._write, self._read = process.stdin, process.stdout

    def send(self, customer: str, document: int) -> None:
        """Send one event and wait until the broker has confirmed it."""
        self._write.write(f"{customer} {document}\n")
        self._write.flush()
        assert "comms.communication.v1-" in self._read.readline(), "no confirmation"

    def close(self) -> None:
        """End of input; the program ends well."""
        self._write.close()
        assert self._process.wait(30) == 0
        self._read.close()


def test_java_kcat_python_and_the_webhook_share_each_customers_lane(
    desk: Desk, kafka: Kafka, prefix: str, vendor: TrackStub, tmp_path: Path
) -> None:
    """Interleaved events of the same customers: each customer in one partition, delivered in the log's order."""
    settings = site(prefix, {"bootstrap.servers": kafka.bootstrap}, vendor.url, tmp_path, 6)
    command(["topics", "apply", "--yes"], settings)
    java = Lines(desk.start("java", "-cp", f"{_jars()}/*", "Produce.java", kafka.bootstrap, str(SCHEMA)))
    python = Lines(desk.start("python", "produce.py", kafka.bootstrap, str(SCHEMA)))
    with (
        Worker(["run", "ingest", "webhook"], settings, tmp_path / "webhook.log") as door,
        Worker(["run", "sink", "braze"], settings, tmp_path / "sink.log") as sink,
    ):
        door.wait_ready()
        number = 0
        for _ in range(ROUNDS):
            for customer in CUSTOMERS:
                java.send(customer, number)
                _kcat(desk, customer, number + 1)
                python.send(customer, number + 2)
                _post(settings, customer, number + 3)
                number += 4
        java.close()
        python.close()
        sink.wait_ready()
        eventually(lambda: len(vendor.seen) >= number, 60)
        assert sink.stop() == door.stop() == 0

    written = _log(kafka.bootstrap, prefix)
    for customer in CUSTOMERS:
        assert len({partition for who, partition, _ in written if who == customer}) == 1, customer
        in_log = [document for who, _, document in written if who == customer]
        assert in_log == sorted(in_log), "each was confirmed before the next was sent"
        assert [one.number for one in vendor.seen if one.customer == customer] == in_log


def test_a_record_that_cannot_be_used_is_found_with_kcat(
    desk: Desk, kafka: Kafka, prefix: str, vendor: TrackStub, tmp_path: Path
) -> None:
    """The page's way to see what became of it: key and reason."""
    _need_kcat()
    settings = site(prefix, {"bootstrap.servers": kafka.bootstrap}, vendor.url, tmp_path, 1)
    command(["topics", "apply", "--yes"], settings)
    with Producer({"bootstrap.servers": kafka.bootstrap}) as producer:
        producer.produce(prefix + TOPIC, b'{"json": true}', b"C-9")
        producer.flush(10)
    with Worker(["run", "sink", "braze"], settings, tmp_path / "sink.log"):
        found = eventually(lambda: desk.shell("dead-letters.sh"), 40, every_s=0.5)

    assert "key=C-9" in found
    assert "dlq.reason=not_avro" in found


def test_an_open_transaction_stalls_readers(kafka: Kafka, prefix: str) -> None:
    """As the page warns: what others wrote behind it is not read until it ends."""
    topic = prefix + TOPIC
    TopicAdmin({"bootstrap.servers": kafka.bootstrap}).apply([CreateTopic(topic, 1, 1, {})], lambda _: None)
    open_ = Producer({"bootstrap.servers": kafka.bootstrap, "transactional.id": topic})
    open_.init_transactions(20)
    open_.begin_transaction()
    open_.produce(topic, b"open", partition=0)
    open_.flush(10)
    with Producer({"bootstrap.servers": kafka.bootstrap}) as other:
        other.produce(topic, b"behind it", partition=0)
        other.flush(10)

    reader = LogReader({"bootstrap.servers": kafka.bootstrap})
    before = [record.value for record in reader.records(topic)]
    open_.commit_transaction(20)

    assert before == []
    assert [record.value for record in reader.records(topic)] == [b"open", b"behind it"]


def test_the_keys_are_those_of_the_topic_files() -> None:
    """Every topic that upstream systems may write to, with its rule."""
    table = PAGE.split("## Key")[1].split("## ")[0]
    for topic in topics().values():
        if topic.kind is Kind.FLOW and topic.name not in WRITTEN_BY_WORKERS:
            (line,) = [line for line in table.splitlines() if f"`{topic.name}`" in line]
            rule = line.split("|")[2].replace("`", "").replace(", else", " else").strip()
            assert rule == topic.key, topic.name
    assert all(f"`{name}`" in PAGE for name in WRITTEN_BY_WORKERS)


def test_the_sizes_are_those_of_the_code() -> None:
    """1 MiB, and 64 KiB of room."""
    assert f"1 MiB ({MAX_PAYLOAD_BYTES:,} bytes)" in PAGE
    assert f"take {HEADROOM_BYTES // 1024} KiB more" in PAGE


def test_the_programs_are_there() -> None:
    """A block that lost its name would not be run by anybody."""
    assert set(programs()) == {"Produce.java", "event.py", "produce.py", "produce.sh", "dead-letters.sh"}
    assert not re.findall(r"(?<! -->\n)^```(?:java|python|sh)\n", PAGE, re.MULTILINE)


def _jars() -> Path:
    try:
        return producer_jars()
    except NoKafkaError as error:
        absent(Server.KAFKA, str(error))


def _need_kcat() -> None:
    if shutil.which("kcat") is None:
        absent(Server.KAFKA, "no kcat on the path: install it (Debian: kcat)")


def _kcat(desk: Desk, customer: str, document: int) -> None:
    _need_kcat()
    desk.shell("produce.sh", CUSTOMER=customer, DOCUMENT=str(document))


def _post(settings: dict[str, str], customer: str, document: int) -> None:
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    httpx.post(webhook_url(settings), json=numbered(customer, document), headers=bearer).raise_for_status()


def _log(bootstrap: str, prefix: str) -> list[tuple[str, int, int]]:
    """Customer, partition and document of every event, in the order of the log within a partition."""
    decoder = Decoder(LocalSchemas())
    found = []
    for record in LogReader({"bootstrap.servers": bootstrap}).records(prefix + TOPIC):
        value = decoder.decode(TOPIC, record.value)
        assert record.key == value["customer"]["customer_id"].encode()
        headers = dict(record.headers)
        assert (headers["ce_type"], headers["ce_id"]) == (f"{TOPIC}.SENT".encode(), value["event_id"].encode())
        found.append((value["customer"]["customer_id"], record.partition, int(value["document_id"])))
    return found
