"""What became of a finished job: its steps, and how many customers its manifests count (§4.2, §4.3)."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from workers.ingest.pollers.exstream.paging import id_of
from workers.ingest.pollers.exstream.reads import GoneError, Reads

_CUSTOMERS = re.compile(r"<(?:\w+:)?outputList\b[^>]*?\bcustomersProcessed\s*=\s*[\"']([0-9]{1,12})[\"']")
_KEPT = ("id", "stepName", "stepType", "status", "endDate")

Details = Mapping[str, Any]
"""`steps`, each with what is read of it, and `volume`; empty for a job that was purged meanwhile."""


def details_of(job_id: str, reads: Reads) -> Details:
    """Steps and volume of a job. Raises PausedError."""
    steps: list[dict[str, Any]] = []
    volume: int | None = None
    try:
        for instance in filter(None, map(id_of, reads.instances(job_id))):
            found = [each for each in reads.steps(instance) if isinstance(each, dict)]
            steps += [{name: each.get(name) for name in _KEPT} for each in found]
            counted = _volume(found, reads)
            volume = counted if volume is None else volume + (counted or 0)
    except GoneError:
        return {}
    return {"steps": steps, "volume": volume}


def _volume(steps: Sequence[Mapping[str, Any]], reads: Reads) -> int | None:
    """Of one flow instance: each of its outputs has a manifest of the same customers, so the largest counts."""
    outputs = [each for each in steps if each.get("stepType") == "output" and each.get("status") == "complete"]
    counts = [customers(reads.manifest(id_of(each))) for each in outputs if _has_manifest(each)]
    return max((count for count in counts if count is not None), default=None)


def customers(manifest: str) -> int | None:
    """`outputList@customersProcessed`; None where the manifest does not say, as an empty one does not (§4.3)."""
    found = _CUSTOMERS.search(manifest)
    return int(found[1]) if found else None


def _has_manifest(step: Mapping[str, Any]) -> bool:
    return bool(id_of(step)) and step.get("deliveryFileRetrievable") is not False
