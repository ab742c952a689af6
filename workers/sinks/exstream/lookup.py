"""Which job is ours, when the answer that would have named it never came (§8).

Neither generate nor an input service recognises a repeat. But a job's input can be read, and the delivery's id stands
in it: exactly one job with it is ours; none, looked for three times and after the settling time, was not started;
whatever cannot be read or listed whole leaves the doubt.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from common.reasons import Reason
from workers.sinks.api import Delivered, Hold, Unsure
from workers.sinks.exstream.caller import Caller, Came, Purse
from workers.sinks.exstream.client import ExstreamClient
from workers.sinks.exstream.communications import Way
from workers.sinks.exstream.config import ExstreamConfig
from workers.sinks.exstream.jobs import JobSeen, job_of
from workers.sinks.exstream.order import Order
from workers.sinks.exstream.sent import Sent, SentAt
from workers.vendors.exstream.patience import http_date
from workers.vendors.exstream.reply import Reply

AROUND = timedelta(minutes=5)
"""How far a job's startDate may be from the request, once the clocks are compared; the id decides, so this is wide."""
_PER_PAGE, _MOST_PAGES, _MOST_INPUTS, _CHECKS = 100, 10, 100, 3
_MODES = {Way.BATCH: "BATCH", Way.ONDEMAND: "ONDEMAND"}


class _CannotTellError(Exception):
    """Something could not be read, or not all of it."""


class LookUp:
    """Finds the jobs that our requests started."""

    def __init__(self, config: ExstreamConfig, client: ExstreamClient, caller: Caller, sent: Sent) -> None:
        self._config, self._client, self._caller, self._sent = config, client, caller, sent
        self._account = config.api.account if config.api else None

    def look_up(self, order: Order, now: datetime) -> Delivered | Unsure | None:
        """What became of one request: done, certainly not done (None), or nobody can tell."""
        mode = _MODES.get(order.communication.way)
        if mode is None:
            return Unsure(Reason.VENDOR_ERROR, "a generated document leaves no trace that can be looked up (§8)")
        sent = self._sent.get(order.delivery_id)
        try:
            found = list(self._found(order, mode, sent, now))
        except _CannotTellError as error:
            return Unsure(Reason.VENDOR_ERROR, str(error))
        if len(found) > 1:
            return Unsure(Reason.VENDOR_ERROR, f"{len(found)} jobs hold the delivery's id: {', '.join(found)[:200]}")
        if found:
            self._sent.forget(order.delivery_id)
            return Delivered({"job_id": found[0], "found": "looked_up"})
        return self._nothing(order, sent, now)

    def _nothing(self, order: Order, sent: SentAt | None, now: datetime) -> Unsure | None:
        """None is said late and often enough (§8): three checks, after the time that a start may take to show."""
        if sent is None:
            return Unsure(Reason.VENDOR_ERROR, "no job holds the delivery's id, but nobody knows when it was sent")
        misses = self._sent.missed(order.delivery_id)
        is_late = now - sent.moment >= timedelta(seconds=self._config.settle_after_s)
        if is_late and misses >= _CHECKS:
            return None
        return Unsure(Reason.VENDOR_ERROR, f"no job holds the delivery's id, looked for {misses} times")

    def _found(self, order: Order, mode: str, sent: SentAt | None, now: datetime) -> Iterator[str]:
        """The jobs whose input holds the delivery's id."""
        needle = order.delivery_id.encode()
        for count, job in enumerate(self._candidates(mode, sent, now)):
            if count >= _MOST_INPUTS:
                raise _CannotTellError(f"more than {_MOST_INPUTS} jobs started about then: set api.account")
            if any(needle in body for body in self._inputs(job)):
                yield job.id

    def _candidates(self, mode: str, sent: SentAt | None, now: datetime) -> Iterator[JobSeen]:
        """Jobs that may be ours; their list counts days only, so the exact window is ours to keep (§4.1)."""
        first = (sent.moment - AROUND) if sent else now - timedelta(days=1)
        last = (sent.moment + AROUND) if sent else now + AROUND
        wanted = {"mode": mode, "startDateStart": (first - timedelta(days=1)).astimezone(UTC).date().isoformat()}
        if self._account:
            wanted["triggeredBy"] = self._account
        jobs, ahead = self._listed(wanted, now)
        for job in jobs:
            is_theirs = self._account and job.triggered_by not in ("", self._account)
            if not is_theirs and (job.started_at is None or first <= job.started_at - ahead <= last):
                yield job

    def _listed(self, wanted: Mapping[str, str], now: datetime) -> tuple[Sequence[JobSeen], timedelta]:
        """Every job of the list, and how far Exstream's clock is ahead of ours, by its Date.

        Whatever `offset` counts: as many as the list says there are, or nobody can tell.
        """
        found: dict[str, JobSeen] = {}
        for page in range(_MOST_PAGES):
            reply = self._read(lambda token, page=page: self._client.jobs(wanted, _PER_PAGE, page, token))
            if not isinstance(reply.values.get("data"), list):
                raise _CannotTellError("the list of jobs cannot be read")
            before = len(found)
            found |= {job.id: job for row in reply.rows if (job := job_of(row))}
            if len(found) >= _total(reply) or len(found) == before:
                break
        if len(found) < _total(reply):
            raise _CannotTellError(f"the list of jobs has {_total(reply)}, of which {len(found)} were shown")
        return list(found.values()), (http_date(reply.headers.get("date", "")) or now) - now

    def _inputs(self, job: JobSeen) -> Iterator[bytes]:
        reply = self._read(lambda token: self._client.flow_instances(job.id, token))
        instances = [seen.id for row in reply.rows if (seen := job_of(row))]
        if not instances:
            raise _CannotTellError(f"job {job.id} shows no flow instance")
        for instance in instances:
            came = self._caller.ask(lambda token: self._client.input(instance, token), Purse(_free))  # noqa: B023
            yield self._body(came, instance)

    @staticmethod
    def _body(came: Came, instance: str) -> bytes:
        reply = None if isinstance(came, Hold) else Reply(came)
        if reply is None or not reply.is_ok:
            raise _CannotTellError(f"the input of {instance} cannot be read")
        return getattr(came, "body", b"")

    def _read(self, request: Any) -> Reply:
        came = self._caller.ask(request, Purse(_free))
        reply = None if isinstance(came, Hold) else Reply(came)
        if reply is None or not reply.is_ok or reply.said != "success":
            detail = came.detail if isinstance(came, Hold) else f"{reply.status if reply else 0}"
            raise _CannotTellError(f"jobs cannot be listed: {detail}")
        return reply


def _total(reply: Reply) -> int:
    page = reply.values.get("page")
    total = page.get("totalElements") if isinstance(page, dict) else None
    return total if isinstance(total, int) and not isinstance(total, bool) else len(reply.rows)


def _free() -> None:
    """A look-up's requests are the runner's to count."""
