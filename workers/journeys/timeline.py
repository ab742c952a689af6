"""Communications, engagements, receipts and journey steps as lines of the customer's timeline (flow M8).

`message` joins what belongs to one message: a document by its id, a vendor's send by its dispatch id, and where a
vendor reports neither, by the name of its asset. `step` says how far the message came.
"""

from collections.abc import Callable, Mapping
from typing import Any

from common.store.times import micros
from common.store.values import Entry
from workers.journeys.memory import Memory

_COMMUNICATION = {
    "RELEASED": "sent",
    "SENT": "sent",
    "DELIVERED": "delivered",
    "COMPLETED": "delivered",
    "BOUNCED": "failed",
    "FAILED": "failed",
    "SUPPRESSED": "suppressed",
    "OPENED": "opened",
    "CLICKED": "clicked",
    "RESPONDED": "responded",
}
_ENGAGEMENT = {
    "EMAIL_DELIVERED": "delivered",
    "EMAIL_OPENED": "opened",
    "EMAIL_CLICKED": "clicked",
    "EMAIL_BOUNCED": "failed",
    "UNSUBSCRIBED": "objected",
    "SPAM_REPORTED": "objected",
    "FORM_SUBMITTED": "responded",
    "CAMPAIGN_RESPONDED": "responded",
    "SURVEY_COMPLETED": "responded",
}
_ABOUT_A_MAIL = frozenset({"EMAIL_DELIVERED", "EMAIL_OPENED", "EMAIL_CLICKED", "EMAIL_BOUNCED", "EMAIL_SOFT_BOUNCED"})
_OWN_ACTS = frozenset({"opened", "clicked", "responded"})

_Fields = dict[str, Any]


def record(memory: Memory, topic: str, value: Mapping[str, Any]) -> bool:
    """Write the event into the timeline; whether the customer did something of their own."""
    fields = _READERS[topic](value)
    fields["detail"] = {name: found for name, found in fields["detail"].items() if found not in (None, {}, [])}
    memory.timeline[value["event_id"]] = Entry(
        event_id=value["event_id"],
        partition=memory.partition,
        customer_id=value["customer"]["customer_id"],
        occurred_at=micros(value["occurred_at"]),
        topic=topic,
        source=value["source"],
        correlation_id=value["correlation_id"],
        caused_by=value["caused_by"],
        **fields,
    )
    return fields["step"] in _OWN_ACTS and not value.get("automated")


def _communication(value: Mapping[str, Any]) -> _Fields:
    document = value["document_id"]
    return {
        "type": value["type"],
        "message": f"document:{document}" if document else f"event:{value['event_id']}",
        "step": _COMMUNICATION.get(value["type"]),
        "document_type": value["document_type"],
        "channel": value["channel"],
        "campaign": None,
        "detail": _some(value, "communication_id", "template_id", "product", "failure_reason", "response"),
    }


def _engagement(value: Mapping[str, Any]) -> _Fields:
    is_machine = value["automated"]
    return {
        "type": value["type"],
        "message": _message_of(value),
        "step": None if is_machine else _ENGAGEMENT.get(value["type"]),
        "document_type": None,
        "channel": "EMAIL" if value["type"] in _ABOUT_A_MAIL else None,
        "campaign": value["campaign"],
        "detail": _some(value, "asset", "url", "form", "score", "survey", "answers", "workspace_id", "automated"),
    }


def _receipt(value: Mapping[str, Any]) -> _Fields:
    dispatch = value["vendor_ids"].get("dispatch_id")
    is_sent = dispatch and value["verdict"] == "DELIVERED"
    return {
        "type": value["verdict"],
        "message": f"dispatch:{value['sink']}:{dispatch}" if is_sent else None,
        "step": "sent" if is_sent else None,
        "document_type": None,
        "channel": None,
        "campaign": value["flow"] if is_sent else None,
        "detail": _some(value, "sink", "flow", "action", "reason", "vendor_ids", "delivery_event_id"),
    }


def _journey(value: Mapping[str, Any]) -> _Fields:
    plain = dict.fromkeys(("message", "step", "document_type", "channel", "campaign"))
    return {"type": value["type"], **plain, "detail": _some(value, "journey", "instance", "step", "facts")}


def _message_of(value: Mapping[str, Any]) -> str | None:
    if value["dispatch_id"]:
        return f"dispatch:{value['source']}:{value['dispatch_id']}"
    is_mail = value["type"] in _ABOUT_A_MAIL and value["asset"]
    return f"asset:{value['source']}:{value['asset']}" if is_mail else None


def _some(value: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value[name] for name in names}


_READERS: Mapping[str, Callable[[Mapping[str, Any]], _Fields]] = {
    "comms.communication.v1": _communication,
    "comms.engagement.v1": _engagement,
    "comms.receipt.v1": _receipt,
    "comms.journey.v1": _journey,
}

TOPICS = frozenset(_READERS)
"""Whose events are lines of a timeline."""
