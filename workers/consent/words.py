"""The words of consent: which states forbid, and which is the stricter of two."""

from enum import StrEnum

from common.store.values import Evidence


class Kind(StrEnum):
    """What a wish is about (PreferenceKind of the schema)."""

    CONSENT = "CONSENT"
    PAPERLESS = "PAPERLESS"
    PREFERRED_CHANNEL = "PREFERRED_CHANNEL"
    SUBSCRIPTION = "SUBSCRIPTION"
    SUPPRESSION = "SUPPRESSION"
    UNKNOWN = "UNKNOWN"


class Weight(StrEnum):
    """How much a report is worth: OBSERVED, a preference repeated in other data, never overrides EXPLICIT."""

    EXPLICIT = "EXPLICIT"
    OBSERVED = "OBSERVED"


_ALLOWING = {
    Kind.CONSENT: ("OPTED_IN", "SUBSCRIBED"),
    Kind.SUBSCRIPTION: ("OPTED_IN", "SUBSCRIBED"),
    Kind.SUPPRESSION: ("OFF", "OPTED_IN", "SUBSCRIBED"),
    Kind.PAPERLESS: ("OFF",),
}
_STRICTNESS = ("OPTED_OUT", "ON", "UNKNOWN", "SUSPENDED", "SUBSCRIBED", "OPTED_IN", "OFF")
"""From the strictest; it decides between equal times only."""


def forbids(kind: str, state: str) -> bool:
    """Whether a state forbids something: whatever is not known to allow does (a preferred channel never does)."""
    return kind != Kind.PREFERRED_CHANNEL and state not in _ALLOWING.get(Kind(kind), ())


def is_forbidding(report: Evidence) -> bool:
    """Whether a report forbids something."""
    return forbids(report.kind, report.state)


def strictness(state: str) -> int:
    """Lower is stricter; texts that are no state (a preferred channel) are all alike."""
    return _STRICTNESS.index(state) if state in _STRICTNESS else len(_STRICTNESS)
