"""Who a caller is: Basic, or a token of the tenant (page §1)."""

import binascii
import secrets
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.notifications.options import Options
from sandbox.notifications.reply import RefusedError, Reply, invalid_key


@dataclass(frozen=True, slots=True)
class _Token:
    account: str
    ends: float


class Accounts:
    """Passwords and tokens; `revoked` accounts are nobody any more."""

    def __init__(self, options: Options, now: Callable[[], float]) -> None:
        self._options, self._now = options, now
        self._tokens: dict[str, _Token] = {}
        self.revoked: set[str] = set()
        self.granted = 0

    def admit(self, authorization: str) -> str:
        """The account; raises RefusedError with 401."""
        scheme, _, given = authorization.partition(" ")
        account = self._of_token(given) if scheme.lower() == "bearer" else self._of_password(given)
        if account is None or scheme.lower() not in ("basic", "bearer") or account in self.revoked:
            raise RefusedError(401, "unauthorized", "Unauthorized", {"www-authenticate": "Basic"})
        return account

    def grant(self, tenant: str, asked: Mapping[str, Any]) -> Reply:
        """A token; another one each time."""
        client = self._options.clients.get(str(asked.get("client_id")))
        is_right = client and secrets.compare_digest(client.secret, str(asked.get("client_secret")))
        if client is None or not is_right or client.account in self.revoked or tenant != self._options.tenant:
            return invalid_key()
        if asked.get("grant_type") != "client_credentials":
            return Reply(400, {"error": "unsupported_grant_type", "error_description": "client_credentials only"})
        token = secrets.token_urlsafe(24)
        self._tokens[token] = _Token(client.account, self._now() + self._options.token_life_s)
        self.granted += 1
        return Reply(200, {"access_token": token, "token_type": "Bearer", "expires_in": self._options.token_life_s})

    def end_tokens(self) -> None:
        """Every token ends now."""
        self._tokens.clear()

    def _of_token(self, token: str) -> str | None:
        known = self._tokens.get(token)
        return known.account if known and known.ends > self._now() else None

    def _of_password(self, given: str) -> str | None:
        try:
            account, _, password = b64decode(given, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        right = self._options.accounts.get(account)
        return account if right is not None and secrets.compare_digest(right, password) else None
