"""The command line: parses, calls one function, prints; exit 0 done, 1 failed, 2 misused."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from common.errors import BrokerDownError
from common.event import Position
from topics.plan import Advice, CreateTopic, Problem, Step
from workers import letters_command, topics_command
from workers.cli import main
from workers.dead_letters import DeadLetters
from workers.mailbox import Filter, Letter
from workers.mailbox import Step as RedriveStep
from workers.settings import Settings
from workers.sinks.headers import Origin

ROOT = Path(__file__).parents[2]
EVENT = ROOT / "schemas" / "examples" / "comms.workspace.v1" / "MILESTONE_REACHED.json"
BRAZE = {
    "COMMFLEET_SINKS__BRAZE__BASE_URL": "https://rest.iad-01.braze.com",
    "COMMFLEET_SINKS__BRAZE__API_KEY": "hunter2-hunter2",
}
AT = datetime(2026, 1, 31, 8, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings of whoever runs the tests."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("COMMFLEET_")]:
        monkeypatch.delenv(name)


def run(*words: str | Path, text: str = "", env: dict[str, str] | None = None) -> Result:
    """One command, in this process."""
    return CliRunner().invoke(main, [str(word) for word in words], input=text, env=env)


def commands(group: click.Group, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command and subcommand there is."""
    for name, command in group.commands.items():
        yield (*words, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*words, name))


@pytest.mark.parametrize("words", list(commands(main)), ids=" ".join)
def test_every_command_has_help(words: Sequence[str]) -> None:
    """A sentence, without loading anything or reading any settings."""
    answer = run(*words, "--help")

    assert answer.exit_code == 0
    assert len(answer.output.splitlines()[2].strip()) > 10


@pytest.mark.parametrize(
    "words",
    [
        ("fly",),
        ("run", "sink", "fax"),
        ("run", "sink", "braze", "--group", "vip"),
        ("run", "ingest", "fax"),
        ("ingest", "file", "fax"),
        ("topics", "apply", "--force"),
        ("dlq", "show", "17"),
        ("dlq", "redrive", "1:2", "x"),
        ("dlq", "list", "--reason", "bad_luck"),
        ("dlq", "list", "--since", "yesterday"),
        ("dlq", "redrive", "--rate", "0"),
        ("produce",),
        ("produce", "comms.workspaces.v1", "--check"),
        ("produce", "comms.journey.v1", "--check"),
        ("flows", "explain", "no-such-file.json"),
        ("--config", "no-such-file.yaml", "check"),
        ("sandbox", "fax"),
        ("sandbox", "braze", "--port", "70000"),
    ],
    ids=" ".join,
)
def test_misuse_exits_2(words: Sequence[str]) -> None:
    """And says what is wrong."""
    answer = run(*words)

    assert answer.exit_code == 2
    assert "Error: " in answer.stderr


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_load_click_only(option: str) -> None:
    """What is imported here is paid for by every command."""
    program = (
        "import sys; before = set(sys.modules)\n"
        "from workers.cli import main\n"
        f"try: main(['{option}'], standalone_mode=False)\n"
        "except Exception as error: assert 'not installed' in str(error), error\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print('\\n', sorted(new - sys.stdlib_module_names - {'__mp_main__'}))\n"
    )

    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1].strip() == "['click', 'workers']"


def test_our_errors_are_one_message(tmp_path: Path) -> None:
    """On standard error, exit 1, no traceback."""
    (tmp_path / "site.yaml").write_text("prefx: a.\n")

    answer = run("--config", "site.yaml", "config", "show")

    assert answer.exit_code == 1
    assert answer.stderr == "Error: site.yaml:1: prefx: there is no such setting; did you mean prefix?\n"
    assert answer.stdout == ""


def test_the_configuration_file_may_be_a_variable(tmp_path: Path) -> None:
    """As in a container."""
    (tmp_path / "site.yaml").write_text("prefix: acme.\n")

    answer = run("config", "show", env={"COMMFLEET_CONFIG": "site.yaml"})

    assert "acme." in answer.output
    assert "site.yaml:1" in answer.output


def test_config_show_masks_secrets() -> None:
    """And says where each setting came from."""
    answer = run("config", "show", env=BRAZE)

    assert answer.exit_code == 0
    assert "hunter2" not in answer.output
    assert "COMMFLEET_SINKS__BRAZE__API_KEY" in answer.output


def test_check_is_content_with_what_we_ship() -> None:
    """The default catalogue, the topics and the schemas fit together."""
    answer = run("check")

    assert (answer.exit_code, answer.output) == (0, "config, flows, schemas and topics: all well\n")


def test_check_tells_everything_it_finds(tmp_path: Path) -> None:
    """A flow with two faults, and a Kafka property that does not exist: one exit code for CI."""
    (tmp_path / "flows.yaml").write_text("- {name: mine, on: comms.nothing.v1, when: {}, do: braze.fly, with: {}}\n")
    (tmp_path / "site.yaml").write_text("flows: {files: [flows.yaml]}\nkafka: {bootstrap.server: 'a:1'}\n")

    answer = run("--config", "site.yaml", "check")

    assert answer.exit_code == 1
    assert 'No such configuration property: "bootstrap.server"' in answer.output
    assert "flows.yaml:1" in answer.output
    assert "comms.nothing.v1" in answer.output


def test_flows_list_names_where_each_stands() -> None:
    """File and line."""
    answer = run("flows", "list", "--sink", "braze")

    assert answer.exit_code == 0
    assert "B1-milestone-event" in answer.output
    assert "b.yaml:" in answer.output


def test_explain_shows_the_request_and_hides_the_person(tmp_path: Path) -> None:
    """The topic is found by the schema; what the vendor would get is shown, personal data masked."""
    flows = tmp_path / "flows.yaml"
    flows.write_text(
        "- name: mine\n  on: comms.workspace.v1\n  when: {type: [MILESTONE_REACHED]}\n"
        "  do: braze.update_attributes\n  with: {attributes: {mail: '${customer.email|none}'}}\n"
    )
    env = {**BRAZE, "COMMFLEET_FLOWS__FILES": "flows.yaml"}
    event = json.loads(EVENT.read_text())
    event["customer"]["email"] = "ann@example.com"

    masked = run("flows", "explain", "-", text=json.dumps(event), env=env)
    revealed = run("flows", "explain", "-", "--reveal", text=json.dumps(event), env=env)

    assert masked.exit_code == 0, masked.output
    assert '"mail": "***"' in masked.output
    assert "ann@example.com" not in masked.output
    assert '"mail": "ann@example.com"' in revealed.output
    assert "type is MILESTONE_REACHED, not DOCUMENT_ADDED" in masked.output


def test_explain_asks_for_the_topic_when_it_cannot_tell() -> None:
    """Naming the option."""
    answer = run("flows", "explain", "-", text='{"type": "UPDATED"}')

    assert answer.exit_code == 1
    assert "name it with --topic" in answer.stderr


def test_schemas_list_names_the_ids() -> None:
    """All eleven."""
    answer = run("schemas", "list")

    assert answer.output.count("comms.") == 11
    assert "1073741824" in answer.output


def test_produce_checks_without_a_broker(tmp_path: Path) -> None:
    """What is wrong is told by line and field; the good lines are named, too."""
    good = json.dumps(json.loads(EVENT.read_text()))
    (tmp_path / "events.jsonl").write_text(f'{good}\n{{"type": "FLOWN", "occurred_at": 3}}\n')

    answer = run("produce", "comms.workspace.v1", "events.jsonl", "--check")

    assert answer.exit_code == 1
    assert answer.stdout == f"line 1: {json.loads(good)['event_id']} is good\n"
    assert "line 2: " in answer.stderr
    assert "occurred_at" in answer.stderr
    assert "1 good, 1 bad" in answer.stderr


def test_produce_may_be_quiet() -> None:
    """Only the count is left where all is good."""
    good = json.dumps(json.loads(EVENT.read_text()))

    answer = run("produce", "comms.workspace.v1", "--check", "-q", text=f"{good}\n")

    assert (answer.exit_code, answer.stdout, answer.stderr) == (0, "", "1 good, 0 bad\n")


def test_produce_sends_nothing_when_a_line_is_bad() -> None:
    """No broker is there, so an attempt to send would be told."""
    good = json.dumps(json.loads(EVENT.read_text()))

    answer = run("produce", "comms.workspace.v1", text=f"{good}\n{{}}\n")

    assert answer.exit_code == 1
    assert answer.stderr.splitlines()[-1] == "0 good, 1 bad"
    assert "line 2: " in answer.stderr


@pytest.fixture
def applied(monkeypatch: pytest.MonkeyPatch) -> list[Step]:
    """A cluster that lacks one topic, and what was done to it."""
    plan = [CreateTopic("comms.alert.v1", 12, 3, {}), Advice("use 3 in production")]
    done: list[Step] = []

    def apply(_: Settings, steps: Sequence[Step], on_done: Any) -> None:
        for step in topics_command.changes(steps):
            done.append(step)
            on_done(step)

    monkeypatch.setattr(topics_command, "topic_plan", lambda _: plan)
    monkeypatch.setattr(topics_command, "apply_topics", apply)
    return done


def test_apply_shows_its_plan_and_asks(applied: list[Step]) -> None:
    """Nothing is done without a yes."""
    answer = run("topics", "apply", text="n\n")

    assert answer.exit_code == 1
    assert "create comms.alert.v1: 12 partitions" in answer.output
    assert applied == []


@pytest.mark.parametrize(("words", "text"), [(("--yes",), ""), ((), "y\n")])
def test_apply_does_what_it_showed(applied: list[Step], words: Sequence[str], text: str) -> None:
    """And tells each step when it is done; advice is not a step."""
    answer = run("topics", "apply", *words, text=text)

    assert answer.exit_code == 0
    assert "done: create comms.alert.v1" in answer.output
    assert len(applied) == 1


@pytest.mark.parametrize(
    ("steps", "code"),
    [([], 0), ([CreateTopic("a", 1, 1, {})], 0), ([Problem("a", "has 3 partitions")], 1)],
)
def test_plan_fails_where_apply_could_not_help(monkeypatch: pytest.MonkeyPatch, steps: list[Step], code: int) -> None:
    """For CI: what needs a person is a failure."""
    monkeypatch.setattr(topics_command, "topic_plan", lambda _: steps)

    assert run("topics", "plan").exit_code == code


def test_a_broker_that_is_away_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its address, in one message."""

    def away(_: Settings) -> list[Step]:
        raise BrokerDownError("no answer from k:9092 in 10 s")

    monkeypatch.setattr(topics_command, "topic_plan", away)

    answer = run("topics", "apply", "--yes")

    assert (answer.exit_code, answer.stderr) == (1, "Error: no answer from k:9092 in 10 s\n")


class Mailbox(DeadLetters):
    """Two open letters, one of which cannot be sent again; remembers how it was asked."""

    def __init__(self) -> None:
        """Without a broker."""

    def open(self, wanted: Filter | None = None) -> list[Letter]:
        """The letters that the filter admits."""
        return [
            letter for letter in (_letter(7, "bug"), _letter(8, "flow_gone")) if (wanted or Filter()).admits(letter)
        ]

    def plan(self, letters: Any, even_if_stale: bool = False) -> list[RedriveStep]:
        """The second one's flow is gone."""
        return [RedriveStep(one, "flow B9 is not in the catalogue" if one.offset == 8 else "") for one in letters]


def _letter(offset: int, reason: str) -> Letter:
    origin = Origin("d", "B1", Position("comms.workspace.v1", 0, 3), 0)
    facts = {"reason": reason, "action": "track_event", "detail": "[bold]what", "failed_at": AT.isoformat()}
    return Letter(2, offset, b"C-1", b"", (), origin, facts)


@pytest.fixture
def redriven(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses of the letters that were sent again."""
    sent: list[str] = []

    def redrive(_: Settings, sink: str, steps: Sequence[RedriveStep], rate: float, on_sent: Any) -> int:
        for step in steps:
            if not step.obstacle:
                sent.append(f"{sink} {step.letter.address} {rate:g}")
                on_sent(step.letter)
        return len(sent)

    def discard(_: Settings, sink: str, letters: Sequence[Letter], on_done: Any) -> int:
        for letter in letters:
            sent.append(f"{sink} {letter.address} discarded")
            on_done(letter)
        return len(letters)

    monkeypatch.setattr(letters_command, "discard", discard)
    monkeypatch.setattr(letters_command, "dead_letters", lambda *_: Mailbox())
    monkeypatch.setattr(letters_command, "redrive", redrive)
    return sent


def test_dlq_stats_counts(redriven: list[str]) -> None:
    """By flow and reason."""
    answer = run("dlq", "stats", "--sink", "braze")

    assert [line.split()[:5] for line in answer.output.splitlines()[1:]] == [
        ["braze", "B1", "track_event", "bug", "1"],
        ["braze", "B1", "track_event", "flow_gone", "1"],
    ]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ((), ["2:7", "2:8"]),
        (("--reason", "bug"), ["2:7"]),
        (("--flow", "B2"), []),
        (("--key", "C-1", "--since", "2026-01-01"), ["2:7", "2:8"]),
        (("--since", "1s"), []),
    ],
)
def test_dlq_list_filters(redriven: list[str], words: Sequence[str], found: list[str]) -> None:
    """Every condition reaches the filter; letters are addressed partition:offset."""
    answer = run("dlq", "list", "--sink", "braze", *words)

    assert answer.exit_code == 0
    assert [line.split()[1] for line in answer.output.splitlines()[1:]] == found


def test_dlq_list_shows_text_as_it_is(redriven: list[str]) -> None:
    """A detail is not markup."""
    assert "[bold]what" in run("dlq", "list").output


def test_redrive_shows_its_plan_first(redriven: list[str]) -> None:
    """A dry run ends there; without a yes nothing is sent."""
    dry = run("dlq", "redrive", "--dry-run")
    asked = run("dlq", "redrive", text="n\n")

    assert (dry.exit_code, asked.exit_code) == (0, 1)
    assert "sent again" in dry.output
    assert "left: flow B9 is not in the catalogue" in dry.output
    assert "Send 1 letters again?" in asked.output
    assert redriven == []


def test_redrive_sends_what_it_may(redriven: list[str]) -> None:
    """The addressed letter, at the given rate; what stays is counted."""
    answer = run("dlq", "redrive", "2:7", "2:8", "--yes", "--rate", "5")

    assert redriven == ["braze 2:7 5"]
    assert answer.output.endswith("1 sent again, 1 left\n")


def test_discard_shows_its_plan_first(redriven: list[str]) -> None:
    """A dry run ends there; without a yes nothing is closed."""
    dry = run("dlq", "discard", "--reason", "bug", "--dry-run")
    asked = run("dlq", "discard", "--reason", "bug", text="n\n")

    assert (dry.exit_code, asked.exit_code, redriven) == (0, 1, [])
    assert "2:7" in dry.output
    assert "2:8" not in dry.output
    assert "Discard 1 letters for good?" in asked.output


def test_discard_closes_what_it_was_given(redriven: list[str]) -> None:
    """By address, as for a redrive; also what could not be sent again."""
    answer = run("dlq", "discard", "2:7", "2:8", "--yes")

    assert redriven == ["braze 2:7 discarded", "braze 2:8 discarded"]
    assert answer.output.endswith("2 discarded\n")


def test_discard_without_letters_asks_nothing(redriven: list[str]) -> None:
    """There is nothing to agree to."""
    answer = run("dlq", "discard", "--flow", "B2")

    assert (answer.exit_code, answer.output, redriven) == (0, "no letter meets these conditions\n", [])


def test_the_workers_get_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Name and group as they were given."""
    calls: list[tuple[Any, ...]] = []
    monkeypatch.setattr(
        "workers.bootstrap.sink.run_sink", lambda settings, *rest: calls.append((settings.prefix, *rest[:2]))
    )
    monkeypatch.setattr("workers.bootstrap.webhook.run_webhook", lambda settings, _: calls.append((settings.prefix,)))
    env = {"COMMFLEET_PREFIX": "acme."}

    run("run", "sink", "braze", env=env)
    run("run", "sink", "braze", "--group", "main", env=env)
    run("run", "ingest", "webhook", env=env)

    assert calls == [("acme.", "braze", None), ("acme.", "braze", "main"), ("acme.",)]


@pytest.mark.parametrize(
    ("words", "says"), [(("broker",), "127.0.0.1:"), (("sandbox", "all", "--port", "0"), "http://127.0.0.1:")]
)
def test_helpers_announce_themselves_and_stop_calmly(words: Sequence[str], says: str) -> None:
    """One line when they can be used, exit 0 at SIGTERM."""
    program = "from workers.cli import main; main()"
    with subprocess.Popen(
        [sys.executable, "-c", program, *words], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        code = process.wait(20)

    assert says in line
    assert code == 0
