"""Who sent this request: pure functions over headers, body and clock.

Every comparison takes as long for a wrong secret as for a right one, and looks at all valid secrets.
"""

import base64
import binascii
import hmac
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import assert_never

from pydantic import SecretStr

from common.errors import UnauthenticatedError
from workers.ingest.auth_config import Auth, BasicAuth, BearerAuth, HeaderAuth, HmacAuth

TIMESTAMP_HEADER = "x-timestamp"
SIGNATURE_HEADER = "x-signature"


def authenticate(auth: Auth, headers: Mapping[str, str], body: bytes, now: datetime) -> None:
    """Return when the request is the source's own; raises UnauthenticatedError with what is wrong.

    `headers` has lower-case names.
    """
    match auth:
        case HmacAuth():
            _check_signature(auth, headers, body, now)
        case BearerAuth():
            _check_secret(_credentials(headers, "bearer"), auth.tokens, "bearer token")
        case BasicAuth():
            _check_basic(auth, headers)
        case HeaderAuth():
            _check_secret(_required(headers, auth.name.lower()), auth.secrets, f"{auth.name} header")
        case _:
            assert_never(auth)


def challenge(auth: Auth) -> str:
    """What WWW-Authenticate says beside a 401 (RFC 9110 §11.6.1)."""
    match auth:
        case HmacAuth():
            return 'HMAC-SHA256 realm="commfleet", headers="x-timestamp x-signature"'
        case BearerAuth():
            return 'Bearer realm="commfleet"'
        case BasicAuth():
            return 'Basic realm="commfleet", charset="UTF-8"'
        case HeaderAuth():
            return f'Header realm="commfleet", header="{auth.name}"'
        case _:
            assert_never(auth)


def sign(secret: str, timestamp: int, body: bytes) -> str:
    """The X-Signature of a body sent at `timestamp` (seconds since 1970); what a sender computes."""
    return "sha256=" + _mac(secret.encode(), str(timestamp).encode(), body)


def _mac(secret: bytes, timestamp: bytes, body: bytes) -> str:
    return hmac.digest(secret, timestamp + b"." + body, "sha256").hex()


def _check_signature(auth: HmacAuth, headers: Mapping[str, str], body: bytes, now: datetime) -> None:
    timestamp = _required(headers, TIMESTAMP_HEADER)
    signature = _required(headers, SIGNATURE_HEADER)
    _check_skew(timestamp, auth.skew_s, now)
    sent_at = timestamp.encode()
    valid = ["sha256=" + _mac(_bytes(secret), sent_at, body) for secret in auth.secrets]
    if not _is_any(signature.lower().encode("latin-1", "replace"), (one.encode() for one in valid)):
        raise UnauthenticatedError("X-Signature does not match: sign X-Timestamp, a dot and the raw body")


def _check_skew(timestamp: str, skew_s: int, now: datetime) -> None:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        raise UnauthenticatedError("X-Timestamp must be whole seconds since 1970")
    off_s = abs(now.timestamp() - int(timestamp))
    if off_s > skew_s:
        raise UnauthenticatedError(
            f"X-Timestamp is {off_s:.0f} s away from our clock, {skew_s} s are allowed: sign anew when sending"
        )


def _check_basic(auth: BasicAuth, headers: Mapping[str, str]) -> None:
    try:
        sent = base64.b64decode(_credentials(headers, "basic"), validate=True)
    except (binascii.Error, ValueError):
        raise UnauthenticatedError("the Basic credentials are not base64") from None
    user = auth.username.encode() + b":"
    if not _is_any(sent, (user + _bytes(password) for password in auth.passwords)):
        raise UnauthenticatedError("wrong user name or password")


def _check_secret(sent: str, valid: Iterable[SecretStr], what: str) -> None:
    if not _is_any(sent.encode("latin-1", "replace"), (_bytes(secret) for secret in valid)):
        raise UnauthenticatedError(f"wrong {what}")


def _credentials(headers: Mapping[str, str], scheme: str) -> str:
    given, _, credentials = _required(headers, "authorization").partition(" ")
    if given.lower() != scheme:
        raise UnauthenticatedError(f"the Authorization scheme must be {scheme.capitalize()}")
    return credentials.strip()


def _required(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name)
    if not value:
        raise UnauthenticatedError(f"the {name.title()} header is missing")
    return value


def _bytes(secret: SecretStr) -> bytes:
    return secret.get_secret_value().encode()


def _is_any(sent: bytes, valid: Iterable[bytes]) -> bool:
    """Whether `sent` is one of them; every one is compared, each in constant time."""
    matches = [hmac.compare_digest(sent, one) for one in valid]
    return any(matches)
