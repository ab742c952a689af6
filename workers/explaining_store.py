"""What the customer store would say to the flows of one event: for `commfleet flows explain`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, assert_never

from common.errors import StoreDownError
from common.event import Event
from common.store.look_ups import LookUps
from common.store.opening import pseudonyms_of
from workers.flows.flow import Flow
from workers.settings import Settings
from workers.sinks.api import Rejected, Suppressed
from workers.sinks.leave import Leave, Leaves, Stale
from workers.sinks.told import Question, Told, told, who_of
from workers.store_command import reader, store_settings


@dataclass(frozen=True, slots=True)
class Asked:
    """One event with what the store knows of its customer; `trouble` says why nobody knows."""

    event: Event
    leaves: Leaves
    told: Told | None
    trouble: str = ""

    @property
    def value(self) -> Mapping[str, Any]:
        """The event as `when` reads it."""
        return {**self.event.value, "profile": self.told.profile} if self.told else self.event.value

    @property
    def personal(self) -> Mapping[str, Any]:
        """What is known of the customer, as the record that events bear: to be masked like theirs."""
        return self.told.known.customer if self.told and self.told.known else {}

    def read(self, flow: Flow) -> Mapping[str, Any] | str:
        """The event as a flow that asks is sent with, or why it would not be sent."""
        if self.told is None:
            return self.trouble
        match found := self.leaves.judge(flow, self.event, self.told, 0.0):
            case Leave():
                return found.value(self.event)
            case Suppressed(reason):
                return f"nothing would be sent: suppressed ({reason}), {flow.leave or 'the customer is forgotten'}"
            case Rejected(reason, detail):
                return f"a dead letter ({reason}): {detail}"
            case Stale(detail):
                return f"it would wait (consent_stale): {detail}"
            case _:
                assert_never(found)


def ask_about(settings: Settings, event: Event, flows: Iterable[Flow]) -> Asked:
    """Look the event's customer up, if one of these flows needs it and there is a store."""
    leaves = Leaves(settings.consent)
    if settings.store is None or not any(flow.needs_store and flow.topic == event.topic for flow in flows):
        return Asked(event, leaves, None, "it needs the customer store (docs/store.md)")
    question = Question(who_of(event))
    try:
        with reader(settings) as database:
            look_ups = LookUps(database, pseudonyms_of(store_settings(settings)))
            answer = look_ups.ask([question.who] if question.who else [])
    except StoreDownError as error:
        return Asked(event, leaves, None, f"it would wait (store_down): {error}")
    return Asked(event, leaves, told(question, answer, 0.0, datetime.now(UTC).timestamp() * 1000))
