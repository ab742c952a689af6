"""The webhook's HTTP server: uvicorn with limits, slow senders cut off, and a calm stop."""

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from threading import Event
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from common.errors import ConfigurationError
from workers.ingest.config import WebhookConfig

_BACKLOG = 1024


def listen(config: WebhookConfig, name: str = "the webhook", setting: str = "ingest.webhook") -> socket.socket:
    """A bound socket; port 0 takes a free one. Raises ConfigurationError when the address is not free."""
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    # the protocol is named because asyncio sets TCP_NODELAY only where it is; without it every answer waits 40 ms
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((config.host, config.port))
    except OSError as error:
        listener.close()
        raise ConfigurationError(
            f"{name} cannot listen on {config.host}:{config.port}: {error.strerror};"
            f" set {setting}.host and {setting}.port to a free address"
        ) from error
    return listener


def serve(
    app: ASGIApp,
    config: WebhookConfig,
    stop: Event,
    started: Callable[[int], None] = lambda _: None,
    listener: socket.socket | None = None,
) -> None:
    """Serve until `stop` is set and for `unready_s` more, then let running requests end, `drain_s` at most.

    Blocks, and handles no signals: those are its caller's. `started` is told the port once connections
    are accepted. Raises ConfigurationError when the address is not free.
    """
    bound = listener or listen(config)
    with contextlib.closing(bound):
        _Server(_uvicorn_config(app, config), stop, config.unready_s, started).run(sockets=[bound])


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
    _waits_since: float | None = None
    _alarm: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._waits_since = None  # from here to the next byte it is uvicorn's keep-alive that counts

    def connection_lost(self, exc: Exception | None) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        super().connection_lost(exc)

    def _watch(self) -> None:
        if self._is_answering():
            self._waits_since = None
        elif self._waits_since is None:
            self._waits_since = self.loop.time()
            if self._alarm is None and not self.transport.is_closing():
                self._alarm = self.loop.call_later(self.timeout_s, self._look)

    def _look(self) -> None:
        """One alarm for many requests, set again for what is left: an alarm for each would cost more than it sees."""
        self._alarm = None
        if self._waits_since is None:
            return
        left_s = self._waits_since + self.timeout_s - self.loop.time()
        if left_s <= 0:
            self.transport.close()
        else:
            self._alarm = self.loop.call_later(left_s, self._look)

    def _is_answering(self) -> bool:
        cycle: Any = self.cycle
        return cycle is not None and not cycle.response_complete


class _Server(uvicorn.Server):
    """Stops when an event is set instead of at signals, which belong to the whole worker."""

    def __init__(self, config: uvicorn.Config, stop: Event, unready_s: float, started: Callable[[int], None]) -> None:
        super().__init__(config)
        self._stop, self._unready_s, self._started = stop, unready_s, started
        self._told_at: float | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if sockets and not self.should_exit:
            self._started(int(sockets[0].getsockname()[1]))

    async def on_tick(self, counter: int) -> bool:
        return await super().on_tick(counter) or self._is_over()

    def _is_over(self) -> bool:
        """Told to stop so long ago that whoever routes requests to us has seen that we are not ready."""
        if not self._stop.is_set():
            return False
        now = time.monotonic()
        self._told_at = self._told_at or now
        return now - self._told_at >= self._unready_s

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
