"""The helpers that run as processes beside the workers: the sandbox vendors and the embedded broker."""

import importlib
import signal
import socket
import threading
from collections.abc import Callable
from types import FrameType

from common.errors import ConfigurationError
from common.kafka.embedded import EmbeddedBroker

Announce = Callable[[str], None]


def run_sandbox(name: str, host: str, port: int, announce: Announce) -> None:
    """Serve a sandbox vendor, or `all`, until the process is told to stop; announces its base URL.

    Raises ConfigurationError when the address is not free.
    """
    import uvicorn

    app = importlib.import_module("sandbox.app").create(name)  # by name: the sandbox stands alone
    listener = _listen(host, port)
    announce(f"http://{host}:{listener.getsockname()[1]}")
    config = uvicorn.Config(app, log_config=None, access_log=False, server_header=False, lifespan="off")
    uvicorn.Server(config).run(sockets=[listener])


def run_broker(announce: Announce) -> None:
    """Keep the embedded broker until the process is told to stop; announces its bootstrap.servers."""
    stop = _stop_signal()
    with EmbeddedBroker() as broker:
        announce(broker.bootstrap)
        stop.wait()


def _stop_signal() -> threading.Event:
    stop = threading.Event()

    def on_signal(_: int, __: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    return stop


def _listen(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise ConfigurationError(
            f"the sandbox cannot listen on {host}:{port}: {error.strerror}; take another --port, or 0"
        ) from error
    return listener
