"""The commands' own wiring, on the embedded broker where they need one."""

import io
import json
import tracemalloc
from pathlib import Path
from typing import BinaryIO

import pytest

from common.kafka.embedded import EmbeddedBroker
from common.kafka.verify import complaint
from common.settings import KafkaSettings
from topics.plan import Advice
from workers.letters_command import of_sink
from workers.produce import LineError, Stored
from workers.produce_command import produce_lines
from workers.settings import Settings
from workers.topics_command import environment, topic_plan, topic_rows

ROOT = Path(__file__).parents[2]
EVENT = ROOT / "schemas" / "examples" / "comms.workspace.v1" / "MILESTONE_REACHED.json"


@pytest.fixture
def settings(embedded: EmbeddedBroker, prefix: str) -> Settings:
    """Settings of this test's own broker."""
    return Settings(prefix=prefix, kafka=KafkaSettings({"bootstrap.servers": embedded.bootstrap}))


def line() -> bytes:
    """A good event as one line."""
    return json.dumps(json.loads(EVENT.read_text())).encode()


def lines(*each: bytes) -> BinaryIO:
    """A file of these lines."""
    return io.BytesIO(b"\n".join(each))


def test_good_lines_are_stored(settings: Settings) -> None:
    """With their position."""
    found = list(
        produce_lines(settings, "comms.workspace.v1", lines(line(), b"", line()), is_check=False, keep_going=False)
    )

    assert [answer.line for answer in found] == [1, 3]
    assert all(isinstance(answer, Stored) and answer.position is not None for answer in found)


def test_one_bad_line_keeps_all_back(settings: Settings) -> None:
    """Only what is bad is told: the good ones were not sent."""
    found = list(produce_lines(settings, "comms.workspace.v1", lines(line(), b"{"), is_check=False, keep_going=False))

    assert [(type(answer), answer.line) for answer in found] == [(LineError, 2)]


class Pipe(io.BytesIO):
    """What can be read once."""

    def seekable(self) -> bool:
        """No."""
        return False


def test_a_pipe_is_sent_until_its_first_bad_line(settings: Settings) -> None:
    """It cannot be read twice, and is not kept: what stood before the bad line is stored."""
    pipe = Pipe(b"\n".join([line(), b"{", line()]))

    found = list(produce_lines(settings, "comms.workspace.v1", pipe, is_check=False, keep_going=False))

    assert [(type(answer), answer.line) for answer in found] == [(Stored, 1), (LineError, 2)]


def test_a_large_file_is_not_read_into_memory(settings: Settings, tmp_path: Path) -> None:
    """Twice read, once sent, and never held."""
    file = tmp_path / "events.jsonl"
    with file.open("wb") as out:
        out.writelines(line() + b" " * 10_000 + b"\n" for _ in range(1000))
    tracemalloc.start()
    with file.open("rb") as events:
        stored = sum(
            isinstance(answer, Stored)
            for answer in produce_lines(settings, "comms.workspace.v1", events, is_check=False, keep_going=False)
        )
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert stored == 1000
    assert peak < file.stat().st_size / 2


def test_keep_going_sends_the_good_ones(settings: Settings) -> None:
    """And tells the bad ones."""
    found = list(produce_lines(settings, "comms.workspace.v1", lines(b"{", line()), is_check=False, keep_going=True))

    assert [type(answer) for answer in found] == [LineError, Stored]


def test_nothing_is_planned_on_the_embedded_broker(settings: Settings) -> None:
    """It makes topics on first use, and cannot be told otherwise."""
    (step,) = topic_plan(settings)

    assert isinstance(step, Advice)


def test_topics_are_listed_with_what_is_there(settings: Settings) -> None:
    """By their full names; missing ones have no count."""
    list(produce_lines(settings, "comms.workspace.v1", lines(line()), is_check=False, keep_going=True))

    rows = {row.name: row for row in topic_rows(settings)}

    assert rows[f"{settings.prefix}comms.workspace.v1"].actual == 4
    assert rows[f"{settings.prefix}comms.alert.v1"].actual is None


def test_the_partition_setting_is_for_the_topics_that_share_a_count() -> None:
    """As the plan means it."""
    wanted = environment(Settings.model_validate({"topics": {"partitions": 24, "replication_factor": 2}}))

    assert (wanted.partitions, wanted.replication_factor, wanted.min_insync_replicas) == (24, 2, 2)


def test_letters_know_every_group_of_their_sink() -> None:
    """A letter goes back to the retry topic of the group that wrote it."""
    letters = of_sink(Settings(prefix="acme."), "braze")

    assert letters.topic == "acme.comms.dlq.braze.v1"
    assert letters.retry_topics == {
        "main": "acme.comms.retry.braze.main.v1",
        "consent": "acme.comms.retry.braze.consent.v1",
    }


@pytest.mark.parametrize(
    ("kafka", "says"),
    [
        ({"bootstrap.server": "a:1"}, "bootstrap.server"),
        ({"linger.ms": "soon"}, "queue.buffering.max.ms"),
        ({"security.protocol": "ssl", "ssl.ca.location": "missing.pem"}, "ssl.ca.location"),
    ],
)
def test_librdkafka_is_asked_about_its_properties(kafka: dict[str, str], says: str) -> None:
    """Without contacting anybody."""
    assert says in complaint(kafka)


def test_good_properties_have_no_complaint() -> None:
    """Addresses are not looked at."""
    assert complaint({"bootstrap.servers": "nobody.invalid:9092", "session.timeout.ms": "45000"}) == ""
