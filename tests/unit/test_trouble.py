"""What clients hear about their connections, in words that name a setting."""

import pytest
from confluent_kafka import KafkaError

from common.kafka.trouble import Trouble, is_denied

DOWN = KafkaError(KafkaError._ALL_BROKERS_DOWN, "1/1 brokers are down")
SASL = KafkaError(
    KafkaError._AUTHENTICATION,
    "sasl_ssl://b:9093/bootstrap: SASL authentication error: Authentication failed (after 307ms in state AUTH_REQ)",
)
REFUSED = KafkaError(
    KafkaError._TRANSPORT,
    "b:1/bootstrap: Connect to ipv4#10.0.0.1:1 failed: Connection refused (after 0ms in state CONNECT)",
)


def _heard(*errors: KafkaError, protocol: str = "SASL_SSL") -> str:
    trouble = Trouble({"security.protocol": protocol})
    for error in errors:
        trouble.hear(error)
    return trouble.words


def test_the_reason_is_told_without_noise() -> None:
    """The address, what was said, what to look at: no durations."""
    assert _heard(SASL) == (
        "sasl_ssl://b:9093/bootstrap: SASL authentication error: Authentication failed: "
        "check kafka.sasl.username, kafka.sasl.password and kafka.sasl.mechanism"
    )


@pytest.mark.parametrize("errors", [(SASL, DOWN, REFUSED), (DOWN, REFUSED, SASL), (REFUSED, SASL, DOWN)])
def test_what_tells_most_stays(errors: tuple[KafkaError, ...]) -> None:
    """That all brokers are down, or a connection broke, follows from it."""
    assert "kafka.sasl.password" in _heard(*errors)


def test_nobody_there_points_at_the_address() -> None:
    """Not at TLS: the connection was refused."""
    assert _heard(REFUSED, DOWN) == (
        "b:1/bootstrap: Connect to ipv4#10.0.0.1:1 failed: Connection refused: "
        "check kafka.bootstrap.servers and that the broker runs"
    )


def test_a_connection_that_is_only_closed_points_at_the_protocol() -> None:
    """librdkafka says no more than that all brokers are down."""
    assert "kafka.security.protocol is PLAINTEXT; if the port is one for TLS" in _heard(DOWN, protocol="plaintext")
    assert "kafka.security.protocol is SASL_SSL; check" in _heard(DOWN)


def test_nothing_heard_is_no_trouble() -> None:
    """Nor is what was mended."""
    trouble = Trouble({})
    before = trouble.words
    trouble.hear(SASL)
    trouble.forget()

    assert before == trouble.words == ""


def test_a_missing_permission_is_told_from_other_errors() -> None:
    """Only those are answered by a grant."""
    assert is_denied(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED))
    assert not is_denied(SASL)
