"""Words of our events that several sources speak, and the vendors' names for them."""

from enum import StrEnum


class Channel(StrEnum):
    """How a communication reaches its customer."""

    PRINT = "PRINT"
    EMAIL = "EMAIL"
    WEB = "WEB"
    SMS = "SMS"
    PUSH = "PUSH"
    ARCHIVE = "ARCHIVE"


class ActorKind(StrEnum):
    """Who caused it."""

    CUSTOMER = "CUSTOMER"
    USER = "USER"
    SYSTEM = "SYSTEM"


class PreferenceKind(StrEnum):
    """What a wish is about."""

    CONSENT = "CONSENT"
    PAPERLESS = "PAPERLESS"
    PREFERRED_CHANNEL = "PREFERRED_CHANNEL"
    SUBSCRIPTION = "SUBSCRIPTION"
    SUPPRESSION = "SUPPRESSION"


class PreferenceState(StrEnum):
    """The wish itself; UNKNOWN counts as opted out."""

    OPTED_IN = "OPTED_IN"
    SUBSCRIBED = "SUBSCRIBED"
    OPTED_OUT = "OPTED_OUT"
    SUSPENDED = "SUSPENDED"
    ON = "ON"
    OFF = "OFF"
    UNKNOWN = "UNKNOWN"


class Evidence(StrEnum):
    """How much a report is worth: the customer or somebody for them said so, or it merely stands in some data."""

    EXPLICIT = "EXPLICIT"
    OBSERVED = "OBSERVED"


class Purpose(StrEnum):
    """Why a customer is written to."""

    MARKETING = "MARKETING"
    SERVICE = "SERVICE"
    REGULATORY = "REGULATORY"


_CHANNELS = {
    "print": Channel.PRINT,
    "mail": Channel.PRINT,
    "post": Channel.PRINT,
    "letter": Channel.PRINT,
    "paper": Channel.PRINT,
    "email": Channel.EMAIL,
    "e-mail": Channel.EMAIL,
    "web": Channel.WEB,
    "portal": Channel.WEB,
    "sms": Channel.SMS,
    "push": Channel.PUSH,
    "ios_push": Channel.PUSH,
    "android_push": Channel.PUSH,
    "archive": Channel.ARCHIVE,
}


def channel_of(name: str | None) -> Channel | None:
    """Our channel of a vendor's name for it; None for one that we have no word for."""
    return _CHANNELS.get((name or "").strip().lower())
