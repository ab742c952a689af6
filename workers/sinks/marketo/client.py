"""Requests of the Marketo sink: what stands in the way of a token is a hold."""

from common.clock import Clock
from common.http import HttpClient, Permit
from workers.rotation import Latest
from workers.sinks.api import Hold, Scope
from workers.vendors.marketo.account import MarketoAccount
from workers.vendors.marketo.auth import NoToken
from workers.vendors.marketo.reply import Reply
from workers.vendors.marketo.request import Request
from workers.vendors.marketo.service import MarketoService
from workers.vendors.marketo.waits import Waits


class MarketoClient:
    """Requests to one subscription. Thread-safe."""

    def __init__(
        self,
        account: MarketoAccount,
        http: HttpClient,
        clock: Clock,
        waits: Waits,
        latest: Latest[MarketoAccount] | None = None,
    ) -> None:
        self._service = MarketoService(account, http, clock, waits, latest)

    def call(self, request: Request, action: str, permit: Permit | None = None) -> Reply | Hold:
        """Make a request; a refused token is renewed once. A Hold when there is no token: nothing was sent.

        Raises what entering the permit raises.
        """
        came = self._service.call(request, action, permit)
        if isinstance(came, NoToken):
            return Hold(came.cause, Scope.SINK, came.detail, came.retry_after_s)
        return came

    def close(self) -> None:
        """Let connections go."""
        self._service.close()
