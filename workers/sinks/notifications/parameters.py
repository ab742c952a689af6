"""What a flow may say after `with` for each action of notifications.

Sections are those of the Notifications vendor page. An audience is a name with its kind in front:
`user:jdoe`, `role:operations`, `group:claims`, `region:DE`; the settings know who that is.
"""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, model_validator


class Severity(StrEnum):
    """How urgent an alert is; it chooses the channels (§7.2)."""

    INFO = "INFO"
    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"
    CRITICAL = "CRITICAL"

    @property
    def is_urgent(self) -> bool:
        """Whether somebody must hear of it, come what may (§9 #19)."""
        return self in (Severity.HIGH, Severity.CRITICAL)


class Channel(StrEnum):
    """What the vendor documents a send of (§2.1, §2.2)."""

    EMAIL = "email"
    SMS = "sms"


def _severity(value: Any) -> Any:
    """A symbol that this reader does not know is neither urgent nor nothing."""
    return Severity.MEDIUM if value == "UNKNOWN" else value


AUDIENCE = r"^(user|role|group|region):\S(.{0,198}\S)?$"
AudienceName = Annotated[str, Field(pattern=AUDIENCE)]
_Name = Annotated[str, Field(min_length=1, max_length=190)]


class _Parameters(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Link(_Parameters):
    """Where to look; http and https only, since people click it."""

    url: Annotated[str, Field(max_length=2000, pattern=r"^https?://[^\s\"<>]+$")]
    label: Annotated[str, Field(max_length=200)] | None = None


class Alert(_Parameters):
    """What every action here says.

    `users` and `regions` are for events that carry bare lists: each becomes one more `user:` or `region:`.
    `expires_at`: after it nobody needs to hear of it; without it the settings say how long.
    """

    title: Annotated[str, Field(min_length=1, max_length=500)]
    body: Annotated[str, Field(max_length=200_000)] | None = None
    topic: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    severity: Annotated[Severity, BeforeValidator(_severity)] = Severity.MEDIUM
    audience: Annotated[tuple[AudienceName, ...], Field(max_length=200)] = ()
    users: Annotated[tuple[_Name, ...], Field(max_length=200)] = ()
    regions: Annotated[tuple[_Name, ...], Field(max_length=200)] = ()
    links: Annotated[tuple[Link, ...], Field(max_length=20)] = ()
    expires_at: AwareDatetime | None = None

    @model_validator(mode="after")
    def _has_an_audience(self) -> "Alert":
        if not self.everybody:
            raise ValueError("an alert needs an audience: audience, users or regions")
        return self

    @property
    def everybody(self) -> tuple[str, ...]:
        """Every audience once, in the order it was named."""
        users = (f"user:{name}" for name in self.users)
        regions = (f"region:{name}" for name in self.regions)
        return tuple(dict.fromkeys((*self.audience, *users, *regions)))


class Notify(Alert):
    """`notify`: tell the audience by e-mail and SMS; `channels` instead of what the severity chooses."""

    channels: Annotated[tuple[Channel, ...], Field(min_length=1, max_length=2)] | None = None


class HttpAlert(Alert):
    """`http_alert`: hand the alert to a system of the site's own (§7.3)."""

    alert_key: Annotated[str, Field(min_length=1, max_length=500)] | None = None


class RaiseAlert(Alert):
    """`raise_alert`: an event on comms.alert.v1; alerts with one `alert_key` are one alert.

    `next_action`: what whoever reads it is to do; it stands last in the body.
    """

    alert_key: Annotated[str, Field(min_length=1, max_length=500)]
    topic: Annotated[str, Field(min_length=1, max_length=200)]
    next_action: Annotated[str, Field(min_length=1, max_length=2000)] | None = None

    @property
    def message(self) -> str | None:
        """The body, and last what is to be done."""
        return "\n\n".join(filter(None, (self.body, self.next_action and f"Next: {self.next_action}"))) or None
