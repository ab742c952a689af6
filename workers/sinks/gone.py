"""A flow that is not in this worker's catalogue: what a former owner was about to do for it still needs a person."""

from pydantic import BaseModel

from workers.flows.flow import Flow
from workers.flows.parameters import Parameters
from workers.flows.pattern import AllOf, Pattern
from workers.flows.template import Entries
from workers.sinks.action import Action, Contacts, Repeat

_ACTION = "unknown"


class _Nothing(BaseModel):
    """Parameters that nobody knows."""


def gone_flow(flow_hash: int, topic: str) -> Flow:
    """What stands for a flow of which only the hash of its name is known, such as #03fa. Nothing matches it."""
    name = f"#{flow_hash:04x}"
    action = Action(_ACTION, Repeat.ONCE, Contacts.NOBODY, _Nothing, max_items=1, max_bytes=1, settle_after_s=0.0)
    return Flow(
        name=name,
        about="",
        topic=topic,
        sink="",
        action=action,
        choice=None,
        consent=None,
        file="",
        line=0,
        pattern=Pattern(AllOf(()), frozenset(), lambda _: False),
        with_=Parameters(name, _Nothing, Entries(())),
    )
