"""A scripted Braze of the fault tests: it does what it is told, and remembers who asked for what, when, in order.

It speaks `/users/track`, `/campaigns/trigger/send` and `/campaigns/list` as `commfleet run sink braze` does.
Smaller than the sandbox on purpose: it must not share a mistake with it.
"""

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from tests.faults.events import FLOWS, LATER_FLOWS, TRACK, TRIGGER, UPDATE, Delivery, FlowLine, Mark
from tests.faults.script import Accept, Fail, Hang, Reset, Script, Slow, Throttle
from tests.faults.story import PROBE, Act, Request

_HOUR_S = 3600
_ARRAYS = {TRACK: "events", UPDATE: "attributes", TRIGGER: "recipients"}

Matches = Callable[[Request], bool]


@dataclass(slots=True)
class Rule:
    """A script for the requests that match, `left` times or (None) until it is taken back."""

    script: Script
    matches: Matches
    left: int | None


def work(request: Request) -> bool:
    """Whatever is not a probe."""
    return request.action != PROBE


def of(action: str) -> Matches:
    """Requests of one action."""
    return lambda request: request.action == action


def about(customer: str, action: str = "") -> Matches:
    """Requests that carry something of a customer."""
    return lambda request: (
        action in ("", request.action) and any(one.mark.customer == customer for one in request.objects)
    )


def anything(_: Request) -> bool:
    """Every request, probes too: the vendor is down."""
    return True


class Vendor:
    """Listens on a free loopback port from `with` on; thread-safe.

    `poison` is refused for good: `named` by its index, `nameless` so that the whole request is refused.
    `an_hour` is how many requests it takes in an hour of the clock; it tells with every answer.
    """

    def __init__(self, flows: Sequence[FlowLine] = (*FLOWS, *LATER_FLOWS), delay_s: float = 0.0) -> None:
        self.usual = Accept(delay_s)
        self.poison: dict[Delivery, str] = {}
        self.an_hour: int | None = None
        self._topics = {flow.name: flow.topic for flow in flows}
        self._lock = threading.Lock()
        self._rules: list[Rule] = []
        self._requests: list[Request] = []
        self._acts: list[Act] = []
        self._running = 0
        self._stopping = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        """The base URL that a sink is configured with."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    # -- what a test tells it -----------------------------------------------------------------

    def knows(self, flow: FlowLine) -> None:
        """A flow that is none of the usual ones."""
        self._topics[flow.name] = flow.topic

    def script(self, script: Script, matches: Matches = work, times: int | None = None) -> Rule:
        """From now on, for these requests; the first rule that matches counts."""
        rule = Rule(script, matches, times)
        with self._lock:
            self._rules.append(rule)
        return rule

    def calm(self, rule: Rule | None = None) -> None:
        """Take a rule back, or all: accept as usual."""
        with self._lock:
            self._rules = [one for one in self._rules if rule is not None and one is not rule]

    # -- what a test asks it ------------------------------------------------------------------

    @property
    def requests(self) -> list[Request]:
        """Every request, in order of arrival; the last ones may be unfinished."""
        with self._lock:
            return list(self._requests)

    @property
    def acts(self) -> list[Act]:
        """What was done, in order."""
        with self._lock:
            return list(self._acts)

    @property
    def is_idle(self) -> bool:
        """Whether no request is running."""
        with self._lock:
            return not self._running

    def made(self, flow: str) -> list[Mark]:
        """The events that a flow's action was made for, in order."""
        return [act.delivery.mark for act in self.acts if act.delivery.flow == flow]

    # -- one request --------------------------------------------------------------------------

    def arrived(self, by: str, action: str, body: Mapping[str, Any]) -> tuple[Request, Script]:
        """Remember a request; what is to become of it."""
        with self._lock:
            request = Request(by, action, self._objects(action, body), time.monotonic())
            self._requests.append(request)
            self._running += 1
            for rule in self._rules:
                if rule.left != 0 and rule.matches(request):
                    rule.left = None if rule.left is None else rule.left - 1
                    return request, rule.script
            return request, self.usual

    def act(self, request: Request) -> None:
        """Do what the request asks, but for the poison in it."""
        with self._lock:
            request.refused = frozenset(one for one in request.objects if one in self.poison)
            taken = [one for one in request.objects if one not in request.refused]
            self._acts += [Act(one, request.by, time.monotonic()) for one in taken]

    def ended(self, request: Request, status: int | None, retry_after_s: float | None = None) -> None:
        """The answer is about to be written, or there will be none."""
        with self._lock:
            request.status, request.retry_after_s = status, retry_after_s
            request.ended_at = time.monotonic()
            self._running -= 1

    def is_nameless(self, request: Request) -> bool:
        """Whether something in a request makes the vendor refuse the whole of it."""
        return any(self.poison.get(one) == "nameless" for one in request.objects)

    def rate(self) -> dict[str, str]:
        """Braze's rate headers, where an hour is limited."""
        if self.an_hour is None:
            return {}
        now = datetime.now(UTC).timestamp()
        hour = now - now % _HOUR_S
        return {
            "x-ratelimit-limit": str(self.an_hour),
            "x-ratelimit-remaining": str(max(0, self.an_hour - self._used())),
            "x-ratelimit-reset": str(int(hour + _HOUR_S)),
        }

    def is_over(self) -> bool:
        """Whether this hour's requests are used up."""
        return self.an_hour is not None and self._used() > self.an_hour

    def wait(self, seconds: float) -> None:
        """Take time, unless the vendor is closed meanwhile."""
        self._stopping.wait(seconds)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _used(self) -> int:
        with self._lock:
            return sum(1 for request in self._requests if request.action != PROBE)

    def _objects(self, action: str, body: Mapping[str, Any]) -> list[Delivery]:
        return [one for item in body.get(_ARRAYS.get(action, ""), []) for one in self._deliveries(action, item)]

    def _deliveries(self, action: str, item: Mapping[str, Any]) -> Iterator[Delivery]:
        match action:
            case "track_event":
                yield self._delivery(item["name"], item["external_id"], item["properties"]["number"])
            case "trigger_campaign":
                said = item["trigger_properties"]
                yield self._delivery(said["flow"], item["external_user_id"], said["number"])
            case "update_attributes":
                for name in self._topics.keys() & item.keys():
                    yield self._delivery(name, item["external_id"], item[name])

    def _delivery(self, flow: str, customer: str, number: str | int) -> Delivery:
        return Delivery(flow, Mark(self._topics[flow], customer, int(number)))


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that was killed has nobody to tell."""


def _action(path: str, body: Mapping[str, Any]) -> str:
    if path == "/users/track":
        return UPDATE if "attributes" in body else TRACK
    return TRIGGER if path == "/campaigns/trigger/send" else PROBE


def _handler(vendor: Vendor) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """One connection of a sink."""

        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            self._answer(json.loads(self.rfile.read(int(self.headers["content-length"]))))

        def do_GET(self) -> None:
            self._answer({})

        def _answer(self, body: dict[str, Any]) -> None:
            by = self.headers["authorization"].removeprefix("Bearer ")
            request, script = vendor.arrived(by, _action(self.path.partition("?")[0], body), body)
            if vendor.is_over() and request.action != PROBE:
                script = Throttle(_HOUR_S)
            self._play(request, script)

        def _play(self, request: Request, script: Script) -> None:
            match script:
                case Accept(delay_s) if vendor.is_nameless(request):
                    vendor.wait(delay_s)
                    self._send(request, 400, {"message": "Bad Request"})
                case Accept(delay_s):
                    vendor.act(request)
                    vendor.wait(delay_s)  # a vendor's own work, after it acted: a client killed now cannot know
                    self._send(request, *_success(request))
                case Slow(seconds):
                    vendor.wait(seconds)
                    self._play(request, Accept(0.0))
                case Throttle(retry_after_s):
                    self._send(request, 429, {"message": "Too Many Requests"}, retry_after_s)
                case Fail(status, acts, message):
                    if acts:
                        vendor.act(request)
                    self._send(request, status, {"message": message})
                case Hang(seconds, acts_after_s):
                    self._hang(request, seconds, acts_after_s)
                case Reset(acts):
                    if acts:
                        vendor.act(request)
                    vendor.ended(request, None)
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    self.close_connection = True
                    self.connection.close()

        def _hang(self, request: Request, seconds: float, acts_after_s: float | None) -> None:
            if acts_after_s is not None:
                vendor.wait(acts_after_s)
                vendor.act(request)
            vendor.wait(seconds - (acts_after_s or 0.0))
            vendor.ended(request, None)
            self.close_connection = True

        def _send(
            self, request: Request, status: int, answer: dict[str, Any], retry_after_s: float | None = None
        ) -> None:
            text = json.dumps(answer).encode()
            self.send_response(status)
            for name, value in vendor.rate().items():
                self.send_header(name, value)
            if retry_after_s is not None:
                self.send_header("retry-after", f"{retry_after_s:g}")
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(text)))
            vendor.ended(request, status, retry_after_s)
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    return Handler


def _success(request: Request) -> tuple[int, dict[str, Any]]:
    """201, with the refused objects named by their index in the array."""
    if request.action == PROBE:
        return 200, {"message": "success", "campaigns": []}
    array = _ARRAYS[request.action]
    errors = [
        {"type": "EMAIL_BAD_FORMAT", "input_array": array, "index": index}
        for index, one in enumerate(request.objects)
        if one in request.refused
    ]
    answer: dict[str, Any] = {"message": "success", f"{array}_processed": len(request.objects) - len(errors)}
    return 201, answer | ({"errors": errors} if errors else {})
