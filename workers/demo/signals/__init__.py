"""What systems say in the town, in the shapes that they really have (the vendor pages' sections stand beside each)."""

from datetime import UTC, datetime


def now() -> str:
    """This moment as senders write it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
