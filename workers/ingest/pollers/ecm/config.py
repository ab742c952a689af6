"""Settings of the Extended ECM poller. Page sections are those of the ECM vendor page."""

from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from workers.ingest.feeds import Signal
from workers.ingest.pollers.config import PollerConfig
from workers.ingest.sources.ecm_config import EcmVocabulary
from workers.ingest.sources.source_config import INSTANCE
from workers.vendors.ecm.account import EcmAccount

Id = Annotated[int, Field(ge=1, lt=2**53)]
AttributeKey = Annotated[str, Field(pattern=r"^[0-9]{1,16}_[0-9]{1,6}(_[0-9]{1,6}_[0-9]{1,6})?$")]
_ATTRIBUTES = "attributes."


class EcmPollerConfig(PollerConfig, EcmAccount, EcmVocabulary):
    """What is read of one Content Server: the workspaces of some types, and the documents in them."""

    SYSTEM: ClassVar[str] = "ecm"
    OFFERS: ClassVar[frozenset[Signal]] = frozenset({Signal.WORKSPACE, Signal.DOCUMENT})

    instance: str = Field(min_length=1, max_length=200, description=INSTANCE)
    type_ids: tuple[Id, ...] = Field(
        min_length=1, description="Ids of the workspace types that are swept (§5.3); the others are not looked at."
    )
    attributes: dict[str, AttributeKey] = Field(
        default_factory=dict,
        description="Name of an attribute, as the other settings use it -> its key on the server: category and "
        "attribute, `9830_2`, of workspaces and of documents (§7). What is not listed is not read.",
    )
    overlap_s: float = Field(
        900,
        ge=0,
        le=86_400,
        description="How far behind the newest change each look goes back: dates have a second's resolution (§13).",
    )
    sweep_every_s: float = Field(
        3600,
        ge=60,
        le=604_800,
        description="Seconds between two sweeps, which look at every workspace: a change that leaves the workspace's "
        "date alone is found by them only (§13).",
    )
    folder_depth: int = Field(
        2, ge=0, le=8, description="How many folders below a workspace documents are looked for; 0: not in folders."
    )
    ask_each_document: bool = Field(
        False,
        description="Ask for the attributes of every document at each look, not only where its date is another: for a "
        "server on which a change of attributes leaves the date alone.",
    )
    audit: bool = Field(
        True,
        description="Ask the audit who made a change (§12.2), so that what we did ourselves is recognised: a request "
        "for each change.",
    )
    page_size: int = Field(25, ge=5, le=100, description="Workspaces of a page; each costs a request of its own.")
    requests_per_minute: int = Field(
        120, ge=1, le=10_000, description="Requests of the poller in any minute; the vendor publishes no limit (§15)."
    )
    requests_per_day: int = Field(100_000, ge=100, description="Requests of the poller in a day (UTC).")

    @property
    def named(self) -> str:
        """The server."""
        return self.instance

    @model_validator(mode="after")
    def _knows_its_paths(self) -> Self:
        names = {path.removeprefix(_ATTRIBUTES) for path in self.identity_paths if path.startswith(_ATTRIBUTES)}
        if unknown := sorted(names - self.attributes.keys()):
            raise ValueError(f"identity_paths: {', '.join(unknown)} must be listed in attributes, with its key")
        return self
