"""Settings of what a site's Extended ECM posts: which attributes say what, in the site's own names."""

from typing import Literal

from pydantic import BaseModel, Field

from workers.ingest.auth_config import Auth
from workers.ingest.feeds import Signal
from workers.ingest.identity import IdentityPath
from workers.ingest.sources.source_config import ON_BAD, OnBad, VendorSource


class EcmVocabulary(BaseModel):
    """Which attributes say what, and the site's own words for their values: the same whichever way it comes."""

    identity_paths: tuple[IdentityPath, ...] = Field(
        (),
        description="Where the site's own customer id stands, such as `attributes.Customer Id` or `workspace.bo_id`.",
    )
    workspace_types: dict[str, str] = Field(
        default_factory=dict, description="Workspace type in ECM → the site's name for it; others stay as they are."
    )
    milestone_attribute: str = Field("Milestone", min_length=1, description="Attribute that holds the milestone.")
    status_attribute: str = Field("Status", min_length=1, description="Attribute that holds the status of the case.")
    expires_attribute: str = Field("Expires", min_length=1, description="Attribute that holds when it runs out.")
    owner_attribute: str = Field("Owner", min_length=1, description="Attribute that holds who is in charge.")
    document_type_attribute: str = Field(
        "Document Type", min_length=1, description="Attribute that holds the type of a document."
    )
    milestones: dict[str, str] = Field(
        default_factory=dict, description="Milestone in ECM → the site's name for it; others stay as they are."
    )
    completed_statuses: frozenset[str] = Field(frozenset({"Complete"}), description="Statuses of a case that is over.")
    cancelled_statuses: frozenset[str] = Field(frozenset({"Cancelled"}), description="Statuses of one that was ended.")
    approved_statuses: frozenset[str] = Field(frozenset({"Approved"}), description="Statuses of an approved document.")
    rejected_statuses: frozenset[str] = Field(frozenset({"Rejected"}), description="Statuses of a rejected document.")
    customer_visible: frozenset[str] = Field(
        frozenset(), description="Types of documents that customers may hear about; the others are internal."
    )


class EcmSource(VendorSource, EcmVocabulary):
    """Workspace and document events, posted by a bot, WebReport or workflow step of the site (ecm.md §13)."""

    SYSTEM = "ecm"
    OFFERS = frozenset({Signal.WORKSPACE, Signal.DOCUMENT, Signal.WORKFLOW})

    kind: Literal["ecm"]
    auth: Auth
    on_bad: OnBad = Field(OnBad.REFUSE, description=ON_BAD)
