"""A progress bar for people, on standard error; where that is no terminal, nothing is shown."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

_STEP_BYTES = 256 * 1024


class ProgressBar:
    """Shows how far a file is read; `say` prints above the bar."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=self._console, transient=True, disable=not self._console.is_terminal)
        self._task = self._bar.add_task("", start=False)
        self._unshown = 0

    def begin(self, what: str, total_bytes: int | None) -> None:
        """A pass begins; a bar without an end moves to and fro."""
        self._unshown = 0
        self._bar.reset(self._task, description=what, total=total_bytes)

    def advance(self, read_bytes: int) -> None:
        """So much more; shown in steps, for a bar costs more than a line."""
        self._unshown += read_bytes
        if self._unshown >= _STEP_BYTES:
            self._bar.advance(self._task, self._unshown)
            self._unshown = 0

    def say(self, text: str) -> None:
        """A line on standard error, above the bar."""
        self._console.print(text, markup=False, highlight=False, emoji=False, soft_wrap=True)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()
