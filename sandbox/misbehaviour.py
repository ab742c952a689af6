"""The middleware that notes every request and makes the scripted ones go wrong."""

import asyncio
import json
from typing import Any, assert_never

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox import connections
from sandbox.control import Control
from sandbox.faults import Fault, FaultSpec, Kind
from sandbox.journal import Received

_MOST_BYTES = 64 * 1024 * 1024
CONTROL_PATH = "/_sandbox"


class Captured:
    """An inner application's answer, held back."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = bytearray()

    async def send(self, message: Message) -> None:
        """Stands for the server's send."""
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message.get("headers", []))
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")

    async def deliver(self, send: Send, *, bytes_sent: int | None = None) -> None:
        """Send it on; only so many bytes of the body, without its end, when told."""
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        if bytes_sent is None:
            await send({"type": "http.response.body", "body": bytes(self.body)})
        else:
            await send({"type": "http.response.body", "body": bytes(self.body[:bytes_sent]), "more_body": True})

    def relabel(self, content_type: str) -> None:
        """Say that the body is something else."""
        others = [(name, value) for name, value in self.headers if name.lower() != b"content-type"]
        self.headers = [*others, (b"content-type", content_type.encode())]


class Misbehaviour:
    """Wraps a vendor's application."""

    def __init__(self, app: ASGIApp, control: Control) -> None:
        self._app, self._control = app, control
        self._late: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or what the server says of its own life."""
        if scope["type"] != "http" or scope["path"].startswith(CONTROL_PATH):
            await self._app(scope, receive, send)
            return
        body = await _whole_body(receive)
        if body is None:
            return
        await _Exchange(self, scope, receive, send, body).run()

    @property
    def control(self) -> Control:
        """What is scripted."""
        return self._control

    async def act(self, scope: Scope, body: bytes) -> Captured:
        """Let the vendor process the request, and keep its answer."""
        captured = Captured()
        await self._app(scope, _replay(body), captured.send)
        return captured

    def act_later(self, scope: Scope, body: bytes, delay_s: float, received: Received) -> None:
        """Let the vendor process the request when nobody listens any more, unless its state was cleared since."""
        journal = self._control.journal
        era = journal.era

        async def late() -> None:
            await asyncio.sleep(delay_s)
            if journal.era == era:
                await self.act(scope, body)
                received.acted = True

        task = asyncio.create_task(late())
        self._late.add(task)
        task.add_done_callback(self._late.discard)


class _Exchange:
    """One request on its way through."""

    def __init__(self, around: Misbehaviour, scope: Scope, receive: Receive, send: Send, body: bytes) -> None:
        self._around, self._scope, self._receive, self._send, self._body = around, scope, receive, send, body
        control = around.control
        self._journal = control.journal
        self._received = self._journal.arrived(
            control.clock.now(),
            scope["method"],
            scope["path"],
            scope["query_string"].decode("latin-1"),
            Headers(scope=scope),
            body,
        )

    async def run(self) -> None:
        fault = self._around.control.fault_for(self._scope["path"], self._body)
        if fault is None:
            await self._answer(await self._act())
            return
        self._received.fault = fault.spec.kind
        await self._go_wrong(fault)

    async def _go_wrong(self, fault: Fault) -> None:
        spec = fault.spec
        match spec.kind:
            case Kind.ANSWER:
                if spec.acts:
                    await self._act()
                await self._answer(_scripted(spec))
            case Kind.SLOW:
                await asyncio.sleep(spec.delay_s)
                await self._answer(await self._act())
            case Kind.RELABEL:
                captured = await self._act()
                captured.relabel(spec.content_type or "text/plain")
                await self._answer(captured)
            case Kind.TRUNCATE:
                await self._truncate(await self._act())
            case Kind.LATE:
                self._around.act_later(self._scope, self._body, spec.delay_s, self._received)
                await self._keep_silent(spec.delay_s)
            case Kind.HANG | Kind.RESET:
                if spec.acts:
                    await self._act()
                await self._keep_silent(spec.delay_s if spec.kind is Kind.HANG else 0)
            case _:
                assert_never(spec.kind)

    async def _act(self) -> Captured:
        captured = await self._around.act(self._scope, self._body)
        self._received.acted = True
        return captured

    async def _answer(self, captured: Captured) -> None:
        self._journal.ended(self._received, captured.status)
        await captured.deliver(self._send)

    async def _truncate(self, captured: Captured) -> None:
        self._journal.ended(self._received, captured.status)
        await captured.deliver(self._send, bytes_sent=len(captured.body) // 2)
        if broken := connections.of(self._scope["app"]):
            broken.close(self._scope["client"])
        await self._gone()

    async def _keep_silent(self, seconds: float) -> None:
        """Until the client goes or the time is over, then a reset."""
        self._journal.ended(self._received, 0)
        try:
            await asyncio.wait_for(self._gone(), seconds)
        except TimeoutError:
            if broken := connections.of(self._scope["app"]):
                broken.reset(self._scope["client"])
                await self._gone()

    async def _gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass


def _scripted(spec: FaultSpec) -> Captured:
    captured = Captured()
    captured.status = spec.status
    is_text = isinstance(spec.body, str)
    if spec.body is not None:
        captured.body += spec.body.encode() if is_text else json.dumps(spec.body).encode()
    headers = {"content-type": spec.content_type or ("text/plain" if is_text else "application/json")}
    headers |= {"content-length": str(len(captured.body))} | {k.lower(): v for k, v in spec.headers.items()}
    captured.headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    return captured


async def _whole_body(receive: Receive) -> bytes | None:
    """The request's body; None when the client went before its end."""
    body = bytearray()
    while True:
        message: dict[str, Any] = dict(await receive())
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if not message.get("more_body", False) or len(body) > _MOST_BYTES:
            return bytes(body)


def _replay(body: bytes) -> Receive:
    """A receive that gives a body that was read already, and then nothing more."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return messages.pop() if messages else {"type": "http.disconnect"}

    return receive
