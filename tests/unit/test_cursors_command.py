"""`commfleet cursors`, and what `check` says of pollers, without a broker that keeps anything."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner
from pydantic import ValidationError

from common.clock import SystemClock
from common.errors import ConfigurationError
from common.kafka.admin import TopicAdmin
from common.kafka.embedded import EmbeddedBroker
from workers.bootstrap.poller import kept_cursors
from workers.check import check
from workers.cli import main
from workers.cli.root import POLLED
from workers.cursors_command import carry_out, cursor_rows, plan
from workers.ingest.pollers.cursor import TOPIC
from workers.poller_catalogue import SOURCES, feed_names
from workers.settings import Settings

NOW = datetime.now(UTC)
MARKETO: dict[str, Any] = {
    "base_url": "https://123-abc-456.mktorest.com",
    "client_id": "c",
    "client_secret": "s",
    "customer_id_field": "customerNumber",
}


def site(**more: Any) -> Settings:
    return Settings.model_validate({"ingest": {"pollers": {"marketo": MARKETO}}, **more})


def kept(embedded: EmbeddedBroker, prefix: str) -> Settings:
    TopicAdmin({"bootstrap.servers": embedded.bootstrap}).touch([prefix + TOPIC])
    return site(prefix=prefix, kafka={"bootstrap.servers": embedded.bootstrap})


def test_the_command_line_knows_every_source() -> None:
    """The list stands there without loading anything."""
    assert list(SOURCES) == list(POLLED)


def test_a_cursor_that_was_set_is_listed(embedded: EmbeddedBroker, prefix: str) -> None:
    """Up to when, how old, and what of the slice is used; the others have never been polled."""
    settings = kept(embedded, prefix)
    to = NOW - timedelta(hours=2)

    planned = plan(settings, "marketo.changes", to, forget=False)
    carry_out(settings, planned)

    rows = {row.feed: row for row in cursor_rows(settings)}
    assert planned.was is None
    assert rows["marketo.changes"].as_of == to
    assert rows["marketo.deleted"].as_of is None
    assert {row.of_requests for row in rows.values()} == {10_000}
    assert kept_cursors(settings)["marketo.changes"].cursor is not None


def test_an_unknown_feed_is_refused(embedded: EmbeddedBroker, prefix: str) -> None:
    """With the feeds that there are."""
    with pytest.raises(ConfigurationError, match=r"marketo\.changes"):
        plan(kept(embedded, prefix), "marketo.everything", NOW, forget=False)


def test_a_plan_says_what_is_skipped(embedded: EmbeddedBroker, prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forward is the one direction that loses."""
    settings = kept(embedded, prefix)
    carry_out(settings, plan(settings, "marketo.changes", NOW - timedelta(days=2), forget=False))
    monkeypatch.setattr("workers.settings.load_settings", lambda _: settings)

    said = CliRunner().invoke(main, ["cursors", "set", "marketo.changes", "--since", "1h"], input="n\n")

    assert "SKIPPED" in said.output
    assert said.exit_code == 1


def test_sink_and_poller_share_what_the_vendor_allows() -> None:
    """Of one subscription, at most 100 requests in 20 seconds together."""
    sink = {**MARKETO, "requests_per_20_s": 95, "start_from": "end"}

    (problem,) = [one for one in check(site(sinks={"marketo": sink})) if one.part == "pollers"]

    assert "105 requests in 20 s" in problem.message


def test_feeds_are_named_by_groups_of_ten_types() -> None:
    """Merges are asked for beside the configured types."""
    assert feed_names(site(), "marketo", SystemClock()) == [
        "marketo.activities-1",
        "marketo.activities-2",
        "marketo.changes",
        "marketo.deleted",
    ]


def test_a_substitute_needs_the_subscription_s_name() -> None:
    """A host that does not tell it, and no munchkin_id: nothing to make one of."""
    with pytest.raises(ValidationError, match="munchkin_id"):
        Settings.model_validate({"ingest": {"pollers": {"marketo": {**MARKETO, "base_url": "https://proxy.example"}}}})
