"""The command line: parse, call one function, print. Exit 0 done, 1 failed, 2 misused.

A module holds the commands of one noun. `commfleet --help` imports click and the standard library only:
everything else is imported by the command that needs it (a test holds that list).
"""

from workers.cli import checks, feeding, flows, letters, memory, positions, run, schemas, topics, trials, watching
from workers.cli.root import main

__all__ = [
    "checks",
    "feeding",
    "flows",
    "letters",
    "main",
    "memory",
    "positions",
    "run",
    "schemas",
    "topics",
    "trials",
    "watching",
]
