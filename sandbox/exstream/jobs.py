"""Orchestration (page §3, §4): inputs start jobs, whose flow instances go from state to state with the clock."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sandbox.exstream.options import Options, Service
from sandbox.exstream.reply import RefusedError

FINAL = ("complete", "error", "canceled", "deleted")


@dataclass(slots=True)
class Instance:
    """One run of one flow model."""

    id: str
    flow_model: str
    steps: tuple[str, ...]
    began: float
    ended: str = ""

    def state(self, now: float, step_s: float) -> str:
        """Where it stands by the clock; it stays at waiting and holding until it is released."""
        if self.ended:
            return self.ended
        age_s = max(0.0, now - self.began)  # its clock may have been set back
        index = min(int(age_s / max(step_s, 1e-9)), len(self.steps) - 1)
        stop = next((n for n, step in enumerate(self.steps[: index + 1]) if step in ("waiting", "holding")), index)
        return self.steps[stop]

    def release(self, now: float) -> None:
        """Go on from waiting or holding."""
        self.steps, self.began = ("finishing", self.steps[-1]), now


@dataclass(slots=True)
class Job:
    """What one input started."""

    id: str
    service: str
    mode: str
    who: str
    external_id: str | None
    began: float
    content: bytes
    instances: list[Instance]
    volume: int
    is_deleted: bool = False
    headers: dict[str, str] = field(default_factory=dict)


class Jobs:
    """Every job, in the order of its start."""

    def __init__(self, options: Options, now: Callable[[], float], is_published: Callable[[str], bool]) -> None:
        self._options, self._now, self._is_published = options, now, is_published
        self.clear()

    def clear(self) -> None:
        """Forget every job."""
        self._jobs: dict[str, Job] = {}

    def start(
        self, name: str, service: Service, who: str, content: bytes, headers: dict[str, str]
    ) -> list[dict[str, Any]]:
        """One flow instance for each published flow model on the channel (§3); the rows of the answer."""
        now = self._now()
        models = [model for model in service.flow_models if self._is_published(model)]
        if not models:
            if self._options.unpublished_says == "error":
                raise RefusedError(500, f"no published flow model for {name}")
            return []
        last = (service.stops_at,) if service.stops_at else ()
        steps = ("started", *last, "finishing", service.outcome)
        instances = [Instance(str(uuid.uuid4()), model, steps, now) for model in models]
        job = Job(
            str(uuid.uuid4()), name, service.mode, who, headers.get("externalid"), now, content, instances,
            service.volume, headers=headers,
        )  # fmt: skip
        self._jobs[job.id] = job
        return [self.shown_instance(job, each) for each in instances]

    def all(self) -> list[Job]:
        """In the order of their start, without what was wiped."""
        return list(self._jobs.values())

    def find(self, job_id: str) -> Job:
        """One job; raises RefusedError with 404."""
        job = self._jobs.get(job_id)
        if job is None:
            raise RefusedError(404, f"job {job_id} not found")
        return job

    def instance(self, instance_id: str) -> tuple[Job, Instance]:
        """One flow instance and its job; raises RefusedError with 404."""
        for job in self._jobs.values():
            for instance in job.instances:
                if instance.id == instance_id:
                    return job, instance
        raise RefusedError(404, f"flow instance {instance_id} not found")

    def state(self, job: Job) -> str:
        """A job is where its slowest instance is; an error anywhere is its end."""
        if job.is_deleted:
            return "deleted"
        states = [self.instance_state(each) for each in job.instances]
        open_ones = [state for state in states if state not in FINAL]
        if open_ones:
            return "started" if open_ones[0] == "finishing" else open_ones[0]
        return next((state for state in ("error", "canceled") if state in states), "complete")

    def instance_state(self, instance: Instance) -> str:
        """Where one flow instance stands."""
        return instance.state(self._now(), self._options.step_s)

    def stop(self, job: Job) -> None:
        """Cancel what still runs."""
        for instance in job.instances:
            if self.instance_state(instance) not in FINAL:
                instance.ended = "canceled"

    def release(self, instance: Instance) -> None:
        """Continue from holding (§4.2)."""
        if self.instance_state(instance) not in ("waiting", "holding"):
            raise RefusedError(400, "the flow instance is not held")
        instance.release(self._now())

    def mark(self, job: Job, *, is_forced: bool) -> None:
        """Mark for deletion: only what is finished (§4.1)."""
        if self.state(job) not in FINAL and not is_forced:
            raise RefusedError(409, "the job is not finished", code=305001)
        job.is_deleted = True

    def wipe(self) -> int:
        """What administrators' tasks do with what is finished (§4.4): it was never there."""
        gone = [job.id for job in self._jobs.values() if self.state(job) in FINAL]
        for job_id in gone:
            del self._jobs[job_id]
        return len(gone)

    def shown(self, job: Job) -> dict[str, Any]:
        """As §4.1 has it, with epoch milliseconds."""
        state = self.state(job)
        return {
            "id": job.id,
            "domainId": self._options.domain,
            "channel": job.service,
            "mode": job.mode,
            "status": state,
            "flowModelType": "COMMUNICATION",
            "msg": "Engine run failed" if state == "error" else None,
            "externalId": job.external_id,
            "triggeredBy": job.who,
            "aggregatedFMCSnapshotId": None,
            "startDate": int(job.began * 1000),
            "endDate": self.end(job),
            "expirationDate": None,
        }

    def end(self, job: Job) -> int | None:
        """Epoch milliseconds of the end, where there was one."""
        steps = max(len(each.steps) for each in job.instances) - 1
        return int((job.began + steps * self._options.step_s) * 1000) if self.state(job) in FINAL else None

    def shown_instance(self, job: Job, instance: Instance) -> dict[str, Any]:
        """As §3 has it."""
        state = self.instance_state(instance)
        return {
            "id": instance.id,
            "jobId": job.id,
            "flowModelId": instance.flow_model,
            "flowModelSnapshotId": str(uuid.uuid5(uuid.NAMESPACE_URL, instance.flow_model)),
            "domainId": self._options.domain,
            "status": state,
            "startDate": int(job.began * 1000),
            "endDate": self.end(job) if state in FINAL else None,
            "expirationDate": None,
            "externalId": job.external_id,
            "flowModelType": "COMMUNICATION",
            "inputRetrievable": self._options.inputs_readable,
            "executingLongRunningOp": False,
            "flowModelName": None,
        }
