"""The JSON Schemas that the webhook serves: of what a sender may post, not of what then stands in Kafka."""

from collections.abc import Collection
from functools import cache
from typing import Any

import orjson
from starlette.responses import Response

from schemas.catalogue import catalogue
from schemas.json_schema import json_schema
from workers.ingest.sources.canonical import EVENT_ID_PATTERN, WRITTEN_BY_WORKERS

MEDIA_TYPE = "application/schema+json"

_OURS = ("event_id", "source", "ingested_at")
"""What the door fills in where the sender says nothing."""


def posted_schema(topic: str) -> dict[str, Any]:
    """The JSON Schema of one event as it is posted to `/v1/events/{topic}`."""
    schema = json_schema(catalogue().schema(topic))
    schema["required"] = [name for name in schema["required"] if name not in _OURS]
    properties, customer = schema["properties"], schema["$defs"].get("Customer")
    properties["event_id"] |= {"type": ["string", "null"], "pattern": f"^{EVENT_ID_PATTERN}$"}
    properties["source"]["type"] = ["string", "null"]
    properties["ingested_at"] = {"description": "Filled in on arrival, whatever stands here."}
    if customer:
        customer["properties"]["customer_id"]["pattern"] = r"\S"
    return {"$id": f"/v1/schemas/{topic}", **schema}


@cache
def schema_of(topic: str) -> Response:
    """The answer to `GET /v1/schemas/{topic}`."""
    return Response(orjson.dumps(posted_schema(topic)), media_type=MEDIA_TYPE)


def schema_list(event_topics: Collection[str]) -> Response:
    """The answer to `GET /v1/schemas`: every event topic, its schema, and whether senders may write to it."""
    listed = [
        {"topic": topic, "schema": f"/v1/schemas/{topic}", "open_to_sources": topic not in WRITTEN_BY_WORKERS}
        for topic in sorted(event_topics)
    ]
    return Response(orjson.dumps({"schemas": listed}), media_type="application/json")
