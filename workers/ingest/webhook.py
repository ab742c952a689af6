"""The HTTP door: signals in, answered only when Kafka has them (design §6, §11).

`POST /hooks/{source}` takes a vendor's own signals, `POST /v1/events/{topic}` our own events. Every answer is
2xx, 4xx or 503 with Retry-After, and every refusal a problem document that says what to do next.
"""

import asyncio
import logging
from collections.abc import Callable, Collection
from functools import partial
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from common.clock import Clock
from common.errors import InvalidEventError
from schemas.catalogue import catalogue
from workers.ingest.admission import Admission, Entrance, whereabouts
from workers.ingest.answers import answer_many, answer_one
from workers.ingest.body import Memory, check_headers, read_body
from workers.ingest.config import WebhookConfig
from workers.ingest.entrances import UNKNOWN_SOURCE, EventEntrances, HookEntrances
from workers.ingest.hooks import IngestHook, SignalOutcome
from workers.ingest.intake import Intake
from workers.ingest.problem import Problem, RefusalError
from workers.ingest.strict_json import parse

log = logging.getLogger(__name__)

_STOPPING = "the receiver is stopping: the signal is not confirmed, send it again"
_FAILED = "the receiver failed: the signal is not confirmed, send it again later"

Open = Callable[[bytes], Entrance]
"""Authenticates a request by its body and says how to read it; raises RefusalError."""


def create_app(
    config: WebhookConfig,
    intake: Intake,
    clock: Clock,
    hook: IngestHook,
    event_topics: Collection[str] | None = None,
) -> Starlette:
    """The door as an ASGI app; `event_topics` are those of the schema catalogue unless given."""
    door = Webhook(config, intake, clock, hook, event_topics or catalogue().topics)
    app = Starlette(
        routes=[
            Route("/hooks/{source}", door.hook, methods=["POST"]),
            Route("/v1/events/{topic}", door.events, methods=["POST"]),
        ],
        exception_handlers={HTTPException: door.unrouted},
    )
    app.router.redirect_slashes = False  # a redirected POST is not repeated by every sender
    return app


class Webhook:
    """The two routes and what they share."""

    def __init__(
        self,
        config: WebhookConfig,
        intake: Intake,
        clock: Clock,
        hook: IngestHook,
        event_topics: Collection[str],
    ) -> None:
        self._config, self._clock, self._hook = config, clock, hook
        self._admission = Admission(intake, clock, hook)
        self._memory = Memory(config.bodies_max_bytes, config.retry_after_s)
        self._hooks, self._events = HookEntrances(config), EventEntrances(config, event_topics)

    async def hook(self, request: Request) -> Response:
        """A vendor's signals: one JSON object, or an array of them."""
        name = request.path_params["source"]
        try:
            source = self._hooks.source_of(name)
        except RefusalError as refusal:
            return self._refuse(UNKNOWN_SOURCE, refusal.problem)
        entrance = partial(self._open_hook, request, name)
        return await self._guarded(request, source, entrance)

    async def events(self, request: Request) -> Response:
        """Our own events of one topic: one JSON object, or an array of them."""
        return await self._guarded(request, UNKNOWN_SOURCE, partial(self._open_topic, request))

    async def unrouted(self, _: Request, error: Exception) -> Response:
        """A path or a method that is not ours, as a problem document."""
        assert isinstance(error, HTTPException)
        status = HTTPStatus(error.status_code)
        is_path = status is HTTPStatus.NOT_FOUND
        outcome = SignalOutcome.NOT_FOUND if is_path else SignalOutcome.UNSUPPORTED
        detail = "signals go to /hooks/{source}, events to /v1/events/{topic}, both by POST"
        return self._refuse(UNKNOWN_SOURCE, Problem(status, detail, outcome, headers=error.headers or {}))

    def _open_hook(self, request: Request, name: str, body: bytes) -> Entrance:
        return self._hooks.open(name, request.headers, body, self._clock.now())

    def _open_topic(self, request: Request, body: bytes) -> Entrance:
        topic = request.path_params["topic"]
        return self._events.open(topic, request.headers, body, self._clock.now())

    async def _guarded(self, request: Request, source: str, entrance: Open) -> Response:
        """The answer, whatever happens; a fault of ours is a 503, for the sender cannot mend it."""
        try:
            return await self._receive(request, entrance)
        except RefusalError as refusal:
            return self._refuse(source, refusal.problem)
        except asyncio.CancelledError:  # the server's drain time is over; without an answer it would say 500
            return self._unavailable(source, _STOPPING, SignalOutcome.UNCONFIRMED)
        except Exception as bug:
            log.error("a request of %s met a bug: %s", source, whereabouts(bug))
            return self._unavailable(source, _FAILED, SignalOutcome.BUG)

    async def _receive(self, request: Request, entrance: Open) -> Response:
        check_headers(request, self._config)
        with self._memory.lease() as take:
            body = await read_body(request, self._config, take)
            return await self._admit(entrance(body), body, request.headers.get("traceparent"))

    async def _admit(self, entrance: Entrance, body: bytes, trace_parent: str | None) -> Response:
        try:
            signals = parse(body)
        except InvalidEventError as error:
            detail = "the body is not the JSON of a signal"
            status = HTTPStatus.BAD_REQUEST
            raise RefusalError(Problem(status, detail, SignalOutcome.INVALID, error.errors)) from None
        if not isinstance(signals, list):
            admitted = await self._admission.admit(entrance, signals, trace_parent)
            return answer_one(admitted, self._config.retry_after_s)
        self._check_count(len(signals))
        # gather starts its tasks in order, and a task runs to the producer without waiting: order is kept
        admits = (self._admission.admit(entrance, signal, trace_parent) for signal in signals)
        return answer_many(await asyncio.gather(*admits), self._config.retry_after_s)

    def _check_count(self, count: int) -> None:
        if count > self._config.items_max:
            detail = f"at most {self._config.items_max} items a request, this one has {count}"
            status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
            raise RefusalError(Problem(status, detail, SignalOutcome.TOO_LARGE))

    def _unavailable(self, source: str, detail: str, outcome: SignalOutcome) -> Response:
        headers = {"retry-after": str(self._config.retry_after_s)}
        return self._refuse(source, Problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, outcome, headers=headers))

    def _refuse(self, source: str, problem: Problem) -> Response:
        self._hook.signal(source, problem.outcome)
        return problem.response()
