"""The jobs that our receipts name, and which of them are due. Not thread-safe, no I/O but the receipts."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from workers.ingest.pollers.api import Receipts
from workers.ingest.pollers.notifications.schedule import ages, due_at

SINK = "notifications"
CHANNELS: Mapping[str, str] = {"email_id": "emails", "sms_id": "sms"}
"""Which of a receipt's vendor ids are jobs, and the channel's step of the path (§2)."""


@dataclass(slots=True)
class Job:
    """One job, since when the vendor has it, and whether every recipient's copy has come to its end."""

    id: str
    channel: str
    accepted_at: datetime
    has_ended: bool = False


Due = tuple[datetime, str]
"""A moment of a job, and its id: the order in which jobs are asked about."""


class Book:
    """What is followed: filled from the receipts, emptied by time."""

    def __init__(self, receipts: Receipts, followed_s: float) -> None:
        self._receipts, self._followed_s = receipts, followed_s
        self._jobs: dict[str, Job] = {}
        self._open, self._ended = ages(followed_s, has_ended=False), ages(followed_s, has_ended=True)

    def catch_up(self, now: datetime) -> None:
        """Take what was delivered meanwhile, and drop what is too old. Raises TopicUnreadableError."""
        oldest = now - timedelta(seconds=self._followed_s)
        for receipt in self._receipts.news(oldest):
            self.take(receipt)
        self._jobs = {job.id: job for job in self._jobs.values() if job.accepted_at >= oldest}

    def take(self, receipt: Mapping[str, Any]) -> None:
        """The jobs of one receipt; those of other sinks have none."""
        if receipt["sink"] != SINK or receipt["verdict"] != "DELIVERED":
            return
        for name, channel in CHANNELS.items():
            for id_ in filter(None, receipt["vendor_ids"].get(name, "").split(",")):
                self._jobs.setdefault(id_, Job(id_, channel, receipt["occurred_at"]))

    def due(self, after: Due, until: datetime, since: datetime) -> list[tuple[datetime, Job]]:
        """Jobs accepted since a moment that have a moment of theirs behind `after`, up to `until`, in order."""
        found = [(self._moment(job, until), job) for job in self._jobs.values() if job.accepted_at >= since]
        due = [(at, job) for at, job in found if at is not None and (at, job.id) > after]
        return sorted(due, key=lambda each: (each[0], each[1].id))

    def _moment(self, job: Job, until: datetime) -> datetime | None:
        return due_at(job.accepted_at, self._ended if job.has_ended else self._open, until)
