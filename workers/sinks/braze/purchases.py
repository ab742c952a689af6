"""Event and parameters -> an object of the purchases array of /users/track (§2.1 of the vendor page). Pure."""

from common.event import Event
from common.rfc3339 import in_milliseconds
from workers.sinks.api import Item
from workers.sinks.braze.config import BrazeConfig
from workers.sinks.braze.mapping import item_of, known_user, properties_of, within
from workers.sinks.braze.parameters import EVENT_ID, RecordPurchase

MAX_PURCHASE_PROPERTIES = 51_200


def record_purchase(event: Event, parameters: RecordPurchase, config: BrazeConfig) -> Item:
    """A purchase; `properties.event_uuid` is the event's own id, to recognise a repeat by (§5).

    Raises UnusableEventError with a Reason, as every mapping does.
    """
    user = known_user(event)
    properties = properties_of(parameters.properties, "properties")
    properties[EVENT_ID] = event.value["event_id"]
    within(properties, MAX_PURCHASE_PROPERTIES, "properties")
    body = {
        "external_id": user.value,
        "product_id": parameters.product_id,
        "currency": parameters.currency,
        "price": float(parameters.price),
        "quantity": parameters.quantity,
        "time": in_milliseconds(parameters.time or event.value["occurred_at"]),
        "properties": properties,
    }
    return item_of(user, body, config.max_object_bytes)
