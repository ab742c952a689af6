"""Customers whom Marketo does not know: a person's business, or nobody's. Pure."""

from common.reasons import Reason
from workers.sinks.api import Answered, Outcome, Rejected, Suppressed, Verdict
from workers.sinks.marketo.config import Lacking

NO_LEAD = "1004"
"""Marketo's code for a lead that is not there (§4.3), also where our own look-up says so."""


def without_strangers(outcome: Outcome, policy: Lacking) -> Outcome:
    """The verdicts, those for want of a lead suppressed where the site wants that."""
    if not isinstance(outcome, Answered) or policy is not Lacking.SUPPRESS:
        return outcome
    return Answered([_told(verdict) for verdict in outcome.verdicts], outcome.hold)


def _told(verdict: Verdict) -> Verdict:
    is_stranger = (
        isinstance(verdict, Rejected) and verdict.reason is Reason.MISSING_CUSTOMER and verdict.vendor_code == NO_LEAD
    )
    return Suppressed(Reason.MISSING_CUSTOMER) if is_stranger else verdict
