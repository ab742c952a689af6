"""Why brokers cannot be used, in words: which address, what was said, and the setting to look at.

librdkafka's calls end with "Broker transport failure" whatever happened; the reason is told beside them, to
the client's `error_cb`. What a refused certificate, password or permission looks like there was measured with
librdkafka 2.16 and Apache Kafka 4.1; `tests/kafka/test_security.py` holds it.
"""

import re
from collections.abc import Mapping
from typing import Any

from confluent_kafka import KafkaError

GRANT = "grant it: `commfleet topics acls` prints what each worker needs"

_DENIED = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    }
)
_STATE = re.compile(r" \(after \d+ms in state \w+(?:, \d+ identical error\(s\) suppressed)?\)")
_CODES = re.compile(r"error:[0-9A-F]{8}:SSL routines::")
_BY_ITSELF = re.compile(r": broker certificate could not be verified, verify that .*", re.DOTALL)


def is_denied(error: KafkaError) -> bool:
    """Whether the broker knows who asks, and does not let them."""
    return error.code() in _DENIED


class Trouble:
    """What one client has heard about its connections; `hear` is its `error_cb`."""

    def __init__(self, kafka: Mapping[str, Any]) -> None:
        self._protocol = str(kafka.get("security.protocol", "PLAINTEXT")).upper()
        self._said = ""
        self._is_down = False

    def hear(self, error: KafkaError) -> None:
        """Keep what tells most: the reason of one connection, rather than that all are down."""
        if error.code() == KafkaError._ALL_BROKERS_DOWN:
            self._is_down = True
            return
        text = f"{_plain(error.str())}: {self._advice(error)}"
        if error.code() != KafkaError._TRANSPORT or not self._said:
            self._said = text

    def forget(self) -> None:
        """All is well again."""
        self._said, self._is_down = "", False

    @property
    def words(self) -> str:
        """The reason and the setting to look at; empty when nothing was heard."""
        if self._said or not self._is_down:
            return self._said
        return f"connections are closed at once: {self._if_closed()}"

    def _advice(self, error: KafkaError) -> str:
        match error.code():
            case KafkaError._AUTHENTICATION:
                return "check kafka.sasl.username, kafka.sasl.password and kafka.sasl.mechanism"
            case KafkaError._SSL if "certificate verify failed" in error.str():
                return (
                    "set kafka.ssl.ca.location to the certificates of the authority that signed the broker's, and "
                    "address brokers in kafka.bootstrap.servers by a name that their certificate has"
                )
            case KafkaError._SSL:
                return "check kafka.security.protocol and kafka.ssl.*"
            case KafkaError._TRANSPORT if "SSL" in error.str():
                return f"kafka.security.protocol is {self._protocol}, and this port does not seem to speak TLS"
            case _:
                return "check kafka.bootstrap.servers and that the broker runs"

    def _if_closed(self) -> str:
        """A broker that is not there refuses with words; one whose port speaks TLS hangs up on plain text."""
        if self._protocol in ("PLAINTEXT", "SASL_PLAINTEXT"):
            return f"kafka.security.protocol is {self._protocol}; if the port is one for TLS, set it to SASL_SSL or SSL"
        return f"kafka.security.protocol is {self._protocol}; check that it is what the port speaks"


def _plain(text: str) -> str:
    """librdkafka's words without durations and OpenSSL's numbers, nor its advice where we have our own."""
    return _BY_ITSELF.sub("", _CODES.sub("", _STATE.sub("", text))).strip()
