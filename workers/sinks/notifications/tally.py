"""What became of the requests of one batch, and what that means for its deliveries. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from common.reasons import Cause, Reason
from workers.sinks.api import Answered, Deferred, Delivered, Hold, Outcome, Refused, Unsure
from workers.sinks.notifications.jobs import Job
from workers.sinks.notifications.rules import Accepted, Doubt

_MOST_SHOWN = 200


@dataclass(slots=True)
class Tally:
    """Jobs accepted by kind, addresses that were refused, and what stopped the rest."""

    accepted: dict[str, list[str]] = field(default_factory=dict)
    refused: list[Refused] = field(default_factory=list)
    refused_addresses: int = 0
    stop: Hold | Doubt | None = None

    def accept(self, job: Job, said: Accepted) -> None:
        """The vendor has this job."""
        self.accepted.setdefault(job.kind, []).append(said.job_id)

    def refuse(self, job: Job, said: Refused) -> None:
        """The vendor will not have it."""
        self.refused.append(said)
        self.refused_addresses += len(job.recipients)

    def outcome(self, count: int, *, recognised: bool, more: Mapping[str, str]) -> Outcome:
        """For each of `count` deliveries, which all travelled together.

        `recognised`: what was accepted already may be sent again with the rest. Without that a message of
        which one part is out must not be repeated: a person decides.
        """
        if self.accepted:
            return self._begun(count, recognised, more)
        match self.stop:
            case Hold():
                return self.stop
            case Doubt(unsure, hold):
                return Answered([unsure] * count, hold)
            case None if self.refused:
                return self.refused[0]
            case None:
                raise ValueError("a batch without requests has no outcome")

    def _begun(self, count: int, recognised: bool, more: Mapping[str, str]) -> Answered:
        out = f"accepted before: {', '.join(sorted(self.accepted))}"
        match self.stop:
            case None:
                return Answered([Delivered(self._ids(more))] * count)
            case Doubt(unsure, hold):
                return Answered([replace(unsure, detail=f"{unsure.detail}; {out}")] * count, hold)
            case Hold() as hold if recognised:
                return Answered([Deferred(_reason(hold), hold.retry_after_s)] * count, hold)
            case Hold() as hold:
                detail = f"the rest was not sent: {hold.detail}; {out}"
                return Answered([Unsure(_reason(hold), detail)] * count, hold)

    def _ids(self, more: Mapping[str, str]) -> dict[str, str]:
        ids = {f"{kind}_id": _joined(found) for kind, found in self.accepted.items()}
        if self.refused_addresses:
            ids["refused_addresses"] = str(self.refused_addresses)
        return {name: value for name, value in {**ids, **more}.items() if value}


def _joined(ids: Iterable[str]) -> str:
    return ",".join(each for each in ids if each)[:_MOST_SHOWN]


def _reason(hold: Hold) -> Reason:
    return Reason.THROTTLED if hold.cause is Cause.THROTTLED else Reason.VENDOR_ERROR
