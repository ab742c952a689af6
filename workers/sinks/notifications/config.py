"""Settings of the Notifications sink. Page sections are those of the Notifications vendor page.

What the page leaves open is a setting, with what the page proposes as its default.
"""

import re
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from common.settings.sections import Section
from workers.sinks.config import SinkConfig
from workers.sinks.notifications.parameters import AudienceName, Channel, Severity
from workers.vendors.address import is_private_enough, parsed
from workers.vendors.notifications.account import MessagingAccount

_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_OURS = frozenset({"content-type", "content-length", "host", "x-timestamp", "x-signature"})

HeaderName = Annotated[str, Field(pattern=rf"^{_HEADER.pattern}$")]


def _checked(url: str, example: str) -> str:
    parts = parsed(url, example)
    if parts.username or parts.fragment:
        raise ValueError("takes no password and no fragment")
    return url


class Person(Section):
    """Somebody who can be told."""

    email: str | None = Field(
        None, max_length=254, pattern=r"^[^@\s<>\",;]+@[^@\s<>\",;]+$", description="E-mail address."
    )
    sms: str | None = Field(None, pattern=r"^\+[1-9][0-9]{6,14}$", description="Mobile number, as +49170….")


class MessagingConfig(MessagingAccount):
    """The account at OpenText's messaging platform (§1): Basic, or OAuth where token_url is set."""

    message_prefix: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{2,31}$",
        description="In front of each message_id: unlike every other company's, since the ids of all customers of "
        "the platform are one namespace (§3), such as acme-prod.",
    )
    repeats_recognised: bool = Field(
        False,
        description="Whether this account recognises a repeated message_id (§3: documented for SOAP only). Send twice "
        "by hand with one id: the same job_id twice is true. While false, a send whose answer never came is a dead "
        "letter (in_doubt); when true, it is sent again under its id.",
    )
    billing_code: str | None = Field(None, max_length=100, description="options.billing_code of each job.")
    from_display_name: str | None = Field(None, max_length=100, description="Sender's name in e-mails.")
    reply_to: str | None = Field(None, max_length=254, description="forward_reply: where replies to e-mails go.")
    html_open_tracking: bool = Field(False, description="Ask for open tracking of e-mails (§2.1).")
    sms_prefix: str = Field(
        "00", pattern=r"^[+0-9]{0,4}$", description="What stands for the + of a mobile number (§2.2)."
    )
    sms_characters: int = Field(459, ge=70, le=1600, description="Longest SMS; the limit is not documented (§2.2).")
    max_destinations: int = Field(
        100, ge=1, le=1000, description="Addresses in one job; larger audiences are several jobs (§8)."
    )
    max_body_bytes: int = Field(
        5_000_000, ge=65_536, le=20_000_000, description="Bytes of one job; a larger alert is a dead letter (§8)."
    )


class HttpAlertConfig(Section):
    """A site's own alert system (§7.3): any endpoint that takes our JSON, signed."""

    url: str = Field(description="Where alerts are sent, such as https://alerts.example.com/api/v1/notifications.")
    method: Literal["POST", "PUT"] = Field("POST", description="HTTP method.")
    headers: dict[HeaderName, SecretStr] = Field(
        default_factory=dict, description="More headers, such as authorization: their values are secrets."
    )
    signing_secret: SecretStr = Field(
        description="Key of the signature, at least 16 characters: X-Signature is sha256=HMAC-SHA256(secret, "
        "X-Timestamp + '.' + body) in hex (§7.3)."
    )
    allow_http: bool = Field(False, description="Send over plain http to another host than this one.")
    target_style: Literal["audience", "users", "addresses"] = Field(
        "audience", description="What targets hold: audiences as named, users, or e-mail addresses and numbers."
    )
    max_targets: int = Field(100, ge=1, le=10_000, description="Targets in one request; more are several (§7.3).")
    max_body_bytes: int = Field(1_000_000, ge=4_096, le=20_000_000, description="Bytes of one request.")
    idempotency_header: HeaderName = Field(
        "Idempotency-Key", description="Header that carries the request's id, the same in each repeat."
    )
    repeats_recognised: bool = Field(
        False, description="Whether the endpoint recognises that header: only then is an unsure alert sent again."
    )
    accepted: tuple[Annotated[int, Field(ge=200, le=299)], ...] = Field(
        (200, 201, 202, 204), min_length=1, description="Statuses that mean accepted."
    )
    already_done_status: int = Field(409, ge=200, le=499, description="Status that may mean: had that already.")
    already_done_pattern: str = Field(
        "duplicate|already exists", min_length=1, description="Regular expression of its body that says so."
    )
    id_field: str = Field("id", min_length=1, description="Field of the answer that names the alert there.")
    health_url: str | None = Field(
        None, description="What a GET tells the endpoint is well by; without it, the next alert is the trial."
    )

    @field_validator("url", "health_url")
    @classmethod
    def _address(cls, url: str | None) -> str | None:
        return None if url is None else _checked(url, "https://alerts.example.com/api/v1/notifications")

    @field_validator("headers")
    @classmethod
    def _fit(cls, headers: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name, value in headers.items():
            text = value.get_secret_value()
            if name.lower() in _OURS:
                raise ValueError(f"{name} is set by the sink itself")
            if not text.isascii() or not text.isprintable():
                raise ValueError(f"{name} must be visible ASCII characters")
        return {name.lower(): value for name, value in headers.items()}

    @field_validator("signing_secret")
    @classmethod
    def _long_enough(cls, secret: SecretStr) -> SecretStr:
        if len(secret.get_secret_value()) < 16:
            raise ValueError("must have at least 16 characters")
        return secret

    @field_validator("already_done_pattern")
    @classmethod
    def _regex(cls, text: str) -> str:
        try:
            re.compile(text)
        except re.error as error:
            raise ValueError(f"is not a regular expression: {error}") from error
        return text

    @model_validator(mode="after")
    def _encrypted(self) -> Self:
        for url in (self.url, self.health_url):
            if url and not self.allow_http and not is_private_enough(url):
                raise ValueError("url must be https: alerts and secrets would travel readable; else: allow_http")
        return self


_ROUTING = {
    Severity.INFO: (Channel.EMAIL,),
    Severity.LOW: (Channel.EMAIL,),
    Severity.MEDIUM: (Channel.EMAIL,),
    Severity.HIGH: (Channel.EMAIL, Channel.SMS),
    Severity.CRITICAL: (Channel.EMAIL, Channel.SMS),
}
Channels = Annotated[tuple[Channel, ...], Field(min_length=1, max_length=2)]


class NotificationsConfig(SinkConfig):
    """Who is told, by what, how often; and where messages leave."""

    max_in_flight: int = Field(4, ge=1, le=256, description="Requests to the vendor at once (§8).")
    messaging: MessagingConfig | None = Field(None, description="OpenText's messaging platform, for notify.")
    http_alert: HttpAlertConfig | None = Field(None, description="A site's own alert system, for http_alert.")
    people: dict[str, Person] = Field(default_factory=dict, description="User id -> addresses: `user:<id>`.")
    audiences: dict[AudienceName, tuple[AudienceName, ...]] = Field(
        default_factory=dict,
        description="What `role:`, `group:` and `region:` stand for: users, and other audiences.",
    )
    fallback_audience: tuple[AudienceName, ...] = Field(
        (), description="Who is told of a HIGH or CRITICAL alert when its own audience is nobody (§9 #19)."
    )
    routing: dict[Severity, Channels] = Field(
        default_factory=lambda: dict(_ROUTING),
        description="Severity -> channels; what is not named here keeps its default (§7.2): SMS from HIGH on.",
    )
    expires_after_h: float = Field(
        24, gt=0, le=720, description="Hours after which an alert without expires_at is not sent any more (§9)."
    )
    critical_expires_after_h: float = Field(72, gt=0, le=720, description="The same for CRITICAL alerts.")
    per_hour: int = Field(
        20, ge=1, le=10_000, description="Messages for one person in an hour from one worker; more wait (§7.2)."
    )
    same_alert_h: float = Field(
        24, gt=0, le=720, description="Hours for which a worker knows that an alert of this key was told of (§7.1)."
    )
    digest: int = Field(
        1,
        ge=1,
        le=50,
        description="Alerts of one topic and audience that one message of notify may tell of. Over 1, a repeat "
        "cannot be recognised by the vendor: a digest may be made of other alerts the next time.",
    )
    requests_per_second: int = Field(5, ge=1, le=1000, description="Requests of the whole fleet in a second (§8).")
    settle_after_s: float = Field(
        60, ge=0, le=3600, description="Seconds that the vendor may still act on a request without an answer."
    )

    @field_validator("routing")
    @classmethod
    def _all_severities(cls, routing: dict[Severity, tuple[Channel, ...]]) -> dict[Severity, tuple[Channel, ...]]:
        return {**_ROUTING, **routing}

    @model_validator(mode="after")
    def _known_people(self) -> Self:
        for name in self.audiences:
            if name.startswith("user:"):
                raise ValueError(f"audiences: {name} is a user; put it under people")
        for name, members in (*self.audiences.items(), ("fallback_audience", self.fallback_audience)):
            for member in members:
                if member not in self.audiences and member.removeprefix("user:") not in self.people:
                    raise ValueError(f"{name}: {member} is neither under people nor under audiences")
        return self
