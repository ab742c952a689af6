"""Only APPROVED content is used in production (§5.2): asked before a communication is used, and hourly after (§5.3)."""

import logging
import threading
from collections.abc import Iterable
from datetime import datetime

from common.clock import Clock
from common.reasons import Cause
from workers.sinks.api import Hold, Scope
from workers.sinks.exstream import rules as r
from workers.sinks.exstream.caller import Caller, Came, Purse
from workers.sinks.exstream.client import ExstreamClient
from workers.sinks.exstream.rules import Accepted, Row
from workers.vendors.exstream import signs as s
from workers.vendors.exstream.reply import Reply

log = logging.getLogger(__name__)
_STATES = ("DRAFT", "REVIEW", "REJECTED")


class Approvals:
    """Which communications were seen approved, and until when that counts. Thread-safe."""

    def __init__(self, client: ExstreamClient, caller: Caller, valid_s: float, clock: Clock) -> None:
        self._client, self._caller, self._valid_s, self._clock = client, caller, valid_s, clock
        self._lock = threading.Lock()
        self._seen: dict[str, float] = {}
        self._refused: dict[str, str] = {}

    def check(self, name: str, communication_ids: Iterable[str], purse: Purse) -> Hold | None:
        """None, when each was seen approved lately; else the hold that says which is not."""
        for communication_id in communication_ids:
            until = self._seen.get(communication_id)
            if until is not None and self._clock.monotonic() < until:
                continue
            hold = self._ask(name, communication_id, purse)
            if hold is not None and (hold.cause is not Cause.VENDOR_DOWN or until is None):
                return hold
            if hold is not None:  # it was approved an hour ago, and nobody says otherwise
                log.warning("exstream: the approval of %s is not renewed: %s", name, hold.detail)
        return None

    def forget(self, communication_ids: Iterable[str]) -> None:
        """Ask anew before the next use: something was refused."""
        with self._lock:
            for communication_id in communication_ids:
                self._seen.pop(communication_id, None)

    def refused(self, purse: Purse) -> Hold | None:
        """Whether what was found unapproved still is; for the probe."""
        for communication_id, name in list(self._refused.items()):
            if hold := self._ask(name, communication_id, purse):
                return hold
        return None

    def _ask(self, name: str, communication_id: str, purse: Purse) -> Hold | None:
        came = self._caller.ask(lambda token: self._client.resource(communication_id, token), purse)
        hold = judge_approval(came, name, communication_id, self._clock.now())
        with self._lock:
            if hold is None:
                self._seen[communication_id] = self._clock.monotonic() + self._valid_s
                self._refused.pop(communication_id, None)
            elif hold.cause is Cause.CONFIGURATION:
                self._refused[communication_id] = name
                self._seen.pop(communication_id, None)
        return hold


def judge_approval(came: Came, name: str, communication_id: str, now: datetime) -> Hold | None:
    """None for APPROVED; else a hold that names the communication."""
    if isinstance(came, Hold):
        return came
    said = r.judged(Reply(came), APPROVAL_TABLE, now).said
    if isinstance(said, Accepted):
        return None
    assert isinstance(said, Hold)
    return Hold(said.cause, said.scope, f"communication {name} ({communication_id}): {said.detail}", said.retry_after_s)


def _state(reply: Reply) -> str:
    """`state` of a resource, bare or under `data`: §5.1 shows its fields, not what is around them."""
    data = reply.values.get("data")
    inner = data if isinstance(data, dict) else reply.rows[0] if len(reply.rows) == 1 else reply.values
    state = inner.get("state")
    return state if isinstance(state, str) else ""


def _is_approved(reply: Reply) -> bool:
    return reply.is_ok and _state(reply) == "APPROVED"


def _is_not_approved(reply: Reply) -> bool:
    return reply.is_ok and bool(_state(reply))


def _not_approved(reply: Reply, _: datetime) -> Hold:
    state = _state(reply)
    shown = state if state in _STATES else "of another state"
    return Hold(Cause.CONFIGURATION, Scope.ACTION, f"is {shown}, not APPROVED: approve it in Exstream (§5.2)")


def _accepted(_: Reply, __: datetime) -> Accepted:
    return Accepted()


def _away(reply: Reply, _: datetime) -> Hold:
    return Hold(Cause.VENDOR_DOWN, Scope.ACTION, f"{reply.status}: the design service gave no state")


_COMMON = (
    Row("approval_untrusted", "§9 #14", s.is_untrusted, r.untrusted),
    Row("approval_not_sent", "§9 #14", s.is_lost, r.not_sent),
    Row("approval_unauthorised", "§9 #1", s.status(401), r.hold(Cause.CREDENTIALS, "a fresh token is refused")),
    Row(
        "approval_forbidden",
        "§9 #4",
        s.status(403),
        r.hold(Cause.CONFIGURATION, "the design service lets us not in: give access, or set check_approval: false"),
    ),
    Row(
        "approval_unknown",
        "§9 #8",
        s.status(400, 404, 405),
        r.hold(Cause.CONFIGURATION, "is not there: correct communication_id, domain or base_url"),
    ),
    Row("approval_redirected", "§1", s.between(300, 399), r.hold(Cause.CONFIGURATION, "redirected: correct base_url")),
    Row("approval_busy", "§9 #12", s.status(429, 503), r.busy(Cause.THROTTLED, "the design service asks for patience")),
    Row("approval_away", "§9 #10", s.always, _away),
)
APPROVAL_TABLE = (
    Row("approved", "§5.2", _is_approved, _accepted),
    Row("not_approved", "§5.2, §5.3", _is_not_approved, _not_approved),
    *_COMMON,
)
