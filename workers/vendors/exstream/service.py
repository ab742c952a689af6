"""Reads of Exstream's services with a token that is renewed once where it is refused (§1)."""

from collections.abc import Callable

from common.clock import Clock
from common.errors import AmbiguousError, NotSentError
from common.http import Answer, HttpClient
from workers.vendors.answered import Failure
from workers.vendors.exstream.account import ExstreamAccount
from workers.vendors.exstream.reply import Reply
from workers.vendors.exstream.token_request import ask_token
from workers.vendors.exstream.tokens import Granted, NoToken, Tokens, judge_token


class ExstreamService:
    """GETs of one client. Thread-safe."""

    def __init__(self, account: ExstreamAccount, http: HttpClient, clock: Clock) -> None:
        self._account, self._http, self._clock = account, http, clock
        self._tokens = Tokens(clock.monotonic)

    def get(self, path: str, action: str, spend: Callable[[], None], *, is_json: bool = True) -> Reply | NoToken:
        """GET a path below base_url; `spend` pays for each request. NoToken: nothing was asked.

        `is_json` says what is expected: a login page in its place means that the token is not taken (§9 #20).
        """
        stale: str | None = None
        while True:
            token = self._tokens.other_than(stale, self._ask)
            if isinstance(token, NoToken):
                return token
            spend()
            reply = Reply(_caught(lambda: self._send(path, token, action)))  # noqa: B023
            is_wanted = not is_json and reply.is_ok
            if stale is not None or is_wanted or not self._tokens.refuses(reply, token):
                return reply
            stale = token

    def close(self) -> None:
        """Let connections go."""
        self._http.close()

    def _send(self, path: str, token: str, action: str) -> Answer:
        headers = {"authorization": f"Bearer {token}"}
        return self._http.request("GET", self._account.base_url + path, headers=headers, action=action)

    def _ask(self) -> Granted | NoToken:
        return judge_token(
            _caught(lambda: ask_token(self._account, self._account.client_secret, self._http)), self._clock.now()
        )


def _caught(request: Callable[[], Answer]) -> Answer | Failure:
    try:
        return request()
    except (NotSentError, AmbiguousError) as error:
        return error
