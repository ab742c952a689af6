"""Event and parameters -> driver data, or one record of the feed. Pure."""

import uuid
from collections.abc import Mapping

import orjson

from common.errors import UnusableEventError
from common.event import Event
from common.reasons import Reason
from workers.sinks.api import Item
from workers.sinks.exstream.communications import CommunicationConfig
from workers.sinks.exstream.config import FeedConfig
from workers.sinks.exstream.driver_data import Template
from workers.sinks.exstream.expressions import as_text
from workers.sinks.exstream.order import Order
from workers.sinks.exstream.parameters import PublishPreferences, StartService

_CONTENT_TYPES = {"json": "application/json", "xml": "application/xml"}
_ROW_BYTES = 200
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "exstream.start_service")


def start_service(
    event: Event,
    parameters: StartService,
    communications: Mapping[str, tuple[CommunicationConfig, Template]],
    max_body_bytes: int,
) -> Item:
    """The driver data of one communication (§2, §3).

    Raises UnusableEventError: missing_target for a communication that the settings lack, missing_customer,
    invalid_parameter for a value that its format cannot carry, oversized.
    """
    known = communications.get(parameters.communication)
    if known is None:
        raise UnusableEventError(
            Reason.MISSING_TARGET,
            f"{parameters.communication!r} is not in sinks.exstream.communications: add it, then redrive",
        )
    _customer_id(event)
    config, template = known
    event_id, delivery_id = str(event.value["event_id"]), _delivery_id(event, parameters)
    values = {
        "delivery_id": delivery_id,
        "event": event.value,
        "data": parameters.data,
        "channel": parameters.channel,
        "communication": parameters.communication,
    }
    body = template.render(values)
    _within(len(body), max_body_bytes, "driver data")
    return Item(Order(parameters.communication, config, event_id, delivery_id, body), len(body))


def preference(event: Event, parameters: PublishPreferences, feed: FeedConfig, max_body_bytes: int) -> Item:
    """One record of the feed, as column -> text; what is not known is empty."""
    given = parameters.model_dump()
    given["event_id"] = event.value["event_id"]
    given["customer_id"] = parameters.customer_id or _customer_id(event)
    row = {column: _text(given[name]) for name, column in feed.columns.items()}
    try:
        size = len(orjson.dumps(row)) + _ROW_BYTES
    except orjson.JSONEncodeError as error:
        raise UnusableEventError(Reason.INVALID_PARAMETER, "a value cannot be written as UTF-8") from error
    _within(size, max_body_bytes, "a record")
    return Item(row, size)


def content_type(communication: CommunicationConfig) -> str:
    """Content-Type of its driver data (§2)."""
    return _CONTENT_TYPES[communication.format]


def _delivery_id(event: Event, parameters: StartService) -> str:
    """The same for a repeat, another one for whatever else the same event starts."""
    data = sorted((name, as_text(value)) for name, value in parameters.data.items())
    parts = [event.value["event_id"], parameters.communication, parameters.channel or "", repr(data)]
    return str(uuid.uuid5(_NAMESPACE, "\n".join(map(str, parts)).encode("utf-8", "replace").decode()))


def _customer_id(event: Event) -> str:
    customer = event.value.get("customer")
    if not customer or not customer.get("customer_id"):
        raise UnusableEventError(Reason.MISSING_CUSTOMER, "the event is about no customer")
    return str(customer["customer_id"])


def _text(value: object) -> str:
    return "" if value is None else as_text(value)


def _within(size: int, most: int, what: str) -> None:
    if size > most:
        raise UnusableEventError(Reason.OVERSIZED, f"{what} of {size} bytes; sinks.exstream.max_body_bytes is {most}")
