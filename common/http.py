"""HTTP to a vendor, and the one border where its failures get names.

What may be repeated depends on a single fact: did the request leave? So every failure is told apart:

- `NotSentError`: not one whole request head left this machine (no connection, no such host, TLS, no
  free connection in the pool, or a pooled connection that was found broken at the first write).
- `AmbiguousError`: bytes left, and no whole answer came back.
- `GateClosedError` of the permit passes through; nothing was sent.

An answer of any status is an `Answer`, never an error. Redirects are answers too: outgoing hosts come
from settings only.

**A pooled connection that the peer closed while it was idle.** The pool looks at a socket before it
hands it out; a close that has arrived by then costs a new connection and is not seen here. A close that
arrives later meets our request on its way. When writing the head fails, the kernel knew of the close
before the head was wholly taken over: no server has a request, `NotSentError`. When the head was written
and the connection ends without an answer, "closed for idleness, never read" and "read, acted, died" look
the same from here (RFC 9112 §9.3.1 forbids the automatic repeat for that reason): `AmbiguousError`.
`idle_s` is far below the idle time-out of servers (nginx: 75 s), so that the second case stays rare.
"""

import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Protocol

import httpx

from common.errors import AmbiguousError, NotSentError, RequestError
from common.http_limits import HttpLimits
from common.reasons import Reason

Permit = Callable[[], AbstractContextManager[None]]

_HEAD_STARTED = "http11.send_request_headers.started"
_HEAD_WRITTEN = "http11.send_request_headers.complete"
_HEADERS = {"accept": "*/*", "accept-encoding": "identity", "connection": "keep-alive", "user-agent": "commfleet"}
_KEPT_URLS = 256


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer; header names are lower case. Neither headers nor body show in a repr."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)


class RequestMeter(Protocol):
    """Who counts requests (`common.meters.VendorMeter`); called from several threads."""

    def requested(self, action: str, status: int | None, seconds: float) -> None:
        """A request ended with a status, or (None) without a whole answer."""
        ...

    def skewed(self, seconds: float) -> None:
        """Our clock against the vendor's Date; positive when ours is ahead."""
        ...


class HttpClient:
    """Connections to one vendor, shared by its delivery threads."""

    def __init__(self, limits: HttpLimits, meter: RequestMeter | None = None) -> None:
        self._limits, self._meter = limits, meter
        timeout = httpx.Timeout(limits.read_s, connect=limits.connect_s, pool=limits.connect_s)
        self._extensions = {"timeout": timeout.as_dict()}
        self._url = lru_cache(_KEPT_URLS)(httpx.URL)
        # the client around a transport would add redirects, authentication and a jar of cookies, which nobody here
        # asks for, and takes three tenths of a request's time (measured: 0.16 of 0.53 ms)
        self._transport = httpx.HTTPTransport(
            http1=True,
            http2=False,
            trust_env=False,  # no proxy, certificate or password comes in by the environment's back door
            verify=_trusted(limits.ca_file),
            limits=httpx.Limits(
                max_connections=limits.connections,
                max_keepalive_connections=limits.connections,
                keepalive_expiry=limits.idle_s,
            ),
        )

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        permit: Permit | None = None,
        action: str = "",
    ) -> Answer:
        """Make one request under its permit, at most once; `action` is what it is counted as.

        The permit is entered when the first byte is about to be written and left when the answer was
        read or the request failed. Raises NotSentError, AmbiguousError, or what entering the permit
        raised (nothing was sent then).
        """
        began = time.monotonic()
        try:
            answer = self._request(method, url, headers, content, permit)
        except RequestError:
            self._count(action, None, began)
            raise
        self._count(action, answer, began)
        return answer

    def close(self) -> None:
        """Let the idle connections go; a running request ends as ambiguous."""
        self._transport.close()

    def _request(
        self, method: str, url: str, headers: Mapping[str, str] | None, content: bytes | None, permit: Permit | None
    ) -> Answer:
        with ExitStack() as stack:
            sending = _Sending(stack, permit)
            with _named(sending):
                request = httpx.Request(
                    method,
                    self._url(url),
                    headers={**_HEADERS, **{name.lower(): value for name, value in (headers or {}).items()}},
                    content=content,
                    extensions={**self._extensions, "trace": sending.trace},
                )
                response = self._transport.handle_request(request)
                stack.callback(response.close)
                sending.response = response
                return Answer(response.status_code, sending.headers(), self._body(response))

    def _count(self, action: str, answer: Answer | None, began: float) -> None:
        if self._meter is None:
            return
        self._meter.requested(action, answer.status if answer else None, time.monotonic() - began)
        if answer and (moment := _date(answer.headers.get("date"))):
            self._meter.skewed(time.time() - moment)

    def _body(self, response: httpx.Response) -> bytes:
        """The body as sent, at most `answer_bytes` and for at most `read_s`."""
        body = bytearray()
        until = time.monotonic() + self._limits.read_s
        assert isinstance(response.stream, httpx.SyncByteStream)  # a transport's always is
        for piece in response.stream:
            body += piece
            if len(body) > self._limits.answer_bytes:
                raise _CutOffError(Reason.VENDOR_ERROR, f"an answer over {self._limits.answer_bytes} bytes")
            if time.monotonic() > until:
                raise _CutOffError(Reason.TIME_OUT, f"an answer unfinished after {self._limits.read_s:g} s")
        return bytes(body)


class _CutOffError(Exception):
    """An answer that we stopped reading."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class _Sending:
    """How far one request got, told by httpcore's trace events."""

    def __init__(self, stack: ExitStack, permit: Permit | None) -> None:
        self._stack, self._permit = stack, permit
        self.head_written = False
        self.response: httpx.Response | None = None

    def trace(self, name: str, _: Any) -> None:
        """httpcore calls this at every step; raising in a `started` step prevents it."""
        if name == _HEAD_STARTED and self._permit is not None:
            self._stack.enter_context(self._permit())
        elif name == _HEAD_WRITTEN:
            self.head_written = True

    def headers(self) -> dict[str, str]:
        """The headers of the answer so far, lower case."""
        return {} if self.response is None else _lower(self.response.headers)

    def failed(self, reason: Reason, detail: str) -> AmbiguousError | NotSentError:
        """The name of a failure, by how far the request got."""
        if self.response is not None:
            status = self.response.status_code
            return AmbiguousError(reason, detail, status=status, headers=self.headers())
        if self.head_written:
            return AmbiguousError(reason, detail)
        return NotSentError(detail)


@contextmanager
def _named(sending: _Sending) -> Iterator[None]:
    """The border: httpx's exceptions come in, ours go out; anything else is a bug and passes."""
    try:
        yield
    except _CutOffError as error:
        raise sending.failed(error.reason, str(error)) from error
    except (httpx.ReadTimeout, httpx.WriteTimeout) as error:
        raise sending.failed(Reason.TIME_OUT, "no answer in time") from error
    except httpx.PoolTimeout as error:
        raise NotSentError("no free connection in time: more requests than connections") from error
    except httpx.TransportError as error:
        certificate = _certificate_error(error)
        if certificate is not None:
            detail = f"the vendor's certificate is not trusted: {certificate.verify_message}"
            raise NotSentError(detail, bad_certificate=True) from error
        raise sending.failed(Reason.CONNECTION, _what(error)) from error


def _lower(headers: httpx.Headers) -> dict[str, str]:
    """Names in lower case; what stands several times is joined. Nearly all are plain ASCII, and read at once."""
    found: dict[str, str] = {}
    try:
        for name, value in headers.raw:
            key, text = name.decode("ascii").lower(), value.decode("ascii")
            found[key] = f"{found[key]}, {text}" if key in found else text
    except UnicodeDecodeError:
        return {name.lower(): text for name, text in headers.items()}
    return found


def _date(header: str | None) -> float | None:
    """An HTTP date (RFC 9110 §5.6.7) in epoch seconds; None for none, or for what is not one."""
    try:
        return parsedate_to_datetime(header).timestamp() if header else None
    except (ValueError, OverflowError):
        return None


def _certificate_error(error: BaseException | None) -> ssl.SSLCertVerificationError | None:
    """The certificate's failure below a failed connect, if that is what it was."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error
        error = error.__cause__ or error.__context__
    return None


def _what(error: httpx.TransportError) -> str:
    """A failure in words, without the request: kind, and what the system said."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _trusted(ca_file: Path | None) -> ssl.SSLContext:
    return _public_authorities() if ca_file is None else ssl.create_default_context(cafile=ca_file)


@cache
def _public_authorities() -> ssl.SSLContext:
    """Shared by all clients: loading the certificates takes 20 ms."""
    return httpx.create_ssl_context(trust_env=False)
