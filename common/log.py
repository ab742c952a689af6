"""Structured logs on standard error: ids, offsets and reasons; never a payload, never a secret.

Our own modules and the libraries log through the standard library or structlog alike; both end here, as
one JSON object a line or as text for people. `logging.getLogger(__name__).info("…", extra={…})` and
`get("…").info("…", sink="braze")` look the same.
"""

import logging
import sys
import traceback
from collections.abc import Mapping, MutableMapping, Sequence
from datetime import UTC, datetime
from numbers import Number
from typing import Any, TextIO

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from common.errors import CommfleetError
from common.settings import LogSettings

_TEXT_CHARACTERS = 1000
_ITEMS = 20
_FRAMES = 12
_CHATTY = (
    "httpx",
    "httpx2",
    "httpcore",
    "httpcore2",
    "uvicorn.access",
    "uvicorn.error",
    "asyncio",
    "pydantic_settings",
)
"""They tell every request, with its address; heard from `warning` on."""


def configure(settings: LogSettings, worker: str = "", stream: TextIO | None = None) -> None:
    """Send all logs of this process to `stream` (standard error); `worker` stands in every line."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,  # configured again by the tests
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.ExtraAdder()],
        processors=[*_processors(worker), _renderer(settings, stream)],
        use_get_message=True,
    )
    handler = _Handler(stream or sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.level.upper())
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)


def get(name: str) -> structlog.stdlib.BoundLogger:
    """A logger whose keywords become fields."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


class _Handler(logging.StreamHandler[TextIO]):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """A line that cannot be written is told without what it was about (the default prints it all)."""
        print(f"a log line of {record.name}:{record.lineno} was lost: {sys.exc_info()[0]}", file=sys.__stderr__)


def _processors(worker: str) -> list[Processor]:
    return [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        _stamp,
        _named(worker),
        _error,
        _no_payloads,
    ]


def _renderer(settings: LogSettings, stream: TextIO | None) -> Processor:
    if settings.format == "console":
        return structlog.dev.ConsoleRenderer(colors=(stream or sys.stderr).isatty(), timestamp_key="time")
    return _json_line


def _json_line(_: WrappedLogger, __: str, line: EventDict) -> str:
    message = line.pop("event", "")  # with us, an event is a record
    return orjson.dumps({"message": message, **line}, default=str).decode()


def _stamp(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"time": now, **line}


def _named(worker: str) -> Processor:
    def add(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
        return {**line, "worker": worker} if worker else line

    return add


def _error(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
    """`exc_info` becomes `error` and `at`: what went wrong and where, without what it was about."""
    found = line.pop("exc_info", None)
    error = found[1] if isinstance(found, tuple) else found
    if error is True:
        error = sys.exc_info()[1]
    if isinstance(error, BaseException):
        line["error"] = describe(error)
        line["at"] = _frames(error)
    return line


def describe(error: BaseException) -> str:
    """An error and its causes in one line, fit for a log.

    The message of a ValueError or a LookupError is left out: it quotes the value, which may be a customer's.
    """
    return " <- ".join(map(_described, _chain(error)))


def _chain(error: BaseException) -> list[BaseException]:
    """An error and what caused it, the outermost first."""
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and len(chain) < _ITEMS:
        chain.append(link)
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return chain


def _described(error: BaseException) -> str:
    name = type(error).__name__
    if isinstance(error, (ValueError, LookupError)) and not isinstance(error, CommfleetError):
        return name
    text = str(error)
    return f"{name}: {text}" if text else name


def _frames(error: BaseException) -> list[str]:
    """Where it went wrong, the last frames of each link of the chain."""
    frames = [frame for link in _chain(error) for frame in traceback.extract_tb(link.__traceback__)[-_FRAMES:]]
    return [f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in frames[:_ITEMS]]


def _no_payloads(_: WrappedLogger, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Only words, numbers and short lists of them pass; anything that could be a payload leaves its size."""
    return {name: _plain(value) for name, value in line.items()}


def _plain(value: Any) -> Any:
    match value:
        case None | bool() | Number():
            return value
        case str():
            return value if len(value) <= _TEXT_CHARACTERS else f"{value[:_TEXT_CHARACTERS]}… ({len(value)} characters)"
        case bytes() | bytearray() | Mapping():
            return f"<{type(value).__name__} of {len(value)}>"
        case list() | tuple() | set() | frozenset():
            return _plain_list(list(value))
        case datetime():
            return value.isoformat()
        case _:
            return f"<{type(value).__name__}>"


def _plain_list(values: Sequence[Any]) -> list[Any]:
    shown = [_plain(value) for value in values[:_ITEMS]]
    return shown if len(values) <= _ITEMS else [*shown, f"… {len(values)} in all"]
