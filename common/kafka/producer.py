"""A producer that says what became of every record: acknowledged by all in-sync replicas, or not known.

Plain librdkafka with one thread that polls for delivery reports; `send` is for an asyncio web server,
`submit` for plain code (kafka.md, "confluent-kafka": the client's own asyncio producer cannot send headers).
"""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from common.errors import CommfleetError, FatalError, RecordTooLargeError, UnconfirmedError
from common.event import Position

log = logging.getLogger(__name__)

_POLL_S = 0.1
_ASK_S = 1.0
_QUEUE_KIBIBYTES = 64 * 1024
_TOO_LARGE = frozenset({KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE})

Confirmation = Position | CommfleetError
Confirmed = Callable[[Confirmation], None]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record on its way to the log; `topic` is the name on the broker, prefix included."""

    topic: str
    key: bytes | None
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()

    @property
    def size(self) -> int:
        """Bytes of key, value and headers, without the few that Kafka's framing adds."""
        headers = sum(len(name) + len(value) for name, value in self.headers)
        return len(self.key or b"") + len(self.value) + headers


class ConfirmedProducer:
    """Produces records and confirms each; at most `max_unconfirmed` are on their way at once.

    While the broker is known to be away, or the last record was not confirmed, only `probes` records may be
    on their way: the others are refused at once (`UnconfirmedError`), so that a caller learns it early and
    nothing queues for ever. `config` comes from `common.kafka.clients.producer_config`.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        *,
        confirm_timeout_s: float = 10.0,
        max_unconfirmed: int = 10_000,
        probes: int = 16,
        on_fatal: Callable[[FatalError], None] = lambda _: None,
    ) -> None:
        self._bootstrap = str(config.get("bootstrap.servers", ""))
        self.confirm_timeout_s, self._max_unconfirmed = confirm_timeout_s, max_unconfirmed
        self._probes, self._on_fatal = probes, on_fatal
        self._unconfirmed, self._room = 0, threading.Condition()
        self._away, self._is_failing = "not reached yet", False
        self._fatal: FatalError | None = None
        self._stop = threading.Event()
        self._client = Producer(self._properties(config), logger=log)
        self._poller = threading.Thread(target=self._poll, name="producer-poll", daemon=True)
        self._poller.start()

    def _properties(self, config: Mapping[str, Any]) -> dict[str, Any]:
        ours = {
            # a record that nobody waits for any more must not surface minutes later beside its repeat
            "message.timeout.ms": max(1, int(self.confirm_timeout_s * 1000)),
            "queue.buffering.max.kbytes": _QUEUE_KIBIBYTES,
            "error_cb": self._on_error,
        }
        rest = {name: value for name, value in config.items() if name != "delivery.timeout.ms"}  # its alias
        return {**rest, **ours}

    @property
    def trouble(self) -> str:
        """Why the broker cannot be used, in words for an operator; empty when it can."""
        return str(self._fatal) if self._fatal else self._away and self._unreachable()

    def begin(self, record: Outgoing, done: Confirmed, patience_s: float = 0.0) -> None:
        """Send; `done` is called once, in the polling thread, with the position or an error.

        Raises UnconfirmedError when, for `patience_s`, too many are on their way or the broker is away
        (nothing was sent then), RecordTooLargeError, and FatalError when the client is beyond repair.
        """
        self._admit(patience_s)
        try:
            self._client.produce(
                record.topic,
                record.value,
                record.key,
                headers=list(record.headers),
                on_delivery=lambda error, message: self._report(error, message, done),
            )
        except (BufferError, KafkaException) as error:
            self._release()
            raise self._refusal(record.topic, error) from error

    async def send(self, record: Outgoing) -> Position:
        """Send and wait, in an event loop; raises as `begin`, and UnconfirmedError past the time-out."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Position] = loop.create_future()

        def done(confirmation: Confirmation) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(_settle, answer, confirmation)

        self.begin(record, done)
        try:
            async with asyncio.timeout(self.confirm_timeout_s):
                return await answer
        except TimeoutError:
            self._is_failing = True
            raise UnconfirmedError(self._not_confirmed(record.topic)) from None

    def submit(self, record: Outgoing) -> "Future[Position]":
        """Send, waiting for room; the future has the position or the error. Raises as `begin`."""
        answer: Future[Position] = Future()
        self.begin(record, lambda confirmation: _settle(answer, confirmation), self.confirm_timeout_s)
        return answer

    def close(self, timeout_s: float = 10.0) -> int:
        """Wait for what is on its way, then let go; how many records are not confirmed."""
        self._stop.set()
        self._poller.join()
        return self._client.flush(timeout_s)

    def _admit(self, patience_s: float) -> None:
        with self._room:
            has_room = self._has_room() or (patience_s > 0 and self._room.wait_for(self._has_room, patience_s))
            if self._fatal:
                raise self._fatal
            if not has_room:
                raise UnconfirmedError(f"nothing was sent: {self.trouble or self._crowded()}")
            self._unconfirmed += 1

    def _has_room(self) -> bool:
        is_suspect = bool(self._away) or self._is_failing
        return bool(self._fatal) or self._unconfirmed < (self._probes if is_suspect else self._max_unconfirmed)

    def _release(self) -> None:
        with self._room:
            self._unconfirmed -= 1
            self._room.notify()

    def _report(self, error: KafkaError | None, message: Message, done: Confirmed) -> None:
        topic, partition, offset = message.topic(), message.partition(), message.offset()
        if error is not None or topic is None or partition is None or offset is None:
            self._is_failing = True
            self._release()
            done(self._failure(str(topic), error))
            return
        self._is_failing, self._away = False, ""
        self._release()
        done(Position(topic, partition, offset))

    def _failure(self, topic: str, error: KafkaError | None) -> CommfleetError:
        if error is not None and error.code() in _TOO_LARGE:
            return RecordTooLargeError(f"{topic}: the broker refuses a record of this size")
        if error is not None and error.fatal():
            return FatalError(f"{topic}: the producer cannot go on: {error.str()}")
        return UnconfirmedError(f"{self._not_confirmed(topic)}: {error.str() if error else 'no position'}")

    def _refusal(self, topic: str, error: BufferError | KafkaException) -> CommfleetError:
        match error:
            case KafkaException(args=[KafkaError() as kafka_error, *_]):
                return self._failure(topic, kafka_error)
            case _:
                return UnconfirmedError(f"nothing was sent: {self._crowded()}")

    def _on_error(self, error: KafkaError) -> None:
        if error.fatal():
            self._fatal = FatalError(f"the producer to {self._bootstrap} cannot go on: {error.str()}")
            self._on_fatal(self._fatal)
        elif error.code() == KafkaError._ALL_BROKERS_DOWN:
            self._away = self._away or "no broker answers"

    def _poll(self) -> None:
        while not self._stop.is_set():
            if self._away:
                self._ask()
            self._client.poll(_POLL_S)

    def _ask(self) -> None:
        """Look whether the broker is back; idle clients would not notice."""
        try:
            self._client.list_topics(timeout=_ASK_S)
        except KafkaException as error:
            reason = error.args[0].str() if error.args else "no answer"
            if self._away != reason:
                self._away = reason
                log.warning("%s; trying again", self._unreachable())
            return
        self._away = ""
        with self._room:
            self._room.notify_all()

    def _unreachable(self) -> str:
        return f"Kafka at {self._bootstrap} cannot be reached ({self._away})"

    def _crowded(self) -> str:
        return f"{self._unconfirmed} records to {self._bootstrap} wait for their confirmation"

    def _not_confirmed(self, topic: str) -> str:
        return f"{topic}: not confirmed within {self.confirm_timeout_s:g} s, it may or may not be stored"


def _settle(answer: "asyncio.Future[Position] | Future[Position]", confirmation: Confirmation) -> None:
    if answer.done():
        return
    match confirmation:
        case Position():
            answer.set_result(confirmation)
        case _:
            answer.set_exception(confirmation)
