"""The Starlette application of a sandbox Exstream."""

import json
import random
from collections.abc import Awaitable, Callable
from typing import Any

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox import control
from sandbox.clock import SandboxClock
from sandbox.exstream import pusher
from sandbox.exstream.engine import readable
from sandbox.exstream.installation import Installation, not_found
from sandbox.exstream.options import Options
from sandbox.exstream.reply import RefusedError, Reply, success
from sandbox.exstream.runtime import Runtime
from sandbox.misbehaviour import Misbehaviour

_API, _INPUTS = "/orchestration/api/v1", "/orchestration/api/v1/inputs"
_RUNTIME, _DESIGN = "/orchestration/api/v1/runtime/{domain}", "/design/api/v1"
_FLOW_MODELS = "/orchestration/api/v1/flow-models/{domain}"
Work = Callable[[Request, bytes], Awaitable[Reply]]


def create(**options: Any) -> Starlette:
    """An Exstream in which nothing was started; see Options for the switches."""
    return _Exstream(Options(**options)).app


class _Exstream:
    """Glues accounts, engine, orchestration, design and control together."""

    def __init__(self, options: Options) -> None:
        self._options, self._clock = options, SandboxClock()
        self._all = Installation(options, self._clock)
        self._runtime = Runtime(options, self._all)
        self._rng = random.Random(options.seed)
        desk = control.Control(self._clock, keep_received=options.keep_received, seed=options.seed)
        self.app = Starlette(
            routes=[*control.routes(desk, self._all), *self._own(), *self._inputs(), *self._reads(), *self._designs()],
            middleware=[Middleware(Misbehaviour, control=desk)],
            exception_handlers={HTTPException: self._lost},
        )
        self.app.router.redirect_slashes = False

    # -- addresses --------------------------------------------------------------------------------

    def _own(self) -> list[Route]:
        tokens = ("/tenants/{tenant}/oauth2/token", "/otdstenant/{tenant}/oauth2/token")
        self_hosted = ("/otdsws/otdstenant/{tenant}/oauth2/token", "/otdsws/oauth2/token")
        return [
            Route("/_sandbox/push", self._push, methods=["POST"]),
            Route("/_sandbox/account", self._account, methods=["POST"]),
            Route("/_sandbox/templates", self._templates, methods=["POST"]),
            Route("/_sandbox/wipe", self._wipe, methods=["POST"]),
            Route("/_sandbox/flow-models/{id}", self._approve_flow_model, methods=["POST"]),
            *(self._route(path, self._token, "POST") for path in (*tokens, *self_hosted)),
            self._route("/orchestration/csrf", self._csrf, "GET"),
        ]

    def _inputs(self) -> list[Route]:
        return [
            self._route(_INPUTS + "/ondemand/{domain}/generate", self._generate, "POST"),
            self._route(_INPUTS + "/fulfillment/ondemand/{domain}/fulfill", self._fulfil, "POST"),
            self._route(_INPUTS + "/{mode}/{domain}/{service}", self._start, "POST"),
        ]

    def _reads(self) -> list[Route]:
        runtime = self._runtime
        return [
            self._route("/orchestration/version", _always(success({"version": "22.2.0"})), "GET"),
            self._route(_API + "/config", _always(success({"assuredDeliveryEnabled": False})), "GET"),
            self._read(_RUNTIME + "/jobs", runtime.jobs, "GET", "DELETE"),
            self._read(_RUNTIME + "/jobs/{id}", runtime.job, "GET", "DELETE"),
            self._read(_RUNTIME + "/jobs/{id}/stop", runtime.stop, "POST"),
            self._read(_RUNTIME + "/flow-instances", runtime.instances, "GET"),
            self._read(_RUNTIME + "/flow-instances/{id}", runtime.instance, "GET"),
            self._read(_RUNTIME + "/flow-instances/{id}/input", runtime.input, "GET"),
            self._read(_RUNTIME + "/flow-instances/{id}/release", runtime.release, "POST"),
            self._read(_RUNTIME + "/flow-steps", runtime.steps, "GET"),
            self._read(_RUNTIME + "/flow-steps/{id}/{file}", runtime.step_file, "GET"),
            *self._publishing(),
        ]

    def _publishing(self) -> list[Route]:
        models = self._all.flow_models
        return [
            self._read(_FLOW_MODELS + "/published", lambda _: models.listed(), "GET"),
            self._read(
                _FLOW_MODELS + "/{id}/publish", lambda r: models.publish(r.path_params["id"], r.query_params), "POST"
            ),
            self._read(_FLOW_MODELS + "/{id}/unpublish", lambda r: models.unpublish(r.path_params["id"]), "POST"),
        ]

    def _designs(self) -> list[Route]:
        assets, resource = self._all.assets, _DESIGN + "/resources/{domain}/{id}"
        return [
            self._read(_DESIGN + "/domains", lambda _: success([{"name": self._options.domain}]), "GET"),
            self._read(_DESIGN + "/resources/{domain}", lambda r: assets.listed(r.query_params), "GET"),
            self._read(
                _DESIGN + "/resources/{domain}/history/{id}", lambda r: assets.history(r.path_params["id"]), "GET"
            ),
            self._read(resource, lambda r: assets.one(r.path_params["id"]), "GET"),
            self._route(resource + "/state", self._move, "PUT"),
            self._read(_DESIGN + "/links/{domain}", lambda r: assets.links(r.query_params), "GET"),
            self._read(_DESIGN + "/links/{domain}/resources", lambda r: assets.users_of(r.query_params), "GET"),
            self._read(
                _DESIGN + "/manifests/{domain}/communication-set/{id}",
                lambda r: assets.manifest(r.path_params["id"]),
                "GET",
            ),
        ]

    # -- work -------------------------------------------------------------------------------------

    async def _token(self, request: Request, body: bytes) -> Reply:
        return self._all.accounts.grant(request.path_params.get("tenant", ""), request.headers, body)

    async def _csrf(self, request: Request, _: bytes) -> Reply:
        self._admitted(request)
        return self._all.accounts.csrf()

    async def _generate(self, request: Request, body: bytes) -> Reply:
        self._input(request, body)
        await self._all.engine.slot()
        return self._all.engine.generate(request.headers, body)

    async def _fulfil(self, request: Request, body: bytes) -> Reply:
        self._input(request, body)
        await self._all.engine.slot()
        return self._all.engine.fulfil(request.headers, body)

    async def _start(self, request: Request, body: bytes) -> Reply:
        who, name, mode = self._input(request, body), request.path_params["service"], request.path_params["mode"]
        service = self._options.services.get(name)
        if service is None or service.mode.lower() != mode:
            raise RefusedError(404, f"service {name} not found")
        readable(request.headers, body, None)
        rows = self._all.jobs.start(name, service, who, body, dict(request.headers))
        if mode == "ondemand" and self._options.ondemand_says == "document":
            context = {"queueName": "PDF", "fileName": f"{name}.pdf", "customerNumber": "1"}
            return success([{"content": "JVBERg==", "mimeType": "application/pdf", "engineOutputContext": context}])
        return success(rows)

    async def _move(self, request: Request, body: bytes) -> Reply:
        who = self._admitted(request)
        try:
            asked = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise RefusedError(400, "malformed JSON") from error
        return self._all.assets.move(request.path_params["id"], asked, who)

    # -- control ----------------------------------------------------------------------------------

    async def _push(self, request: Request) -> Response:
        try:
            spec = pusher.PushSpec.model_validate_json(await request.body())
        except ValidationError as error:
            return JSONResponse({"error": error.errors(include_url=False, include_context=False)}, 422)
        return JSONResponse({"answers": await pusher.push(spec, self._clock.now(), self._rng)})

    async def _account(self, request: Request) -> Response:
        """POST /_sandbox/account: {revoked: clients, no_access: clients, end_tokens: bool}."""
        given, accounts = await request.json(), self._all.accounts
        accounts.revoked = set(given.get("revoked", accounts.revoked))
        accounts.no_access = set(given.get("no_access", accounts.no_access))
        if given.get("end_tokens"):
            accounts.end_tokens()
        return JSONResponse({"revoked": sorted(accounts.revoked), "granted": accounts.granted})

    async def _templates(self, request: Request) -> Response:
        """POST /_sandbox/templates: {communication id: state}, whatever the workflow says."""
        for identifier, state in (await request.json()).items():
            self._all.assets.put(identifier, state)
        return JSONResponse(self._all.assets.shown())

    async def _approve_flow_model(self, request: Request) -> Response:
        """POST /_sandbox/flow-models/{id}: a new version of it is approved, and not published yet."""
        return JSONResponse({"version": self._all.flow_models.approve(request.path_params["id"])})

    async def _wipe(self, _: Request) -> Response:
        """POST /_sandbox/wipe: what is finished was never there."""
        return JSONResponse({"wiped": self._all.jobs.wipe()})

    # -- inside -----------------------------------------------------------------------------------

    def _input(self, request: Request, body: bytes) -> str:
        who = self._admitted(request)
        self._all.accounts.check_csrf(request.headers)
        if len(body) > self._options.max_body_bytes:
            raise RefusedError(413, "Maximum upload size exceeded")
        return who

    def _admitted(self, request: Request) -> str:
        return self._all.accounts.admit(request.headers, request.path_params.get("domain"))

    def _read(self, path: str, work: Callable[[Request], Reply], *methods: str) -> Route:
        async def admitted(request: Request, _: bytes) -> Reply:
            self._admitted(request)
            return work(request)

        return self._route(path, admitted, *methods)

    def _route(self, path: str, work: Work, *methods: str) -> Route:
        async def endpoint(request: Request) -> Response:
            body = await request.body()
            if (busy := self._all.count()) is not None:
                return self._response(busy)
            try:
                return self._response(await work(request, body))
            except RefusedError as error:
                return self._response(error.reply)

        return Route(path, endpoint, methods=list(methods))

    def _response(self, reply: Reply) -> Response:
        headers = {"date": self._clock.http_date(), **reply.headers}
        if isinstance(reply.body, bytes):
            return Response(reply.body, reply.status, headers, reply.media_type)
        return JSONResponse(reply.body, reply.status, headers)

    async def _lost(self, request: Request, error: Exception) -> Response:
        """No such address, or not by this method."""
        status = error.status_code if isinstance(error, HTTPException) else 500
        reply = not_found(request.url.path).reply if status == 404 else RefusedError(status, "not allowed").reply
        return self._response(reply)


def _always(reply: Reply) -> Work:
    async def work(_: Request, __: bytes) -> Reply:
        return reply

    return work
