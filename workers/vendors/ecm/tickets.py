"""Who we are to the server: one ticket for all threads, renewed once when it is refused (§2.3).

A conversation without I/O: `authenticated` yields requests and is sent their replies. Whoever finds the
ticket refused logs in under a lock; the others wait, and take what came of it, good or bad. A log-in that was
refused is not tried again before its time: an account that is tried too often is locked (§2.1).
"""

import threading
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass

from pydantic import SecretStr

from workers.rotation import Fixed, Latest
from workers.vendors.ecm.account import EcmAccount
from workers.vendors.ecm.ask import Ask, login, token
from workers.vendors.ecm.reply import Reply, at

Conversation = Generator[Ask, Reply, tuple[Ask, Reply]]
_ROLLED = "otcsticket"


@dataclass(frozen=True, slots=True)
class _Refused:
    """What a failed log-in was answered, and until when (monotonic) that stands."""

    ask: Ask
    reply: Reply
    until: float


class Tickets:
    """The ticket of one service account. Thread-safe."""

    def __init__(
        self, config: EcmAccount, monotonic: Callable[[], float], latest: Latest[EcmAccount] | None = None
    ) -> None:
        self._config, self._monotonic = config, monotonic
        self._latest, self._secrets = latest or Fixed(config), _secrets(config)
        self._lock = threading.Lock()
        self._ticket: str | None = None
        self._attempts = 0
        self._refused: _Refused | None = None

    def authenticated(self, ask: Ask) -> Conversation:
        """A request with a ticket, after a log-in where one is needed, and once more after a 401.

        Returns the request that the reply is of: the log-in itself, when that failed.
        """
        self._look_at_secrets()
        ticket, attempts = self._ticket, self._attempts
        if ticket is None:
            ticket, failed = yield from self._renewed(None, attempts)
            if ticket is None:
                assert failed is not None
                return failed
            attempts = self._attempts
        reply = yield ask.bearing(self._headers(ticket))
        if reply.status == 401:
            ticket, failed = yield from self._renewed(ticket, attempts)
            if ticket is None:
                assert failed is not None
                return failed
            reply = yield ask.bearing(self._headers(ticket))
        self._roll(ticket, reply)
        return ask, reply

    def _renewed(
        self, stale: str | None, attempts: int
    ) -> Generator[Ask, Reply, tuple[str | None, tuple[Ask, Reply] | None]]:
        """A ticket other than the stale one, or the log-in that failed."""
        with self._lock:
            if self._ticket is not None and self._ticket != stale:
                return self._ticket, None
            refused = self._refused
            if refused is not None and (self._attempts != attempts or self._monotonic() < refused.until):
                return None, (refused.ask, refused.reply)
            ask = self._login()
            reply = yield ask
            self._attempts += 1
            self._ticket = self._ticket_in(reply)
            if self._ticket is None:
                # one that got no answer, or a broken one, may be tried again at once: it locks no account
                patience_s = self._config.login_backoff_s if 400 <= reply.status <= 500 else 0
                self._refused = _Refused(ask, reply, self._monotonic() + patience_s)
                return None, (ask, reply)
            self._refused = None
            return self._ticket, None

    def _look_at_secrets(self) -> None:
        """What another secret brought, a ticket or a refusal, does not stand any more."""
        secrets = _secrets(self._latest())
        if secrets != self._secrets:
            with self._lock:
                self._secrets, self._ticket, self._refused = secrets, None, None

    def _login(self) -> Ask:
        config = self._latest.fresh()
        if config.auth == "otds":
            return token(str(config.otds_token_url), config.client_id, config.client_secret.get_secret_value())
        return login(config.username, config.password.get_secret_value(), config.domain)

    def _ticket_in(self, reply: Reply) -> str | None:
        """The ticket of a log-in's answer; only what a header can carry."""
        name = "access_token" if self._config.auth == "otds" else "ticket"
        found = at(reply.values, name) if reply.is_json_success else None
        return found if isinstance(found, str) and _fits_a_header(found) else None

    def _headers(self, ticket: str) -> Mapping[str, str]:
        if self._config.auth == "otds":
            return {"authorization": f"Bearer {ticket}"}
        return {"otcsticket": ticket}

    def _roll(self, used: str, reply: Reply) -> None:
        """Answers may carry a fresh ticket, which takes the place of the one that was used (§2.1)."""
        fresh = reply.headers.get(_ROLLED, "")
        if self._config.auth == "otds" or reply.status == 401 or not _fits_a_header(fresh):
            return
        with self._lock:
            if self._ticket == used:
                self._ticket = fresh


def _secrets(config: EcmAccount) -> tuple[SecretStr, SecretStr]:
    return config.password, config.client_secret


def _fits_a_header(text: str) -> bool:
    return 0 < len(text) <= 8192 and text.isascii() and text.isprintable() and " " not in text
