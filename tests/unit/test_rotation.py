"""Secrets that change while the webhook runs."""

import logging
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from common.errors import SettingsError
from tests.support.ingest import SOURCES, webhook_config
from workers.ingest.config import CanonicalSource, SourceConfig
from workers.ingest.rotation import Watch, follow, secret_files, with_secrets


def test_only_files_of_sources_are_watched() -> None:
    """Other secrets belong to other parts, and a restart."""
    env = {
        "COMMFLEET_INGEST__WEBHOOK__SOURCES__A__AUTH__TOKENS_FILE": "/run/a",
        "COMMFLEET_INGEST__WEBHOOK__SOURCES__A__AUTH__KIND": "bearer",
        "COMMFLEET_SINKS__BRAZE__API_KEY_FILE": "/run/b",
    }

    assert secret_files(env) == [Path("/run/a")]


def test_a_change_is_seen_once(tmp_path: Path) -> None:
    """A file that is written, replaced through a link, or gone."""
    first, second, link = tmp_path / "1", tmp_path / "2", tmp_path / "link"
    first.write_text("a")
    second.write_text("b")
    link.symlink_to(first)
    watch = Watch([link])

    seen = [watch.has_changed()]
    first.write_text("longer")
    seen += [watch.has_changed(), watch.has_changed()]
    link.unlink()
    seen.append(watch.has_changed())
    link.symlink_to(second)
    seen.append(watch.has_changed())

    assert seen == [False, True, False, True, True]


def test_only_the_way_to_authenticate_changes() -> None:
    """What else was changed in the file waits for a restart, and a source that is gone there stays."""
    running = webhook_config().sources
    upstream: dict[str, Any] = {
        "kind": "canonical",
        "topics": ["comms.alert.v1"],
        "auth": {"kind": "basic", "username": "u", "passwords": ["p"]},
    }
    read = webhook_config(sources={"upstream": upstream, "new": SOURCES["upstream"]}).sources

    after = with_secrets(running, read)

    assert set(after) == set(running)
    assert after["letters"] == running["letters"]
    assert after["upstream"] == CanonicalSource(kind="canonical", auth=read["upstream"].auth)


class Changing(Watch):
    """Changes at every look, and tells it to stop at the last one."""

    def __init__(self, looks: int, stop: Event) -> None:
        super().__init__([])
        self._looks, self._stop = looks, stop

    def has_changed(self) -> bool:
        """Yes."""
        self._looks -= 1
        if not self._looks:
            self._stop.set()
        return True


def test_what_cannot_be_read_keeps_the_old_secrets(caplog: pytest.LogCaptureFixture) -> None:
    """It is told, and tried again at the next change."""
    stop, recognised = Event(), list[Any]()
    sources: dict[str, SourceConfig] = webhook_config().sources
    answers = [SettingsError(["tokens: too short"]), sources]

    def reread() -> dict[str, SourceConfig]:
        match answers.pop(0):
            case SettingsError() as error:
                raise error
            case read:
                return read  # type: ignore[return-value]

    with caplog.at_level(logging.ERROR):
        follow(Changing(2, stop), reread, sources, recognised.append, stop, 0)

    assert recognised == [sources]
    assert "the old ones stay valid: tokens: too short" in caplog.text
