"""What an activity says of an engagement, by its meaning (§2.11 of the vendor page). Pure."""

from collections.abc import Mapping
from typing import Any

from workers.ingest.pollers.marketo.config import Engagement
from workers.ingest.pollers.marketo.rows import attributes as attributes_of
from workers.ingest.pollers.marketo.rows import text, whole
from workers.vendors.marketo.consent import plain

_SPAM_BLOCK = "1"  # bounce category: blocked as spam, suspended for 24 h (§2.11)


def engagement(kind: Engagement, row: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of an engagement that a type of activity has (§2.11); attributes are named as people see them."""
    attributes, primary = attributes_of(row), text(row.get("primaryAttributeValue"))
    campaign = text(row.get("campaignId"))
    common = {"campaign": campaign, "automated": plain(attributes.get("Is Bot Activity")) == "true"}
    match kind:
        case Engagement.FORM_SUBMITTED:
            return {**common, "form": primary, "url": text(attributes.get("Referrer URL"))}
        case Engagement.PAGE_VISITED:
            return {**common, "asset": primary, "url": text(attributes.get("Webpage URL"))}
        case Engagement.EMAIL_CLICKED:
            return {**common, "asset": primary, "url": text(attributes.get("Link"))}
        case Engagement.EMAIL_BOUNCED | Engagement.EMAIL_SOFT_BOUNCED:
            return {**common, "asset": primary, "bounce_class": _bounce_class(kind, attributes)}
        case Engagement.SCORE_CHANGED:
            score, before = attributes.get("New Value"), attributes.get("Old Value")
            return {**common, "asset": primary, "score": whole(score), "score_previous": whole(before)}
        case Engagement.CAMPAIGN_RESPONDED:
            return {**common, "campaign": primary}
        case _:
            return {**common, "asset": primary}


def _bounce_class(kind: Engagement, attributes: Mapping[str, Any]) -> str:
    if kind is Engagement.EMAIL_SOFT_BOUNCED:
        return "soft"
    return "block" if str(attributes.get("Category")) == _SPAM_BLOCK else "hard"
