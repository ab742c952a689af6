"""Settings of the Braze sink: what cannot work is refused when it is loaded, and no message quotes the key."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tests.support.braze import ONBOARDING
from workers.sinks.braze.config import BrazeConfig

GOOD: dict[str, Any] = {"base_url": "https://rest.iad-01.braze.com", "api_key": "s3cret"}


def refused(**change: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        BrazeConfig(**(GOOD | change))
    return str(caught.value)


def test_a_base_url_and_a_key_are_enough() -> None:
    """Everything else has the page's default."""
    config = BrazeConfig(**GOOD)

    assert (config.max_objects, config.max_recipients, config.settle_after_s, config.start_from) == (75, 50, 60, None)


def test_the_host_is_kept_without_its_slash() -> None:
    """§1.1: host only; paths are the sink's."""
    assert BrazeConfig(**(GOOD | {"base_url": "https://rest.iad-01.braze.com/"})).base_url == GOOD["base_url"]


@pytest.mark.parametrize(
    "url",
    [
        "rest.iad-01.braze.com",
        "ftp://rest.iad-01.braze.com",
        "https://",
        "https://rest.iad-01.braze.com/users",
        "https://rest.iad-01.braze.com?x=1",
        "https://me:pw@rest.iad-01.braze.com",
        "https://rest.iad-01.braze.com:99999",
    ],
)
def test_a_base_url_is_a_host_only(url: str) -> None:
    """§1.1: no path, no query, no password."""
    assert "base_url" in refused(base_url=url)


@pytest.mark.parametrize("host", ["127.0.0.1:8081", "localhost:8081", "[::1]:8081"])
def test_this_machine_may_be_reached_without_encryption(host: str) -> None:
    """A sandbox on loopback needs no permission."""
    assert BrazeConfig(**(GOOD | {"base_url": f"http://{host}"})).base_url == f"http://{host}"


def test_another_machine_must_be_reached_encrypted() -> None:
    """The key would travel readable: only where a site says so."""
    assert "https" in refused(base_url="http://sandbox:8081")
    assert BrazeConfig(**(GOOD | {"base_url": "http://sandbox:8081", "allow_http": True})).allow_http


@pytest.mark.parametrize("key", ["", "  ", '"s3cret"', "s3 cret", "s3cr\u00e9t", "s3\ncret"])
def test_a_key_must_fit_into_its_header(key: str) -> None:
    """§1.2: no quotes around it; and no message quotes it."""
    message = refused(api_key=key)

    assert "api_key" in message
    assert "cret" not in message


def test_a_secret_file_may_end_with_a_line_feed() -> None:
    """Which is how files end."""
    assert BrazeConfig(**(GOOD | {"api_key": "s3cret\n"})).api_key.get_secret_value() == "s3cret"


def test_the_key_is_not_shown() -> None:
    """Neither in a repr nor in a dump."""
    config = BrazeConfig(**GOOD)

    assert "s3cret" not in repr(config) + str(config.model_dump()) + config.model_dump_json()


@pytest.mark.parametrize("setting", ["campaigns", "canvases", "transactional_campaigns", "subscription_groups"])
def test_what_flows_name_has_an_api_identifier(setting: str) -> None:
    """§2.4, §2.5, §2.7, §2.8: a UUID, not the name in the dashboard."""
    config = BrazeConfig(**(GOOD | {setting: {"onboarding": ONBOARDING}}))

    assert getattr(config, setting) == {"onboarding": ONBOARDING}
    assert "API identifier" in refused(**{setting: {"onboarding": "Onboarding 2026"}})


@pytest.mark.parametrize(
    "change",
    [
        {"transactional_seen_s": 86_401},
        {"consent_spacing_s": 61},
        {"max_objects": 76},
        {"max_recipients": 51},
        {"max_body_bytes": 4_194_305},
        {"unknown": 1},
        {"max_in_flight": 0},
    ],
)
def test_limits_are_the_vendor_s(change: dict[str, Any]) -> None:
    """§2.1, §2.4: what Braze would refuse is refused here; so is an unknown key."""
    assert next(iter(change)) in refused(**change)


def test_a_ca_file_must_be_there(tmp_path: Path) -> None:
    """Said at start-up, not at the first request."""
    assert "no such file" in refused(ca_file=tmp_path / "absent.pem")


def test_connections_are_as_many_as_requests_and_a_probe() -> None:
    """Nobody waits for a connection, the probe of a held route included."""
    limits = BrazeConfig(**(GOOD | {"max_in_flight": 3, "read_timeout_s": 7})).http_limits()

    assert (limits.connections, limits.read_s) == (4, 7)
