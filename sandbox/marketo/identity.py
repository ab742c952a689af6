"""Tokens of custom services (page §1)."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.marketo.options import Options, Service
from sandbox.marketo.words import RefusedError


@dataclass(slots=True)
class _Token:
    service: Service
    ends: float
    was_refused: bool = False


class Identity:
    """Grants tokens, and knows whose they are."""

    def __init__(self, options: Options, now: Callable[[], float]) -> None:
        self._services, self._life_s, self._now = options.services, options.token_life_s, now
        self._tokens: dict[str, _Token] = {}
        self._current: dict[str, str] = {}
        self.granted = 0

    def grant(self, asked: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        """Status and body; before its end the same token again, with the seconds that are left."""
        name = asked.get("client_id", "")
        service = self._services.get(name)
        is_right = service and secrets.compare_digest(service.secret, asked.get("client_secret", ""))
        if service is None or not is_right or asked.get("grant_type") != "client_credentials":
            return 401, {"error": "invalid_client", "error_description": "Bad client credentials"}
        token = self._current.get(name)
        if token is None or self._tokens[token].ends <= self._now():
            token = f"{secrets.token_hex(16)}:sj"
            self._current[name] = token
            self._tokens[token] = _Token(service, self._now() + self._life_s)
            self.granted += 1
        left_s = max(0, int(self._tokens[token].ends - self._now() - 0.001))
        return 200, {
            "access_token": token,
            "token_type": "bearer",
            "expires_in": left_s,
            "scope": "api-user@customer.example",
        }

    def service(self, authorization: str) -> Service:
        """Whose token this is. Raises RefusedError: 603 for none, 602 at its first use past its end, else 601."""
        scheme, _, name = authorization.partition(" ")
        if scheme.lower() != "bearer" or not name:
            raise RefusedError("603")
        token = self._tokens.get(name)
        if token is None:
            raise RefusedError("601")
        if token.ends > self._now():
            return token.service
        code, token.was_refused = ("601" if token.was_refused else "602"), True
        raise RefusedError(code)

    def end_all(self) -> None:
        """Every token ends now."""
        for token in self._tokens.values():
            token.ends = min(token.ends, self._now())
