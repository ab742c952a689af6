"""A PostgreSQL of one's own for tests: a cluster in a temporary folder, on loopback, run by an unprivileged user.

The server's programs come from the system's package (Debian: `postgresql`); nothing of the system's cluster is touched.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from tests.support.poll import eventually
from tests.support.ports import free_ports

_START_S = 60.0
_USERS = ("postgres", "nobody")
_QUICK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off", "max_connections=40")


class NoPostgresError(Exception):
    """There is no PostgreSQL server on this machine; the message says why not."""


def programs() -> Path:
    """The folder of the server's programs; raises NoPostgresError."""
    found = shutil.which("postgres")
    folders = [Path(found).parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise NoPostgresError("no initdb and postgres were found; install the package postgresql")


@contextmanager
def running_postgres(*, is_durable: bool = False) -> Iterator[str]:
    """The address of a database server without a database name; it is gone afterwards. Raises NoPostgresError.

    Unless it `is_durable` it does not wait for the disk: quick, and good for tests only.
    """
    bin_folder, user = programs(), _user()
    with tempfile.TemporaryDirectory(prefix="commfleet-pg-") as name:
        folder = Path(name)
        if user:
            os.chown(folder, int(user["user"]), int(user["group"]))
        _run([str(bin_folder / "initdb"), "-D", f"{name}/data", "-U", "commfleet", "-A", "trust", "-E", "UTF8"], user)
        (port,) = free_ports(1)
        settings = [
            f"-c{setting}"
            for setting in (*(() if is_durable else _QUICK), f"port={port}", "listen_addresses=127.0.0.1")
        ]
        command = [str(bin_folder / "postgres"), "-D", f"{name}/data", f"-cunix_socket_directories={name}", *settings]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(command, stdout=log, stderr=log, cwd=name, start_new_session=True, **user)
        try:
            address = f"postgresql://commfleet@127.0.0.1:{port}"
            eventually(_is_ready(server, address, folder / "log"), _START_S, every_s=0.1, what="PostgreSQL answers")
            yield address
        finally:
            server.terminate()
            server.wait(_START_S)


def _is_ready(server: "subprocess.Popen[bytes]", address: str, log: Path) -> Callable[[], bool]:
    def is_ready() -> bool:
        if server.poll() is not None:
            raise NoPostgresError(f"it ended at its start:\n{log.read_text(errors='replace')[-1500:]}")
        try:
            psycopg.connect(f"{address}/postgres", connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    return is_ready


def _run(command: Sequence[str], user: dict[str, Any]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, cwd="/", **user)
    if done.returncode:
        raise NoPostgresError(f"{Path(command[0]).name} failed: {done.stderr[-800:]}")


def _user() -> dict[str, Any]:
    """PostgreSQL refuses to run as root: who runs it instead."""
    if os.geteuid() != 0:
        return {}
    for name in _USERS:
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}
    raise NoPostgresError(f"root may not run it, and there is no user {' or '.join(_USERS)}")
