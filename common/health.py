"""What a worker says of itself on its health port: live or not, ready or not, and what is held.

Live: the process can still work; a broker or a vendor that is away does not change it. Ready: assigned and
able to commit. A hold is a line in the body of /readyz, not unreadiness: a vendor's outage must not stop a
roll-out.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Check = Callable[[], str]
"""Why not, in words; empty when all is well. Answers at once, from any thread."""

Hold = Mapping[str, str | float]
Holds = Callable[[], Sequence[Hold]]

Release = Callable[[str], bool]
"""End the hold of the route of this name; False when it is not held here. TimeoutError when nobody answers."""

_WELL = "ok"


class Health:
    """What a worker says of itself; checks are registered while it is put together."""

    def __init__(self) -> None:
        self._live: dict[str, Check] = {}
        self._ready: dict[str, Check] = {}
        self._holds: list[Holds] = []
        self._releases: list[Release] = []

    def live_while(self, name: str, check: Check) -> None:
        """Restart the process when `check` has something to say: a thread is stuck, a client beyond repair."""
        self._live[name] = check

    def ready_when(self, name: str, check: Check) -> None:
        """Not ready while `check` has something to say."""
        self._ready[name] = check

    def show_holds(self, holds: Holds) -> None:
        """List these holds in /readyz."""
        self._holds.append(holds)

    def release_with(self, release: Release) -> None:
        """Ask this one, too, when an operator ends a hold."""
        self._releases.append(release)

    def release(self, route: str) -> bool:
        """End the hold of a route; False when nothing of that name is held. Raises TimeoutError."""
        return any(release(route) for release in self._releases)

    def routes(self) -> list[dict[str, str | float]]:
        """The holds, as /readyz lists them."""
        return [dict(hold) for source in self._holds for hold in _listed(source)]

    def liveness(self) -> tuple[bool, dict[str, Any]]:
        """Whether the process can still work, and each check's answer."""
        checks = _answers(self._live)
        return _all_well(checks), {"live": _all_well(checks), "checks": checks}

    def readiness(self) -> tuple[bool, dict[str, Any]]:
        """Whether the worker works, each check's answer, and the holds."""
        checks = _answers(self._ready)
        return _all_well(checks), {"ready": _all_well(checks), "checks": checks, "holds": self.routes()}


def _answers(checks: Mapping[str, Check]) -> dict[str, str]:
    return {name: _answer(check) for name, check in checks.items()}


def _answer(check: Check) -> str:
    try:
        return check() or _WELL
    except Exception as error:  # a check that fails is an answer: not well
        return f"the check failed: {type(error).__name__}"


def _all_well(checks: Mapping[str, str]) -> bool:
    return all(answer == _WELL for answer in checks.values())


def _listed(source: Holds) -> Sequence[Hold]:
    try:
        return source()
    except Exception as error:
        return [{"cause": "unknown", "detail": f"the holds cannot be listed: {type(error).__name__}"}]
