"""A TCP server that does what a test says, byte by byte: for what no HTTP server would do."""

import socket
import struct
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

Script = Callable[["Connection"], None]


class Connection:
    """One accepted connection, as a script sees it."""

    def __init__(self, one: socket.socket, stopping: threading.Event) -> None:
        self.socket, self._stopping = one, stopping

    def read_request(self) -> bytes:
        """One request with its content-length; empty when the client closed."""
        received = b""
        while b"\r\n\r\n" not in received:
            piece = self.socket.recv(65536)
            if not piece:
                return b""
            received += piece
        head, _, body = received.partition(b"\r\n\r\n")
        length = next(
            (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")),
            0,
        )
        while len(body) < length:
            body += self.socket.recv(65536)
        return head + b"\r\n\r\n" + body

    def write(self, data: bytes) -> None:
        """Send bytes as they stand."""
        self.socket.sendall(data)

    def answer(self, body: bytes = b"{}", status: str = "200 OK", headers: str = "") -> None:
        """Send a whole answer."""
        self.write(f"HTTP/1.1 {status}\r\n{headers}content-length: {len(body)}\r\n\r\n".encode() + body)

    def reset(self) -> None:
        """End with a TCP reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def hang(self) -> None:
        """Do nothing until the server is closed."""
        self._stopping.wait()


class RawServer:
    """Runs a script for each connection, on a free loopback port."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._stopping = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.connections = 0
        self._threads: list[threading.Thread] = []
        self._acceptor = threading.Thread(target=self._accept, daemon=True)

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._acceptor.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in [self._acceptor, *self._threads]:
            thread.join(5)

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                one, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(one,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, one: socket.socket) -> None:
        with one:
            try:
                self._script(Connection(one, self._stopping))
            except OSError:
                return  # the client went: what the test is about, or the end of it
