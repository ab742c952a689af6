"""The helpers that run as processes beside the workers: the sandbox vendors and the embedded broker."""

import contextlib
import importlib
import multiprocessing
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from common.errors import ConfigurationError
from common.kafka.embedded import EmbeddedBroker

_STOP_S = 5.0


def run_sandbox(name: str, host: str, port: int) -> None:
    """Serve a sandbox vendor until SIGTERM or SIGINT; prints its address when it answers.

    Raises ConfigurationError when it cannot listen there.
    """
    try:
        with contextlib.suppress(KeyboardInterrupt):  # uvicorn raises it again after its own calm stop
            _sandbox().serve(name, host, port)
    except SystemExit as ended:
        if ended.code:
            raise ConfigurationError(f"sandbox {name} cannot listen on {host}:{port}; take another --port") from None


def run_sandboxes(host: str, port: int) -> bool:
    """Serve every sandbox vendor, a process each, on ports from `port` on (0: free ones) until told to stop.

    False when one of them ended by itself.
    """
    stop = _stop_signal()
    spawn = multiprocessing.get_context("spawn")
    processes = [
        spawn.Process(target=run_sandbox, args=(name, host, port and port + index), daemon=True)
        for index, name in enumerate(_sandbox().names())
    ]
    for process in processes:
        process.start()
    while not stop.wait(0.2) and all(process.is_alive() for process in processes):
        pass
    for process in processes:
        process.terminate()
        process.join(_STOP_S)
    return stop.is_set()


def run_broker(announce: Callable[[str], None]) -> None:
    """Keep the embedded broker until SIGTERM or SIGINT; announces its bootstrap.servers."""
    stop = _stop_signal()
    with EmbeddedBroker() as broker:
        announce(broker.bootstrap)
        stop.wait()


def _sandbox() -> Any:
    """By name, not by an import statement: the sandbox stands alone, and is only started from here."""
    return importlib.import_module("sandbox.app")


def _stop_signal() -> threading.Event:
    stop = threading.Event()

    def on_signal(_: int, __: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    return stop
