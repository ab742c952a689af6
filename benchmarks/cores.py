"""One core for the sender, the others for everything else: what is compared shares no core with the stage.

Children inherit the cores of the thread that starts them. Where cores cannot be chosen (another system
than Linux, or one core only), nothing is pinned and `description` says so.
"""

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager

_CAN_PIN = hasattr(os, "sched_setaffinity")
_MINE = sorted(os.sched_getaffinity(0)) if _CAN_PIN else []
SENDER = frozenset(_MINE[-1:]) if len(_MINE) > 1 else frozenset[int]()
STAGE = frozenset(_MINE) - SENDER if SENDER else frozenset[int]()


def description() -> str:
    """How many cores there are and who has which, for a result's conditions."""
    count = len(_MINE) or os.cpu_count() or 1
    shares = f"1 for the sender, {len(STAGE)} for broker and vendor" if SENDER else "shared by all"
    return f"{count} ({shares}), {platform.machine()}"


@contextmanager
def started_on(cores: frozenset[int]) -> Iterator[None]:
    """Children started inside run on these cores; on all when the set is empty."""
    if not cores:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
