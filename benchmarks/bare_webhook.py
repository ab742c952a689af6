"""The reference of the webhook: the least that puts JSON events on the same topic as Avro, and waits for Kafka.

`python -m benchmarks.bare_webhook --bootstrap A --topic T --port P`. Starlette, orjson, fastavro and the
client's own asyncio idiom, a future for each record. It checks nothing: no signature, no limits, no schema, no
ids, no headers on the record, no word about what is wrong, and no counting.
"""

import argparse
import asyncio
import struct
import threading
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import orjson
import uvicorn
from confluent_kafka import KafkaError, Message, Producer
from fastavro import parse_schema, schemaless_writer
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from benchmarks.events import TOPIC
from common.kafka.clients import producer_config
from schemas.catalogue import catalogue


class Bare:
    """One handler and its producer."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._topic = topic
        self._schema = parse_schema(catalogue().schema(TOPIC))
        self._prefix = struct.pack(">bI", 0, catalogue().id_of(TOPIC))
        self._producer = Producer(producer_config({"bootstrap.servers": bootstrap}))
        threading.Thread(target=self._poll, daemon=True).start()

    async def receive(self, request: Request) -> Response:
        """Events in, 200 once Kafka has them all."""
        posted = orjson.loads(await request.body())
        events = posted if isinstance(posted, list) else [posted]
        await asyncio.gather(*[self._send(event) for event in events])
        return Response(orjson.dumps({"stored": len(events)}), media_type="application/json")

    def _send(self, event: dict[str, Any]) -> "asyncio.Future[None]":
        loop = asyncio.get_running_loop()
        stored: asyncio.Future[None] = loop.create_future()

        def delivered(error: KafkaError | None, _: Message) -> None:
            if error:
                loop.call_soon_threadsafe(stored.set_exception, RuntimeError(str(error)))
            else:
                loop.call_soon_threadsafe(stored.set_result, None)

        event["occurred_at"] = datetime.fromisoformat(event["occurred_at"])
        event["ingested_at"] = datetime.now(UTC)
        body = BytesIO()
        body.write(self._prefix)
        schemaless_writer(body, self._schema, event)
        self._producer.produce(self._topic, body.getvalue(), event["customer"]["customer_id"], on_delivery=delivered)
        return stored

    def _poll(self) -> None:
        while True:
            self._producer.poll(0.1)


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    bare = Bare(given.bootstrap, given.topic)
    app = Starlette(routes=[Route("/events", bare.receive, methods=["POST"])])
    uvicorn.run(app, host="127.0.0.1", port=given.port, http="h11", loop="asyncio", log_level="warning")


if __name__ == "__main__":
    main()
