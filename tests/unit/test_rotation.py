"""Secrets that change while the webhook runs."""

import logging
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from common.errors import SettingsError
from tests.support.ingest import SOURCES, webhook_config
from workers import rotation
from workers.bootstrap.sink import sink_section
from workers.ingest.config import CanonicalSource, SourceConfig
from workers.ingest.rotation import VARIABLES, follow, with_secrets
from workers.rotation import Fixed, Rotating, Watch, secret_files
from workers.settings import load_settings
from workers.sinks.notifications.config import NotificationsConfig


def test_only_files_of_sources_are_watched() -> None:
    """Other secrets belong to other parts, and a restart."""
    env = {
        "COMMFLEET_INGEST__WEBHOOK__SOURCES__A__AUTH__TOKENS_FILE": "/run/a",
        "COMMFLEET_INGEST__WEBHOOK__SOURCES__A__AUTH__KIND": "bearer",
        "COMMFLEET_SINKS__BRAZE__API_KEY_FILE": "/run/b",
    }

    assert secret_files(env, VARIABLES) == [Path("/run/a")]


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


# -- sections of sinks --------------------------------------------------------------------------


class Stepping(Watch):
    """Says yes when told to."""

    def __init__(self) -> None:
        super().__init__([])
        self.changed = False

    def has_changed(self) -> bool:
        """Once."""
        was, self.changed = self.changed, False
        return was


def notifications_section(password: str, **more: Any) -> NotificationsConfig:
    """A section with secrets at several depths."""
    return NotificationsConfig.model_validate(
        {
            "messaging": {
                "base_url": "https://m.example.com", "username": "u", "password": password, "message_prefix": "acme",
            },
            "http_alert": {
                "url": "https://a.example.com/x", "signing_secret": password * 4, "headers": {"x-key": password},
            },
            **more,
        }
    )  # fmt: skip


def test_secrets_of_every_depth_are_taken_and_nothing_else() -> None:
    """A password, a signing secret, a header; whatever else was changed waits for a restart."""
    running, read = notifications_section("old-one"), notifications_section("new-one", digest=7)

    assert rotation.with_secrets(running, read) == notifications_section("new-one")


def test_a_section_that_is_gone_keeps_its_secrets() -> None:
    """Nobody takes an account away from a running worker."""
    running = notifications_section("old-one")

    assert (
        rotation.with_secrets(running, notifications_section("new-one", messaging=None)).messaging == running.messaging
    )


def test_a_section_is_read_when_its_files_are_others() -> None:
    """Not for every request; and whenever the vendor refused what we had."""
    reads: list[str] = []

    def reread() -> NotificationsConfig:
        reads.append("read")
        return notifications_section(f"secret-{len(reads)}")

    one = Rotating(notifications_section("secret-0"), [], reread)
    one._watch = watch = Stepping()

    seen = [one() for _ in range(3)]
    watch.changed = True
    seen += [one(), one()]
    seen += [one.fresh()]

    passwords = [
        each.messaging.password.get_secret_value() for each in seen if each.messaging and each.messaging.password
    ]
    assert passwords == ["secret-0"] * 3 + ["secret-1"] * 2 + ["secret-2"]


def test_a_file_that_cannot_be_read_keeps_a_sink_s_secrets(caplog: pytest.LogCaptureFixture) -> None:
    """Half of a rotation is no reason to stop; the secret is not told."""

    def reread() -> NotificationsConfig:
        raise SettingsError(["the file that it names cannot be read"])

    section = notifications_section("hunter2-hunter2")
    with caplog.at_level(logging.INFO):
        assert Rotating(section, [], reread).fresh() is section

    assert "the old ones stay in use" in caplog.text
    assert "hunter2" not in caplog.text


def test_a_worker_follows_the_files_of_its_sink(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the variable to the section; a sink without such a file has what it has."""
    file = tmp_path / "key"
    file.write_text("first-key\n")
    variables = {
        "COMMFLEET_SINKS__BRAZE__BASE_URL": "https://rest.iad-01.braze.com",
        "COMMFLEET_SINKS__BRAZE__API_KEY_FILE": str(file),
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    settings = load_settings(env=variables)
    assert settings.sinks.braze is not None

    latest = sink_section("braze", settings.sinks.braze, lambda: load_settings(env=variables))
    file.write_text("second-key-longer\n")

    assert latest().api_key.get_secret_value() == "second-key-longer"
    assert isinstance(sink_section("ecm", settings.sinks.braze, lambda: settings), Fixed)
