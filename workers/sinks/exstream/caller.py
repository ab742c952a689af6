"""Requests with a token: fetched, shared, renewed once; with a CSRF token where one is wanted; paid for."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime

from common.errors import AmbiguousError, NotSentError
from common.http import Answer
from common.reasons import Cause
from workers.sinks.api import Hold, Scope
from workers.sinks.exstream.client import ExstreamClient
from workers.sinks.exstream.config import ApiConfig, CsrfConfig
from workers.vendors.answered import Failure
from workers.vendors.exstream.reply import Reply
from workers.vendors.exstream.tokens import Granted, NoToken, Tokens, judge_token

Came = Answer | Failure | Hold


class Purse:
    """Pays for requests: the first of a batch is paid for by the runner."""

    def __init__(self, spend: Callable[[], None]) -> None:
        self._spend, self._is_first = spend, True

    def take(self) -> None:
        """One request; raises BudgetGoneError."""
        if not self._is_first:
            self._spend()
        self._is_first = False


class Caller:
    """Who asks Exstream anything. Thread-safe."""

    def __init__(self, config: ApiConfig, client: ExstreamClient, tokens: Tokens, now: Callable[[], datetime]) -> None:
        self._csrf_config, self._client, self._tokens, self._now = config.csrf, client, tokens, now
        self._secret = client.secret()
        self._csrf: tuple[str, Mapping[str, str]] | None = None

    def ask(self, request: Callable[[str], Answer], purse: Purse, *, is_harmless: bool = True) -> Came:
        """One request; again once with a fresh token where the first was refused (§9 #1, #2, #20)."""
        stale: str | None = None
        while True:
            token = self._token(stale, purse)
            if isinstance(token, Hold):
                return token
            purse.take()
            came = _tried(request, token)
            if stale is not None or not self._is_refused(came, token, is_harmless):
                return came
            stale = token

    def post(self, request: Callable[[str, Mapping[str, str]], Answer], purse: Purse, *, is_harmless: bool) -> Came:
        """A POST to an input channel: with the CSRF cookie and header, fetched anew once after a 403 (§1)."""
        config = self._csrf_config
        if config is None:
            return self.ask(lambda token: request(token, {}), purse, is_harmless=is_harmless)
        stale: Mapping[str, str] | None = None
        while True:
            more = self._csrf_headers(config, stale, purse)
            if not isinstance(more, Mapping):
                return more
            came = self.ask(lambda token: request(token, more), purse, is_harmless=is_harmless)  # noqa: B023
            if stale is not None or not isinstance(came, Answer) or came.status != 403:
                return came
            stale = more

    def _is_refused(self, came: Answer | Failure, token: str, is_harmless: bool) -> bool:
        return self._tokens.refuses(Reply(came), token, is_harmless=is_harmless)

    def _token(self, stale: str | None, purse: Purse) -> str | Hold:
        def ask() -> Granted | NoToken:
            purse.take()
            return judge_token(_tried(lambda _: self._client.token(), ""), self._now())

        secret = self._client.secret()
        if secret != self._secret:  # a token that another secret brought is not used any more
            self._secret = secret
            self._tokens.forget()
        found = self._tokens.other_than(stale, ask)
        if isinstance(found, NoToken):
            return Hold(found.cause, Scope.ACTION, found.detail, found.retry_after_s)
        return found

    def _csrf_headers(
        self, config: CsrfConfig, stale: Mapping[str, str] | None, purse: Purse
    ) -> Mapping[str, str] | Hold | Failure:
        known = self._csrf
        if known is not None and known[1] is not stale:
            return known[1]
        came = self.ask(self._client.csrf, purse)
        if not isinstance(came, Answer):
            return came if isinstance(came, Hold) else NotSentError(f"no CSRF token: {came}")
        cookies = came.headers.get("set-cookie", "")
        found = re.search(rf"(?:^|[,;]\s*){re.escape(config.cookie)}=([!-+\--:<-~]{{1,4000}})", cookies)
        if not 200 <= came.status < 300 or found is None:
            detail = f"{came.status}: csrf.get_path sets no cookie {config.cookie}"
            return Hold(Cause.CONFIGURATION, Scope.ACTION, detail)
        headers = {"cookie": f"{config.cookie}={found[1]}", config.header.lower(): found[1]}
        self._csrf = (found[1], headers)
        return headers


def _tried(request: Callable[[str], Answer], token: str) -> Answer | Failure:
    try:
        return request(token)
    except (NotSentError, AmbiguousError) as error:
        return error
