"""The producer that says what became of every record."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import KafkaError

from common.errors import FatalError, RecordTooLargeError, UnconfirmedError
from common.event import Position
from common.kafka.clients import producer_config
from common.kafka.embedded import PARTITIONS, EmbeddedBroker
from common.kafka.producer import ConfirmedProducer, Outgoing
from tests.support.forwarder import Forwarder
from tests.support.poll import eventually
from tests.support.ports import free_ports

RECORD = Outgoing("signals", b"c-1", b"value", (("ce_id", b"1"),))


@pytest.fixture
def producer(embedded: EmbeddedBroker) -> Iterator[ConfirmedProducer]:
    yield from opened(embedded.bootstrap)


@pytest.fixture
def stranded() -> Iterator[ConfirmedProducer]:
    """A producer whose broker is not there."""
    (port,) = free_ports(1)
    yield from opened(f"127.0.0.1:{port}", confirm_timeout_s=1.0, probes=2)


def opened(bootstrap: str, **settings: Any) -> Iterator[ConfirmedProducer]:
    producer = ConfirmedProducer(producer_config({"bootstrap.servers": bootstrap}), **settings)
    yield producer
    producer.close(timeout_s=3)


def test_a_record_is_confirmed_with_its_place(producer: ConfirmedProducer) -> None:
    """Both ways to send tell where the record stands."""
    first = producer.submit(RECORD).result(10)
    others = asyncio.run(producer.send_all([RECORD, RECORD]))

    assert first == Position("signals", first.partition, 0)
    assert others == [Position("signals", first.partition, 1), Position("signals", first.partition, 2)]


def test_nothing_to_send_is_confirmed_at_once(producer: ConfirmedProducer) -> None:
    """An empty array has an answer too."""
    assert asyncio.run(producer.send_all([])) == []


def test_a_record_that_is_too_large_is_refused_alone(producer: ConfirmedProducer) -> None:
    """Its neighbours are confirmed."""
    large = Outgoing("signals", b"c-1", b"x" * 2**21)

    before, refused, behind = asyncio.run(producer.send_all([RECORD, large, RECORD]))

    assert isinstance(refused, RecordTooLargeError)
    assert isinstance(before, Position)
    assert isinstance(behind, Position)
    assert behind.offset == before.offset + 1


MURMUR2 = {b"21": -973932308, b"foobar": -790332482, b"a-little-bit-long-string": -985981536, b"abc": 479470107}
"""Hashes that Apache Kafka's own UtilsTest lists."""


def test_a_key_goes_where_the_java_clients_put_it(producer: ConfirmedProducer) -> None:
    """Upstream systems are mostly Java: one customer must not sit in two partitions."""
    placed = {key: producer.submit(Outgoing("signals", key, b"")).result(10).partition for key in MURMUR2}

    assert placed == {key: (digest & 0x7FFFFFFF) % PARTITIONS for key, digest in MURMUR2.items()}


def test_trouble_is_over_once_the_broker_answered(producer: ConfirmedProducer) -> None:
    """A worker is ready without having sent anything."""
    eventually(lambda: not producer.trouble, what="the broker was reached")


def test_an_absent_broker_is_named(stranded: ConfirmedProducer) -> None:
    """The operator reads which address does not answer."""
    eventually(lambda: "Connection refused" in stranded.trouble or "Local:" in stranded.trouble)

    assert stranded.trouble.startswith("Kafka at 127.0.0.1:")


def test_without_a_broker_nothing_is_confirmed(stranded: ConfirmedProducer) -> None:
    """The wait ends with the time-out, and the error says that nobody knows."""
    (answer,) = asyncio.run(stranded.send_all([RECORD]))

    assert isinstance(answer, UnconfirmedError)
    assert "not confirmed within 1 s, it may or may not be stored" in str(answer)


def test_nothing_overtakes_a_record_that_was_not_sent(stranded: ConfirmedProducer) -> None:
    """Behind the first refused one of a request nothing is sent, even if there is room again."""
    rooms = iter([True, False, True, True])
    stranded._has_room = lambda: next(rooms)  # type: ignore[method-assign]

    answers = asyncio.run(stranded.send_all([RECORD] * 4))

    assert [str(answer).split(":")[0] for answer in answers] == ["signals", *["nothing was sent"] * 3]
    assert next(rooms)


def test_without_a_broker_only_a_few_records_wait(stranded: ConfirmedProducer) -> None:
    """The third of two probes is refused at once: nothing queues for ever."""
    for _ in range(2):
        stranded.begin(RECORD, lambda _: None)

    with pytest.raises(UnconfirmedError, match=r"nothing was sent: Kafka at 127.0.0.1:\d+ cannot be reached"):
        stranded.begin(RECORD, lambda _: None)


def test_plain_code_waits_for_room(embedded: EmbeddedBroker) -> None:
    """`submit` slows its caller down instead of refusing, so a file of any length can be sent."""
    for producer in opened(embedded.bootstrap, max_unconfirmed=2):
        answers = [producer.submit(RECORD) for _ in range(50)]

        assert len({answer.result(10) for answer in answers}) == 50


def test_a_broker_that_comes_back_is_found(embedded: EmbeddedBroker) -> None:
    """Nothing is restarted: the same producer confirms again."""
    forwarder = Forwarder(embedded.bootstrap)
    for producer in opened(forwarder.address, confirm_timeout_s=0.5):
        (answer,) = asyncio.run(producer.send_all([RECORD]))
        assert isinstance(answer, UnconfirmedError)

        forwarder.open()
        eventually(lambda: not producer.trouble, 20, what="the broker was found again")  # noqa: B023

        assert producer.submit(RECORD).result(10).topic == "signals"
    forwarder.close()


def test_a_record_over_the_clients_limit_is_refused_by_name(embedded: EmbeddedBroker) -> None:
    """Not as a broker's error code."""
    settings = {**producer_config({"bootstrap.servers": embedded.bootstrap}), "message.max.bytes": 2000}
    producer = ConfirmedProducer(settings)

    with pytest.raises(RecordTooLargeError, match="signals: the broker refuses a record of this size"):
        producer.begin(Outgoing("signals", None, b"x" * 4000), lambda _: None)
    producer.close()


def test_a_client_beyond_repair_says_so(embedded: EmbeddedBroker) -> None:
    """A fatal client error is told once to whoever ends the worker, and to every caller from then on."""
    told: list[FatalError] = []
    producer = ConfirmedProducer(producer_config({"bootstrap.servers": embedded.bootstrap}), on_fatal=told.append)

    producer._on_error(KafkaError(KafkaError._FENCED, "fenced", fatal=True))  # as librdkafka calls it

    with pytest.raises(FatalError, match=f"the producer to {embedded.bootstrap} cannot go on: fenced"):
        producer.begin(RECORD, lambda _: None)
    assert [str(error) for error in told] == [producer.trouble]
    producer.close()


def test_closing_waits_for_what_is_on_its_way(embedded: EmbeddedBroker) -> None:
    """A calm stop leaves nothing unconfirmed."""
    producer = ConfirmedProducer(producer_config({"bootstrap.servers": embedded.bootstrap}, linger_ms=200))
    answers = [producer.submit(RECORD) for _ in range(10)]

    assert producer.close(10) == 0
    assert all(answer.done() for answer in answers)
