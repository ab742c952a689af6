"""Who is compared: the naive loop and our own sink, as command lines for the same events and vendor."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.events import TOPIC
from benchmarks.ground import Ground
from benchmarks.processes import COMMFLEET, Vendor

_FROM_BEGINNING: Mapping[str, str | float] = {"start_from": "beginning"}
STORE_KEY = "a key of the benchmark"
_FLOWS = Path(__file__).parent / "flows"


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is sent, how slow the vendor is, and how many requests may be on their way at once."""

    name: str
    array: str
    delay_ms: int
    in_flight: int = 4


@dataclass(frozen=True, slots=True)
class Contender:
    """How one run is started: its folder is its own. The naive loop ends when it has sent so many events."""

    command: Callable[[Scenario, Ground, Vendor, int, Path], list[str]]
    ends_by_itself: bool


def naive_command(scenario: Scenario, stage: Ground, stub: Vendor, events: int, folder: Path) -> list[str]:
    """The reference, in a group of its own."""
    prefix = stage.prefix()
    arguments = {
        "bootstrap": stage.bootstrap,
        "topic": prefix + TOPIC,
        "group": f"{prefix}naive.{folder.name}",
        "url": stub.url,
        "array": scenario.array,
        "events": events,
        "threads": scenario.in_flight,
    }
    options = (text for name, value in arguments.items() for text in (f"--{name}", str(value)))
    return [sys.executable, "-m", "benchmarks.naive_loop", *options]


def sink_command(
    scenario: Scenario, stage: Ground, stub: Vendor, folder: Path, health_port: int = 0, *,
    prefix: str = "", settings: Mapping[str, str | float] = _FROM_BEGINNING, store: str = "",
) -> list[str]:  # fmt: skip
    """`commfleet run sink braze` with one flow. What is named neither here nor in `settings` has its default.

    `store` is the address of a customer store.
    """
    config = folder / f"commfleet-{health_port}.yaml"
    own = "".join(f"    {name}: {value}\n" for name, value in settings.items())
    config.write_text(
        f"prefix: {prefix or stage.prefix()}\n"
        f"kafka: {{bootstrap.servers: '{stage.bootstrap}'}}\n"
        f"flows: {{defaults: false, files: ['{_FLOWS / (scenario.array + '.yaml')}']}}\n"
        f"health: {{host: 127.0.0.1, port: {health_port}}}\n"
        "log: {level: warning}\n"
        f"{_section(store)}"
        "sinks:\n"
        "  braze:\n"
        f"    base_url: {stub.url}\n"
        "    api_key: benchmark\n"
        f"{own}"
        f"    max_in_flight: {scenario.in_flight}\n"
        "    requests_per_3s: 1000000000\n"  # the engine is measured, not the limit of a workspace
    )
    return [*COMMFLEET, "--config", str(config), "run", "sink", "braze"]


def _section(store: str) -> str:
    return f"store: {{url: '{store}', address_key: {STORE_KEY}}}\n" if store else ""


CONTENDERS = {
    "naive": Contender(naive_command, ends_by_itself=True),
    "ours": Contender(
        lambda scenario, stage, stub, _events, folder: sink_command(scenario, stage, stub, folder),
        ends_by_itself=False,
    ),
}
"""In the order of their turns."""
