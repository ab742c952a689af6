"""Events as a reader of their topic sees them."""

from typing import Any

from common.codec import Decoder, Encoder, LocalSchemas
from workers.ingest.sources.api import NewEvent

_SCHEMAS = LocalSchemas()
_ENCODER, _DECODER = Encoder(_SCHEMAS), Decoder(_SCHEMAS)


def written_and_read(event: NewEvent) -> dict[str, Any]:
    """The record of an event after Avro."""
    return _DECODER.decode(event.topic, _ENCODER.encode(event.topic, event.value))
