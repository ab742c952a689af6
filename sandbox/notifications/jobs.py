"""Jobs, what becomes of each of their addresses, and what status says of them (page §3, §4)."""

from base64 import b64encode
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sandbox.notifications.checks import ADDRESS_FIELDS
from sandbox.notifications.options import Options

_STATES = ("Setup", "Processing", "Delivering", "Posted", "Complete")
_SLOW = 10
_HOUR_S = 3600


@dataclass(slots=True)
class Job:
    """One accepted submission."""

    job_id: str
    channel: str
    account: str
    content: Mapping[str, Any]
    at: float

    @property
    def options(self) -> Mapping[str, Any]:
        """What it was submitted with."""
        given: Mapping[str, Any] = self.content.get("options", {})
        return given

    def address_of(self, destination: Mapping[str, Any]) -> str:
        """Where one copy goes."""
        return str(destination[ADDRESS_FIELDS[self.channel]])


class Jobs:
    """Every job of every account; a message_id belongs to the first account that used it (§3)."""

    def __init__(self, options: Options, now: Callable[[], float]) -> None:
        self._options, self._now = options, now
        self.clear()

    def clear(self) -> None:
        """Forget every job and every id."""
        self._jobs: dict[str, Job] = {}
        self._ids: dict[str, Job] = {}
        self.repeats = 0

    def submit(self, channel: str, account: str, content: Mapping[str, Any]) -> tuple[Job, bool] | None:
        """The job, and whether it is the one of an earlier submission; None when the id is another account's."""
        message_id = content.get("options", {}).get("message_id")
        known = self._ids.get(message_id) if message_id and self._options.deduplicates else None
        if known is not None and known.account != account:
            return None
        if known is not None:
            self.repeats += 1
            return known, True
        number = 1_234_567 + len(self._jobs)
        job = Job(f"{'xsi2' if channel == 'sms' else 'xsi'}-{number}", channel, account, content, self._now())
        self._jobs[job.job_id] = job
        if message_id:
            self._ids[message_id] = job
        return job, False

    def find(self, job_id: str, channel: str | None, account: str | None) -> Job | None:
        """A job of this account and channel that is not purged yet."""
        job = self._jobs.get(job_id)
        if job is None or channel not in (None, job.channel) or account not in (None, job.account):
            return None
        return None if self._now() - job.at > self._options.purge_days * 86_400 else job

    def all(self) -> list[Job]:
        """In the order of their submission."""
        return list(self._jobs.values())

    def status(self, job: Job) -> dict[str, Any]:
        """GET …/status: `_base64` fields, states that progress, times that must not be trusted."""
        age_s = max(0.0, self._now() - job.at)  # its clock may have been set back
        step = min(int(age_s / max(self._options.step_s, 1e-9)), len(_STATES) - 1)
        deliveries = [self._delivery(job, each) for each in job.content["destinations"]]
        return {
            "job_id": job.job_id,
            "billing_code_base64": _base64(job.options.get("billing_code", "")),
            "customer_reference_base64": _base64(job.options.get("customer_reference", "")),
            "entry_time": _time(job.at),
            "job_state": ["Complete", "Posted"] if step == len(_STATES) - 1 else [_STATES[step]],
            "deliveries": deliveries,
        }

    def inbox(self) -> dict[str, list[dict[str, Any]]]:
        """What each address has been sent, in order."""
        found: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for job in self._jobs.values():
            email = job.options.get("email_options", {})
            for destination in job.content["destinations"]:
                said = email.get("subject") if job.channel == "emails" else job.content.get("sms_text")
                entry = {"job_id": job.job_id, "account": job.account, "channel": job.channel, "said": said}
                entry["message_id"] = job.options.get("message_id")
                found[job.address_of(destination)].append(entry)
        return dict(found)

    def _delivery(self, job: Job, destination: Mapping[str, Any]) -> dict[str, Any]:
        address = job.address_of(destination)
        state, events = self._fate(address, self._now() - job.at)
        # whatever is labelled Z is not to be trusted: one field is an hour off, as in the one real exchange (§4)
        attempt = {
            "state": state,
            "gamma_code": 5000 if state == "Error" else 0,
            "first_attempt": _time(job.at + _HOUR_S),
        }
        kind = "sms_delivery_events" if job.channel == "sms" else "email_delivery_events"
        if job.channel == "sms":
            confirmed = {"event_time": _time(job.at), "status": "Confirmed", "message": "", "tags": []}
            events_said: Any = [confirmed] if state == "Sent" else []
        else:
            events_said = events
        return {
            "ref_base64": _base64(destination.get("ref", "")),
            ADDRESS_FIELDS[job.channel]: address,
            "delivery_attempts": [] if state == "Pending" else [attempt],
            "events": {kind: events_said},
        }

    def _fate(self, address: str, age_s: float) -> tuple[str, dict[str, Any]]:
        """What becomes of one address, by what stands before the @."""
        usual: dict[str, Any] = {"dsn": {}, "html_open": [], "opt_out": {}, "pull": []}
        name, step_s = address.partition("@")[0], self._options.step_s
        if age_s < 2 * step_s:
            return "Pending", usual
        match name:
            case "hold":
                return "Held", usual
            case "error":
                return "Error", usual
            case "expire":
                return "Expired", usual
            case "slow" if age_s < _SLOW * step_s:
                return "InProcess", usual
            case "bounce":
                return "Sent", {**usual, "dsn": {"status": "5.1.1"}}
            case "optout":
                return "Sent", {**usual, "opt_out": {"time": "unknown"}}
            case _:
                return "Sent", usual


def _base64(text: Any) -> str:
    return b64encode(str(text or "").encode()).decode()


def _time(epoch: float) -> str:
    return datetime.fromtimestamp(epoch, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
