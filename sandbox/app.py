"""Sandboxes by name: as an application, as a process, and as a server inside a test."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.applications import Starlette

from sandbox.braze.app import create as _braze
from sandbox.connections import Connections
from sandbox.ecm.app import create as _ecm
from sandbox.exstream.app import create as _exstream
from sandbox.marketo.app import create as _marketo
from sandbox.notifications.app import create as _notifications

_VENDORS: Mapping[str, Callable[..., Starlette]] = {
    "braze": _braze,
    "ecm": _ecm,
    "exstream": _exstream,
    "marketo": _marketo,
    "notifications": _notifications,
}
_KEEP_ALIVE_S = 75  # nginx's own, as with most vendors
_START_S = 10.0


def names() -> list[str]:
    """The vendors that there are sandboxes of."""
    return sorted(_VENDORS)


def create(name: str, **options: Any) -> Starlette:
    """An empty sandbox of a vendor; raises KeyError for one that there is not."""
    return _VENDORS[name](**options)


def serve(name: str, host: str = "127.0.0.1", port: int = 0, **options: Any) -> None:
    """Run a sandbox until SIGTERM or SIGINT; port 0 takes a free one.

    Prints one line when it answers: `sandbox braze ready on http://127.0.0.1:8081`.
    """

    def ready(url: str) -> None:
        print(f"sandbox {name} ready on {url}", flush=True)

    _Server(create(name, **options), host, port, ready).run()


@contextmanager
def running(app: Starlette) -> Iterator[str]:
    """Serve an application on a free loopback port in a thread; the base URL. For tests."""
    answers = threading.Event()
    urls: list[str] = []

    def ready(url: str) -> None:
        urls.append(url)
        answers.set()

    server = _Server(app, "127.0.0.1", 0, ready)
    thread = threading.Thread(target=server.run, name="sandbox", daemon=True)
    thread.start()
    try:
        if not answers.wait(_START_S):
            raise RuntimeError(f"the sandbox does not answer after {_START_S:g} s")
        yield urls[0]
    finally:
        server.should_exit = True
        thread.join()


class _Server(uvicorn.Server):
    """uvicorn that says where it answers, and whose connections faults can break."""

    def __init__(self, app: Starlette, host: str, port: int, ready: Callable[[str], None]) -> None:
        app.state.connections = broken = Connections()
        super().__init__(
            uvicorn.Config(
                app,
                host=host,
                port=port,
                http=broken.protocol(),
                ws="none",
                loop="asyncio",
                lifespan="off",
                log_config=None,
                access_log=False,
                date_header=False,  # the sandbox's own clock gives the date
                server_header=False,
                timeout_keep_alive=_KEEP_ALIVE_S,
                timeout_graceful_shutdown=1,
            )
        )
        self._ready = ready

    async def startup(self, sockets: list[Any] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            await asyncio.sleep(0)
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            self._ready(f"http://{f'[{host}]' if ':' in host else host}:{port}")
