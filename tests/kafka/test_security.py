"""TLS and SASL/SCRAM to a real broker: right settings work, wrong ones are refused with words to act on."""

import re
from pathlib import Path

import pytest

from common.errors import BrokerDownError
from common.kafka.admin import TopicAdmin
from common.kafka.clients import consumer_config, producer_config
from common.kafka.consumer import GroupConsumer
from common.kafka.log_reader import LogReader, TopicUnreadableError
from common.kafka.producer import ConfirmedProducer
from common.settings import KafkaSettings
from tests.support.fixtures import SecureKafka
from tests.support.poll import eventually
from tests.support.secure import Authority, Warden

PATIENCE_S = 4.0
PASSWORD = "right horse"
QUIET = {"log_level": "0"}


@pytest.fixture(scope="module")
def right(secure_kafka: SecureKafka) -> dict[str, str]:
    """The kafka section of a worker that is let in."""
    Warden(secure_kafka.bootstrap).enrol("worker", PASSWORD)
    return secure_kafka.door.client("worker", PASSWORD)


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The certificate of an authority that signed nothing here."""
    return str(Authority.make(tmp_path_factory.mktemp("stranger") / "authority").certificate)


def admin(kafka: dict[str, str]) -> TopicAdmin:
    return TopicAdmin(KafkaSettings.model_validate(kafka).client(), PATIENCE_S)


def test_the_right_settings_are_let_in(right: dict[str, str]) -> None:
    """Through the settings, as a site writes them: the broker answers."""
    assert not admin(right).cluster().is_embedded


def test_a_foreign_authority_is_told(right: dict[str, str], stranger: str) -> None:
    """The broker's certificate is not trusted: which address, and where the authority is set."""
    said = refusal(right | {"ssl.ca.location": stranger})

    assert right["bootstrap.servers"] in said
    assert "certificate verify failed: set kafka.ssl.ca.location to" in said


@pytest.mark.parametrize(
    "wrong", [{"sasl.password": "wrong"}, {"sasl.username": "nobody"}, {"sasl.mechanism": "PLAIN"}], ids=str
)
def test_wrong_credentials_are_told(right: dict[str, str], wrong: dict[str, str]) -> None:
    """The three settings to look at, the address, and never the password."""
    said = refusal(right | wrong)

    assert right["bootstrap.servers"] in said
    assert said.endswith("check kafka.sasl.username, kafka.sasl.password and kafka.sasl.mechanism")
    assert PASSWORD not in said


@pytest.mark.parametrize("protocol", ["PLAINTEXT", "SASL_PLAINTEXT"])
def test_plain_text_to_a_tls_port_is_told(right: dict[str, str], protocol: str) -> None:
    """Such a port only hangs up: the words say what that means."""
    said = refusal(right | {"security.protocol": protocol})

    assert right["bootstrap.servers"] in said
    assert f"kafka.security.protocol is {protocol}; if the port is one for TLS, set it to SASL_SSL" in said


def test_tls_to_a_plain_port_is_told(right: dict[str, str], secure_kafka: SecureKafka) -> None:
    """The other way round."""
    said = refusal(right | {"bootstrap.servers": secure_kafka.bootstrap})

    assert "kafka.security.protocol is SASL_SSL, and this port does not seem to speak TLS" in said


def test_a_certificate_that_cannot_be_read_is_told(right: dict[str, str], tmp_path: Path) -> None:
    """Before anybody is contacted: `commfleet check` asks librdkafka."""
    from common.kafka.verify import complaint

    absent = str(tmp_path / "absent.pem")

    assert complaint(right) == ""
    assert "ssl.ca.location" in complaint(right | {"ssl.ca.location": absent})


def test_a_webhook_with_a_wrong_password_says_so(right: dict[str, str]) -> None:
    """Its readiness repeats the broker's words."""
    producer = ConfirmedProducer(producer_config(right | QUIET | {"sasl.password": "wrong"}), confirm_timeout_s=1)
    try:
        eventually(lambda: "kafka.sasl.password" in producer.trouble)
        assert right["bootstrap.servers"] in producer.trouble
    finally:
        producer.close(0)


def test_a_sink_with_a_wrong_password_says_so(right: dict[str, str]) -> None:
    """A password that is changed while it runs: readiness says which settings to look at."""
    heard: list[str | None] = []
    config = consumer_config(right | QUIET | {"sasl.password": "wrong"}, group_id="group")
    consumer = GroupConsumer(config, heard.append)
    try:
        eventually(lambda: consumer.read(1, 0.1) or heard)
        eventually(lambda: consumer.read(1, 0.1) or any(text and "kafka.sasl.password" in text for text in heard))
    finally:
        consumer.close()


def test_a_tool_with_a_wrong_password_says_so(right: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """`dlq list` and the like end with the same words."""
    monkeypatch.setattr("common.kafka.log_reader._CALL_TIMEOUT_S", PATIENCE_S)
    with pytest.raises(TopicUnreadableError, match=r"kafka\.sasl\.password"):
        list(LogReader(right | QUIET | {"sasl.password": "wrong"}).records("comms.dlq.braze.v1"))


def refusal(kafka: dict[str, str]) -> str:
    with pytest.raises(BrokerDownError) as caught:
        admin(kafka).cluster()
    assert not re.search(r"after \d+ms", str(caught.value)), "no noise"
    return str(caught.value)
