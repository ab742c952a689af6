"""Jobs and resources of Exstream as batch and content events (§4, §5.2). Pure.

A job's state is an event; that it is complete tells what its steps left, too: output, and print that was released.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from workers.ingest.event_id import hash_of
from workers.ingest.feeds import Signal
from workers.ingest.pollers.exstream.config import ExstreamPollerConfig, MetadataField
from workers.ingest.pollers.exstream.metadata import listed
from workers.ingest.pollers.exstream.payload import FlowModelSignal, JobSignal, Resource, ResourceSignal, Step
from workers.ingest.sources.api import NewEvent
from workers.ingest.sources.envelope import Envelope, actor
from workers.ingest.sources.reading import present, read
from workers.ingest.sources.words import ActorKind, Channel, channel_of

SOURCE, BATCH, CONTENT = "exstream", "comms.batch.v1", "comms.content.v1"

_JOBS = {
    "uninitialized": "QUEUED",
    "started": "STARTED",
    "holding": "HELD",
    "complete": "COMPLETED",
    "error": "FAILED",
    "canceled": "CANCELLED",
}
_UNTOLD = frozenset({"waiting", "deleted"})
"""A delay step may wait for days, and clearing up is no end of a run (§4.1, §4.5)."""

_RESOURCES = {
    "DRAFT": "UPDATED",
    "REVIEW": "READY_FOR_REVIEW",
    "APPROVED": "APPROVED",
    "REJECTED": "REJECTED",
}


class ExstreamPollTranslation:
    """One domain's way from rows to events."""

    def __init__(self, config: ExstreamPollerConfig) -> None:
        self._config = config

    def job(self, signal: Any, received_at: datetime) -> Sequence[NewEvent]:
        """What a job's state says. Raises InvalidEventError naming every missing or wrong field."""
        told = read(JobSignal, signal, "a job and its steps")
        if told.job.status in _UNTOLD:
            return []
        return [*self._outputs(told, received_at), self._state(told, received_at)]

    def resource(self, signal: Any, received_at: datetime) -> Sequence[NewEvent]:
        """What a resource's state says; nothing of one that last changed before polling began.

        Raises InvalidEventError naming every missing or wrong field.
        """
        told = read(ResourceSignal, signal, "a resource")
        found = told.resource
        if found.changed_at is not None and found.changed_at < told.since:
            return []
        return [self._content(found, received_at)]

    def flow_model(self, signal: Any, received_at: datetime) -> Sequence[NewEvent]:
        """That a flow model was published; when, the list does not say: nothing of one that always was.

        Raises InvalidEventError naming every missing or wrong field.
        """
        told, config = read(FlowModelSignal, signal, "a flow model"), self._config
        if told.is_first:
            return []
        found, types = told.flow_model, config.document_types
        natural_id = hash_of("flow_model", config.domain, found.id, found.version, found.revision)
        attributes = present({"name": found.name, "flow_model_type": found.type})
        value = Envelope(SOURCE, config.domain, natural_id, received_at, received_at, None, attributes).value(
            "PUBLISHED",
            content_id=found.id,
            content_name=found.name,
            content_type="flow_model",
            version=found.version,
            document_type=types.get(found.id) or types.get(found.name or ""),
        )
        return [NewEvent(CONTENT, value, signal=Signal.CONTENT_STATUS)]

    def _state(self, told: JobSignal, received_at: datetime) -> NewEvent:
        job, kind = told.job, _JOBS.get(told.job.status, "UNKNOWN")
        occurred_at = job.ended_at or (job.started_at if job.status in ("uninitialized", "started") else None)
        value = self._envelope(told, occurred_at, received_at).value(kind, **self._batch(told))
        return NewEvent(BATCH, value, signal=Signal.BATCH_STATUS if kind != "UNKNOWN" else None)

    def _outputs(self, told: JobSignal, received_at: datetime) -> Iterator[NewEvent]:
        """Output that was generated, and each print run that was released; of a complete job."""
        if told.job.status != "complete":
            return
        done = [step for step in told.steps if step.status == "complete"]
        composed = [step for step in done if step.kind == "communication"]
        if composed:
            ended = max((step.ended_at for step in composed if step.ended_at), default=told.job.ended_at)
            yield self._part(told, "OUTPUT_GENERATED", "output", ended, received_at, self._channel(told))
        for step in done:
            if step.kind == "output" and self._channel_of(step) is Channel.PRINT:
                at = step.ended_at or told.job.ended_at
                yield self._part(told, "PRINT_RELEASED", f"print:{step.id}", at, received_at, Channel.PRINT)

    def _part(
        self, told: JobSignal, kind: str, part: str, occurred_at: datetime | None, received_at: datetime,
        channel: Channel | None,
    ) -> NewEvent:  # fmt: skip
        fields = {**self._batch(told), "channel": channel.value if channel else None, "succeeded": None}
        value = self._envelope(told, occurred_at, received_at).value(kind, part, **fields)
        return NewEvent(BATCH, value, signal=Signal.BATCH_STATUS)

    def _envelope(self, told: JobSignal, occurred_at: datetime | None, received_at: datetime) -> Envelope:
        job, instance = told.job, self._config.domain
        failed = sorted({step.name for step in told.steps if step.status == "error" and step.name})
        names = {
            "status": job.status,
            "input_channel": job.channel,
            "flow_model_type": job.flow_model_type,
            "triggered_by": job.triggered_by,
            "failed_steps": ", ".join(failed),
        }
        natural_id = hash_of("job", instance, job.id, job.status)
        return Envelope(SOURCE, instance, natural_id, occurred_at or received_at, received_at, None, present(names))

    def _batch(self, told: JobSignal) -> dict[str, Any]:
        job, channel = told.job, self._channel(told)
        return {
            "batch_id": job.external_id or job.id,
            "job_id": job.id,
            "document_type": self._config.document_types.get(job.channel or "", job.channel),
            "channel": channel.value if channel else None,
            "volume": told.volume,
            "succeeded": told.volume if job.status == "complete" and _is_clean(told) else None,
            "failed": None,
        }

    def _channel(self, told: JobSignal) -> Channel | None:
        """The one that all of its output steps have; the input channel's where there is no step to see."""
        outputs = [step for step in told.steps if step.kind == "output"]
        if not outputs:
            return self._config.channels.get(told.job.channel or "")
        found = {self._channel_of(step) for step in outputs}
        return found.pop() if len(found) == 1 else None

    def _channel_of(self, step: Step) -> Channel | None:
        return self._config.channels.get(step.name or "") or channel_of(step.name)

    def _content(self, found: Resource, received_at: datetime) -> NewEvent:
        config, kind = self._config, _RESOURCES.get(found.state, "UNKNOWN")
        moved = found.changed_at.isoformat() if found.changed_at else None
        natural_id = hash_of("resource", config.domain, found.id, found.version, found.state, moved)
        attributes = present({"name": found.name, "state": found.state, "resource_type": found.type})
        at = found.changed_at or received_at
        is_approved = kind == "APPROVED"
        types = config.document_types
        its = {field.value: listed(found.metadata, config.content_metadata.get(field)) for field in MetadataField}
        value = Envelope(SOURCE, config.domain, natural_id, at, received_at, None, attributes).value(
            kind,
            actor=actor(ActorKind.USER, found.changed_by) if found.changed_by else None,
            content_id=found.id,
            content_name=found.name,
            content_type=config.content.get(found.type or "", found.type),
            version=found.version,
            document_type=types.get(found.id) or types.get(found.name or "") or next(iter(its["document_type"]), None),
            regions=its["regions"],
            reviewers=its["reviewers"],
            approved_by=found.changed_by if is_approved else None,
            approved_at=at if is_approved else None,
        )
        return NewEvent(CONTENT, value, signal=Signal.CONTENT_STATUS if kind != "UNKNOWN" else None)


def _is_clean(told: JobSignal) -> bool:
    return not any(step.status in ("error", "canceled", "expired") for step in told.steps)
