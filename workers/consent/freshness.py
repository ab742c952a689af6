"""How old our knowledge may be when somebody is contacted."""

from datetime import datetime


def stale_because(fresh_at: datetime | None, now: datetime, max_age_s: float) -> str:
    """Why an answer that is as fresh as this must not be acted on; empty when it may."""
    return too_old_because(None if fresh_at is None else (now - fresh_at).total_seconds(), max_age_s)


def too_old_because(age_s: float | None, max_age_s: float) -> str:
    """The same by age; None is the age that nobody knows."""
    if age_s is None:
        return "not every partition has a journey worker yet: an objection may still wait in Kafka"
    if age_s > max_age_s:
        return f"the customer store is {age_s:.0f} s behind, more than consent.max_age_s ({max_age_s:g})"
    return ""
