"""`GET /v1/consent/{customer}`: what may be sent to a customer, for runs that commfleet does not start.

Read-only. Callers prove themselves as sources of the webhook do; HMAC is over the request's target (path and query)
instead of a body. An answer that would be too old, or a store that is away, is a 503: who gets one sends nothing.
"""

import asyncio
import logging
from collections.abc import Mapping
from http import HTTPStatus

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp

from common.clock import Clock
from common.errors import StoreDownError, UnauthenticatedError
from common.store.look_ups import LookUps, Who
from workers.consent.allow import Consent
from workers.consent.config import ConsentSettings
from workers.consent.document import document
from workers.consent.freshness import stale_because
from workers.ingest.auth import authenticate, challenge
from workers.ingest.endpoint import Endpoint

log = logging.getLogger(__name__)

_RETRY_AFTER_S = 5


class ConsentApi:
    """The one route, and what it needs."""

    def __init__(self, settings: ConsentSettings, look_ups: LookUps, clock: Clock) -> None:
        self._settings, self._look_ups, self._clock = settings, look_ups, clock
        self._consent = Consent(settings)

    def app(self) -> ASGIApp:
        """The route as an ASGI app."""
        door = Endpoint(("GET", "HEAD"), self.consent, self._misuse)
        nowhere = Endpoint((), self._unrouted, self._unrouted)
        return Router([Route("/v1/consent/{customer}", door)], redirect_slashes=False, default=nowhere)

    async def consent(self, request: Request) -> Response:
        """What may be sent to one customer, by purpose and channel."""
        try:
            self._authenticate(request)
            return await asyncio.to_thread(self._answer, request.path_params["customer"])
        except UnauthenticatedError as error:
            ways = ", ".join(dict.fromkeys(challenge(auth) for auth in self._settings.api.callers.values()))
            return _problem(HTTPStatus.UNAUTHORIZED, str(error), {"www-authenticate": ways or "Bearer"})
        except StoreDownError as error:
            log.warning("%s", error)
            return _unavailable("the customer store does not answer")

    def _answer(self, customer_id: str) -> Response:
        answer = self._look_ups.ask([Who(customer_id)])
        if why := stale_because(answer.fresh_at, self._clock.now(), self._settings.max_age_s):
            return _unavailable(why)
        body = {**document(answer.known[customer_id], self._consent), "fresh_at": answer.fresh_at}
        return Response(orjson.dumps(body), media_type="application/json", headers={"cache-control": "no-store"})

    def _authenticate(self, request: Request) -> None:
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        complaint = "nobody may ask: consent.api.callers is empty"
        for auth in self._settings.api.callers.values():
            try:
                return authenticate(auth, request.headers, target.encode(), self._clock.now())
            except UnauthenticatedError as error:
                complaint = str(error)
        raise UnauthenticatedError(complaint)

    async def _misuse(self, _: Request) -> Response:
        return _problem(HTTPStatus.METHOD_NOT_ALLOWED, "this door only reads", {"allow": "GET, HEAD"})

    async def _unrouted(self, _: Request) -> Response:
        return _problem(HTTPStatus.NOT_FOUND, "ask GET /v1/consent/{customer}")


def _unavailable(detail: str) -> Response:
    headers = {"retry-after": str(_RETRY_AFTER_S)}
    return _problem(HTTPStatus.SERVICE_UNAVAILABLE, f"{detail}; send nothing meanwhile", headers)


def _problem(status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    body = {"type": "about:blank", "title": status.phrase, "status": int(status), "detail": detail}
    return Response(orjson.dumps(body), status, dict(headers or {}), media_type="application/problem+json")
