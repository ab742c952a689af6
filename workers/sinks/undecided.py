"""A record of which only the profile of its customer tells which flows match."""

from workers.sinks.delivery import RecordLike
from workers.sinks.planner import Late
from workers.sinks.told import Told
from workers.sinks.window import Window


class Undecided:
    """One record that waits to be planned; `told` is there when its customer was looked up."""

    __slots__ = ("late", "record", "told", "window")

    def __init__(self, record: RecordLike, window: Window, late: Late) -> None:
        self.record, self.window, self.late = record, window, late
        self.told: Told | None = None
