"""The harness's own hold on processes."""

import signal
from pathlib import Path

import pytest

from tests.faults import processes
from tests.faults.processes import Worker, command, environment
from tests.support.poll import eventually


@pytest.fixture(autouse=True)
def main(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for the command line: prints, serves /readyz on the health port, or fails."""
    monkeypatch.setattr(
        processes,
        "_MAIN",
        """
import os, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
print("arguments", sys.argv[1:], flush=True)
if sys.argv[1] == "serve":
    HTTPServer(("127.0.0.1", int(os.environ["COMMFLEET_HEALTH__PORT"])), Handler).serve_forever()
sys.exit(sys.argv[1] == "fail")
""",
    )


def test_a_killed_worker_can_be_started_again(tmp_path: Path) -> None:
    """On the same health port; the log keeps both lives."""
    with Worker(["serve"], {}, tmp_path / "log") as worker:
        worker.wait_ready()
        worker.kill()
        worker.start().wait_ready()

        assert worker.stop() == -signal.SIGTERM
        assert worker.log_tail().count("arguments ['serve']") == 2


def test_a_sleeping_worker_answers_nobody_until_it_wakes(tmp_path: Path) -> None:
    """SIGSTOP, whoever sent it, and SIGCONT."""
    with Worker(["serve"], {}, tmp_path / "log") as worker:
        worker.wait_ready()
        worker.suspend()
        eventually(worker.is_suspended, 5)
        worker.resume()
        eventually(lambda: not worker.is_suspended(), 5)

        assert worker.is_ready()


def test_a_worker_that_ends_is_not_waited_for(tmp_path: Path) -> None:
    """Its exit code and the end of its log are in the message."""
    with Worker(["fail"], {}, tmp_path / "log") as worker, pytest.raises(AssertionError, match=r"ended with 1:\narg"):
        worker.wait_ready()


def test_a_failing_command_is_told() -> None:
    """With what it printed."""
    assert command(["fine"], {}) == "arguments ['fine']\n"
    with pytest.raises(AssertionError, match="commfleet fail: arguments"):
        command(["fail"], {})


def test_settings_of_this_process_do_not_leak(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own COMMFLEET_ variables must not change a history."""
    monkeypatch.setenv("COMMFLEET_PREFIX", "mine.")

    found = environment({"COMMFLEET_WORKER_NAME": "w"})

    assert {name for name in found if name.startswith("COMMFLEET_")} == {"COMMFLEET_WORKER_NAME"}
