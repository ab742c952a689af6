"""The connections below a served sandbox, so that a fault can break one."""

import asyncio
import socket
import struct
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Connections:
    """Transports by the client's address."""

    def __init__(self) -> None:
        self._transports: dict[tuple[str, int], asyncio.Transport] = {}

    def reset(self, client: tuple[str, int]) -> None:
        """End a connection with a TCP reset, whatever was sent on it."""
        transport = self._transports.get(client)
        if transport is None:
            return
        one: socket.socket = transport.get_extra_info("socket")
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        transport.abort()

    def close(self, client: tuple[str, int]) -> None:
        """End a connection after what was written so far."""
        if transport := self._transports.get(client):
            transport.close()

    def protocol(self) -> type[H11Protocol]:
        """uvicorn's protocol, which tells us of its transports."""
        transports = self._transports

        class Watched(H11Protocol):
            def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
                super().connection_made(transport)
                if self.client:
                    transports[self.client] = transport

            def connection_lost(self, exc: Exception | None) -> None:
                if self.client:
                    transports.pop(self.client, None)
                super().connection_lost(exc)

        return Watched


def of(app: Any) -> Connections | None:
    """The connections of a served application; None where it is called without a server."""
    return getattr(app.state, "connections", None)
