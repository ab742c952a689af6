"""The Starlette application of a sandbox Content Server."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from sandbox import control
from sandbox.clock import SandboxClock
from sandbox.ecm import words
from sandbox.ecm.forms import Form, form_of
from sandbox.ecm.options import Options
from sandbox.ecm.reply import RefusedError, Reply, done
from sandbox.ecm.server import Server
from sandbox.misbehaviour import Misbehaviour


@dataclass(frozen=True, slots=True)
class Call:
    """One request behind the door."""

    request: Request
    form: Form
    user: str

    def step(self, name: str) -> str:
        """A step of the path."""
        return str(self.request.path_params[name])

    @property
    def query(self) -> dict[str, str]:
        """The query; of repeated keys the last counts, which is enough for what is read of it."""
        return dict(self.request.query_params)


Handler = Callable[[Server, Call], Reply]

_OPEN = {"/api/v1/ping", "/otdsws/oauth2/token"}

_CALLS: dict[tuple[str, str], Handler] = {
    ("GET", "/api/v1/ping"): lambda _, __: Reply(200, {"build": 1, "href": "api/v1/ping", "version": "24.4"}),
    ("GET", "/api/v1/auth"): lambda server, call: Reply(200, {"data": {"id": server.tree.user_id, "name": call.user}}),
    ("GET", "/api/v1/serverinfo"): lambda server, _: server_info(server),
    ("POST", "/api/v1/nodes"): lambda server, call: server.nodes.create(call.form, is_v1=True),
    ("POST", "/api/v2/nodes"): lambda server, call: server.nodes.create(call.form, is_v1=False),
    ("POST", "/api/v1/validation/nodes/names"): lambda server, call: server.nodes.names(call.form),
    ("GET", "/api/v2/nodes/{id}"): lambda server, call: server.nodes.read(call.step("id"), call.query),
    ("PUT", "/api/v2/nodes/{id}"): lambda server, call: server.nodes.change(call.step("id"), call.form),
    ("DELETE", "/api/v2/nodes/{id}"): lambda server, call: server.nodes.delete(call.step("id")),
    ("GET", "/api/v2/nodes/{id}/nodes"): lambda server, call: server.nodes.children(call.step("id"), call.query),
    ("GET", "/api/v2/nodes/{id}/audit"): lambda server, call: server.nodes.audit(call.step("id"), call.query),
    ("GET", "/api/v2/nodes/{id}/categories"): lambda server, call: server.categories.shown(
        server.tree.get(call.step("id"), 500)
    ),
    ("POST", "/api/v2/nodes/{id}/categories"): lambda server, call: server.categories.apply(
        server.tree.writable(call.step("id"), 500), call.form
    ),
    ("GET", "/api/v2/nodes/{id}/categories/{category:int}"): lambda server, call: server.categories.one(
        server.tree.get(call.step("id"), 500), int(call.step("category"))
    ),
    ("PUT", "/api/v2/nodes/{id}/categories/{category:int}"): lambda server, call: server.categories.change(
        server.tree.writable(call.step("id"), 500), int(call.step("category")), call.form
    ),
    ("DELETE", "/api/v2/nodes/{id}/categories/{category:int}"): lambda server, call: server.categories.remove(
        server.tree.writable(call.step("id"), 500), int(call.step("category"))
    ),
    ("GET", "/api/v2/nodes/{id}/versions"): lambda server, call: server.documents.versions(call.step("id"), call.query),
    ("POST", "/api/v2/nodes/{id}/versions"): lambda server, call: server.documents.add_version(
        call.step("id"), call.form
    ),
    ("GET", "/api/v2/nodes/{id}/content"): lambda server, call: server.documents.content(call.step("id")),
    ("GET", "/api/v2/nodes/{id}/versions/{number}/content"): lambda server, call: server.documents.content(
        call.step("id"), call.step("number")
    ),
    ("POST", "/api/v2/resubmission/{id}/addreminder"): lambda server, call: server.reminders.add_reminder(
        call.step("id"), call.form
    ),
    ("GET", "/api/v2/nodes/{id}/followups"): lambda server, call: server.reminders.followups(call.step("id")),
    ("GET", "/api/v2/businessworkspaces"): lambda server, call: server.workspaces.listed(call.query, call.user),
    ("POST", "/api/v2/businessworkspaces"): lambda server, call: server.workspaces.create(call.form, call.user),
    ("GET", "/api/v2/businessworkspaces/{id}"): lambda server, call: server.workspaces.read(call.step("id"), call.user),
    ("GET", "/api/v2/externalsystems/{system}/botypes/{type}/boids/{key}"): lambda server, call: (
        server.workspaces.direct((call.step("system"), call.step("type"), call.step("key")))
    ),
}


def create(**options: Any) -> Starlette:
    """A Content Server with a few categories, a workspace type and nobody's workspaces; see Options."""
    return _ContentServer(Options(**options)).app


def server_info(server: Server) -> Reply:
    """GET /v1/serverinfo (§1)."""
    shown = {"version": "24.4", "current_date": server.tree.now(), "language_code": "USA"}
    return Reply(200, {"server": shown, "sessions": {"enabled": True, "expire_after_last_request": True}})


class _ContentServer:
    """Glues door, calls and control together."""

    def __init__(self, options: Options) -> None:
        self._options, self._clock = options, SandboxClock()
        self._server = Server(options, self._clock)
        desk = control.Control(self._clock, keep_received=options.keep_received, seed=options.seed)
        base = options.base_path.rstrip("/")
        self._base = base
        self.app = Starlette(
            routes=[
                *control.routes(desk, self._server),
                Route("/_sandbox/account", self._account, methods=["POST"]),
                Route("/otdsws/oauth2/token", self._token, methods=["POST"]),
                Route(f"{base}/api/v1/auth", self._login, methods=["POST"]),
                Route(f"{base}/api/v1/auth", self._logout, methods=["DELETE"]),
                *(self._route(method, path, handler) for (method, path), handler in _CALLS.items()),
            ],
            middleware=[Middleware(Misbehaviour, control=desk)],
            exception_handlers={HTTPException: self._lost},
        )
        self.app.router.redirect_slashes = False

    def _route(self, method: str, path: str, handler: Handler) -> Route:
        async def handle(request: Request) -> Response:
            body = await request.body()
            return self._answered(lambda: self._behind_the_door(request, body, path, handler))

        pattern = f"{self._base}{path}"
        return Route(pattern, handle, methods=[method])

    def _behind_the_door(self, request: Request, body: bytes, path: str, handler: Handler) -> Reply:
        if (wait_s := self._server.window.wait_s()) is not None:
            return Reply(429, {"error": "Too many requests"}, {"retry-after": str(wait_s)})
        if path in _OPEN:
            return handler(self._server, Call(request, Form(), ""))
        user, fresh = self._server.tickets.admit(request.headers, request.cookies)
        self._server.tree.user_id = self._options.user_id(user)
        if len(body) > self._options.max_body_bytes:
            return Reply(413, "<html>413 Request Entity Too Large</html>", content_type="text/html")
        form = form_of(request.headers.get("content-type", ""), body)
        reply = handler(self._server, Call(request, form, user))
        return Reply(reply.status, reply.body, {"OTCSTicket": fresh}, reply.content_type) if fresh else reply

    async def _login(self, request: Request) -> Response:
        body, content_type = await request.body(), request.headers.get("content-type", "")
        form = form_of(content_type, body).fields
        if self._options.json_login and content_type.startswith("application/json"):
            form = {name: str(value) for name, value in (await request.json()).items()}
        return self._answered(lambda: self._server.tickets.login(form))

    async def _logout(self, request: Request) -> Response:
        self._server.tickets.logout(request.headers)
        return self._answered(lambda: done({}))

    async def _token(self, request: Request) -> Response:
        form = form_of(request.headers.get("content-type", ""), await request.body()).fields
        return self._answered(lambda: self._server.tickets.token(form))

    async def _account(self, request: Request) -> Response:
        """POST /_sandbox/account: {hidden, read_only: node ids, revoked: users, expire_tickets: bool}."""
        given, server = await request.json(), self._server
        server.tree.hidden = set(given.get("hidden", server.tree.hidden))
        server.tree.read_only = set(given.get("read_only", server.tree.read_only))
        server.tickets.revoked = set(given.get("revoked", server.tickets.revoked))
        if given.get("expire_tickets"):
            server.tickets.expire()
        return JSONResponse({"hidden": sorted(server.tree.hidden), "read_only": sorted(server.tree.read_only)})

    def _answered(self, work: Callable[[], Reply]) -> Response:
        try:
            reply = work()
        except RefusedError as error:
            reply = Reply(error.status, {"error": self._told(error.text)})
        except (KeyError, ValueError, TypeError, AttributeError):
            reply = Reply(500, {"error": self._told(words.BAD_ATTRIBUTE)})  # values of wrong kinds, in its own words
        headers = {"date": self._clock.http_date(), **reply.headers}
        if reply.content_type == "application/json":
            return JSONResponse(reply.body, reply.status, headers)
        return Response(reply.body, reply.status, headers, reply.content_type)

    def _told(self, text: str) -> str:
        """In the account's language (§16)."""
        return next((other for english, other in self._options.texts.items() if text.startswith(english)), text)

    async def _lost(self, request: Request, error: Exception) -> Response:
        """No such call, or nothing of Content Server's at all."""
        status = error.status_code if isinstance(error, HTTPException) else 500
        if request.url.path.startswith(f"{self._base}/api/") and status == 404:
            return self._answered(lambda: Reply(400, {"error": words.NO_SUCH_CALL}))
        return HTMLResponse(f"<html><body>{status}</body></html>", status)
