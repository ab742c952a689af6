"""Logs: one line a fact, from whichever library; never a payload, never a secret."""

import json
import logging
import warnings
from collections.abc import Iterator
from io import StringIO
from typing import Any, Literal

import pytest
import structlog
from pydantic import BaseModel, SecretStr, ValidationError

from common import log
from common.errors import ConfigurationError
from common.settings import LogSettings


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Give pytest its logging back."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers, root.level = handlers, level
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


@pytest.fixture
def stream() -> StringIO:
    """Where the lines go."""
    stream = StringIO()
    log.configure(LogSettings(), "worker-1", stream)
    return stream


def line(stream: StringIO) -> dict[str, Any]:
    """The one line that was written."""
    (only,) = stream.getvalue().splitlines()
    return dict(json.loads(only))


def test_a_line_is_a_json_object(stream: StringIO) -> None:
    """Keywords are fields; time, level, logger and worker are on every line."""
    log.get("sinks").info("held", sink="braze", offset=42)

    found = line(stream)
    assert {"message": "held", "sink": "braze", "offset": 42, "worker": "worker-1"}.items() <= found.items()
    assert (found["level"], found["logger"]) == ("info", "sinks")
    assert found["time"].endswith("Z")


def test_the_standard_library_ends_here_too(stream: StringIO) -> None:
    """`extra` becomes fields, arguments are put in."""
    logging.getLogger("common.kafka").warning("%s is away", "k:9092", extra={"port": 9092})

    assert {"message": "k:9092 is away", "port": 9092, "level": "warning"}.items() <= line(stream).items()


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"email": "ann@example.com"}, "<dict of 1>"),
        (b"ann@example.com", "<bytes of 15>"),
        (SecretStr("ann@example.com"), "<SecretStr>"),
        ([1, "two", {"email": "ann@example.com"}], [1, "two", "<dict of 1>"]),
        ("x" * 2000, f"{'x' * 1000}… (2000 characters)"),
        (list(range(50)), [*range(20), "… 50 in all"]),
    ],
)
def test_what_could_be_a_payload_leaves_its_size(stream: StringIO, value: Any, shown: Any) -> None:
    """Whoever logs an event by mistake logs that it was one."""
    log.get("x").info("seen", value=value)

    assert line(stream)["value"] == shown


class _Person(BaseModel):
    age: int


@pytest.mark.parametrize("text", ["ann@example.com", "4711"])
@pytest.mark.parametrize("is_ours", [True, False])
def test_an_error_does_not_quote_its_value(stream: StringIO, text: str, is_ours: bool) -> None:
    """Where it happened and of which kinds it is; the message of ours, not that of a ValueError."""
    logger: Any = log.get("x") if is_ours else logging.getLogger("x")
    try:
        try:
            dict[str, int]()[text]
        except KeyError as error:
            raise ConfigurationError("flow B1 has no name") from error
    except ConfigurationError:
        logger.exception("failed")

    found = line(stream)
    assert found["error"] == "ConfigurationError: flow B1 has no name <- KeyError"
    assert any("in test_an_error_does_not_quote_its_value" in frame for frame in found["at"])
    assert text not in stream.getvalue()


def test_a_validation_error_does_not_quote_its_input() -> None:
    """pydantic's own text does."""
    with pytest.raises(ValidationError) as raised:
        _Person.model_validate({"age": "ann@example.com"})

    assert "ann@example.com" in str(raised.value)
    assert log.describe(raised.value) == "ValidationError"


def test_levels_are_kept(stream: StringIO) -> None:
    """Below the level nothing is written; the chatty libraries start at warning."""
    log.get("x").debug("no")
    logging.getLogger("httpx").info("GET https://vendor.example/?token=1")

    assert stream.getvalue() == ""


def test_warnings_are_lines(stream: StringIO) -> None:
    """Not text between JSON objects."""
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("old", stacklevel=1)

    assert line(stream)["level"] == "warning"


@pytest.mark.parametrize("format_", ["json", "console"])
def test_both_formats_say_the_same(format_: Literal["json", "console"]) -> None:
    """For collectors and for people."""
    stream = StringIO()
    log.configure(LogSettings(format=format_), stream=stream)

    log.get("x").warning("held", sink="braze")

    assert all(word in stream.getvalue() for word in ("held", "braze", "warning"))


def test_a_line_that_cannot_be_written_does_not_spill(stream: StringIO, capfd: pytest.CaptureFixture[str]) -> None:
    """The standard library would print message and arguments."""
    record = logging.LogRecord("x", logging.WARNING, "x.py", 7, "%s %s", ("ann@example.com",), None)

    _own_handler(stream).handle(record)

    assert "ann@example.com" not in capfd.readouterr().err
    assert stream.getvalue() == ""


def _own_handler(stream: StringIO) -> logging.Handler:
    """Ours alone: pytest has handlers of its own at the root, and they do spill."""
    return next(one for one in logging.getLogger().handlers if getattr(one, "stream", None) is stream)


def test_configuring_twice_does_not_double(stream: StringIO) -> None:
    """The last one counts."""
    log.configure(LogSettings(), "worker-1", stream)

    log.get("x").info("once")

    assert line(stream)["message"] == "once"
