"""What a flow may say after `with` for each action of Extended ECM.

Shapes are checked here, values against the server's ids and limits by the mapping. Sections are those of the
ECM vendor page. A null of the event is left out, so a flow may name a workspace in both ways: its id counts first.
"""

from typing import Annotated, Any, Literal

import orjson
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, model_validator


def _as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _as_document(value: Any) -> Any:
    """Data as a document: JSON for people to read, names in order, so that the same data is the same document."""
    if not isinstance(value, dict | list):
        return value
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS, default=str).decode()


NodeId = Annotated[str, BeforeValidator(_as_text), Field(pattern=r"^[1-9][0-9]{0,15}$")]
Name = Annotated[str, Field(min_length=1)]
Member = Annotated[str, BeforeValidator(_as_text), Field(min_length=1)]
Attributes = dict[Name, Any]
Document = Annotated[str, BeforeValidator(_as_document)]
"""The text of a document, or data that is written as JSON."""
Days = Annotated[int, Field(ge=1, le=365)]


class _Parameters(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class BusinessObject(_Parameters):
    """A record of the leading application, by which a workspace is found (§5.1)."""

    system: Name
    type: Name
    id: Annotated[str, BeforeValidator(_as_text), Field(min_length=1)]


class _InWorkspace(_Parameters):
    workspace_id: NodeId | None = None
    business_object: BusinessObject | None = None


class _OfWorkspace(_InWorkspace):
    @model_validator(mode="after")
    def _says_where(self) -> "_OfWorkspace":
        if self.workspace_id is None and self.business_object is None:
            raise ValueError("neither workspace_id nor business_object says which workspace")
        return self


class UpdateCategory(_OfWorkspace):
    """`update_category`: the latest values of a category's attributes; those not named keep theirs (§7).

    `category` is a name of the setting `categories`, `attributes` are names of its own; null clears one.
    """

    category: Name
    attributes: Annotated[Attributes, Field(min_length=1)]


class RecordConsent(_OfWorkspace):
    """`record_consent`: one decision as a new row of the consent history, found again by the event's id.

    The row's actor is `actor`; where nobody is named, what kind of actor it was (`actor_kind`).
    """

    kind: Name
    effective_at: AwareDatetime
    state: str | None = None
    channel: str | None = None
    purpose: str | None = None
    subscription_group: str | None = None
    preferred_channel: str | None = None
    origin: str | None = None
    actor: str | None = None
    actor_kind: str | None = None
    proof: str | None = None


class _Content(_OfWorkspace):
    folder: str | None = None
    name: Name
    content: Document
    encoding: Literal["text", "base64"] = "text"
    media_type: Annotated[str, Field(pattern=r"^[\w.+-]+/[\w.+-]+(; ?charset=[\w-]+)?$")] = "text/plain"
    description: str = ""


class UploadDocument(_Content):
    """`upload_document`: a document in a workspace or a folder of it (`Letters/2026`) (§8.2).

    When the name is taken: a new version where the content differs (nothing where it is equal), another name,
    nothing, or a dead letter. `attributes` are written of one category.
    """

    if_exists: Literal["new_version", "rename", "skip", "fail"] = "new_version"
    category: Name | None = None
    attributes: Attributes = {}

    @model_validator(mode="after")
    def _of_a_category(self) -> "UploadDocument":
        if self.attributes and self.category is None:
            raise ValueError("attributes are of a category: name it")
        return self


class AddVersion(_InWorkspace):
    """`add_version`: a further version of a document, by its id or by its name in a workspace (§8.3)."""

    document_id: NodeId | None = None
    folder: str | None = None
    name: Name | None = None
    content: Document
    encoding: Literal["text", "base64"] = "text"
    media_type: Annotated[str, Field(pattern=r"^[\w.+-]+/[\w.+-]+(; ?charset=[\w-]+)?$")] = "text/plain"
    description: str = ""
    major: bool = False

    @model_validator(mode="after")
    def _says_which(self) -> "AddVersion":
        by_name = self.name is not None and (self.workspace_id is not None or self.business_object is not None)
        if self.document_id is None and not by_name:
            raise ValueError("neither document_id, nor a name in a workspace, says which document")
        return self


class CreateTask(_OfWorkspace):
    """`create_task`: a task in the workspace's task list; `assignee` is a member id or a name of `members` (§11.3)."""

    name: Name
    instructions: str = ""
    assignee: Member | None = None
    due_at: AwareDatetime | None = None
    due_in_days: Days | None = None
    start_at: AwareDatetime | None = None
    priority: str | None = None
    attachment_id: NodeId | None = None

    @model_validator(mode="after")
    def _due_once(self) -> "CreateTask":
        if self.due_at is not None and self.due_in_days is not None:
            raise ValueError("due_at and due_in_days both say when it is due: give one")
        return self


class CreateReminder(_OfWorkspace):
    """`create_reminder`: a follow-up on the workspace, or on a node in it, with escalation (§11.1).

    It is due at `due_at`, or `due_in_days` after the event occurred.
    """

    node_id: NodeId | None = None
    description: Name
    due_at: AwareDatetime | None = None
    due_in_days: Days | None = None
    recipients: Annotated[list[Member], Field(min_length=1)]
    priority: Literal["low", "medium", "high"] = "medium"
    escalate_to: list[Member] = []
    escalate_after_days: Days = 2

    @model_validator(mode="after")
    def _due_once(self) -> "CreateReminder":
        if (self.due_at is None) == (self.due_in_days is None):
            raise ValueError("one of due_at and due_in_days says when it is due")
        return self


class CreateWorkspace(_Parameters):
    """`create_workspace`: the workspace of a business object, unless it has one already (§6)."""

    workspace_type: Name
    business_object_id: Annotated[str, BeforeValidator(_as_text), Field(min_length=1)]
    name: Name
    description: str = ""
    category: Name | None = None
    attributes: Attributes = {}

    @model_validator(mode="after")
    def _of_a_category(self) -> "CreateWorkspace":
        if self.attributes and self.category is None:
            raise ValueError("attributes are of a category: name it")
        return self
