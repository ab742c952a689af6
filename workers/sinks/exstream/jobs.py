"""Jobs as the runtime API shows them (§4): what a poller reads, and what a look-up compares. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from common.reasons import Cause
from workers.sinks.api import Hold, Scope
from workers.sinks.exstream.answers import Kind, judge
from workers.sinks.exstream.caller import Came
from workers.vendors.exstream.moments import moment
from workers.vendors.exstream.reply import Reply


class JobState(StrEnum):
    """`status` of a job or a flow instance (§4.1, §4.2)."""

    UNINITIALIZED = "uninitialized"
    STARTED = "started"
    WAITING = "waiting"
    HOLDING = "holding"
    FINISHING = "finishing"
    COMPLETE = "complete"
    ERROR = "error"
    CANCELED = "canceled"
    DELETED = "deleted"
    UNKNOWN = "unknown"

    @property
    def is_final(self) -> bool:
        """Whether nothing more will come of it."""
        return self in (JobState.COMPLETE, JobState.ERROR, JobState.CANCELED, JobState.DELETED)


@dataclass(frozen=True, slots=True)
class JobSeen:
    """A job or flow instance; `started_at` and `ended_at` where they were told."""

    id: str
    state: JobState
    job_id: str = ""
    triggered_by: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class JobGone:
    """It was there, and was wiped: nobody will ever tell what became of it (§9 #18)."""


def judge_job(came: Came, now: datetime) -> JobSeen | JobGone | Hold:
    """What GET of one job, or of one flow instance, was answered."""
    if isinstance(came, Hold):
        return came
    reply = Reply(came)
    data = reply.values.get("data")
    row = data if isinstance(data, dict) else reply.rows[0] if len(reply.rows) == 1 else reply.values
    if reply.is_ok and (seen := job_of(row)):
        return seen
    if reply.status == 404 and reply.is_json:
        return JobGone()
    said = judge(Kind.DRAFT, came, now).said
    if isinstance(said, Hold):
        return said
    return Hold(Cause.VENDOR_DOWN, Scope.ACTION, f"{reply.status}: not the answer of a job")


def job_of(row: Mapping[str, Any]) -> JobSeen | None:
    """One element of a list of jobs or flow instances; None for what is none."""
    identifier, state = row.get("id"), row.get("status")
    if not isinstance(identifier, str) or not identifier or not isinstance(state, str):
        return None
    known = JobState(state) if state in set(JobState) else JobState.UNKNOWN
    return JobSeen(
        identifier,
        known,
        _text(row.get("jobId")),
        _text(row.get("triggeredBy")),
        moment(row.get("startDate")),
        moment(row.get("endDate")),
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
