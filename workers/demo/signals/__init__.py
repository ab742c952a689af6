"""What systems say in the town, in the shapes that they really have (the vendor pages' sections stand beside each)."""

from datetime import UTC, datetime

from common.rfc3339 import in_milliseconds


def now() -> str:
    """This moment as senders write it."""
    return in_milliseconds(datetime.now(UTC))
