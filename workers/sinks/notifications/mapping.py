"""Event and parameters -> what one delivery puts into a message, or the alert that it raises. Pure."""

import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from common.errors import UnusableEventError
from common.event import Event
from common.reasons import Reason
from workers.sinks.api import Item
from workers.sinks.notifications.audience import Audience, expand
from workers.sinks.notifications.config import HttpAlertConfig, MessagingConfig, NotificationsConfig
from workers.sinks.notifications.jobs import calls, sends
from workers.sinks.notifications.message import Message
from workers.sinks.notifications.parameters import Alert, Channel, HttpAlert, Notify, RaiseAlert, Severity

ALERTS = "comms.alert.v1"
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, ALERTS)
_COPIED = ("source_instance", "customer", "correlation_id")


@dataclass(frozen=True, slots=True, repr=False)
class Called:
    """An alert for a site's own system; `alert_key` is what that system may know one matter by."""

    message: Message
    alert_key: str | None


def notify(event: Event, parameters: Notify, config: NotificationsConfig, messaging: MessagingConfig) -> Item:
    """A message for people; those of one topic, audience and urgency may travel together.

    Raises UnusableEventError: missing_target when nobody can be told (§9 #19), oversized.
    """
    channels = parameters.channels or config.routing[parameters.severity]
    message = _message(event, parameters, config, channels)
    jobs = sends([message], config, messaging)
    if not jobs:
        raise _nobody(parameters, f"nobody there has an address for {', '.join(channels)}")
    size = max(len(job.body()) for job in jobs)
    if size > messaging.max_body_bytes:
        raise UnusableEventError(Reason.OVERSIZED, f"{size} bytes, a job takes {messaging.max_body_bytes}")
    is_critical = parameters.severity is Severity.CRITICAL
    return Item(message, size, (parameters.topic, message.users, message.channels, is_critical))


def http_alert(event: Event, parameters: HttpAlert, config: NotificationsConfig, endpoint: HttpAlertConfig) -> Item:
    """An alert for a site's own system. Raises UnusableEventError: missing_target, oversized."""
    if endpoint.target_style == "audience":
        expires_at = _expires(event, parameters, config)
        message = Message(
            _id(event), parameters, expires_at, (), alert_key=_alert_key(event), is_raised=_is_raised(event)
        )
    else:
        message = _message(event, parameters, config, config.routing[parameters.severity])
    made = calls(message, parameters.alert_key, config, endpoint)
    if not made:
        raise _nobody(parameters, "nobody there has an address")
    size = max(len(call.body()) for call in made)
    if size > endpoint.max_body_bytes:
        raise UnusableEventError(Reason.OVERSIZED, f"{size} bytes, the endpoint takes {endpoint.max_body_bytes}")
    return Item(Called(message, parameters.alert_key), size, _id(event))


def raise_alert(event: Event, parameters: RaiseAlert) -> Item:
    """The alert as an event of comms.alert.v1.

    Its id is made of the alert key alone: whoever raises it, and however often, it is one event.
    """
    value = event.value
    severity: Severity = parameters.severity
    alert: dict[str, Any] = {
        "event_id": str(uuid.uuid5(_NAMESPACE, f"RAISED\n{parameters.alert_key}")),
        "type": "RAISED",
        "source": value["source"],
        "occurred_at": value["occurred_at"],
        "ingested_at": value["ingested_at"],
        **{name: value.get(name) for name in _COPIED},
        "caused_by": value["event_id"],
        "attributes": {},
        "alert_key": parameters.alert_key,
        "topic": parameters.topic,
        "severity": str(severity),
        "title": parameters.title,
        "body": parameters.message,
        "audience": list(parameters.everybody),
        "links": [{"label": link.label, "url": link.url} for link in parameters.links],
        "expires_at": parameters.expires_at,
    }
    return Item(alert, size=len(parameters.title) + len(parameters.message or "") + 500)


def _message(event: Event, parameters: Alert, config: NotificationsConfig, channels: tuple[Channel, ...]) -> Message:
    audience = _told(parameters, config)
    return Message(
        _id(event),
        parameters,
        _expires(event, parameters, config),
        audience.users,
        tuple(sorted(set(channels))),
        audience.unknown,
        _alert_key(event),
        _is_raised(event),
    )


def _told(parameters: Alert, config: NotificationsConfig) -> Audience:
    """Whom the audience stands for; an urgent alert that reaches nobody reaches the fallback (§9 #19)."""
    audience = expand(parameters.everybody, config)
    if not audience.users and parameters.severity.is_urgent and config.fallback_audience:
        audience = Audience(expand(config.fallback_audience, config).users, audience.unknown)
    if not audience.users:
        raise _nobody(parameters, "add it to sinks.notifications.people or audiences, then redrive")
    return audience


def _expires(event: Event, parameters: Alert, config: NotificationsConfig) -> Any:
    if parameters.expires_at is not None:
        return parameters.expires_at
    is_critical = parameters.severity is Severity.CRITICAL
    hours = config.critical_expires_after_h if is_critical else config.expires_after_h
    return event.value["occurred_at"] + timedelta(hours=hours)


def _alert_key(event: Event) -> str:
    return str(event.value.get("alert_key") or "")


def _is_raised(event: Event) -> bool:
    return event.topic == ALERTS and event.value["type"] == "RAISED"


def _id(event: Event) -> str:
    return str(event.value["event_id"])


def _nobody(parameters: Alert, why: str) -> UnusableEventError:
    names = ", ".join(parameters.everybody)[:200]
    return UnusableEventError(Reason.MISSING_TARGET, f"the audience {names} is nobody: {why}")
