"""What the suite has to know of a vendor: one adapter each, and nothing of it anywhere else."""

import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Self

import httpx

from common.http import RequestMeter
from sandbox.app import create, running
from tests.contract.vendors.cases import SCRIPTS, Case, GoesOn, Told, usual
from tests.support.notifications import MovingClock
from workers.catalogue import VENDORS
from workers.sinks.api import Item, Sink

Key = tuple[str, Case]
EVERY = "*"
"""Stands for every action of a vendor."""
SKEW_S = 3600.0


class Adapter(ABC):
    """A served sandbox of a vendor, a sink that talks to it, and the vendor's own words for the cases.

    `goes_on` names every action. `requests`: which of the requests is the action's own, as a part of a fault's spec
    (`path`, `match`). `cannot`: why a case does not exist, in one sentence. `differs`: what a case comes to here,
    where that is not the usual. `scripts`: how a case is said here.
    """

    name: ClassVar[str]
    goes_on: ClassVar[Mapping[str, GoesOn]]
    requests: ClassVar[Mapping[str, Mapping[str, str]]]
    cannot: ClassVar[Mapping[Key, str]] = {}
    differs: ClassVar[Mapping[Key, Told]] = {}
    scripts: ClassVar[Mapping[Key, Mapping[str, Any]]] = {}
    secret: ClassVar[tuple[str, ...]]
    """Where the secret that `rotate` changes stands in the sink's section."""
    silent: ClassVar[frozenset[str]] = frozenset()
    """Actions that make no request."""
    options: Mapping[str, Any]
    """Of the sandbox: made anew for each adapter, so that a test may change what is in it."""
    http: httpx.Client
    """To the sandbox's control endpoint."""
    folder: Path
    """For files that a sink drops."""

    @property
    def vendor(self) -> str:
        """Its sink's name; what stands behind it in ours is a variant."""
        return self.name.partition(" ")[0]

    def __init__(self) -> None:
        self.clock = MovingClock()
        self.options = self.made_options()
        self.url, self._before = "", 0

    @classmethod
    @contextmanager
    def served(cls) -> Iterator[Self]:
        """An adapter whose sandbox answers on a loopback port."""
        one = cls()
        app = create(one.vendor, **{"seed": 1, **one.options})
        with (
            tempfile.TemporaryDirectory() as folder,
            running(app) as url,
            httpx.Client(base_url=url, trust_env=False, timeout=5) as http,
        ):
            one.url, one.http, one.folder = url, http, Path(folder)
            yield one

    # -- what a vendor says for itself -----------------------------------------------------------

    @abstractmethod
    def made_options(self) -> dict[str, Any]:
        """Of the sandbox; what may change in a test is in them as a dict."""

    @abstractmethod
    def config(self, read_s: float = 10) -> Any:
        """The sink's section of the settings, for a sink that waits so long for an answer."""

    @abstractmethod
    def item(self, sink: Sink, action: str, number: int = 1, **other: Any) -> Item:
        """A valid item; those of another number are about somebody else. Raises UnusableEventError for a bad one."""

    @abstractmethod
    def bad_row(self, sink: Sink, action: str) -> Item:
        """An item that the sink takes and the vendor (or its directory) refuses."""

    @abstractmethod
    def oversized(self, action: str) -> dict[str, Any]:
        """Parameters with which an item is larger than may be sent."""

    @abstractmethod
    def done(self, action: str, number: int = 1) -> int:
        """How often the action is true at the vendor, for the item of this number."""

    @abstractmethod
    def revoke(self) -> None:
        """The vendor does not know our credentials any more; what was granted with them is void."""

    @abstractmethod
    def rotate(self, secret: str) -> None:
        """The vendor knows another secret, and nothing any more that the old one brought."""

    @abstractmethod
    def restore(self) -> None:
        """It knows them again."""

    def expire(self) -> None:
        """What was granted for our credentials is at its end, and they are good."""
        raise NotImplementedError(f"{self.name}: `cannot` says that nothing expires")

    def furnish(self, action: str) -> None:  # noqa: B027 -- most actions need nothing
        """What must be at the vendor for the action to be possible."""

    def warm(self, sink: Sink, action: str) -> None:
        """Let the sink have whatever can expire."""
        sink.probe(sink.actions[action])

    # -- what all have in common -----------------------------------------------------------------

    def connect(self, read_s: float = 10, meter: RequestMeter | None = None) -> Sink:
        """A sink that talks to the sandbox."""
        return VENDORS[self.vendor].connect(self.config(read_s), self.clock, meter)

    def begin(self, action: str) -> None:
        """A vendor as new, furnished for an action; what arrives from now on counts."""
        self.relent()
        self.clock.ahead_s = 0
        self.http.delete("/_sandbox/state").raise_for_status()
        self.furnish(action)
        self._before = self._arrived(action)

    def sent(self, action: str) -> int:
        """How often the action's own request arrived."""
        return self._arrived(action) - self._before

    def script(self, action: str, case: Case, sink: Sink) -> None:
        """Let the case happen."""
        match case:
            case Case.CREDENTIALS_EXPIRED:
                self.warm(sink, action)
                self._before = self._arrived(action)
                self.expire()
            case Case.CREDENTIALS_REVOKED:
                self.revoke()
            case Case.CLOCK_SKEW:
                self.http.post("/_sandbox/clock", json={"advance_s": SKEW_S}).raise_for_status()
        if spec := self._said(self.scripts, action, case) or SCRIPTS.get(case):
            self.http.post("/_sandbox/faults", json={**self.requests[action], **spec}).raise_for_status()

    def relent(self) -> None:
        """All is well again."""
        self.http.delete("/_sandbox/faults").raise_for_status()
        now = MovingClock().now().isoformat()
        self.http.post("/_sandbox/clock", json={"now": now}).raise_for_status()
        self.restore()

    def state(self) -> dict[str, Any]:
        """What is true at the vendor."""
        return dict(self.http.get("/_sandbox/state").json())

    def received(self, path: str = "", text: str = "") -> list[dict[str, Any]]:
        """The requests below a path that hold a text."""
        query = {"path": path, "text": text}
        return list(self.http.get("/_sandbox/received", params=query).json()["requests"])

    @classmethod
    def excuse(cls, action: str, case: Case) -> str | None:
        """Why the case does not exist for the action, if so."""
        return cls.cannot.get((action, case)) or cls.cannot.get((EVERY, case))

    @classmethod
    def expected(cls, action: str, case: Case) -> Told:
        """What the case comes to."""
        return cls._said(cls.differs, action, case) or usual(case, cls.goes_on[action])

    @staticmethod
    def _said(table: Mapping[Key, Any], action: str, case: Case) -> Any:
        return table.get((action, case)) or table.get((EVERY, case))

    def _arrived(self, action: str) -> int:
        own = self.requests[action]
        return len(self.received(own.get("path", ""), own.get("match", "")))
