"""`commfleet flows explain` with a customer store: what consent and profile would come to."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from common.store.opening import open_as_writer
from tests.support.store import START_US, Events, applier
from workers.cli import main
from workers.settings import load_settings

FLOWS = """
- name: asks
  on: comms.workspace.v1
  consent: {purpose: SERVICE, channels: [EMAIL, PRINT]}
  do: braze.update_attributes
  with: {attributes: {by: "${consent.channel}", name: "${profile.first_name|nobody}"}}
- name: chosen
  on: comms.workspace.v1
  when: {profile: {risk_level: [high]}}
  do: braze.update_attributes
  with: {attributes: {risk: "${profile.risk_level}"}}
"""
EVENT = {
    "type": "CREATED", "workspace_id": "w-1", "occurred_at": "2026-03-01T12:00:00Z",
    "customer": {"customer_id": "C-1", "braze_external_id": "C-1"},
}  # fmt: skip


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site with two flows that ask, and a customer at risk."""
    tmp_path.joinpath("flows.yaml").write_text(FLOWS)
    file = tmp_path / "commfleet.yaml"
    file.write_text(
        f"flows: {{files: [{tmp_path}/flows.yaml], defaults: false}}\n"
        "sinks: {braze: {base_url: https://rest.iad-01.braze.com, api_key: hunter2}}\n"
        f"store: {{url: 'sqlite:///{tmp_path / 'store.db'}', address_key: an address key of the tests}}\n"
        "consent: {max_age_s: 3600}\n"
    )
    assert CliRunner().invoke(main, ["--config", str(file), "store", "migrate", "--yes"]).exit_code == 0
    return file


def fill(site: Path, *wishes: str) -> None:
    """What the store knows of C-1; the last event is now."""
    settings = load_settings(site, {})
    assert settings.store
    database = open_as_writer(settings.store, 1)
    worker, events = applier(database), Events()
    ada = {"customer_id": "C-1", "first_name": "Adalbert"}
    known = events.make("profile", 0, ada, type="CHANGED", risk_level="high")
    said = [events.wish(wish, 1, customer="C-1", channel=None, purpose=None) for wish in wishes]
    worker.apply(worker.claim(0), [known, *said], fresh_at=2 * START_US)  # in the future: never stale
    database.close()


def explained(site: Path, *words: str) -> str:
    """What the command prints."""
    answer = CliRunner().invoke(main, ["--config", str(site), "flows", "explain", "-", *words], input=json.dumps(EVENT))
    assert answer.exit_code == 0, answer.output
    return answer.output


def test_what_would_be_sent(site: Path) -> None:
    """With the first allowed channel and the profile; what is known of a person is masked as theirs."""
    fill(site)

    masked, revealed = explained(site), explained(site, "--reveal")

    assert '"by": "EMAIL"' in masked
    assert '"name": "***"' in masked
    assert '"name": "Adalbert"' in revealed
    assert '"risk": "high"' in masked


def test_what_would_be_suppressed(site: Path) -> None:
    """In words, with what the flow asked for."""
    fill(site, "OPTED_OUT")

    assert "matches, but nothing would be sent: suppressed (consent), SERVICE by EMAIL, PRINT" in explained(site)


def test_what_would_wait(site: Path) -> None:
    """Before a journey worker has read every partition nobody knows who objected."""
    assert "matches, but it would wait (consent_stale): not every partition has a journey worker yet" in explained(site)
