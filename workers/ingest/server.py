"""The webhook's HTTP server: uvicorn with limits, slow senders cut off, and a calm stop."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from threading import Event
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from common.errors import ConfigurationError
from workers.ingest.config import WebhookConfig

_BACKLOG = 1024


def listen(config: WebhookConfig) -> socket.socket:
    """A bound socket; port 0 takes a free one. Raises ConfigurationError when the address is not free."""
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((config.host, config.port))
    except OSError as error:
        listener.close()
        raise ConfigurationError(
            f"the webhook cannot listen on {config.host}:{config.port}: {error.strerror};"
            " set ingest.webhook.host and ingest.webhook.port to a free address"
        ) from error
    return listener


def serve(
    app: ASGIApp,
    config: WebhookConfig,
    stop: Event,
    started: Callable[[int], None] = lambda _: None,
    listener: socket.socket | None = None,
) -> None:
    """Serve until `stop` is set, then let running requests end, `drain_s` at most.

    Blocks, and handles no signals: those are its caller's. `started` is told the port once connections
    are accepted. Raises ConfigurationError when the address is not free.
    """
    bound = listener or listen(config)
    with contextlib.closing(bound):
        _Server(_uvicorn_config(app, config), stop, started).run(sockets=[bound])


def _uvicorn_config(app: ASGIApp, config: WebhookConfig) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=_protocol(config.request_timeout_s),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=_BACKLOG,
        limit_concurrency=config.max_connections,
        timeout_keep_alive=max(1, round(config.keep_alive_s)),
        timeout_graceful_shutdown=max(1, round(config.drain_s)),
        # twice our own limit, so that the app can still answer 431 in words
        h11_max_incomplete_event_size=2 * config.header_max_bytes,
    )


def _protocol(headers_timeout_s: float) -> type[asyncio.Protocol]:
    """A protocol class that knows its time-out: uvicorn makes the instances itself."""

    class Impatient(_ImpatientProtocol):
        timeout_s = headers_timeout_s

    return Impatient


class _ImpatientProtocol(H11Protocol):
    """Closes a connection whose request headers do not arrive in time; uvicorn alone waits for ever."""

    timeout_s: float
    _cut_off: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._unwatch()  # from here to the next byte it is uvicorn's keep-alive that counts

    def connection_lost(self, exc: Exception | None) -> None:
        self._unwatch()
        super().connection_lost(exc)

    def _watch(self) -> None:
        if self._is_answering():
            self._unwatch()
        elif self._cut_off is None and not self.transport.is_closing():
            self._cut_off = self.loop.call_later(self.timeout_s, self.transport.close)

    def _unwatch(self) -> None:
        if self._cut_off is not None:
            self._cut_off.cancel()
            self._cut_off = None

    def _is_answering(self) -> bool:
        cycle: Any = self.cycle
        return cycle is not None and not cycle.response_complete


class _Server(uvicorn.Server):
    """Stops when an event is set instead of at signals, which belong to the whole worker."""

    def __init__(self, config: uvicorn.Config, stop: Event, started: Callable[[int], None]) -> None:
        super().__init__(config)
        self._stop, self._started = stop, started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if sockets and not self.should_exit:
            self._started(int(sockets[0].getsockname()[1]))

    async def on_tick(self, counter: int) -> bool:
        return await super().on_tick(counter) or self._stop.is_set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
