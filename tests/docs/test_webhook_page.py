"""docs/webhook.md: its commands work as they stand there, and its table knows every status."""

import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from tests.contract.test_webhook_fuzz import CLOSED_SET
from tests.support.ingest import TOKEN, KeptRecords, door, webhook_config
from tests.support.sender import CREATED
from workers.ingest.server import serve

PAGE = (Path(__file__).parents[2] / "docs" / "webhook.md").read_text()
COMMANDS = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def url() -> Iterator[str]:
    """Where a door is served."""
    config = webhook_config(host="127.0.0.1", port=0)
    stop, port = threading.Event(), Future[int]()
    thread = threading.Thread(target=serve, args=(door(KeptRecords(), config), config, stop, port.set_result))
    thread.start()
    yield f"http://127.0.0.1:{port.result(10)}"
    stop.set()
    thread.join(20)


def run(command: str, url: str) -> Any:
    env = {
        "PATH": "/usr/bin:/bin:/usr/local/bin",
        "DOOR": url,
        "TOKEN": TOKEN,
        "EVENT": json.dumps(CREATED),
        "BAD_EVENT": "{}",
    }
    return json.loads(
        subprocess.run(["sh", "-c", command], env=env, capture_output=True, check=True, timeout=30).stdout
    )


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_commands_work(url: str) -> None:
    """One event, and two packed lines of which one is bad."""
    one, many = (run(command, url) for command in COMMANDS)

    assert one["status"] == "stored"
    assert [item["status"] for item in many["items"]] == ["stored", "refused"]


def test_every_status_is_explained() -> None:
    """A sender finds each answer that it may get."""
    told = {int(status) for row in re.findall(r"^\| ([0-9 ]+) \|", PAGE, re.MULTILINE) for status in row.split()}

    assert told == CLOSED_SET | {503}


def test_every_setting_that_it_names_exists() -> None:
    """By its name in the webhook's section."""
    named = set(re.findall(r"`([a-z]+_[a-z_]+)`", PAGE)) - {"event_id", "occurred_at"}

    assert named
    assert {name for name in named if not hasattr(webhook_config(), name)} == {"rate_limit"} & named
