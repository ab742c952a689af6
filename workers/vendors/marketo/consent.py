"""Which lead field says what about a person's wishes (§6 of the vendor page): for sink and poller."""

from typing import Literal

from common.settings.sections import Section
from workers.vendors.marketo.account import FieldName

Scalar = bool | int | str


class ConsentRule(Section):
    """Which lead field shows a decision, and by which values; an absent condition holds for every decision."""

    kind: Literal["CONSENT", "PAPERLESS", "PREFERRED_CHANNEL", "SUBSCRIPTION", "SUPPRESSION"] = "CONSENT"
    channel: str | None = None
    purpose: str | None = None
    subscription_group: str | None = None
    field: FieldName
    opted_in: Scalar = True
    opted_out: Scalar = False
    reason_field: FieldName | None = None


UNSUBSCRIBED = ConsentRule(
    channel="EMAIL",
    purpose="MARKETING",
    field="unsubscribed",
    opted_in=False,
    opted_out=True,
    reason_field="unsubscribedReason",
)


def plain(value: object) -> str:
    """A value as text: fields come back as strings or booleans (§6), and an empty text as null (§2.1)."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str() if value.lower() in ("true", "false"):
            return value.lower()
    return str(value)
