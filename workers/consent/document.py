"""What may be sent to one customer, as the API answers it and the export writes it. Pure."""

from typing import Any

from common.store.look_ups import Known
from workers.consent.allow import Consent

CHANNELS = ("EMAIL", "PRINT", "WEB", "SMS", "PUSH")
PURPOSES = ("MARKETING", "SERVICE", "REGULATORY")


def document(known: Known, consent: Consent) -> dict[str, Any]:
    """`allowed` lists channels by purpose, the best first; `refused` says why not."""
    refused: dict[str, dict[str, str]] = {}
    for purpose in PURPOSES:
        found = {channel: consent.refusal(known, purpose, channel) for channel in CHANNELS}
        refused[purpose] = {channel: refusal.because for channel, refusal in found.items() if refusal}
    return {
        "customer": known.who.customer_id,
        "is_known": known.is_known,
        "preferred_channel": consent.preferred_channel(known),
        "allowed": {purpose: [one for one in CHANNELS if one not in refused[purpose]] for purpose in PURPOSES},
        "refused": refused,
    }
