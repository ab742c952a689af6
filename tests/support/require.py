"""COMMFLEET_REQUIRE: which servers tests must have, so that CI never passes by skipping.

Without it, a test whose server cannot be had is skipped with a loud reason.
"""

import os
from enum import StrEnum
from typing import NoReturn

import pytest

VARIABLE = "COMMFLEET_REQUIRE"


class Server(StrEnum):
    """What a test may need beside Python."""

    KAFKA = "kafka"
    POSTGRES = "postgres"
    REGISTRY = "registry"
    PROMTOOL = "promtool"


def required(text: str) -> frozenset[Server]:
    """The servers named in a comma-separated list; raises UsageError on a name that nobody knows."""
    names = {name.strip() for name in text.split(",") if name.strip()}
    if unknown := names - {server.value for server in Server}:
        known = ", ".join(Server)
        raise pytest.UsageError(f"{VARIABLE} names {', '.join(sorted(unknown))}; it knows {known}")
    return frozenset(Server(name) for name in names)


def absent(server: Server, reason: str) -> NoReturn:
    """End this test: failed where the server is required, else skipped with the reason."""
    if server in required(os.environ.get(VARIABLE, "")):
        pytest.fail(f"{VARIABLE} asks for {server}, but {reason}", pytrace=False)
    pytest.skip(f"NOT TESTED against a real {server}: {reason}")
