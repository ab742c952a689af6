"""COMMFLEET_REQUIRE turns a skip into a failure."""

import pytest

from tests.support.require import VARIABLE, Server, absent, required


def test_names_are_read_from_a_list() -> None:
    """Spaces and empty places do not matter."""
    assert required("kafka, postgres,,registry ,promtool") == set(Server)


def test_a_name_nobody_knows_is_refused() -> None:
    """A typing error would otherwise require nothing."""
    with pytest.raises(pytest.UsageError, match="kafak; it knows kafka, postgres, registry"):
        required("kafak")


def test_a_missing_server_skips_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a developer's machine without it the others still run."""
    monkeypatch.setenv(VARIABLE, "registry")

    with pytest.raises(pytest.skip.Exception, match="real kafka: no java"):
        absent(Server.KAFKA, "no java on the path")


def test_a_missing_required_server_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """CI asks for all of them."""
    monkeypatch.setenv(VARIABLE, "kafka,registry")

    with pytest.raises(pytest.fail.Exception, match="asks for kafka, but no java"):
        absent(Server.KAFKA, "no java on the path")
