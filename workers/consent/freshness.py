"""How old our knowledge may be when somebody is contacted."""

from datetime import datetime


def stale_because(fresh_at: datetime | None, now: datetime, max_age_s: float) -> str:
    """Why an answer that is as fresh as this must not be acted on; empty when it may. The gate asks again."""
    if fresh_at is None:
        return "not every partition has a journey worker yet: an objection may still wait in Kafka"
    age_s = (now - fresh_at).total_seconds()
    if age_s > max_age_s:
        return f"the customer store is {age_s:.0f} s behind, more than consent.max_age_s ({max_age_s:g})"
    return ""
