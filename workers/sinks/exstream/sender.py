"""The requests of one delivery: approved, permitted, authenticated, judged.

**Two requests, one delivery.** An Empower communication is generated and then fulfilled (§2.1). What is generated
reaches nobody, so whatever becomes of that request is never in doubt: it is made again, and a document that nobody
fulfils stays behind. Fulfilling sends.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

from common.http import Answer
from common.reasons import Cause
from workers.sinks.api import Answered, Batch, Deferred, Delivered, Hold, Outcome, Refused, Scope
from workers.sinks.exstream.answers import Kind, judge
from workers.sinks.exstream.approvals import Approvals
from workers.sinks.exstream.caller import Caller, Came, Purse
from workers.sinks.exstream.client import ExstreamClient
from workers.sinks.exstream.communications import Way
from workers.sinks.exstream.order import Order
from workers.sinks.exstream.rules import Accepted, Doubt, Said
from workers.sinks.exstream.sent import Sent

_REFUSALS = ("bad_request", "no_such_path")


class Sender:
    """Starts communications."""

    def __init__(
        self, client: ExstreamClient, caller: Caller, approvals: Approvals | None, sent: Sent,
        now: Callable[[], datetime],
    ) -> None:  # fmt: skip
        self._client, self._caller, self._approvals, self._sent, self._now = client, caller, approvals, sent, now

    def send(self, order: Order, batch: Batch) -> Outcome:
        """One delivery; raises what the permit raises, and BudgetGoneError."""
        purse = Purse(batch.spend)
        if self._approvals and (hold := self._approvals.check(order.name, _ids(order), purse)):
            return hold
        if order.communication.fulfil is None:
            return self._begun(order, batch, purse)
        drafted = self._drafted(order, batch, purse)
        return self._fulfilled(order, drafted.document_id, batch, purse) if isinstance(drafted, Accepted) else drafted

    def _begun(self, order: Order, batch: Batch, purse: Purse) -> Outcome:
        """The one request of a communication without a second one."""
        if order.communication.is_harmless:
            return _outcome(self._first(order, batch, purse, Kind.DRAFT), is_harmless=True)
        kind = Kind.SEND if order.communication.way is Way.GENERATE else Kind.START
        return self._noted(order, lambda: self._first(order, batch, purse, kind))

    def _drafted(self, order: Order, batch: Batch, purse: Purse) -> Accepted | Outcome:
        said = self._first(order, batch, purse, Kind.DRAFT)
        if isinstance(said, Accepted) and said.document_id:
            return said
        if isinstance(said, Accepted):
            return Hold(
                Cause.CONFIGURATION, Scope.ACTION, f"{order.name} makes no Empower document: it cannot be fulfilled"
            )
        return _outcome(said, is_harmless=True)

    def _fulfilled(self, order: Order, document_id: str, batch: Batch, purse: Purse) -> Outcome:
        def request(token: str, more: Mapping[str, str]) -> Answer:
            return self._client.fulfil(order, document_id, token, batch.permit, more)

        outcome = self._noted(order, lambda: self._judged(order, Kind.SEND, request, purse))
        if isinstance(outcome, Answered) and isinstance(done := outcome.verdicts[0], Delivered):
            return Answered([Delivered({**done.vendor_ids, "document_id": document_id})], outcome.hold)
        return outcome

    def _first(self, order: Order, batch: Batch, purse: Purse, kind: Kind) -> Said:
        def request(token: str, more: Mapping[str, str]) -> Answer:
            return self._client.begin(order, token, batch.permit, more)

        return self._judged(order, kind, request, purse)

    def _noted(self, order: Order, request: Callable[[], Said]) -> Outcome:
        """A request that sends: its moment is kept for a look-up until its end is known."""
        self._sent.note(order.delivery_id, self._now())
        said = request()
        if not isinstance(said, Doubt):
            self._sent.forget(order.delivery_id)
        return _outcome(said, is_harmless=False)

    def _judged(
        self, order: Order, kind: Kind, request: Callable[[str, Mapping[str, str]], Answer], purse: Purse
    ) -> Said:
        came: Came = self._caller.post(request, purse, is_harmless=kind is Kind.DRAFT)
        if isinstance(came, Hold):
            return came
        judgement = judge(kind, came, self._now())
        if judgement.row not in _REFUSALS or self._approvals is None:
            return judgement.said
        # the same 400 stands for bad data and for a communication that is not approved any more (§9 #5)
        self._approvals.forget(_ids(order))
        return self._approvals.check(order.name, _ids(order), purse) or judgement.said


def _ids(order: Order) -> list[str]:
    told = order.communication
    both = (told.communication_id, told.fulfil.communication_id if told.fulfil else None)
    return [each for each in both if each]


def _outcome(said: Said, *, is_harmless: bool) -> Outcome:
    """What one request means for its delivery; a harmless one is made again where another is in doubt (§8)."""
    match said:
        case Accepted(vendor_ids):
            return Answered([Delivered(vendor_ids)])
        case Doubt(unsure, hold) if is_harmless:
            return Answered([Deferred(unsure.reason, hold.retry_after_s if hold else None)], hold)
        case Doubt(unsure, hold):
            return Answered([unsure], hold)
        case Refused() | Hold():
            return said
