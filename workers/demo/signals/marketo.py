"""What Marketo's flow step *Call Webhook* posts (marketo.md §2.13), by the template of docs/sources.md."""

from collections.abc import Mapping
from typing import Any

from workers.demo.signals import now
from workers.demo.signals.people import Person


def form(who: Person, name: str) -> Mapping[str, Any]:
    """A customer filled out a form."""
    return {
        "type": "form_submitted",
        "leadId": 1 + who.number,
        "customerId": who.id,
        "campaignId": 7,
        "program": "Spring",
        "triggerName": "Fills out form",
        "at": now(),
        "form": name,
    }
