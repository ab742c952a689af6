"""Reading a request within its limits: headers, size, time, and memory for all bodies at once."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus

from starlette.requests import ClientDisconnect, Request

from workers.ingest.config import WebhookConfig
from workers.ingest.hooks import SignalOutcome
from workers.ingest.problem import Problem, RefusalError

_PATIENCE = 8
"""A body of up to so many times the limit is read to its end and thrown away: a connection that is closed
while its sender still sends is reset, and the sender never reads why."""


class Memory:
    """How many bytes of bodies are held at once; a request that would hold more is refused."""

    def __init__(self, max_bytes: int, retry_after_s: int) -> None:
        self._left, self._retry_after_s = max_bytes, retry_after_s

    @contextmanager
    def lease(self) -> Iterator[Callable[[int], None]]:
        """A function that takes bytes, as they arrive; all come back at the context's end.

        It raises RefusalError (503) when they are not left. Taking them as they arrive, not as they are
        announced, leaves slow senders little to hold.
        """
        taken = 0

        def take(count: int) -> None:
            nonlocal taken
            if count > self._left:
                raise self._busy()
            self._left -= count
            taken += count

        try:
            yield take
        finally:
            self._left += taken

    def _busy(self) -> RefusalError:
        detail = "too many requests at once: nothing was stored, send it again"
        headers = {"retry-after": str(self._retry_after_s)}
        return _refusal(HTTPStatus.SERVICE_UNAVAILABLE, detail, SignalOutcome.BUSY, headers)


def read_headers(request: Request, config: WebhookConfig) -> dict[str, str]:
    """The headers by their lower-case names, the first of equal ones; RefusalError (431) when too large."""
    raw: Sequence[tuple[bytes, bytes]] = request.scope["headers"]
    size = sum(len(name) + len(value) for name, value in raw)
    if len(raw) > config.header_max_count or size > config.header_max_bytes:
        raise _refusal(
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
            f"at most {config.header_max_count} headers of {config.header_max_bytes} bytes together",
            SignalOutcome.TOO_LARGE,
        )
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(raw)}


async def read_body(
    request: Request, headers: Mapping[str, str], config: WebhookConfig, take: Callable[[int], None]
) -> bytes:
    """The body; raises RefusalError past `body_max_bytes` (413) or `request_timeout_s` (408)."""
    try:
        async with asyncio.timeout(config.request_timeout_s):
            return await _read(request, _announced(headers), config.body_max_bytes, take)
    except (TimeoutError, ClientDisconnect):
        detail = f"the body did not arrive within {config.request_timeout_s:g} s: send it again"
        closing = {"connection": "close"}
        raise _refusal(HTTPStatus.REQUEST_TIMEOUT, detail, SignalOutcome.TOO_SLOW, closing) from None


async def _read(request: Request, announced: int, max_bytes: int, take: Callable[[int], None]) -> bytes:
    patience = _PATIENCE * max_bytes
    if announced > patience:
        raise _too_large(max_bytes)
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > patience:
            break
        if max(size, announced) <= max_bytes:
            take(len(chunk))
            chunks.append(chunk)
    if max(size, announced) > max_bytes:
        raise _too_large(max_bytes)
    return b"".join(chunks)


def _announced(headers: Mapping[str, str]) -> int:
    """What Content-Length says, 0 without one."""
    length = headers.get("content-length", "")
    return int(length[:20]) if length.isascii() and length.isdigit() else 0


def _too_large(max_bytes: int) -> RefusalError:
    """A body beyond the limit; the connection ends, so that the rest of it need not be read."""
    detail = f"the body may have at most {max_bytes} bytes: send fewer events a request"
    headers = {"connection": "close"}
    return _refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail, SignalOutcome.TOO_LARGE, headers)


def _refusal(
    status: HTTPStatus, detail: str, outcome: SignalOutcome, headers: dict[str, str] | None = None
) -> RefusalError:
    return RefusalError(Problem(status, detail, outcome, headers=headers or {}))
