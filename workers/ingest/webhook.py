"""The HTTP door: signals in, answered only when Kafka has them (design §6, §11).

`POST /hooks/{source}` takes a vendor's own signals, `POST /v1/events/{topic}` our own events: one JSON object, an
array, or JSON lines, plain or compressed. `GET /v1/schemas/{topic}` tells what an event looks like. Every answer is
2xx, 4xx or 503 with Retry-After, and every refusal a problem document that says what to do next.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from functools import partial
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp

from common.clock import Clock
from common.reasons import Reason
from schemas.catalogue import catalogue
from workers.ingest.admission import Admission, Entrance, whereabouts
from workers.ingest.answers import answer_many, answer_one
from workers.ingest.body import Memory, read_body, read_headers
from workers.ingest.config import SourceConfig, WebhookConfig
from workers.ingest.content import Content, Signals, content_of, vendors_content_of
from workers.ingest.endpoint import Endpoint
from workers.ingest.entrances import UNKNOWN_SOURCE, EventEntrances, HookEntrances
from workers.ingest.hooks import IngestHook, SignalOutcome
from workers.ingest.intake import Intake
from workers.ingest.letters import Bad, Holds, IngestLetters, Way
from workers.ingest.problem import Problem, RefusalError
from workers.ingest.rate_limit import RateLimits
from workers.ingest.schema_pages import schema_list, schema_of

log = logging.getLogger(__name__)

_STOPPING = "the receiver is stopping: the signal is not confirmed, send it again"
_ROUTES = "signals go to /hooks/{source}, events to /v1/events/{topic}, both by POST; GET /v1/schemas tells more"
_FAILED = "the receiver failed: the signal is not confirmed, send it again later"

_UNREADABLE = frozenset({SignalOutcome.INVALID, SignalOutcome.UNSUPPORTED})
_HEADER_CHARACTERS = 200

ContentOf = Callable[[Mapping[str, str]], Content]
"""How the headers of a request say what its body is; raises RefusalError (415)."""

Open = Callable[[Mapping[str, str], bytes], Entrance]
"""Authenticates a request by its headers and body and says how to read it; raises RefusalError."""


def create_app(
    config: WebhookConfig,
    intake: Intake,
    clock: Clock,
    hook: IngestHook,
    letters: IngestLetters,
    event_topics: Collection[str] | None = None,
) -> ASGIApp:
    """The door as an ASGI app; `event_topics` are those of the schema catalogue unless given."""
    return Webhook(config, intake, clock, hook, letters, event_topics or catalogue().topics).app()


class Webhook:
    """The routes and what they share."""

    def __init__(
        self,
        config: WebhookConfig,
        intake: Intake,
        clock: Clock,
        hook: IngestHook,
        letters: IngestLetters,
        event_topics: Collection[str],
    ) -> None:
        self._config, self._clock, self._hook = config, clock, hook
        self._admission = Admission(intake, letters, clock, hook)
        self._memory = Memory(config.bodies_max_bytes, config.retry_after_s)
        self._limits = RateLimits({name: source.rate_limit for name, source in config.sources.items()}, clock)
        self._event_topics = event_topics
        self._hooks, self._events = HookEntrances(config.sources), EventEntrances(config.sources, event_topics)

    def app(self) -> ASGIApp:
        """The routes as an ASGI app; a path with a slash too many is not redirected: not every sender follows."""
        post, get, misuse = ("POST",), ("GET", "HEAD"), self.misuse
        routes = [
            Route("/v1/events/{topic}", Endpoint(post, self.events, partial(misuse, "POST"))),
            Route("/hooks/{source}", Endpoint(post, self.hook, partial(misuse, "POST"))),
            Route("/v1/schemas", Endpoint(get, self.schemas, partial(misuse, "GET, HEAD"))),
            Route("/v1/schemas/{topic}", Endpoint(get, self.schema, partial(misuse, "GET, HEAD"))),
        ]
        return Router(routes, redirect_slashes=False, default=Endpoint((), self.unrouted, self.unrouted))

    def recognise(self, sources: Mapping[str, SourceConfig]) -> None:
        """From the next request on, tell senders by these settings; callable from any thread."""
        self._hooks, self._events = HookEntrances(sources), EventEntrances(sources, self._event_topics)

    async def hook(self, request: Request) -> Response:
        """A vendor's signals."""
        name = request.path_params["source"]
        try:
            source = self._hooks.source_of(name)
        except RefusalError as refusal:
            return self._refuse(UNKNOWN_SOURCE, refusal.problem)
        entrance = partial(self._open_hook, name)
        return await self._guarded(request, source, entrance, vendors_content_of)

    async def events(self, request: Request) -> Response:
        """Our own events of one topic."""
        entrance = partial(self._open_topic, request.path_params["topic"])
        return await self._guarded(request, UNKNOWN_SOURCE, entrance, content_of)

    async def schemas(self, _: Request) -> Response:
        """Which event topics there are, and where their JSON Schemas are."""
        return schema_list(self._event_topics)

    async def schema(self, request: Request) -> Response:
        """The JSON Schema of what may be posted to a topic."""
        topic = request.path_params["topic"]
        if topic in self._event_topics:
            return schema_of(topic)
        detail = "there is no event topic of this name: GET /v1/schemas lists them"
        return self._refuse(UNKNOWN_SOURCE, Problem(HTTPStatus.NOT_FOUND, detail, SignalOutcome.NOT_FOUND))

    async def unrouted(self, _: Request) -> Response:
        """A path that is not ours, as a problem document."""
        return self._refuse(UNKNOWN_SOURCE, Problem(HTTPStatus.NOT_FOUND, _ROUTES, SignalOutcome.NOT_FOUND))

    async def misuse(self, allowed: str, _: Request) -> Response:
        """Another method than the path has, as a problem document."""
        status, headers = HTTPStatus.METHOD_NOT_ALLOWED, {"allow": allowed}
        return self._refuse(UNKNOWN_SOURCE, Problem(status, _ROUTES, SignalOutcome.UNSUPPORTED, headers=headers))

    def _open_hook(self, name: str, headers: Mapping[str, str], body: bytes) -> Entrance:
        return self._hooks.open(name, headers, body, self._clock.now())

    def _open_topic(self, topic: str, headers: Mapping[str, str], body: bytes) -> Entrance:
        return self._events.open(topic, headers, body, self._clock.now())

    async def _guarded(self, request: Request, source: str, entrance: Open, content_of: ContentOf) -> Response:
        """The answer, whatever happens; a fault of ours is a 503, for the sender cannot mend it."""
        try:
            return await self._receive(request, entrance, content_of)
        except RefusalError as refusal:
            return self._refuse(source, refusal.problem)
        except asyncio.CancelledError:  # the server's drain time is over; without an answer it would say 500
            return self._unavailable(source, _STOPPING, SignalOutcome.UNCONFIRMED)
        except Exception as bug:
            log.error("a request of %s met a bug: %s", source, whereabouts(bug))
            return self._unavailable(source, _FAILED, SignalOutcome.BUG)

    async def _receive(self, request: Request, entrance: Open, content_of: ContentOf) -> Response:
        headers = read_headers(request, self._config)
        content = content_of(headers)
        with self._memory.lease() as take:
            body = await read_body(request, headers, self._config, take)
            opened = entrance(headers, body)
            try:
                plain = content.plain(body, self._config.body_max_bytes)
                take(len(plain) if plain is not body else 0)
                signals = content.signals(plain, self._config.items_max, opened.unwrap)
                self._limits.check(opened.source, len(signals.items))
            except RefusalError as refusal:
                return await self._unreadable(opened, body, headers, refusal.problem)
            return await self._admit(opened, signals, headers.get("traceparent"))

    async def _unreadable(
        self, entrance: Entrance, body: bytes, headers: Mapping[str, str], problem: Problem
    ) -> Response:
        """A body that could not be taken apart: refused, or kept whole where its sender sends nothing twice."""
        if not entrance.keeps_bad or problem.outcome not in _UNREADABLE:
            return self._refuse(entrance.source, problem)
        bad = Bad(
            Way.WEBHOOK,
            entrance.source,
            body,
            Reason.MALFORMED,
            problem.errors or [("", problem.detail)],
            Holds.BODY,
            headers.get("content-type", "")[:_HEADER_CHARACTERS],
            headers.get("content-encoding", "")[:_HEADER_CHARACTERS],
        )
        return answer_one(await self._admission.keep(entrance.source, bad), self._config.retry_after_s)

    async def _admit(self, entrance: Entrance, signals: Signals, trace_parent: str | None) -> Response:
        admitted = await self._admission.admit(entrance, signals.items, trace_parent)
        if signals.is_one:
            return answer_one(admitted[0], self._config.retry_after_s)
        return answer_many(admitted, self._config.retry_after_s)

    def _unavailable(self, source: str, detail: str, outcome: SignalOutcome) -> Response:
        headers = {"retry-after": str(self._config.retry_after_s)}
        return self._refuse(source, Problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, outcome, headers=headers))

    def _refuse(self, source: str, problem: Problem) -> Response:
        self._hook.signal(source, problem.outcome)
        return problem.response()
