"""A producer that says what became of every record: acknowledged by all in-sync replicas, or not known.

Plain librdkafka with one thread that polls for delivery reports; `send_all` is for an asyncio web server,
`submit` for plain code (kafka.md, "confluent-kafka": the client's own asyncio producer cannot send headers).
"""

import asyncio
import logging
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from common.errors import CommfleetError, FatalError, RecordTooLargeError, UnconfirmedError
from common.event import Position
from common.kafka.parcel import Confirmation, Parcel
from common.kafka.trouble import GRANT, Trouble, is_denied

log = logging.getLogger(__name__)

_POLL_S = 0.1
_ASK_S = 1.0
_QUEUE_KIBIBYTES = 64 * 1024
_TOO_LARGE = frozenset({KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE})

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
        self._trouble = Trouble(config)
        self._denied: set[str] = set()
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

    async def send_all(self, records: Sequence[Outgoing]) -> list[Confirmation]:
        """Send in this order and wait for all, in an event loop; for each, where it is or what went wrong.

        Behind a record that cannot be sent now nothing is sent either: it would overtake it.
        """
        parcel = Parcel(len(records), asyncio.get_running_loop())
        stopped: CommfleetError | None = None
        for index, record in enumerate(records):
            try:
                if stopped is None:
                    self.begin(record, partial(parcel.put, index))
                    continue
                error = stopped
            except RecordTooLargeError as too_large:
                error = too_large
            except (UnconfirmedError, FatalError) as refused:
                error = stopped = refused
            parcel.put(index, error)
        if not await parcel.wait(self.confirm_timeout_s):
            self._is_failing = True
        return parcel.confirmations(lambda index: UnconfirmedError(self._not_confirmed(records[index].topic)))

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
        self._denied.discard(topic)
        self._release()
        done(Position(topic, partition, offset))

    def _failure(self, topic: str, error: KafkaError | None) -> CommfleetError:
        if error is not None and error.code() in _TOO_LARGE:
            return RecordTooLargeError(f"{topic}: the broker refuses a record of this size")
        if error is not None and is_denied(error):
            return self._refused(topic, error)
        if error is not None and error.fatal():
            return FatalError(f"{topic}: the producer cannot go on: {error.str()}")
        return UnconfirmedError(f"{self._not_confirmed(topic)}: {error.str() if error else 'no position'}")

    def _refused(self, topic: str, error: KafkaError) -> UnconfirmedError:
        """Nothing is stored, and a repeat may be: permissions are given while we run."""
        message = f"{topic}: not stored, the broker does not let this worker write to it{_advice(error)}"
        if topic not in self._denied:
            self._denied.add(topic)
            log.error("%s", message)
        return UnconfirmedError(message)

    def _refusal(self, topic: str, error: BufferError | KafkaException) -> CommfleetError:
        match error:
            case KafkaException(args=[KafkaError() as kafka_error, *_]):
                return self._failure(topic, kafka_error)
            case _:
                return UnconfirmedError(f"nothing was sent: {self._crowded()}")

    def _on_error(self, error: KafkaError) -> None:
        self._trouble.hear(error)
        if error.fatal():
            self._fatal = FatalError(f"the producer to {self._bootstrap} cannot go on: {error.str()}{_advice(error)}")
            self._on_fatal(self._fatal)
        elif error.code() == KafkaError._ALL_BROKERS_DOWN:
            self._away = self._away or "no broker answers"

    def _poll(self) -> None:
        while not self._stop.is_set():
            if self._away:
                self._ask()
            self._serve()

    def _serve(self) -> None:
        """Let the client call back. It *raises* a fatal error here, as an object that only a bare except catches."""
        try:
            self._client.poll(_POLL_S)
        except:  # noqa: E722
            error: object = sys.exc_info()[1]
            if not isinstance(error, KafkaError):
                raise
            self._on_error(error)

    def _ask(self) -> None:
        """Look whether the broker is back; idle clients would not notice."""
        try:
            self._client.list_topics(timeout=_ASK_S)
        except KafkaException as error:
            reason = self._trouble.words or (error.args[0].str() if error.args else "no answer")
            if self._away != reason:
                self._away = reason
                log.warning("%s; trying again", self._unreachable())
            return
        self._away = ""
        self._trouble.forget()
        with self._room:
            self._room.notify_all()

    def _unreachable(self) -> str:
        return f"Kafka at {self._bootstrap} cannot be reached ({self._away})"

    def _crowded(self) -> str:
        return f"{self._unconfirmed} records to {self._bootstrap} wait for their confirmation"

    def _not_confirmed(self, topic: str) -> str:
        return f"{topic}: not confirmed within {self.confirm_timeout_s:g} s, it may or may not be stored"


def _advice(error: KafkaError) -> str:
    return f"; {GRANT}" if is_denied(error) else ""


def _settle(answer: "Future[Position]", confirmation: Confirmation) -> None:
    if answer.done():
        return
    match confirmation:
        case Position():
            answer.set_result(confirmation)
        case _:
            answer.set_exception(confirmation)
