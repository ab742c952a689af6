"""File drops as processes on the embedded broker: killed, side by side, by hand, and redriven."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from common.codec import Decoder, LocalSchemas
from common.kafka.embedded import EmbeddedBroker
from common.kafka.log_reader import LogReader, TopicUnreadableError
from tests.support.files import ENGAGEMENT, MAPPING, csv_of, good
from tests.support.poll import eventually
from tests.support.ports import free_ports
from workers.cli import main
from workers.ingest.letters import INGEST
from workers.letters_command import dead_letters, redrive
from workers.settings import Settings, load_settings

ROOT = Path(__file__).parents[2]
LINES, KILLS = 20_000, 2


class Site:
    """A watched folder, its mapping and settings, and workers of it."""

    def __init__(self, folder: Path, bootstrap: str, processes: ExitStack) -> None:
        self.folder, self.drop, self._processes, self._bootstrap = folder, folder / "in", processes, bootstrap
        self.drop.mkdir()
        self.map()

    @property
    def settings(self) -> Settings:
        """As the file says."""
        return load_settings(self.folder / "commfleet.yaml", {})

    def map(self, text: str = MAPPING) -> None:
        """Another mapping."""
        (self.folder / "crm.yaml").write_text(text)
        config = {
            "kafka": {"bootstrap.servers": self._bootstrap},
            "ingest": {"files": {"crm": {"mapping": "crm.yaml", "folder": "in", "settle_s": 0, "interval_s": 0.1}}},
        }
        (self.folder / "commfleet.yaml").write_text(json.dumps(config))

    def put(self, name: str, data: bytes) -> None:
        """Drop a file whole."""
        draft = self.drop / f".{name}"
        draft.write_bytes(data)
        draft.rename(self.drop / name)

    def start(self) -> "subprocess.Popen[bytes]":
        """One worker."""
        env = {name: value for name, value in os.environ.items() if not name.startswith("COMMFLEET_")}
        (port,) = free_ports(1)
        env |= {"PYTHONPATH": str(ROOT), "COMMFLEET_HEALTH__PORT": str(port)}
        with (self.folder / "log").open("ab") as log:
            child = subprocess.Popen(
                [sys.executable, "-m", "workers", "run", "files"], cwd=self.folder, env=env, stderr=log
            )
        self._processes.callback(child.wait)
        self._processes.callback(child.kill)
        return child

    def done(self) -> list[dict[str, Any]]:
        """The reports of what is done."""
        return [json.loads(path.read_text()) for path in self.drop.glob("done/*/*.report.json")]

    def stored(self) -> int:
        """Records in the log."""
        try:
            return sum(1 for _ in self.reader().records(ENGAGEMENT))
        except TopicUnreadableError:  # nothing was ever sent
            return 0

    def events(self) -> list[Any]:
        """Every event in the log."""
        decoder = Decoder(LocalSchemas())
        return [decoder.decode(ENGAGEMENT, one.value) for one in self.reader().records(ENGAGEMENT)]

    def reader(self) -> LogReader:
        """A reader of the log."""
        return LogReader({"bootstrap.servers": self._bootstrap})

    def run(self, *words: str, stdin: bytes = b"") -> Result:
        """A command."""
        return CliRunner().invoke(main, ["--config", str(self.folder / "commfleet.yaml"), *words], input=stdin)


@pytest.fixture
def site(tmp_path: Path, embedded: EmbeddedBroker) -> Iterator[Site]:
    """A site on a fresh broker; its workers are ended."""
    with ExitStack() as processes:
        yield Site(tmp_path, embedded.bootstrap, processes)


def test_a_worker_that_is_killed_again_and_again_skips_nothing(site: Site) -> None:
    """The next one goes on where it was: every line is in the log, and what is there twice has the same id."""
    site.put("a.csv", csv_of(*map(good, range(LINES))))
    kills = before = 0
    while not site.done():
        worker = site.start()
        eventually(lambda least=before: site.done() or site.stored() > least, 60)  # type: ignore[misc]
        before = site.stored()
        if kills == KILLS:
            eventually(site.done, 60)
        worker.kill()
        worker.wait()
        kills += 1

    assert kills > 1
    ids = {(event["form"], event["event_id"]) for event in site.events()}
    assert len(ids) == len({form for form, _ in ids}) == LINES
    assert site.done()[0]["stored"] == LINES


def test_two_workers_share_a_folder(site: Site) -> None:
    """Each file is one worker's: nothing is there twice."""
    for number in range(8):
        site.put(f"{number}.csv", csv_of(*(good(number * 1000 + line) for line in range(1000))))
    workers = [site.start(), site.start()]

    eventually(lambda: len(site.done()) == 8, 60)

    counts = Counter(event["form"] for event in site.events())
    assert len(counts) == 8000
    assert set(counts.values()) == {1}
    for worker in workers:
        worker.terminate()
    assert [worker.wait(30) for worker in workers] == [0, 0]


def test_a_bad_line_goes_through_the_mapping_again(site: Site) -> None:
    """Mended, it is the event that it would have been, at its own place in the file."""
    site.put("a.csv", csv_of(good(1), "C-2;X;21.11.2026 10:00;late", good(3)))
    site.start()
    eventually(site.done, 60)
    mailbox = dead_letters(site.settings, INGEST)
    assert [bool(step.obstacle) for step in mailbox.plan(mailbox.open())] == [True]

    site.map(MAPPING.replace("{F: FORM_SUBMITTED", "{X: FORM_SUBMITTED, F: FORM_SUBMITTED"))
    mailbox = dead_letters(site.settings, INGEST)
    assert redrive(site.settings, INGEST, mailbox.plan(mailbox.open()), 0, lambda _: None) == 1

    found = {event["form"]: event["event_id"] for event in site.events()}
    assert set(found) == {"form-1", "late", "form-3"}
    again = site.run("ingest", "file", "crm", str(next(site.drop.glob("done/*/a.csv"))))
    assert again.exit_code == 0
    assert {event["form"]: event["event_id"] for event in site.events()} == found


@pytest.mark.parametrize(("bad", "code"), [((), 0), (("C-9",), 1)], ids=["good", "bad"])
def test_standard_input_is_sent_by_hand(site: Site, bad: tuple[str, ...], code: int) -> None:
    """Sent again, it has the same ids; the exit code tells whether every line was good."""
    data = csv_of(good(1), *bad, good(2))

    answers = [site.run("ingest", "file", "crm", "-", stdin=data) for _ in range(2)]

    assert [answer.exit_code for answer in answers] == [code, code]
    assert f"2 stored, {len(bad)} bad" in answers[0].output
    assert sorted(Counter(event["event_id"] for event in site.events()).values()) == [2, 2]


def test_a_check_sends_nothing(site: Site) -> None:
    """And needs no broker; what is wrong is told by line."""
    path = site.folder / "a.csv"
    path.write_bytes(csv_of(good(1), "C-2"))

    answer = site.run("ingest", "file", "crm", str(path), "--check")

    assert (answer.exit_code, site.stored()) == (1, 0)
    assert "3: has 1 fields, and the header 4" in answer.output
    assert "1 good, 1 bad" in answer.output


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("ingest", "file", "hr", "-"), 2, "ingest.files has no 'hr'; there are: crm"),
        (("ingest", "file", "crm", "-"), 1, "line 1: is empty"),
        (("run", "files", "hr"), 1, "there is no source of files 'hr'"),
    ],
    ids=["unknown source", "empty file", "unknown folder"],
)
def test_what_cannot_work_is_told(site: Site, words: tuple[str, ...], code: int, message: str) -> None:
    """With an exit code that tells misuse from failure."""
    answer = site.run(*words)

    assert answer.exit_code == code
    assert message in answer.output
