"""Plain calls to an ASGI app, without a server: requests of tests that are not asynchronous themselves."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from types import TracebackType
from typing import Self

import httpx
from starlette.types import ASGIApp


class AsgiClient:
    """An HTTP client whose other end is an app in this process; `with` closes its event loop."""

    def __init__(self, app: ASGIApp) -> None:
        self._runner = asyncio.Runner()
        transport = httpx.ASGITransport(app)
        self._client = httpx.AsyncClient(transport=transport, base_url="http://door")

    def request(
        self,
        method: str,
        path: str,
        content: bytes | Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """The app's answer; content given in pieces is sent without a length."""
        sent = content if content is None or isinstance(content, bytes) else _pieces(content)
        return self._runner.run(self._client.request(method, path, content=sent, headers=headers))

    def post(
        self, path: str, content: bytes | Iterable[bytes], headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """The app's answer to a POST."""
        return self.request("POST", path, content, headers)

    def close(self) -> None:
        """Let the event loop go."""
        self._runner.run(self._client.aclose())
        self._runner.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


async def _pieces(content: Iterable[bytes]) -> AsyncIterator[bytes]:
    for piece in content:
        yield piece
