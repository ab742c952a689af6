"""Administrative requests where there is no real broker: the embedded one, and none at all."""

import pytest

from common.errors import BrokerDownError, ConfigurationError
from common.kafka.admin import TopicAdmin, check_partitions
from common.kafka.embedded import EmbeddedBroker
from tests.support.ports import free_ports
from topics.catalogue import topics
from topics.plan import Advice, ChangeConfig, Problem, Step


def test_the_embedded_broker_is_recognised_and_passes(embedded: EmbeddedBroker) -> None:
    """Over TCP, as another process sees it; the check makes the topics, so that a group can subscribe to them."""
    admin = TopicAdmin({"bootstrap.servers": embedded.bootstrap})

    assert check_partitions(admin, "", topics().values()) == []
    assert admin.cluster().is_embedded
    assert admin.cluster().counts == dict.fromkeys(topics(), 4)


def test_a_broker_that_is_away_is_named() -> None:
    """The address that was asked, and where it is set."""
    (port,) = free_ports(1)
    admin = TopicAdmin({"bootstrap.servers": f"127.0.0.1:{port}", "log_level": 0}, timeout_s=0.2)

    with pytest.raises(
        BrokerDownError, match=rf"no answer from 127\.0\.0\.1:{port} in 0.2 s.*kafka\.bootstrap\.servers"
    ):
        admin.cluster()


def test_a_plan_with_a_problem_is_not_applied(embedded: EmbeddedBroker) -> None:
    """Not even the steps in front of it."""
    admin, done = TopicAdmin({"bootstrap.servers": embedded.bootstrap}), list[Step]()
    steps: list[Step] = [ChangeConfig("a", "retention.ms", "1", "2"), Problem("b", "has 4 partitions")]

    with pytest.raises(ConfigurationError, match="nothing was applied: problem with b: has 4 partitions"):
        admin.apply(steps, done.append)

    assert done == []


def test_advice_is_passed_on(embedded: EmbeddedBroker) -> None:
    """There is nothing to do about it but to tell."""
    admin, done = TopicAdmin({"bootstrap.servers": embedded.bootstrap}), list[Step]()

    admin.apply([Advice("use 3 replicas")], done.append)

    assert done == [Advice("use 3 replicas")]
