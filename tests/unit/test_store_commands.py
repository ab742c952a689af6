"""`commfleet store`, `show`, `consent` and `customer` on a store in a file."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from common.store.opening import open_as_writer
from common.store.values import Json
from tests.support.store import Events, applier
from workers import consent_command, customers
from workers.cli import main
from workers.settings import Settings, load_settings

KEY = "an address key of the tests"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A configuration with an empty store."""
    file = tmp_path / "commfleet.yaml"
    file.write_text(f"store:\n  url: sqlite:///{tmp_path / 'store.db'}\n  address_key: {KEY}\n")
    return file


@pytest.fixture
def town(site: Path) -> Path:
    """The same with a customer in it, who paid a bill."""
    run(site, "store", "migrate", "--yes")
    settings = load_settings(site, {})
    assert settings.store
    database = open_as_writer(settings.store, 4)
    worker, events = applier(database), Events()
    ada = {"customer_id": "C-1", "email": "ada@example.com", "first_name": "Ada"}
    batch = [
        events.make("communication", 0, ada, type="DELIVERED", document_id="D", document_type="bill", channel="PRINT"),
        events.make("communication", 9, ada, type="RESPONDED", document_id="D", response={"kind": "paid"}),
        events.make("alert", 5, None, type="RAISED", alert_key="late", severity="HIGH", title="Late"),
        events.make("alert", 6, None, type="RESOLVED", alert_key="done"),
    ]
    worker.apply(worker.claim(0), batch)
    database.close()
    return site


def run(site: Path, *words: str, text: str = "") -> Result:
    """One command with this configuration."""
    return CliRunner().invoke(main, ["--config", str(site), *words], input=text)


def test_migrate_shows_its_plan_and_asks(site: Path) -> None:
    """Nothing is done without a yes; a second time there is nothing to do."""
    refused = run(site, "store", "migrate", text="n\n")
    done = run(site, "store", "migrate", "--yes")
    again = run(site, "store", "migrate")

    assert refused.exit_code == 1
    assert "0001" in refused.output
    assert done.exit_code == 0
    assert again.output == "the schema is up to date\n"


def test_an_unmigrated_store_says_what_to_do(site: Path) -> None:
    """Before anything is read."""
    answer = run(site, "show", "alerts")

    assert answer.exit_code == 1
    assert "commfleet store migrate" in answer.stderr


def test_show_customer_masks_what_is_personal(town: Path) -> None:
    """And shows it where it is asked for."""
    masked, revealed = run(town, "show", "customer", "C-1"), run(town, "show", "customer", "C-1", "--reveal")

    assert "document:D" in masked.output
    assert "linked" in masked.output
    assert "ada@example.com" not in masked.output
    assert "ada@example.com" in revealed.output


def test_show_customer_whom_nobody_knows(town: Path) -> None:
    """Is an answer."""
    assert "knows nothing" in run(town, "show", "customer", "C-9").output


def test_show_report_counts_messages_and_responses(town: Path) -> None:
    """And states its window."""
    answer = run(town, "show", "report", "--since", "2026-01-01")

    assert answer.exit_code == 0, answer.output
    assert "bill" in answer.output
    assert "30 days" in answer.output


def test_show_alerts_open_ones_only(town: Path) -> None:
    """Those that are resolved are done."""
    assert "done" in run(town, "show", "alerts").output
    assert "done" not in run(town, "show", "alerts", "--open").output


def test_export_is_json_and_whole(town: Path) -> None:
    """What a person has a right to."""
    found = json.loads(run(town, "customer", "export", "C-1").output)

    assert found["profile"][0]["customer"] == {"email": "ada@example.com", "first_name": "Ada"}
    assert [line["type"] for line in found["timeline"]] == ["DELIVERED", "RESPONDED"]
    assert found["outcomes"][0]["delivered_at"] == "2026-03-01T12:00:00+00:00"


def test_consent_export_says_what_may_be_sent_to_whom(town: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line a customer, channels by purpose; as CSV, and as the document of the API."""
    monkeypatch.setattr(consent_command, "stale_because", lambda *_: "")

    as_csv, as_json = run(town, "consent", "export"), run(town, "consent", "export", "--format", "json")

    assert as_csv.output.splitlines() == [
        '"customer_id","preferred_channel","marketing","service","regulatory"',
        '"C-1","","","EMAIL PRINT WEB SMS PUSH","EMAIL PRINT WEB SMS PUSH"',
    ]
    assert json.loads(as_json.output)["allowed"]["MARKETING"] == []


def test_consent_export_of_an_old_store_is_refused(town: Path, tmp_path: Path) -> None:
    """What it knows may be overtaken, so no file appears."""
    file = tmp_path / "consent.csv"

    answer = run(town, "consent", "export", "--out", str(file))

    assert answer.exit_code == 1
    assert "nothing that is exported now may be used" in answer.stderr
    assert list(tmp_path.glob("*consent*")) == []


def test_consent_export_into_a_file(town: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It appears whole under its name."""
    monkeypatch.setattr(consent_command, "stale_because", lambda *_: "")
    file = tmp_path / "consent.csv"

    answer = run(town, "consent", "export", "--out", str(file))

    assert answer.output == f"1 customers in {file}\n"
    assert file.read_text().startswith('"customer_id"')


def test_erase_asks_by_an_event(town: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The partition's owner applies it; the command writes nothing into the store."""
    asked: list[tuple[str, Json]] = []

    def produce(_: Settings, topic: str, file: Any, **options: bool) -> Iterator[Any]:
        asked.append((topic, json.loads(file.read())))
        yield customers_stored(asked[-1][1]["event_id"])

    monkeypatch.setattr(customers, "produce_lines", produce)
    answer = run(town, "customer", "erase", "C-1", "--yes")

    assert answer.exit_code == 0, answer.output
    ((topic, event),) = asked
    assert (topic, event["type"], event["customer"]) == ("comms.profile.v1", "ERASED", {"customer_id": "C-1"})


def customers_stored(event_id: str) -> Any:
    """What produce answers for one good line."""
    from workers.produce import Stored

    return Stored(1, event_id, None)


def test_repartition_moves_after_a_yes(town: Path) -> None:
    """From the count that the first worker found."""
    answer = run(town, "store", "repartition", "8", "--yes")

    assert answer.exit_code == 0, answer.output
    assert "from 4 to 8 partitions" in answer.output


def test_fewer_partitions_are_refused(town: Path) -> None:
    """Kafka's topics never get fewer."""
    assert "never get fewer" in run(town, "store", "repartition", "2", "--yes").stderr


def test_without_a_store_the_way_is_named(tmp_path: Path) -> None:
    """store.url and store.address_key."""
    (tmp_path / "none.yaml").write_text("prefix: a.\n")

    assert "store.url" in run(tmp_path / "none.yaml", "show", "alerts").stderr
