"""A load of HTTP requests with as little work as possible: what it costs is not the server's."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.processes import BenchmarkError
from benchmarks.stub import cpu_s

_ANSWER_S = 60.0


@dataclass(frozen=True, slots=True)
class Load:
    """How long all requests took together, and the CPU seconds of the server meanwhile; None if unknown."""

    seconds: float
    cpu_s: float | None


def request(port: int, path: str, body: bytes, headers: dict[str, str]) -> bytes:
    """One POST, as it goes over the wire."""
    every = {"Host": f"127.0.0.1:{port}", "Content-Type": "application/json", "Content-Length": len(body), **headers}
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in every.items()), "", ""]
    return "\r\n".join(lines).encode() + body


def drive(port: int, pid: int, requests: Sequence[bytes], connections: int) -> Load:
    """Send all requests over so many connections, each the next one when it has its answer.

    Raises BenchmarkError for any other answer than 200.
    """
    return asyncio.run(_drive(port, pid, requests, connections))


async def _drive(port: int, pid: int, requests: Sequence[bytes], connections: int) -> Load:
    opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(connections)]
    waiting = iter(requests)
    before, began = cpu_s(pid), time.monotonic()
    try:
        await asyncio.gather(*[_converse(reader, writer, waiting) for reader, writer in opened])
    finally:
        for _, writer in opened:
            writer.close()
    seconds, after = time.monotonic() - began, cpu_s(pid)
    return Load(seconds, None if before is None or after is None else after - before)


async def _converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, waiting: Iterator[bytes]) -> None:
    for each in waiting:
        writer.write(each)
        async with asyncio.timeout(_ANSWER_S):
            head = await reader.readuntil(b"\r\n\r\n")
            body = await reader.readexactly(_content_length(head))
        if not head.startswith(b"HTTP/1.1 200 "):
            raise BenchmarkError(f"an answer that is not 200: {head[:40]!r} {body[:300]!r}")


def _content_length(head: bytes) -> int:
    return next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
