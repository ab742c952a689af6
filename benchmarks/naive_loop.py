"""The reference: the plain loop that everybody writes first, on the same libraries as the sink path.

Consume 500, decode, map, serialise, POST 75 a request on four threads, commit where it has read to once a
second. It keeps no promise at all: no order, no verdicts, a crash or a refusal loses what was committed and
not sent. Any engine pays for its promises in comparison with this.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import UTC, datetime
from io import BytesIO
from time import monotonic
from typing import Any

import httpx
import orjson
from confluent_kafka import Consumer
from fastavro import parse_schema, schemaless_reader

from benchmarks.events import TOPIC
from schemas.catalogue import catalogue

_PAGE, _A_REQUEST = 500, 75
_POLL_S, _COMMIT_S, _REQUEST_S = 0.1, 1.0, 30.0
_PREFIX_BYTES = 5

Value = dict[str, Any]


def as_attributes(value: Value) -> Value:
    """What benchmarks/flows/attributes.yaml and the sink's mapping make of an event, by hand."""
    return {
        "external_id": value["customer"]["customer_id"],
        "last_document_id": value["document_id"],
        "last_document_type": value["document_type"],
        "last_document_status": value["type"],
        "last_document_at": _time(value["occurred_at"]),
        "last_communication_id": value["communication_id"],
        "last_channel": value["channel"],
        "product": value["product"],
    }


def as_event(value: Value) -> Value:
    """What benchmarks/flows/events.yaml and the sink's mapping make of an event, by hand."""
    return {
        "external_id": value["customer"]["customer_id"],
        "name": "communication_" + value["type"],
        "time": _time(value["occurred_at"]),
        "properties": {
            "document_id": value["document_id"],
            "document_type": value["document_type"],
            "communication_id": value["communication_id"],
            "channel": value["channel"],
            "product": value["product"],
            "event_uuid": value["event_id"],
        },
    }


MAPPINGS: dict[str, Callable[[Value], Value]] = {"attributes": as_attributes, "events": as_event}


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def objects(consumer: Consumer, array: str, count: int) -> Iterator[Value]:
    """The first `count` events of the log, mapped; commits on the way."""
    schema, mapping = parse_schema(catalogue().schema(TOPIC)), MAPPINGS[array]
    committed_at = monotonic()
    while count > 0:
        for message in consumer.consume(min(_PAGE, count), _POLL_S):
            if message.error():
                raise SystemExit(f"naive loop: {message.error()}")
            body = BytesIO(message.value() or b"")
            body.seek(_PREFIX_BYTES)
            yield mapping(schemaless_reader(body, schema, None))  # type: ignore[arg-type]  # a record
            count -= 1
        if count and monotonic() - committed_at >= _COMMIT_S:  # the last commit is made when all is sent
            consumer.commit(asynchronous=True)
            committed_at = monotonic()


def requests(mapped: Iterator[Value]) -> Iterator[list[Value]]:
    """Lists of 75; the last one may be shorter."""
    filling: list[Value] = []
    for each in mapped:
        filling.append(each)
        if len(filling) == _A_REQUEST:
            yield filling
            filling = []
    if filling:
        yield filling


def run(consumer: Consumer, url: str, array: str, count: int, threads: int) -> None:
    """Send `count` events, at most `threads` requests at once."""
    limits = httpx.Limits(max_connections=threads)
    with (
        httpx.Client(limits=limits, timeout=_REQUEST_S, trust_env=False) as client,
        ThreadPoolExecutor(threads) as pool,
    ):

        def post(these: Sequence[Value]) -> None:
            headers = {"authorization": "Bearer benchmark", "content-type": "application/json"}
            client.post(f"{url}/users/track", content=orjson.dumps({array: these}), headers=headers).raise_for_status()

        running: set[Future[None]] = set()
        for these in requests(objects(consumer, array, count)):
            if len(running) == threads:
                running = _after_one(running)
            running.add(pool.submit(post, these))
        while running:
            running = _after_one(running)


def _after_one(running: set[Future[None]]) -> set[Future[None]]:
    done, left = wait(running, return_when=FIRST_COMPLETED)
    for each in done:
        each.result()
    return left


def main() -> None:
    """Parse, subscribe, run."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--bootstrap", "--topic", "--group", "--url"):
        parser.add_argument(name, required=True)
    parser.add_argument("--array", choices=MAPPINGS, required=True)
    parser.add_argument("--events", type=int, required=True)
    parser.add_argument("--threads", type=int, default=4)
    given = parser.parse_args()
    consumer = Consumer(
        {
            "bootstrap.servers": given.bootstrap,
            "group.id": given.group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe([given.topic])
    run(consumer, given.url, given.array, given.events, given.threads)
    consumer.commit(asynchronous=False)
    consumer.close()


if __name__ == "__main__":
    main()
