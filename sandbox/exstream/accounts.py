"""Who a caller is (page §1): tokens of the tenant, by JSON or form, and the CSRF cookie of a self-hosted install."""

import binascii
import json
import secrets
from base64 import b64decode
from collections.abc import Callable, Mapping
from urllib.parse import parse_qs

from sandbox.exstream.options import Options
from sandbox.exstream.reply import RefusedError, Reply, invalid_key

CSRF_COOKIE, CSRF_HEADER = "csrfToken", "x-xsrf-token"


class Accounts:
    """Tokens by their end; `revoked` clients are nobody any more."""

    def __init__(self, options: Options, now: Callable[[], float]) -> None:
        self._options, self._now = options, now
        self._tokens: dict[str, tuple[str, float]] = {}
        self._csrf: set[str] = set()
        self.revoked: set[str] = set()
        self.no_access: set[str] = set()
        self.granted = 0

    def grant(self, tenant: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """A token, another one each time."""
        asked = _asked(headers, body)
        basic = _basic(headers.get("authorization", ""))
        client, secret = basic or (asked.get("client_id", ""), asked.get("client_secret", ""))
        right = self._options.clients.get(client)
        is_right = right is not None and secrets.compare_digest(right.encode(), secret.encode())
        if not is_right or client in self.revoked or tenant not in ("", self._options.tenant):
            return invalid_key()
        if asked.get("grant_type") != "client_credentials":
            return Reply(400, {"error": "unsupported_grant_type", "error_description": "client_credentials only"})
        token = secrets.token_urlsafe(24)
        self._tokens[token] = (client, self._now() + self._options.token_life_s)
        self.granted += 1
        return Reply(200, {"access_token": token, "token_type": "Bearer", "expires_in": self._options.token_life_s})

    def admit(self, headers: Mapping[str, str], domain: str | None = None) -> str:
        """The caller; raises RefusedError: 401, or 500 where an expired token is disguised so, or 403."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        client, ends = self._tokens.get(token, ("", 0.0))
        is_valid = scheme.lower() == "bearer" and bool(client) and client not in self.revoked
        if is_valid and ends <= self._now() and self._options.expired_says == 500:
            raise RefusedError(500, "Internal Server Error")
        if not is_valid or ends <= self._now():
            raise RefusedError(401, "Full authentication is required to access this resource")
        if client in self.no_access:
            raise RefusedError(403, "Access is denied")
        if domain is not None and domain != self._options.domain:
            raise RefusedError(404, f"domain {domain} not found")
        return client

    def csrf(self) -> Reply:
        """A cookie for input channels (§1)."""
        token = secrets.token_urlsafe(16)
        self._csrf.add(token)
        return Reply(200, {"status": "success"}, {"set-cookie": f"{CSRF_COOKIE}={token}; Path=/; Secure"})

    def check_csrf(self, headers: Mapping[str, str]) -> None:
        """Raises RefusedError with 403 unless cookie and header are one that we gave."""
        if not self._options.csrf:
            return
        given = headers.get(CSRF_HEADER, "")
        if given not in self._csrf or f"{CSRF_COOKIE}={given}" not in headers.get("cookie", ""):
            raise RefusedError(403, "Invalid CSRF token found")

    def end_tokens(self) -> None:
        """Every token ends now, and every CSRF token is forgotten."""
        self._tokens = {token: (client, 0.0) for token, (client, _) in self._tokens.items()}
        self._csrf.clear()


def _asked(headers: Mapping[str, str], body: bytes) -> dict[str, str]:
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        try:
            given = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise RefusedError(400, "malformed JSON") from error
        return {name: str(value) for name, value in given.items()} if isinstance(given, dict) else {}
    if kind == "application/x-www-form-urlencoded":
        return {name: values[-1] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
    raise RefusedError(415, "application/json or application/x-www-form-urlencoded is required")


def _basic(authorization: str) -> tuple[str, str] | None:
    scheme, _, given = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        client, _, secret = b64decode(given, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return client, secret
