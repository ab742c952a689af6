"""Whatever comes to the HTTP door is answered with 2xx, 4xx or 503, and nothing of our code is seen."""

import copy
import gzip
import json
import logging
import socket
import threading
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.asgi import AsgiClient
from tests.support.ingest import TOKEN, KeptRecords, door, webhook_config
from tests.support.sender import CREATED, EVENTS, HOOK, Sender
from tests.unit.test_exstream_source import EMAIL_EVENT, FILE_EVENT
from workers.ingest.server import serve

CLOSED_SET = {200, 207, 400, 401, 403, 404, 405, 408, 413, 415, 429, 431}
"""503 belongs to it, too, but nothing of what is sent here is our own fault."""

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=10,
)
SEEDS: list[dict[str, Any]] = [CREATED, EMAIL_EVENT, FILE_EVENT]


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """A good signal with one value replaced by something else."""
    signal = copy.deepcopy(draw(st.sampled_from(SEEDS)))
    name = draw(st.sampled_from(sorted(signal)))
    if isinstance(signal[name], dict) and draw(st.booleans()):
        signal[name][draw(st.sampled_from(sorted(signal[name])) | TEXT)] = draw(JSON)
    else:
        signal[name] = draw(JSON)
    return draw(st.sampled_from([signal, [signal], [signal, CREATED, EMAIL_EVENT]]))


def written(value: Any) -> bytes:
    """As JSON, as Python writes it: NaN and lone surrogates included."""
    return json.dumps(value).encode()


DEEP = st.integers(1, 2000).map(lambda depth: b'{"a":' * depth + b"1" + b"}" * depth)
DOCUMENTS = (JSON | mutated()).map(written)
LINES = st.lists(DOCUMENTS | st.binary(max_size=20), max_size=4).map(b"\n".join)
BODIES = st.binary() | DEEP | DOCUMENTS | LINES
PACKERS: list[Callable[[bytes], bytes]] = [gzip.compress, zlib.compress, bytes]


@st.composite
def packed(draw: st.DrawFn) -> bytes:
    """A body, packed, and perhaps cut off."""
    whole = draw(st.sampled_from(PACKERS))(draw(BODIES))
    return whole[: len(whole) - draw(st.integers(0, 8))]


TIMES = st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(Z|[+-][0-9]{2}:[0-9]{2})", fullmatch=True)


class Logged(logging.Handler):
    """Remembers what the door logs."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Remember the line as it would be written."""
        self.lines.append(self.format(record))


@pytest.fixture(scope="module")
def log() -> Iterator[Logged]:
    """Everything that is logged while this module runs."""
    handler, root = Logged(), logging.getLogger()
    root.addHandler(handler)
    yield handler
    root.removeHandler(handler)


@pytest.fixture(scope="module")
def anybody(log: Logged) -> Iterator[Sender]:
    """A door for all examples; at the end its log holds no fault."""
    with AsgiClient(door(KeptRecords())) as client:
        yield Sender(client)
    assert [line for line in log.lines if "Traceback" in line or "met a bug" in line] == []


def check(answer: httpx.Response) -> None:
    """An answer of the closed set, in JSON, without a trace of our code."""
    assert answer.status_code in CLOSED_SET, answer.text
    assert isinstance(answer.json(), dict)
    assert "Traceback" not in answer.text


@given(body=BODIES)
def test_any_body_is_answered_within_the_closed_set(anybody: Sender, body: bytes) -> None:
    """At both doors, as JSON and as JSON lines."""
    for media_type in ("application/json", "application/x-ndjson"):
        check(anybody.signal(body, content_type=media_type))
        check(anybody.event(body, content_type=media_type))


@given(body=packed(), coding=st.sampled_from(["gzip", "deflate", "identity", "x-gzip"]))
def test_any_packed_body_is_answered_within_the_closed_set(anybody: Sender, body: bytes, coding: str) -> None:
    """Whole, cut off, of another coding, or no coding at all."""
    check(anybody.event(body, content_encoding=coding))


@given(moment=TIMES)
def test_any_moment_is_stored_or_refused(anybody: Sender, moment: str) -> None:
    """Times at the ends of the calendar are where arithmetic breaks."""
    signal = copy.deepcopy(EMAIL_EVENT)
    signal["exstreamEmailStatistics"]["creationTime"] = moment

    assert anybody.event({**CREATED, "occurred_at": moment}).status_code in (200, 400)
    assert anybody.signal(signal).status_code in (200, 400)


HEADER_VALUE = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60)
MEDIA_TYPES = st.sampled_from(["application/json", "APPLICATION/X-NDJSON; charset=utf-8", "text/json", ""])
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "authorization": HEADER_VALUE | st.just(f"Bearer {TOKEN}"),
        "content-type": HEADER_VALUE | MEDIA_TYPES,
        "content-encoding": HEADER_VALUE | st.sampled_from(["gzip", "deflate", "zstd", "gzip, gzip", "GZIP"]),
        **dict.fromkeys(["x-timestamp", "x-signature", "traceparent"], HEADER_VALUE),
    },
)


@given(headers=HEADERS, path=st.sampled_from([HOOK, EVENTS]), body=st.sampled_from([b"{}", b"", written(CREATED)]))
def test_any_headers_are_answered_within_the_closed_set(
    anybody: Sender, headers: dict[str, str], path: str, body: bytes
) -> None:
    """Nobody breaks the door with odd headers, and nobody gets in without the token."""
    answer = anybody.client.post(path, content=body, headers=headers)

    check(answer)
    assert answer.status_code != 200 or headers["authorization"] == f"Bearer {TOKEN}"


METHODS = st.sampled_from(["GET", "HEAD", "POST", "PUT", "OPTIONS", "BREW"])
PATHS = st.tuples(st.sampled_from(["", "hooks/", "v1/events/", "v1/schemas/"]), TEXT).map("".join)


@given(method=METHODS, path=PATHS)
def test_any_path_is_answered_within_the_closed_set(anybody: Sender, method: str, path: str) -> None:
    """Also what nobody would call a path."""
    assert anybody.client.request(method, "/" + quote(path)).status_code in CLOSED_SET


@pytest.fixture(scope="module")
def port(log: Logged) -> Iterator[int]:
    """The port of a served door; at the end its log holds no fault."""
    config = webhook_config(host="127.0.0.1", port=0, request_timeout_s=5)
    stop, found = threading.Event(), Future[int]()
    thread = threading.Thread(target=serve, args=(door(KeptRecords(), config), config, stop, found.set_result))
    thread.start()
    yield found.result(10)
    stop.set()
    thread.join(20)
    assert [line for line in log.lines if "Traceback" in line or "met a bug" in line] == []


GOOD = f"POST {EVENTS} HTTP/1.1\r\nHost: door\r\nContent-Type: application/json\r\nAuthorization: Bearer {TOKEN}\r\n"
REQUEST = (GOOD + f"Content-Length: {len(written(CREATED))}\r\n\r\n").encode() + written(CREATED)


@st.composite
def mangled(draw: st.DrawFn) -> bytes:
    """A good request with some bytes of it replaced, or other bytes altogether."""
    start = draw(st.integers(0, len(REQUEST)))
    end = draw(st.integers(start, min(len(REQUEST), start + 30)))
    return REQUEST[:start] + draw(st.binary(max_size=30)) + REQUEST[end:]


@settings(max_examples=60)
@given(sent=mangled() | st.binary(max_size=200))
def test_any_bytes_on_a_connection_are_answered_or_cut_off(port: int, sent: bytes) -> None:
    """What is no HTTP is refused by the parser; whatever is answered is of the closed set."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.settimeout(10)
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        answer = read_all(connection)

    assert not answer or int(answer.split(b" ", 2)[1]) in CLOSED_SET, answer
    assert b"Traceback" not in answer


def read_all(connection: socket.socket) -> bytes:
    try:
        return b"".join(iter(lambda: connection.recv(65536), b""))
    except ConnectionError:
        return b""
