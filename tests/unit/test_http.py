"""The HTTP border: what was not sent, what may have been, and what the permit is asked."""

import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from common.errors import AmbiguousError, GateClosedError, NotSentError
from common.http import Answer, HttpClient
from common.http_limits import HttpLimits
from common.reasons import Reason
from tests.support.poll import eventually
from tests.support.ports import free_ports
from tests.support.raw_server import Connection, RawServer, Script

QUICK = HttpLimits(connect_s=0.5, read_s=0.3, connections=2, answer_bytes=1000)


class Gate:
    """A permit that counts who is inside, and can be closed."""

    def __init__(self) -> None:
        self.is_open = True
        self.entered = self.left = 0

    @contextmanager
    def __call__(self) -> Iterator[None]:
        if not self.is_open:
            raise GateClosedError("closed")
        self.entered += 1
        try:
            yield
        finally:
            self.left += 1


@contextmanager
def client(limits: HttpLimits = QUICK) -> Iterator[HttpClient]:
    one = HttpClient(limits)
    try:
        yield one
    finally:
        one.close()


def post(http: HttpClient, url: str, permit: Gate | None = None) -> Answer:
    return http.request("POST", url + "/x", content=b'{"a":1}', headers={"x-key": "s3cret"}, permit=permit)


def each_request(do: Callable[[Connection], None]) -> Script:
    def script(connection: Connection) -> None:
        while connection.read_request():
            do(connection)

    return script


def once_read(do: Callable[[Connection], None]) -> Script:
    def script(connection: Connection) -> None:
        connection.read_request()
        do(connection)

    return script


def ambiguous(script: Script, permit: Gate | None = None) -> AmbiguousError:
    """The failure of one request to a server of this script."""
    with RawServer(script) as server, client() as http, pytest.raises(AmbiguousError) as caught:
        post(http, server.url, permit)
    return caught.value


def not_sent_by_tls(script: Script) -> NotSentError:
    """The failure of one encrypted request to a server of this script."""
    with RawServer(script) as server, client() as http, pytest.raises(NotSentError) as caught:
        post(http, server.url.replace("http:", "https:"))
    return caught.value


def test_an_answer_is_read_whole() -> None:
    """Status, lower-case headers and body come back; the permit is entered once and left."""
    gate = Gate()
    created = each_request(lambda c: c.answer(b"{}", "201 Created", "X-Request-Id: r1\r\n"))
    with RawServer(created) as server, client() as http:
        answer = post(http, server.url, gate)

    assert (answer.status, answer.body, answer.headers["x-request-id"]) == (201, b"{}", "r1")
    assert (gate.entered, gate.left) == (1, 1)


def test_connections_are_kept() -> None:
    """Two requests in a row share one connection."""
    with RawServer(each_request(lambda c: c.answer())) as server, client() as http:
        post(http, server.url)
        post(http, server.url)

        assert server.connections == 1


def test_an_error_status_is_an_answer() -> None:
    """A 500 is read like anything else."""
    with RawServer(each_request(lambda c: c.answer(b"no", "500 Internal Server Error"))) as server, client() as http:
        assert post(http, server.url).status == 500


def test_redirects_are_not_followed() -> None:
    """A 302 is handed over, and nobody goes where it points."""
    with RawServer(each_request(lambda c: c.answer())) as elsewhere:
        location = f"Location: {elsewhere.url}\r\n"
        with RawServer(each_request(lambda c: c.answer(b"", "302 Found", location))) as server, client() as http:
            assert post(http, server.url).status == 302
        assert elsewhere.connections == 0


def test_a_closed_gate_sends_nothing() -> None:
    """GateClosedError passes, and the server has not read a byte."""
    gate = Gate()
    gate.is_open = False
    requests: list[bytes] = []
    with RawServer(lambda c: requests.append(c.read_request())) as server, client() as http:
        with pytest.raises(GateClosedError):
            post(http, server.url, gate)

        eventually(lambda: server.connections)
    assert requests in ([], [b""])


def test_a_closed_gate_on_a_kept_connection_sends_nothing() -> None:
    """The gate is asked for every request, not for every connection, and the client goes on afterwards."""
    gate = Gate()
    requests: list[bytes] = []

    def script(connection: Connection) -> None:
        while request := connection.read_request():
            requests.append(request)
            connection.answer()

    with RawServer(script) as server, client() as http:
        post(http, server.url, gate)
        gate.is_open = False
        with pytest.raises(GateClosedError):
            post(http, server.url, gate)
        gate.is_open = True
        post(http, server.url, gate)

    assert len(requests) == 2
    assert (gate.entered, gate.left) == (2, 2)


def test_the_permit_is_held_while_the_request_runs() -> None:
    """Entered before the server has the request, left only after its answer."""
    gate, seen, go = Gate(), [], threading.Event()

    def look(connection: Connection) -> None:
        seen.append((gate.entered, gate.left))
        go.wait(5)
        connection.answer()

    with RawServer(each_request(look)) as server, client(HttpLimits(read_s=5)) as http:
        thread = threading.Thread(target=post, args=(http, server.url, gate))
        thread.start()
        eventually(lambda: seen)
        inside = (gate.entered, gate.left)
        go.set()
        thread.join()

    assert seen == [(1, 0)]
    assert inside == (1, 0)
    assert gate.left == 1


def test_a_refused_connection_was_not_sent() -> None:
    """Nobody listens: NotSentError, and the permit was never asked."""
    gate = Gate()
    with client() as http, pytest.raises(NotSentError, match="refused") as caught:
        post(http, f"http://127.0.0.1:{free_ports(1)[0]}", gate)

    assert not caught.value.bad_certificate
    assert gate.entered == 0


def test_an_unknown_host_was_not_sent() -> None:
    """A name that does not resolve (RFC 6761: .invalid never does)."""
    with client() as http, pytest.raises(NotSentError):
        post(http, "http://braze.invalid")


def test_a_server_that_does_not_speak_tls_was_not_sent() -> None:
    """The handshake fails before any request; it is not the certificate's fault."""
    error = not_sent_by_tls(lambda c: c.write(b"hello, this is not TLS\r\n"))

    assert not error.bad_certificate


def test_a_handshake_that_hangs_was_not_sent() -> None:
    """The connect time-out bounds the handshake too."""
    assert not not_sent_by_tls(lambda c: c.hang()).bad_certificate


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1 and its key."""
    folder = tmp_path_factory.mktemp("tls")
    key, pem = folder / "key.pem", folder / "cert.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1"
    try:
        subprocess.run(
            [*command.split(), "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", pem],
            check=True,
            capture_output=True,
        )
    except FileNotFoundError:
        pytest.skip("NOT TESTED with TLS: there is no openssl on this machine")
    return pem, key


def tls(certificate: tuple[Path, Path], do: Callable[[Connection], None]) -> Script:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)

    def script(connection: Connection) -> None:
        with context.wrap_socket(connection.socket, server_side=True) as encrypted:
            connection.socket = encrypted
            do(connection)

    return script


def test_an_untrusted_certificate_is_told_apart(certificate: tuple[Path, Path]) -> None:
    """Not sent, and by a configuration's fault: waiting would not help."""
    error = not_sent_by_tls(tls(certificate, each_request(lambda c: c.answer())))

    assert error.bad_certificate
    assert "not trusted" in str(error)


def test_a_ca_file_is_trusted(certificate: tuple[Path, Path]) -> None:
    """A site's own authority is enough."""
    limits = HttpLimits(ca_file=certificate[0])
    with RawServer(tls(certificate, each_request(lambda c: c.answer()))) as server, client(limits) as http:
        assert post(http, server.url.replace("http:", "https:")).status == 200


def test_no_answer_in_time_is_ambiguous() -> None:
    """The server has the request and hangs."""
    gate = Gate()

    assert ambiguous(once_read(lambda c: c.hang()), gate).reason is Reason.TIME_OUT
    assert (gate.entered, gate.left) == (1, 1)


def test_a_reset_after_the_request_is_ambiguous() -> None:
    """The server read it, and the connection broke."""
    error = ambiguous(once_read(lambda c: c.reset()))

    assert (error.reason, error.status) == (Reason.CONNECTION, 0)


def test_a_close_without_an_answer_is_ambiguous() -> None:
    """Read, then closed politely: nobody knows what happened in between."""
    assert ambiguous(once_read(lambda c: None)).reason is Reason.CONNECTION


def test_bytes_that_are_not_http_are_ambiguous() -> None:
    """Something answered, but not HTTP."""
    error = ambiguous(once_read(lambda c: c.write(b"\x00\x01garbage\r\n\r\n")))

    assert (error.reason, error.status) == (Reason.CONNECTION, 0)


def test_a_truncated_body_is_ambiguous_and_keeps_its_head() -> None:
    """Status and headers are known, the body is not whole."""
    head = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\ncontent-length: 100\r\n\r\nhalf"
    error = ambiguous(once_read(lambda c: c.write(head)))

    assert (error.status, error.headers["retry-after"]) == (503, "7")


def test_a_huge_body_is_cut_off() -> None:
    """More than the cap is not read, nor held in memory."""
    gate = Gate()
    error = ambiguous(each_request(lambda c: c.answer(b"x" * 5_000_000)), gate)

    assert "over 1000 bytes" in str(error)
    assert gate.left == 1


def test_a_body_that_drips_is_cut_off() -> None:
    """Each piece comes in time, the whole does not."""
    stop = threading.Event()

    def drip(connection: Connection) -> None:
        connection.write(b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n")
        while not stop.wait(0.05):
            connection.write(b" ")

    error = ambiguous(once_read(drip))
    stop.set()

    assert "unfinished" in str(error)
    assert (error.reason, error.status) == (Reason.TIME_OUT, 200)


def test_a_compressed_answer_is_not_asked_for() -> None:
    """A small answer cannot become a large one: it is read as sent."""
    seen: list[bytes] = []

    def script(connection: Connection) -> None:
        seen.append(connection.read_request())
        connection.answer()

    with RawServer(script) as server, client() as http:
        post(http, server.url)

    assert b"accept-encoding: identity" in seen[0].lower()


def test_a_kept_connection_that_was_closed_is_replaced() -> None:
    """A close that arrived while the connection was idle is not seen: a new one is made, nothing is unsure."""
    closed = threading.Event()

    def answer_and_close(connection: Connection) -> None:
        connection.read_request()
        connection.answer()
        connection.socket.shutdown(socket.SHUT_RDWR)
        closed.set()

    with RawServer(answer_and_close) as server, client() as http:
        post(http, server.url)
        closed.wait(5)

        assert post(http, server.url).status == 200
        assert server.connections == 2


def test_a_head_that_could_not_be_written_was_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel refuses the first write on a broken connection: no server has the request."""
    gate = Gate()
    with RawServer(each_request(lambda c: c.answer())) as server, client() as http:
        post(http, server.url, gate)
        monkeypatch.setattr("httpcore._sync.http11.HTTP11Connection.has_expired", lambda _: False)
        _break_kept_connection(http)

        with pytest.raises(NotSentError):
            post(http, server.url, gate)

    assert (gate.entered, gate.left) == (2, 2)


def _break_kept_connection(http: HttpClient) -> None:
    """Shut the pooled socket down for writing and reading, as an arrived reset would."""
    pool = http._transport._pool
    stream = pool.connections[0]._connection._network_stream  # type: ignore[attr-defined]
    stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)


def test_no_free_connection_was_not_sent() -> None:
    """With every connection taken, the next request gives up before it asks the permit."""
    limits = HttpLimits(connect_s=0.2, read_s=5, connections=1)
    gate, busy = Gate(), threading.Event()
    release = threading.Event()

    def slow(connection: Connection) -> None:
        busy.set()
        release.wait(5)
        connection.answer()

    with RawServer(each_request(slow)) as server, client(limits) as http:
        first = threading.Thread(target=post, args=(http, server.url))
        first.start()
        busy.wait(5)
        with pytest.raises(NotSentError, match="no free connection"):
            post(http, server.url, gate)
        release.set()
        first.join()

    assert gate.entered == 0


def test_the_environment_does_not_redirect_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy variable is not followed: outgoing hosts come from settings only."""
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_ports(1)[0]}")
    with RawServer(each_request(lambda c: c.answer())) as server, client() as http:
        assert post(http, server.url).status == 200


def test_nothing_secret_is_shown() -> None:
    """Neither an answer nor a failure shows headers or bodies."""
    answer = Answer(401, {"x": "s3cret"}, b"Invalid API key: s3cret")
    error = ambiguous(once_read(lambda c: c.reset()))

    assert "s3cret" not in repr(answer) + repr(error) + str(error)


class CountingMeter:
    """Remembers what was counted."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, int | None]] = []
        self.skews: list[float] = []

    def requested(self, action: str, status: int | None, seconds: float) -> None:
        assert seconds >= 0
        self.requests.append((action, status))

    def skewed(self, seconds: float) -> None:
        self.skews.append(seconds)


def test_every_request_is_counted_with_its_status_or_without_an_answer() -> None:
    """A status where the answer was whole; None where none came; a request that the gate kept back is none."""
    meter, gate = CountingMeter(), Gate()
    gate.is_open = False
    http = HttpClient(QUICK, meter)
    with RawServer(each_request(lambda c: c.answer(b"x"))) as server:
        http.request("GET", server.url, action="probe")
        with pytest.raises(GateClosedError):
            http.request("POST", server.url, permit=gate, action="send")
    (port,) = free_ports(1)
    with pytest.raises(NotSentError):
        http.request("POST", f"http://127.0.0.1:{port}/", action="send")
    http.close()
    assert meter.requests == [("probe", 200), ("send", None)]


def test_the_vendors_date_tells_our_skew() -> None:
    """Positive when our clock is ahead; a Date that cannot be read tells nothing."""
    meter = CountingMeter()
    http = HttpClient(QUICK, meter)
    for date in ("Thu, 01 Jan 2026 00:00:00 GMT", "yesterday"):
        script = each_request(partial(Connection.answer, headers=f"date: {date}\r\n"))
        with RawServer(script) as server:
            http.request("GET", server.url, action="probe")
    http.close()
    assert len(meter.skews) == 1
    assert meter.skews[0] > 0


def test_no_cookie_is_kept() -> None:
    """What a vendor's answer sets is its client's to send: threads share connections, not state."""
    heads: list[bytes] = []

    def script(connection: Connection) -> None:
        while head := connection.read_request():
            heads.append(head.lower())
            connection.answer(headers="set-cookie: a=1\r\n")

    with RawServer(script) as server, client() as http:
        post(http, server.url)
        post(http, server.url)

    assert len(heads) == 2
    assert b"cookie:" not in heads[1]


def test_headers_of_ours_and_of_the_caller_are_sent_once() -> None:
    """A caller's own word counts, however it writes the name."""
    heads: list[bytes] = []

    def script(connection: Connection) -> None:
        while head := connection.read_request():
            heads.append(head.lower())
            connection.answer()

    with RawServer(script) as server, client() as http:
        http.request("GET", server.url, headers={"Accept": "application/json"})

    lines = heads[0].split(b"\r\n")
    assert [line for line in lines if line.startswith(b"accept:")] == [b"accept: application/json"]
    assert {b"user-agent: commfleet", b"accept-encoding: identity", b"connection: keep-alive"} <= set(lines)


@pytest.mark.parametrize("text", ["plain", "caf\u00e9"], ids=["ascii", "other"])
def test_headers_of_an_answer_are_lower_case_and_joined(text: str) -> None:
    """Whether they are plain or not."""
    headers = f"X-One: {text}\r\nx-one: 2\r\n"
    with RawServer(each_request(lambda c: c.answer(headers=headers))) as server, client() as http:
        answer = post(http, server.url)

    assert answer.headers["x-one"] == f"{text}, 2"
