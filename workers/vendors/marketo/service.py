"""Requests to Marketo's REST API with a token, and the token's own request: the only I/O of a Marketo account."""

from collections.abc import Callable
from typing import assert_never
from urllib.parse import urlencode

from common.clock import Clock
from common.errors import AmbiguousError, NotSentError
from common.http import Answer, HttpClient, Permit
from workers.rotation import Fixed, Latest
from workers.vendors.answered import Failure
from workers.vendors.marketo.account import MarketoAccount
from workers.vendors.marketo.auth import Granted, NoToken, Renew, Send, Tokens, Told, conversation
from workers.vendors.marketo.identity import judge_token
from workers.vendors.marketo.reply import Reply
from workers.vendors.marketo.request import Request
from workers.vendors.marketo.waits import Waits

_FORM = "application/x-www-form-urlencoded"


class MarketoService:
    """Requests to one subscription. Thread-safe."""

    def __init__(
        self,
        account: MarketoAccount,
        http: HttpClient,
        clock: Clock,
        waits: Waits,
        latest: Latest[MarketoAccount] | None = None,
    ) -> None:
        self._account, self._http, self._waits = account, http, waits
        self._latest, self._secret = latest or Fixed(account), account.client_secret
        self._tokens = Tokens(self._ask, account.token_margin_s, clock.monotonic)

    def call(self, request: Request, action: str, permit: Permit | None = None) -> Reply | NoToken:
        """Make a request; a refused token is renewed once. NoToken: nothing was sent.

        Raises what entering the permit raises.
        """
        talk = conversation()
        step = next(talk)
        while True:
            try:
                step = talk.send(self._done(step, request, action, permit))
            except StopIteration as end:
                answered: Reply | NoToken = end.value
                return answered

    def close(self) -> None:
        """Let connections go."""
        self._http.close()

    def _done(self, step: Renew | Send, request: Request, action: str, permit: Permit | None) -> Told:
        match step:
            case Renew(stale):
                self._look_at_secret()
                return self._tokens.other_than(stale)
            case Send(token):
                return Reply(_caught(lambda: self._send(token, request, action, permit)))
            case _:
                assert_never(step)

    def _look_at_secret(self) -> None:
        """A token that another secret brought is not used any more."""
        secret = self._latest().client_secret
        if secret != self._secret:
            self._secret = secret
            self._tokens.forget()

    def _send(self, token: str, request: Request, action: str, permit: Permit | None) -> Answer:
        """In the header only: the query parameter was withdrawn (§1). Writes, deletions too, say JSON (§0)."""
        headers = {"authorization": f"Bearer {token}"}
        if request.body is not None:
            headers["content-type"] = request.content_type
        url = self._account.base_url + request.path
        return self._http.request(
            request.method, url, headers=headers, content=request.body, permit=permit, action=action
        )

    def _ask(self) -> Granted | NoToken:
        """The three parameters as a form, so that no secret stands in an address (§1); not counted (§1)."""
        form = {
            "grant_type": "client_credentials",
            "client_id": self._account.client_id,
            "client_secret": self._latest.fresh().client_secret.get_secret_value(),
        }
        url, headers = f"{self._account.base_url}/identity/oauth/token", {"content-type": _FORM}
        body = urlencode(form).encode()
        came = _caught(lambda: self._http.request("POST", url, headers=headers, content=body, action="token"))
        return judge_token(came, self._waits)[1]


def _caught(request: Callable[[], Answer]) -> Answer | Failure:
    try:
        return request()
    except (NotSentError, AmbiguousError) as error:
        return error
