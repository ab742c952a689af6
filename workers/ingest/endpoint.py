"""A route's ASGI app, without the wrappers that Starlette puts around a function: they are a sixth of a request."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

Answer = Callable[[Request], Awaitable[Response]]


class Endpoint:
    """Answers a request with `answer` when its method is one of `methods`, else with `misuse`. Neither may raise."""

    def __init__(self, methods: tuple[str, ...], answer: Answer, misuse: Answer) -> None:
        self._methods, self._answer, self._misuse = methods, answer, misuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer (ASGI 3.0, HTTP)."""
        request = Request(scope, receive)
        is_known = scope["method"] in self._methods
        response = await (self._answer(request) if is_known else self._misuse(request))
        await response(scope, receive, send)
