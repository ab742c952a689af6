"""Flow steps of an instance, and the files that they leave (page §4.2, §4.3). Made of the job, not kept."""

from typing import Any

from sandbox.exstream.jobs import Instance, Job, Jobs
from sandbox.exstream.options import Options
from sandbox.exstream.reply import RefusedError, Reply

_TYPES = ("input", "communication", "output")
_OF_STATE = {"error": ("complete", "complete", "error"), "complete": ("complete",) * 3, "canceled": ("canceled",) * 3}


class Steps:
    """Three steps an instance: input, communication, output."""

    def __init__(self, options: Options, jobs: Jobs) -> None:
        self._options, self._jobs = options, jobs

    def all(self) -> list[dict[str, Any]]:
        """Of every instance, in order."""
        return [
            self._shown(job, instance, number)
            for job in self._jobs.all()
            for instance in job.instances
            for number in range(len(_TYPES))
        ]

    def message_file(self, step_id: str) -> Reply:
        """The engine's log (§4.3)."""
        _, instance, _ = self._found(step_id)
        state = self._jobs.instance_state(instance)
        return Reply(200, f"EX000001I run ended: {state}\n".encode(), media_type="text/plain")

    def delivery_file(self, step_id: str) -> Reply:
        """The manifest (§4.3): empty while the engine writes."""
        job, instance, number = self._found(step_id)
        if _TYPES[number] != "output":
            raise RefusedError(404, "only an output step has a delivery file")
        if self._jobs.instance_state(instance) != "complete":
            return Reply(200, b"", media_type="application/xml")
        body = (
            f'<?xml version="1.0" encoding="UTF-8"?><outputList customersProcessed="{job.volume}">'
            f'<queue name="{self._channel(job)}"/></outputList>'
        )
        return Reply(200, body.encode(), media_type="application/xml")

    def _found(self, step_id: str) -> tuple[Job, Instance, int]:
        instance_id, _, number = step_id.rpartition("-")
        job, instance = self._jobs.instance(instance_id)
        if number not in ("0", "1", "2"):
            raise RefusedError(404, f"flow step {step_id} not found")
        return job, instance, int(number)

    def _channel(self, job: Job) -> str:
        return self._options.services[job.service].output_channel

    def _shown(self, job: Job, instance: Instance, number: int) -> dict[str, Any]:
        states = _OF_STATE.get(self._jobs.instance_state(instance), ("complete", "started", "created"))
        name = self._channel(job) if _TYPES[number] == "output" else _TYPES[number]
        return {
            "id": f"{instance.id}-{number}",
            "previousStepId": f"{instance.id}-{number - 1}" if number else None,
            "flowInstanceId": instance.id,
            "stepName": name,
            "displayName": name,
            "stepType": _TYPES[number],
            "status": states[number],
            "startDate": int(job.began * 1000),
            "endDate": self._jobs.end(job),
            "msg": "Engine run failed" if states[number] == "error" else None,
            "externalId": job.external_id,
            "deliveryFileRetrievable": _TYPES[number] == "output",
            "messageFileRetrievable": True,
        }
