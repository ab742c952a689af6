"""A port that reaches a server only while it is open: how tests make a broker go away and come back."""

import contextlib
import socket
import threading

from tests.support.ports import free_ports


class Forwarder:
    """Forwards a loopback port to an address, from `open` until `close`; before and after nobody answers."""

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        (self.port,) = free_ports(1)
        self._listener: socket.socket | None = None
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    @property
    def address(self) -> str:
        """What a client is told to connect to."""
        return f"127.0.0.1:{self.port}"

    def open(self) -> None:
        """Accept connections from now on."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._run(self._accept, self._listener)

    def close(self) -> None:
        """Refuse connections, and break the ones that there are."""
        for one in [self._listener, *self._sockets]:
            if one is not None:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
                one.close()
        for thread in self._threads:
            thread.join(5)
        self._listener, self._sockets, self._threads = None, [], []

    def _run(self, target: object, *arguments: socket.socket) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                ours, _ = listener.accept()
                theirs = socket.create_connection(self._target)
                self._sockets += [ours, theirs]
                self._run(_pump, ours, theirs)
                self._run(_pump, theirs, ours)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
