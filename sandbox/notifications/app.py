"""The Starlette application of a sandbox messaging platform, with a stub of a site's own alert system."""

import json
import random
from collections.abc import Callable
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
from sandbox.misbehaviour import Misbehaviour
from sandbox.notifications import pusher
from sandbox.notifications.checks import check
from sandbox.notifications.options import Options
from sandbox.notifications.platform import Platform
from sandbox.notifications.reply import RefusedError, Reply, collision, no_data

_OUTBOUND = "/mra/v1/outbound/{channel}"
_ALERTS = "/api/v1/notifications"


def create(**options: Any) -> Starlette:
    """A platform that nobody sent anything with; see Options for the switches."""
    return _Notifications(Options(**options)).app


class _Notifications:
    """Glues accounts, jobs, alerts and control together."""

    def __init__(self, options: Options) -> None:
        self._options, self._clock = options, SandboxClock()
        self._platform = Platform(options, self._clock)
        self._rng = random.Random(options.seed)
        desk = control.Control(self._clock, keep_received=options.keep_received, seed=options.seed)
        self.app = Starlette(
            routes=[
                *control.routes(desk, self._platform),
                Route("/_sandbox/push", self._push, methods=["POST"]),
                Route("/_sandbox/acknowledge", self._acknowledge, methods=["POST"]),
                Route("/_sandbox/account", self._account, methods=["POST"]),
                Route("/tenants/{tenant}/oauth2/token", self._token, methods=["POST"]),
                Route(_OUTBOUND, self._submit, methods=["POST"]),
                Route(f"{_OUTBOUND}/status", self._status, methods=["GET"]),
                Route(f"{_OUTBOUND}/status/", self._status, methods=["GET"]),
                Route(_ALERTS, self._alert, methods=["POST", "PUT"]),
                Route(_ALERTS, self._alerts, methods=["GET"]),
                Route("/api/v1/health", self._health, methods=["GET"]),
            ],
            middleware=[Middleware(Misbehaviour, control=desk)],
            exception_handlers={HTTPException: self._lost},
        )
        self.app.router.redirect_slashes = False

    # -- the platform -----------------------------------------------------------------------------

    async def _submit(self, request: Request) -> Response:
        body = await request.body()

        def work() -> Reply:
            channel, account = self._admitted(request)
            content = check(channel, self._content(request, body), self._options)
            found = self._platform.jobs.submit(channel, account, content)
            if found is None:
                return collision(self._options.collision_status)
            job, is_repeat = found
            said: dict[str, Any] = {"job_id": job.job_id}
            if is_repeat and self._options.repeat_says == "code":
                said |= {"StatusCode": 0, "ErrorCode": 2050}
            return Reply(200, said)

        return self._answered(work)

    async def _status(self, request: Request) -> Response:
        def work() -> Reply:
            channel, account = self._admitted(request)
            job = self._platform.jobs.find(request.query_params.get("job_id", ""), channel, account)
            if job is None:
                return no_data(self._options.unknown_job_status)
            return Reply(200, self._platform.jobs.status(job))

        return self._answered(work)

    async def _token(self, request: Request) -> Response:
        body = await request.body()

        def work() -> Reply:
            asked = self._content(request, body)
            if not isinstance(asked, dict):
                raise RefusedError(400, "invalid_request", "not a JSON object")
            return self._platform.accounts.grant(request.path_params["tenant"], asked)

        return self._answered(work)

    def _admitted(self, request: Request) -> tuple[str, str]:
        """Channel and account of a request that may pass; raises RefusedError."""
        channel = request.path_params["channel"]
        account = self._platform.accounts.admit(request.headers.get("authorization", ""))
        if channel not in ("emails", "sms", "faxes"):
            raise RefusedError(404, "not_found", "no such channel")
        if channel not in self._options.channels:
            raise RefusedError(403, "forbidden", "the account may not send by this channel")
        self._platform.count()
        return channel, account

    def _content(self, request: Request, body: bytes) -> Any:
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise RefusedError(415, "media_type", "application/json is required")
        if len(body) > self._options.max_body_bytes:
            raise RefusedError(413, "too_large", "the request is too large")
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as error:
            raise RefusedError(400, "malformed", "not JSON") from error

    # -- the alert system -------------------------------------------------------------------------

    async def _alert(self, request: Request) -> Response:
        body = await request.body()
        return self._answered(lambda: self._platform.alerts.take(request.headers, body))

    async def _alerts(self, request: Request) -> Response:
        return self._answered(lambda: self._platform.alerts.find(request.query_params.get("externalId", "")))

    async def _health(self, _: Request) -> Response:
        return self._answered(lambda: Reply(200, {"status": "ok"}))

    # -- control ----------------------------------------------------------------------------------

    async def _push(self, request: Request) -> Response:
        try:
            spec = pusher.PushSpec.model_validate_json(await request.body())
        except ValidationError as error:
            return JSONResponse({"error": error.errors(include_url=False, include_context=False)}, 422)
        jobs = self._platform.jobs
        wanted = [job for job in jobs.all() if spec.job_ids is None or job.job_id in spec.job_ids]
        return JSONResponse({"answers": await pusher.push(spec, [jobs.status(job) for job in wanted], self._rng)})

    async def _acknowledge(self, request: Request) -> Response:
        try:
            spec = pusher.AcknowledgeSpec.model_validate_json(await request.body())
        except ValidationError as error:
            return JSONResponse({"error": error.errors(include_url=False, include_context=False)}, 422)
        return JSONResponse({"answer": await pusher.acknowledge(spec)})

    async def _account(self, request: Request) -> Response:
        """POST /_sandbox/account: {revoked: accounts, end_tokens: bool}."""
        given = await request.json()
        accounts = self._platform.accounts
        accounts.revoked = set(given.get("revoked", accounts.revoked))
        if given.get("end_tokens"):
            accounts.end_tokens()
        return JSONResponse({"revoked": sorted(accounts.revoked), "granted": accounts.granted})

    # -- inside -----------------------------------------------------------------------------------

    def _answered(self, work: Callable[[], Reply]) -> Response:
        try:
            reply = work()
        except RefusedError as error:
            reply = error.reply
        return JSONResponse(reply.body, reply.status, {"date": self._clock.http_date(), **reply.headers})

    async def _lost(self, _: Request, error: Exception) -> Response:
        """No such address, or not by this method."""
        status = error.status_code if isinstance(error, HTTPException) else 500
        return self._answered(lambda: RefusedError(status, "not_found", "no such address").reply)
