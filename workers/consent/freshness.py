"""How old our knowledge may be when somebody is contacted."""

from datetime import datetime

from common.store.look_ups import Answer


def stale_because(answer: Answer, now: datetime, max_age_s: float) -> str:
    """Why this answer must not be acted on; empty when it may. The same is asked again at the gate."""
    if answer.fresh_at is None:
        return "not every partition has a journey worker yet: an objection may still wait in Kafka"
    age_s = (now - answer.fresh_at).total_seconds()
    if age_s > max_age_s:
        return f"the customer store is {age_s:.0f} s behind, more than consent.max_age_s ({max_age_s:g})"
    return ""
