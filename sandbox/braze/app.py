"""The Starlette application of a sandbox Braze."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox import control
from sandbox.braze import addresses, material, reads, words
from sandbox.braze.door import Door, Endpoint
from sandbox.braze.options import Options
from sandbox.braze.reply import Reply, refused
from sandbox.braze.shelf import Rows
from sandbox.braze.subscribe import set_email, set_groups
from sandbox.braze.track import track
from sandbox.braze.transactional import transactional
from sandbox.braze.trigger import canvas, trigger
from sandbox.braze.windows import Windows
from sandbox.braze.workspace import Workspace
from sandbox.clock import SandboxClock
from sandbox.misbehaviour import Misbehaviour

Write = Callable[[Mapping[str, Any], Options, Workspace], Reply]
Read = Callable[[QueryParams, Options, Workspace], Reply]

_WRITES: Mapping[Endpoint, Write] = {
    Endpoint("/users/track", "POST", "users.track"): track,
    Endpoint("/users/export/ids", "POST", "users.export.ids"): reads.export,
    Endpoint("/campaigns/trigger/send", "POST", "campaigns.trigger.send"): trigger,
    Endpoint("/canvas/trigger/send", "POST", "canvas.trigger.send"): canvas,
    Endpoint("/transactional/v1/campaigns/{campaign_id}/send", "POST", "transactional.send"): transactional,
    Endpoint("/v2/subscription/status/set", "POST", "subscription.status.set"): set_groups,
    Endpoint("/email/status", "POST", "email.status"): set_email,
}
_READS: Mapping[Endpoint, Read] = {
    Endpoint("/email/unsubscribes", "GET", "email.unsubscribe"): addresses.unsubscribes,
    Endpoint("/email/hard_bounces", "GET", "email.hard_bounces"): addresses.hard_bounces,
    Endpoint("/campaigns/list", "GET", "campaigns.list"): material.campaigns,
    Endpoint("/campaigns/details", "GET", "campaigns.details"): material.campaign,
    Endpoint("/canvas/list", "GET", "canvas.list"): material.canvases,
    Endpoint("/canvas/details", "GET", "canvas.details"): material.canvas,
    Endpoint("/content_blocks/list", "GET", "content_blocks.list"): material.content_blocks,
    Endpoint("/content_blocks/info", "GET", "content_blocks.info"): material.content_block,
    Endpoint("/templates/email/list", "GET", "templates.email.list"): material.templates,
    Endpoint("/templates/email/info", "GET", "templates.email.info"): material.template,
    Endpoint("/subscription/status/get", "GET", "subscription.status.get"): reads.subscription,
}


def create(**options: Any) -> Starlette:
    """An empty workspace behind Braze's REST API; see Options for the switches."""
    return _Braze(Options(**options)).app


class _Braze:
    """Glues door, endpoints and control together."""

    def __init__(self, options: Options) -> None:
        self._options, self._clock = options, SandboxClock()
        self._windows = Windows(self._clock.now, is_mau=options.dialect == "mau")
        self._door = Door(options, self._windows)
        self._workspace = _Controlled(options, self._clock, self._windows)
        desk = control.Control(self._clock, keep_received=options.keep_received, seed=options.seed)
        self.app = Starlette(
            routes=[
                *(self._route(endpoint, handle) for endpoint, handle in _WRITES.items()),
                *(self._read_route(endpoint, read) for endpoint, read in _READS.items()),
                *control.routes(desk, self._workspace),
                Route("/_sandbox/rows", self._put, methods=["POST"]),
            ],
            middleware=[Middleware(Misbehaviour, control=desk)],
            exception_handlers={HTTPException: self._lost},
        )
        self.app.router.redirect_slashes = False

    async def _put(self, request: Request) -> Response:
        """POST /_sandbox/rows: what lists show from now on (`sandbox.braze.shelf.Rows`)."""
        try:
            rows = Rows.model_validate_json(await request.body())
        except ValidationError as error:
            return JSONResponse({"error": error.errors(include_url=False, include_context=False)}, 422)
        self._workspace.shelf.put(rows)
        return JSONResponse(self._workspace.shelf.shown(), 201)

    def _route(self, endpoint: Endpoint, write: Write) -> Route:
        async def handle(request: Request) -> Response:
            body = await request.body()
            return self._sent(self._passed(endpoint, request, lambda: self._written(write, request, body)))

        return Route(endpoint.path, handle, methods=[endpoint.method])

    def _read_route(self, endpoint: Endpoint, read: Read) -> Route:
        async def handle(request: Request) -> Response:
            query = request.query_params
            return self._sent(self._passed(endpoint, request, lambda: read(query, self._options, self._workspace)))

        return Route(endpoint.path, handle, methods=[endpoint.method])

    def _passed(self, endpoint: Endpoint, request: Request, answer: Callable[[], Reply]) -> Reply:
        """What a caller gets who passes the door, or is stopped there."""
        if refusal := self._door.refusal(endpoint, request.headers):
            return refusal
        refusal, rate = self._door.rate(endpoint)
        told = refusal or answer()
        return Reply(told.status, told.body, told.headers | rate)

    def _written(self, write: Write, request: Request, body: bytes) -> Reply:
        content = self._door.content(request.headers, body)
        if isinstance(content, Reply):
            return content
        return write({**content, **request.path_params}, self._options, self._workspace)

    async def _lost(self, request: Request, error: Exception) -> Response:
        """No such address, or not by this method."""
        status = error.status_code if isinstance(error, HTTPException) else 500
        has_slash = status == 404 and request.url.path.endswith("/")
        if has_slash and self._options.trailing_slash_status == 403:
            return self._sent(refused(403, "Forbidden"))
        return self._sent(refused(status, words.WRONG_METHOD if status == 405 else words.NOT_FOUND))

    def _sent(self, reply: Reply) -> Response:
        usual = {"x-request-id": str(uuid4()), "x-runtime": "0.001000", "date": self._clock.http_date()}
        return JSONResponse(reply.body, reply.status, headers=usual | reply.headers)


class _Controlled(Workspace):
    """A workspace whose limits the control endpoint may set."""

    def __init__(self, options: Options, clock: SandboxClock, windows: Windows) -> None:
        super().__init__(options, clock)
        self._windows = windows

    def set_quota(self, endpoint: str, limit: int, window_s: float) -> None:
        """Change a limit; raises KeyError for an endpoint without one."""
        self._windows.set(endpoint, limit, window_s)
