"""The Starlette application of a sandbox Marketo."""

import asyncio
import json
import random
from collections.abc import Mapping
from itertools import count
from typing import Any
from urllib.parse import parse_qsl

from pydantic import TypeAdapter, ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from sandbox import control
from sandbox.clock import SandboxClock
from sandbox.marketo.activities import Scripted
from sandbox.marketo.endpoints import SYNC_LEADS, Call, Endpoint, endpoints
from sandbox.marketo.instance import Instance
from sandbox.marketo.options import Options
from sandbox.marketo.words import RefusedError, complaint
from sandbox.misbehaviour import Misbehaviour

_SCRIPTED: TypeAdapter[list[Scripted]] = TypeAdapter(list[Scripted])
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_LONGEST_ADDRESS = 8192


def create(**options: Any) -> Starlette:
    """An empty subscription behind Marketo's REST API; see Options for the switches."""
    return _Marketo(Options(**options)).app


class _Marketo:
    """Glues identity, limits, endpoints and control together."""

    def __init__(self, options: Options) -> None:
        self._options, self._clock = options, SandboxClock()
        self._instance = Instance(options, self._clock)
        self._numbers, self._rng = count(1), random.Random(options.seed)
        desk = control.Control(self._clock, keep_received=options.keep_received, seed=options.seed)
        self.app = Starlette(
            routes=[
                Route("/identity/oauth/token", self._token, methods=["GET", "POST"]),
                *(self._route(path, methods) for path, methods in endpoints().items()),
                Route("/_sandbox/activities", self._script, methods=["POST"]),
                *control.routes(desk, self._instance),
            ],
            middleware=[Middleware(Misbehaviour, control=desk)],
            exception_handlers={HTTPException: self._lost},
        )
        self.app.router.redirect_slashes = False

    async def _token(self, request: Request) -> Response:
        """Not counted in any limit (page §1)."""
        form = parse_qsl((await request.body()).decode("utf-8", "replace"))
        status, body = self._instance.identity.grant({**request.query_params, **dict(form)})
        return JSONResponse(body, status, headers={"cache-control": "no-store", "pragma": "no-cache", **self._dated()})

    async def _script(self, request: Request) -> Response:
        """What people do: a list of `sandbox.marketo.activities.Scripted`."""
        try:
            rows = _SCRIPTED.validate_json(await request.body())
        except ValidationError as error:
            return JSONResponse({"error": error.errors(include_url=False, include_context=False)}, 422)
        return JSONResponse({"ids": self._instance.activities.script(rows)}, 201)

    def _route(self, path: str, methods: Mapping[str, Endpoint]) -> Route:
        async def handle(request: Request) -> Response:
            body = await request.body()
            if len(str(request.url.path)) + len(request.url.query) > _LONGEST_ADDRESS:
                return PlainTextResponse("Request-URI Too Long", 414, headers=self._dated())
            if len(body) > self._options.max_body_bytes:
                return PlainTextResponse("Request Entity Too Large", 413, headers=self._dated())
            try:
                return self._sent({"success": True, **await self._done(path, methods, request, body)})
            except RefusedError as error:
                return self._refused(error)

        return Route(path, handle, methods=_METHODS)

    async def _done(self, path: str, methods: Mapping[str, Endpoint], request: Request, body: bytes) -> dict[str, Any]:
        """Token, method, permission, limits, content, in this order; 601, 602 and 605 are not charged (page §3)."""
        service = self._instance.identity.service(request.headers.get("authorization", ""))
        is_read = request.query_params.get("_method", "").upper() == "GET" and request.method == "POST"
        method = "GET" if is_read else request.method
        endpoint = methods.get(method)
        if endpoint is None:
            raise RefusedError("605")
        limits = self._instance.limits
        limits.take()
        if not _may(endpoint.permission, service.permissions):
            raise RefusedError("603")
        limits.begin()
        try:
            call = self._call(path, method, request, body)
            await asyncio.sleep(self._options.latency_s)
            return endpoint.handle(self._instance, call)
        finally:
            limits.end()

    def _call(self, path: str, method: str, request: Request, body: bytes) -> Call:
        query = dict(request.query_params)
        if method == "GET":
            if body and _kind(request) == "application/x-www-form-urlencoded":
                query |= dict(parse_qsl(body.decode("utf-8", "replace")))
            return Call(request.path_params, query, request.query_params.getlist("id"), {})
        content = _content(request, body)
        is_racing = self._options.race and path == SYNC_LEADS
        matches = self._instance.leads.matches(content) if is_racing else None
        return Call(request.path_params, query, request.query_params.getlist("id"), content, matches)

    async def _lost(self, request: Request, error: Exception) -> Response:
        """No such path: an answer of the API below /rest only (page §0)."""
        if request.url.path.startswith("/rest/"):
            return self._refused(RefusedError("610"))
        status = error.status_code if isinstance(error, HTTPException) else 500
        return PlainTextResponse("Not Found", status, headers=self._dated())

    def _refused(self, error: RefusedError) -> Response:
        told = complaint(error.code, error.message)
        if self._options.numeric_codes:
            told["code"] = int(error.code)
        return self._sent({"success": False, "errors": [told]})

    def _sent(self, body: dict[str, Any]) -> Response:
        """Always 200 (page §0), with a number for support in front."""
        number = f"{next(self._numbers):x}#{self._rng.getrandbits(40):x}"
        return JSONResponse({"requestId": number, **body}, headers=self._dated())

    def _dated(self) -> dict[str, str]:
        return {"date": self._clock.http_date()}


def _may(needed: str, permissions: frozenset[str]) -> bool:
    """Who may write may read."""
    return needed in permissions or needed.replace("Read-Only", "Read-Write") in permissions


def _kind(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _content(request: Request, body: bytes) -> Mapping[str, Any]:
    """The JSON object of a write. Raises RefusedError: 612 for another type, 609 for what is not JSON."""
    if _kind(request) != "application/json":
        raise RefusedError("612")
    if not body:
        return {}
    try:
        value = json.loads(body.decode())
    except (ValueError, RecursionError) as error:
        raise RefusedError("609") from error
    if not isinstance(value, dict):
        raise RefusedError("609")
    return value
