"""Settings of the Extended ECM sink. Page sections are those of the ECM vendor page.

What the page leaves open (marked [U] or [C] there) is a setting here, with what the page documents as its default.
"""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from common.settings.sections import Section
from workers.sinks.config import SinkConfig
from workers.vendors.ecm.account import EcmAccount

Id = Annotated[int, Field(ge=1, lt=2**53)]
Audience = Annotated[str, Field(pattern=r"^(user|role|group|region):\S(.{0,198}\S)?$")]
CONSENT_FIELDS = frozenset(
    {
        "event_id",
        "customer_id",
        "kind",
        "channel",
        "purpose",
        "subscription_group",
        "state",
        "preferred_channel",
        "effective_at",
        "recorded_at",
        "origin",
        "actor",
        "proof",
    }
)


class Category(Section):
    """A category of the server, by the ids that its own forms show (§7): they differ between systems."""

    id: Id = Field(description="Id of the category's node.")
    attributes: dict[str, Id] = Field(default_factory=dict, description="Our name -> number of the attribute.")


class ConsentHistory(Section):
    """Where consent decisions are kept: a category with one set, a row a decision."""

    category: Id = Field(description="Id of the category's node.")
    set: Id = Field(description="Number of the set attribute in it.")
    attributes: dict[str, Id] = Field(description="Field of the decision -> number of the attribute in the set.")
    alert: tuple[Audience, ...] = Field(
        (),
        description="Who is alerted when a decision has no workspace to be kept in, such as role:records; the decision "
        "is a dead letter until there is one. Nobody is: leave it out.",
    )

    @field_validator("attributes")
    @classmethod
    def _findable(cls, attributes: dict[str, int]) -> dict[str, int]:
        if unknown := sorted(attributes.keys() - CONSENT_FIELDS):
            raise ValueError(f"no such field: {', '.join(unknown)} (there are: {', '.join(sorted(CONSENT_FIELDS))})")
        if "event_id" not in attributes:
            raise ValueError("needs an attribute for event_id: a row is found again by it")
        return attributes


class WorkspaceType(Section):
    """A kind of business workspace that may be created (§6)."""

    type_id: Id = Field(description="wksp_type_id of the workspace type.")
    template_id: Id = Field(description="Node id of the template that is copied.")
    system: str = Field(min_length=1, description="External system of its business objects, such as SF.")
    object_type: str = Field(min_length=1, description="Business object type, such as Account.")
    parent_id: Id | None = Field(None, description="Where it is made; only for types without a fixed place.")


class EcmConfig(SinkConfig, EcmAccount):
    """One Content Server: where it is, who we are there, and what its ids mean."""

    categories: dict[str, Category] = Field(default_factory=dict, description="Categories that flows may write.")
    consent: ConsentHistory | None = Field(None, description="Where record_consent appends its rows.")
    workspace_types: dict[str, WorkspaceType] = Field(
        default_factory=dict, description="Kinds of workspace that may be created."
    )
    missing_workspace: Literal["reject", "create"] = Field(
        "reject",
        description="When a business object has no workspace: a dead letter, or one is created first (of the "
        "workspace type of its system and object type).",
    )
    id_widths: dict[str, Annotated[int, Field(ge=1, le=40)]] = Field(
        default_factory=dict,
        description="system/object_type -> digits to which a key is zero-padded: SAP/KNA1 has 10 (§5.1).",
    )
    members: dict[str, Id] = Field(default_factory=dict, description="Our name -> member id of a user or group.")
    task_list: str = Field("Tasks", min_length=1, description="Name of the task list in a workspace (§11.3).")
    task_priorities: dict[str, int] = Field(
        default_factory=dict,
        description="Our name -> the server's own code, which the page does not know; empty: none is sent.",
    )
    reminder_type: str = Field("2", min_length=1, description="RSTYPE of reminders: an id of getClientTypes (§11.1).")
    category_style: Literal["plain", "body"] = Field(
        "plain", description="How category writes are encoded: a form field an attribute, or one field body (§3)."
    )
    category_lock: Literal["token", "none"] = Field(
        "token", description="Whether a category write carries the metadata token that it was made from (§7)."
    )
    empty_list: Literal["none", "blank"] = Field(
        "none", description='How a multi-value attribute is cleared: [] or [""]; not known (§7).'
    )
    correlate_by: Literal["external_identity", "description"] = Field(
        "external_identity", description="Which property of a document carries the event id that look-ups go by (§8.2)."
    )
    max_document_bytes: int = Field(
        1024 * 1024, ge=1, le=3 * 1024 * 1024, description="Largest document that is stored; others are dead letters."
    )
    cached_workspaces: int = Field(10_000, ge=1, le=1_000_000, description="Found nodes that are remembered.")
    cached_for_s: float = Field(3600, ge=1, description="For so many seconds.")
    requests_per_minute: int = Field(
        300, ge=1, description="Requests of the whole fleet in a minute; the vendor publishes no limit (§15)."
    )
    settle_after_s: float = Field(
        180,
        ge=0,
        le=3600,
        description="Seconds that the server may still act on a request whose answer never came (§15: 180 s for "
        "creations and uploads).",
    )
    create_timeout_s: float = Field(
        180, gt=0, le=900, description="Seconds to wait for a creation or an upload: a template tree is copied (§6)."
    )
    max_in_flight: int = Field(3, ge=1, le=256, description="Requests at once; the page recommends 3 to 4 (§15).")
    connect_timeout_s: float = Field(10, gt=0, le=60, description="Seconds to reach the server (§15).")
    read_timeout_s: float = Field(60, gt=0, le=600, description="Seconds to wait for any other answer (§15).")
