"""The control endpoint of every sandbox, under `/_sandbox/`.

POST   /_sandbox/faults     script one fault (`sandbox.faults.FaultSpec`) or a list of them
GET    /_sandbox/faults     what is scripted, and how often it hit
DELETE /_sandbox/faults     everything goes well again
GET    /_sandbox/received   requests with bodies (?path=, ?text=), counters, each user's history in order
GET    /_sandbox/state      what is true at the vendor now
DELETE /_sandbox/state      an empty vendor that received nothing
POST   /_sandbox/quotas     {endpoint: {"limit": n, "window_s": s}}
POST   /_sandbox/clock      {"now": RFC 3339, "frozen": bool} or {"advance_s": n}
GET    /_sandbox/health     {"vendor": name}
"""

import random
from collections.abc import Mapping
from typing import Any, Protocol

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.clock import SandboxClock
from sandbox.faults import Fault, FaultSpec
from sandbox.journal import Journal


class Quota(BaseModel):
    """So many requests in a window that is aligned to the clock."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(ge=0)
    window_s: float = Field(gt=0)


class ClockSpec(BaseModel):
    """Set the sandbox's clock, or move it."""

    model_config = ConfigDict(extra="forbid")

    now: AwareDatetime | None = None
    frozen: bool = False
    advance_s: float | None = None


class Vendor(Protocol):
    """What the control endpoint asks of a vendor."""

    name: str

    def state(self) -> dict[str, Any]:
        """Everything that is true at the vendor now, as JSON."""
        ...

    def history(self) -> dict[str, list[Any]]:
        """What was applied to each user, in order."""
        ...

    def set_quota(self, endpoint: str, limit: int, window_s: float) -> None:
        """Change a limit; raises KeyError for an endpoint without one."""
        ...

    def clear(self) -> None:
        """Forget every user and everything done to them."""
        ...


_SPECS: TypeAdapter[FaultSpec | list[FaultSpec]] = TypeAdapter(FaultSpec | list[FaultSpec])
_QUOTAS: TypeAdapter[dict[str, Quota]] = TypeAdapter(dict[str, Quota])


class Control:
    """Faults, journal and clock of one sandbox."""

    def __init__(self, clock: SandboxClock, *, keep_received: int = 100_000, seed: int | None = None) -> None:
        self.clock, self.journal = clock, Journal(keep_received)
        self._faults: list[Fault] = []
        self._scripted = 0
        self._rng = random.Random(seed)

    def script(self, spec: FaultSpec) -> int:
        """Add a fault behind those there are; its number."""
        self._scripted += 1
        self._faults.append(Fault(self._scripted, spec, self._rng))
        return self._scripted

    def fault_for(self, path: str, body: bytes) -> Fault | None:
        """The first scripted fault that hits this request."""
        return next((fault for fault in self._faults if fault.hits(path, body)), None)

    def forgive(self) -> None:
        """Everything goes well again."""
        self._faults.clear()

    def faults(self) -> list[dict[str, Any]]:
        """What is scripted."""
        return [fault.shown() for fault in self._faults]


def routes(control: Control, vendor: Vendor) -> list[Route]:
    """The routes of the control endpoint."""
    desk = _Desk(control, vendor)
    table: Mapping[str, tuple[list[str], Any]] = {
        "faults": (["GET", "POST", "DELETE"], desk.faults),
        "received": (["GET"], desk.received),
        "state": (["GET", "DELETE"], desk.state),
        "quotas": (["POST"], desk.quotas),
        "clock": (["POST"], desk.clock),
        "health": (["GET"], desk.health),
    }
    return [Route(f"/_sandbox/{name}", handler, methods=methods) for name, (methods, handler) in table.items()]


class _Desk:
    """Answers for the control endpoint."""

    def __init__(self, control: Control, vendor: Vendor) -> None:
        self._control, self._vendor = control, vendor

    async def faults(self, request: Request) -> Response:
        if request.method == "DELETE":
            self._control.forgive()
        elif request.method == "POST":
            try:
                specs = _SPECS.validate_json(await request.body())
            except ValidationError as error:
                return _misused(error)
            numbers = [self._control.script(spec) for spec in (specs if isinstance(specs, list) else [specs])]
            return JSONResponse({"faults": numbers}, 201)
        return JSONResponse({"faults": self._control.faults()})

    async def received(self, request: Request) -> Response:
        query, journal = request.query_params, self._control.journal
        return JSONResponse(
            {
                "requests": journal.requests(query.get("path"), query.get("text")),
                "counters": journal.counters(),
                "users": self._vendor.history(),
            }
        )

    async def state(self, request: Request) -> Response:
        if request.method == "DELETE":
            self._vendor.clear()
            self._control.journal.clear()
        return JSONResponse(self._vendor.state())

    async def quotas(self, request: Request) -> Response:
        try:
            quotas = _QUOTAS.validate_json(await request.body())
            for endpoint, quota in quotas.items():
                self._vendor.set_quota(endpoint, quota.limit, quota.window_s)
        except ValidationError as error:
            return _misused(error)
        except KeyError as error:
            return JSONResponse({"error": f"no endpoint {error} has a quota"}, 422)
        return JSONResponse({"quotas": sorted(quotas)})

    async def clock(self, request: Request) -> Response:
        try:
            spec = ClockSpec.model_validate_json(await request.body())
        except ValidationError as error:
            return _misused(error)
        if spec.now is not None:
            self._control.clock.set(spec.now, frozen=spec.frozen)
        if spec.advance_s is not None:
            self._control.clock.advance(spec.advance_s)
        return JSONResponse({"now": self._control.clock.now()})

    async def health(self, _: Request) -> Response:
        return JSONResponse({"vendor": self._vendor.name})


def _misused(error: ValidationError) -> Response:
    return JSONResponse({"error": error.errors(include_url=False, include_context=False)}, 422)
