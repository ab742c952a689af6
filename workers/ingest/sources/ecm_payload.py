"""The signal that a site's Extended ECM posts, as far as we read it (ecm.md §13, "Our inbound contract")."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from workers.ingest.sources.reading import Block, Moment, Text, text
from workers.ingest.sources.words import ActorKind


def _required(value: Any) -> Any:
    """An id that may be a number, and may not be empty."""
    found = text(value)
    if found is None:
        raise ValueError("must be a number or a text")
    return found


Id = Annotated[str, BeforeValidator(_required)]


class Node(Block):
    """What the signal is about: a workspace's folder, or a document in it."""

    id: Id
    version: Text = None


class Workspace(Block):
    """The business workspace it belongs to, and the business object that is linked to it."""

    id: Id
    name: Text = None
    type: Text = None
    ext_system_id: Text = None
    bo_type: Text = None
    bo_id: Text = None


class EcmActor(Block):
    """Who did it."""

    id: Text = None
    login: Text = None
    is_own: bool = Field(False, alias="own")
    """The account by which we work there: its doings are ours, and start nothing (`journeys.own_actors`)."""

    @property
    def kind(self) -> ActorKind:
        """A person, or we."""
        return ActorKind.SYSTEM if self.is_own else ActorKind.USER

    @property
    def name(self) -> str | None:
        """The login, else the number."""
        return self.login or self.id


class EcmSignal(Block):
    """One signal; `previous` holds what attributes were before, where the bot knows.

    `changed_at` is the server's own date of a state that was read later; `was_there`: it is older than its poller.
    """

    event_type: str = Field(min_length=1)
    occurred_at: Moment
    workspace: Workspace
    node: Node
    event_id: Text = None
    changed_at: Text = None
    was_there: bool = False
    actor: EcmActor | None = None
    attributes: dict[str, Any] = Field(default_factory=dict)
    previous: dict[str, Any] = Field(default_factory=dict)
    links: dict[str, Any] = Field(default_factory=dict)

    @property
    def web(self) -> str | None:
        """Where a person looks."""
        return text(self.links.get("web"))

    def has_changed(self, name: str) -> bool:
        """Whether the signal itself says that an attribute is another than before."""
        return name in self.previous and text(self.previous[name]) != text(self.attributes.get(name))
