"""The requests of a message: one job a channel, and one for each hundred addresses (§2, §8). Pure.

**The id of a job** is made of the events, the content and the addresses: a repeat of the same job has the same
one, and anything else another, since the vendor compares nothing but the id (§3).
"""

import hashlib
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self

import orjson

from workers.sinks.notifications import wording
from workers.sinks.notifications.audience import Recipient, recipients
from workers.sinks.notifications.config import HttpAlertConfig, MessagingConfig, NotificationsConfig
from workers.sinks.notifications.message import Message
from workers.sinks.notifications.parameters import Channel, Severity

_SILENT = {"delivery_report": {"type": "none"}, "final_report": {"type": "none"}}
_PRIORITIES = {severity: len(Severity) - n for n, severity in enumerate(Severity)}
PATHS = {Channel.EMAIL: "/mra/v1/outbound/emails", Channel.SMS: "/mra/v1/outbound/sms"}


class Job(Protocol):
    """One request to be made."""

    @property
    def recipients(self) -> tuple[Recipient, ...]:
        """Whom it reaches."""
        ...

    @property
    def kind(self) -> str:
        """What it is called in receipts."""
        ...

    @property
    def message_id(self) -> str:
        """The vendor's idempotency key."""
        ...

    def body(self) -> bytes:
        """As sent."""
        ...

    def halves(self) -> tuple[Self, Self]:
        """Two jobs with half of the addresses each."""
        ...


@dataclass(frozen=True, slots=True, repr=False)
class Send:
    """An e-mail or SMS job. `renamed`: the id is taken by somebody else, another one is made (§9 #8)."""

    channel: Channel
    messages: tuple[Message, ...]
    recipients: tuple[Recipient, ...]
    config: MessagingConfig
    renamed: bool = False

    @property
    def kind(self) -> str:
        """`email` or `sms`."""
        return str(self.channel)

    @property
    def path(self) -> str:
        """Where it is submitted (§2.1, §2.2)."""
        return PATHS[self.channel]

    @property
    def message_id(self) -> str:
        """At most 80 characters; the company's prefix in front (§3)."""
        length = 40 if self.renamed else 32
        return f"{self.config.message_prefix}-{_fingerprint(self._content(), self.messages, self.recipients)[:length]}"

    def body(self) -> bytes:
        """The request of §2.1 or §2.2."""
        config = self.config
        options = {
            "message_id": self.message_id,
            "billing_code": config.billing_code,
            "customer_reference": self.messages[0].reference,
        }
        return orjson.dumps(self._email(options) if self.channel is Channel.EMAIL else self._sms(options))

    def halves(self) -> "tuple[Send, Send]":
        """Two jobs with half of the addresses each."""
        first, second = _halved(self.recipients)
        return replace(self, recipients=first), replace(self, recipients=second)

    def _email(self, options: dict[str, Any]) -> dict[str, Any]:
        alerts, config = [message.alert for message in self.messages], self.config
        email_options = {
            "subject": wording.subject(alerts),
            "from_display_name": config.from_display_name,
            "forward_reply": config.reply_to,
            "charset": "UTF-8",
            "html_open_tracking": "top" if config.html_open_tracking else None,
        }
        return {
            "options": {**_present(options), "email_options": _present(email_options)},
            "destinations": [{"ref": each.ref, "email": each.address} for each in self.recipients],
            "body": [
                _part("body.html", "html", wording.html(alerts)),
                _part("body.txt", "text", wording.text(alerts)),
            ],
            "reports": _SILENT,
        }

    def _sms(self, options: dict[str, Any]) -> dict[str, Any]:
        prefix = self.config.sms_prefix
        return {
            "options": _present(options),
            "destinations": [{"ref": each.ref, "sms": prefix + each.address[1:]} for each in self.recipients],
            "sms_text": self._content(),
            "reports": _SILENT,
        }

    def _content(self) -> str:
        alerts = [message.alert for message in self.messages]
        if self.channel is Channel.SMS:
            return wording.sms(alerts, self.config.sms_characters)
        return wording.subject(alerts) + wording.text(alerts)


@dataclass(frozen=True, slots=True, repr=False)
class Call:
    """One request to a site's own alert system (§7.3); its body is the model of §7.1."""

    message: Message
    recipients: tuple[Recipient, ...]
    alert_key: str | None
    config: HttpAlertConfig

    @property
    def kind(self) -> str:
        """`alert`."""
        return "alert"

    @property
    def message_id(self) -> str:
        """The value of the idempotency header."""
        alert = self.message.alert
        content = wording.subject([alert]) + wording.text([alert])
        return _fingerprint(content, (self.message,), self.recipients)[:32]

    def body(self) -> bytes:
        """The alert as §7.1 has it; what is not known is left out."""
        alert = self.message.alert
        links = [{"rel": "primary" if n == 0 else "related", **_link(link)} for n, link in enumerate(alert.links)]
        value = {
            "id": self.message_id,
            "topic": alert.topic,
            "severity": alert.severity.lower(),
            "priority": _PRIORITIES[alert.severity],
            "title": alert.title,
            "body": alert.body,
            "links": links,
            "targets": [_target(each.address, self.config.target_style) for each in self.recipients],
            "dedupe_key": self.alert_key,
            "expires_at": self.message.expires_at,
            "source_event_id": self.message.event_id,
        }
        return orjson.dumps(_present(value))

    def halves(self) -> "tuple[Call, Call]":
        """Two calls with half of the targets each."""
        first, second = _halved(self.recipients)
        return replace(self, recipients=first), replace(self, recipients=second)


def sends(messages: Sequence[Message], config: NotificationsConfig, messaging: MessagingConfig) -> list[Send]:
    """The jobs that tell of these messages, which share audience and channels; e-mail first."""
    first = messages[0]
    return [
        Send(channel, tuple(messages), part, messaging)
        for channel in sorted(first.channels)
        for part in _parts(recipients(first.users, channel, config), messaging.max_destinations)
    ]


def calls(
    message: Message, alert_key: str | None, config: NotificationsConfig, endpoint: HttpAlertConfig
) -> list[Call]:
    """The calls that tell of one alert."""
    found = _targets(message, config, endpoint)
    return [Call(message, part, alert_key, endpoint) for part in _parts(found, endpoint.max_targets)]


def _targets(message: Message, config: NotificationsConfig, endpoint: HttpAlertConfig) -> tuple[Recipient, ...]:
    match endpoint.target_style:
        case "audience":
            return tuple(Recipient(name, name) for name in message.alert.everybody)
        case "users":
            return tuple(Recipient(f"u:{user}", f"user:{user}") for user in message.users)
        case "addresses":
            return tuple(each for channel in message.channels for each in recipients(message.users, channel, config))


def _target(address: str, style: str) -> dict[str, str]:
    if style == "addresses":
        return {"kind": "address", "value": address}
    kind, _, value = address.partition(":")
    return {"kind": kind, "value": value}


def _link(link: Any) -> dict[str, str]:
    return {"url": link.url, **({"label": link.label} if link.label else {})}


def _parts(found: Sequence[Recipient], most: int) -> list[tuple[Recipient, ...]]:
    return [tuple(found[start : start + most]) for start in range(0, len(found), most)]


def _halved(found: tuple[Recipient, ...]) -> tuple[tuple[Recipient, ...], tuple[Recipient, ...]]:
    middle = (len(found) + 1) // 2
    return found[:middle], found[middle:]


def _part(name: str, kind: str, content: str) -> dict[str, str]:
    data = b64encode(content.encode("utf-8", "replace")).decode()
    return {"name": name, "type": kind, "charset": "UTF-8", "data": data}


def _present(value: dict[str, Any]) -> dict[str, Any]:
    return {name: each for name, each in value.items() if each is not None}


def _fingerprint(content: str, messages: Sequence[Message], found: Sequence[Recipient]) -> str:
    parts = [content, *(message.event_id for message in messages), "", *(f"{e.ref} {e.address}" for e in found)]
    return hashlib.sha256("\x00".join(parts).encode("utf-8", "replace")).hexdigest()
