"""Who may send: signatures, tokens, passwords."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, TypeAdapter, ValidationError

from common.errors import UnauthenticatedError
from workers.ingest.auth import authenticate, challenge, sign
from workers.ingest.auth_config import Auth, BasicAuth, BearerAuth, HeaderAuth, HmacAuth

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
BODY = b'{"type": "COMPLETED"}'
OLD, NEW = "the-old-secret", "the-new-secret"
HMAC = HmacAuth(kind="hmac", secrets=(SecretStr(OLD), SecretStr(NEW)))


def signed(secret: str = NEW, body: bytes = BODY, at: datetime = NOW) -> dict[str, str]:
    timestamp = int(at.timestamp())
    return {"x-timestamp": str(timestamp), "x-signature": sign(secret, timestamp, body)}


def basic(credentials: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(credentials.encode()).decode()}


def test_the_signature_is_the_one_that_senders_compute() -> None:
    """HMAC-SHA256 over timestamp, dot, body, in lower-case hex; computed elsewhere with openssl."""
    expected = "sha256=9d713ed406bb7076d4123f0dc2c39d2df5c654ed4b0cd56b52c8b4c940bd63ae"

    assert sign("key", 1700000000, b"{}") == expected


@pytest.mark.parametrize("secret", [OLD, NEW])
def test_both_secrets_are_valid_while_they_are_changed(secret: str) -> None:
    """Rotation needs no moment at which sender and receiver switch together."""
    authenticate(HMAC, signed(secret), BODY, NOW)


def test_a_signature_in_upper_case_is_the_same() -> None:
    """Some libraries write hex digits in capitals."""
    headers = signed()

    authenticate(HMAC, {**headers, "x-signature": headers["x-signature"].upper()}, BODY, NOW)


@pytest.mark.parametrize("off_s", [-300, 300])
def test_a_clock_may_be_off_by_the_skew(off_s: int) -> None:
    """The bound itself is still allowed, before and after."""
    authenticate(HMAC, signed(at=NOW + timedelta(seconds=off_s)), BODY, NOW)


@pytest.mark.parametrize("off_s", [-301, 301, 10**9])
def test_a_stale_timestamp_is_refused_and_says_by_how_much(off_s: int) -> None:
    """A replayed request is useless after five minutes."""
    with pytest.raises(UnauthenticatedError, match=rf"X-Timestamp is {abs(off_s)} s away.*300 s are allowed"):
        authenticate(HMAC, signed(at=NOW + timedelta(seconds=off_s)), BODY, NOW)


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({}, "X-Timestamp header is missing"),
        ({"x-timestamp": "1"}, "X-Signature header is missing"),
        ({**signed(), "x-timestamp": "soon"}, "whole seconds since 1970"),
        ({**signed(), "x-timestamp": "-5"}, "whole seconds since 1970"),
        ({**signed(), "x-timestamp": "٣"}, "whole seconds since 1970"),
        ({**signed(), "x-timestamp": "9" * 400}, "whole seconds since 1970"),
        (signed("another-secret"), "X-Signature does not match"),
        (signed(body=b"{}"), "X-Signature does not match"),
        ({**signed(), "x-signature": signed()["x-signature"].removeprefix("sha256=")}, "does not match"),
        ({**signed(), "x-signature": "sha256=é"}, "does not match"),
    ],
)
def test_a_request_that_is_not_signed_right_is_refused_in_words(headers: dict[str, str], message: str) -> None:
    """The sender's engineer reads what to mend, not just a number."""
    with pytest.raises(UnauthenticatedError, match=message):
        authenticate(HMAC, headers, BODY, NOW)


def test_the_timestamp_is_signed_too() -> None:
    """An old signature cannot be made fresh with a new timestamp."""
    headers = {**signed(at=NOW - timedelta(days=1)), "x-timestamp": str(int(NOW.timestamp()))}

    with pytest.raises(UnauthenticatedError, match="does not match"):
        authenticate(HMAC, headers, BODY, NOW)


@given(body=st.binary(), changed=st.binary())
def test_only_the_signed_body_passes(body: bytes, changed: bytes) -> None:
    """Whatever the bytes are, the signature belongs to them alone."""
    authenticate(HMAC, signed(body=body), body, NOW)
    if changed != body:
        with pytest.raises(UnauthenticatedError):
            authenticate(HMAC, signed(body=body), changed, NOW)


BEARER = BearerAuth(kind="bearer", tokens=(SecretStr("t-1"), SecretStr("t-2")))
BASIC = BasicAuth(kind="basic", username="cxi", passwords=(SecretStr("päss:1"),))
HEADER = HeaderAuth(kind="header", name="X-Client-Secret", secrets=(SecretStr("s-1"),))


@pytest.mark.parametrize(
    ("auth", "headers"),
    [
        (BEARER, {"authorization": "Bearer t-1"}),
        (BEARER, {"authorization": "bearer t-2"}),
        (BASIC, basic("cxi:päss:1")),
        (HEADER, {"x-client-secret": "s-1"}),
    ],
)
def test_right_credentials_pass(auth: Auth, headers: dict[str, str]) -> None:
    """Schemes are compared without case (RFC 9110 §11.1), passwords may hold colons."""
    authenticate(auth, headers, BODY, NOW)


@pytest.mark.parametrize(
    ("auth", "headers", "message"),
    [
        (BEARER, {}, "Authorization header is missing"),
        (BEARER, {"authorization": "Bearer t-3"}, "wrong bearer token"),
        (BEARER, {"authorization": "Bearer"}, "wrong bearer token"),
        (BEARER, {"authorization": "Basic t-1"}, "scheme must be Bearer"),
        (BASIC, basic("cxi:other"), "wrong user name or password"),
        (BASIC, basic("other:päss:1"), "wrong user name or password"),
        (BASIC, {"authorization": "Basic ###"}, "not base64"),
        (BASIC, {"authorization": "Basic é"}, "not base64"),
        (HEADER, {}, "X-Client-Secret header is missing"),
        (HEADER, {"x-client-secret": "s-2"}, "wrong X-Client-Secret header"),
    ],
)
def test_wrong_credentials_are_refused_without_an_echo(auth: Auth, headers: dict[str, str], message: str) -> None:
    """The message names the way, never what was sent."""
    with pytest.raises(UnauthenticatedError, match=message) as caught:
        authenticate(auth, headers, BODY, NOW)

    assert not any(value.partition(" ")[2] in str(caught.value) for value in headers.values() if " " in value)


@pytest.mark.parametrize(
    ("auth", "scheme"), [(HMAC, "HMAC-SHA256 "), (BEARER, "Bearer "), (BASIC, "Basic "), (HEADER, "Header ")]
)
def test_a_challenge_names_the_scheme(auth: Auth, scheme: str) -> None:
    """RFC 9110 §15.5.2: a 401 must say how to authenticate."""
    assert challenge(auth).startswith(scheme)


@pytest.mark.parametrize(
    "settings",
    [
        {"kind": "hmac", "secrets": []},
        {"kind": "hmac", "secrets": ["a", "b", "c"]},
        {"kind": "bearer", "tokens": [""]},
        {"kind": "basic", "username": "a:b", "passwords": ["x"]},
        {"kind": "none"},
    ],
)
def test_settings_that_protect_nothing_are_refused(settings: dict[str, object]) -> None:
    """An empty secret would let everybody in."""
    with pytest.raises(ValidationError):
        TypeAdapter(Auth).validate_python(settings)


def test_secrets_do_not_show() -> None:
    """Settings are printed and logged; secrets are stars there."""
    assert OLD not in repr(HMAC)
    assert OLD not in HMAC.model_dump_json()
