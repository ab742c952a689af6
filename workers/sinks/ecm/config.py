"""Settings of the Extended ECM sink. Page sections are those of the ECM vendor page.

What the page leaves open (marked [U] or [C] there) is a setting here, with what the page documents as its default.
"""

import ipaddress
import re
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, SecretStr, field_validator, model_validator

from common.settings.sections import Section
from workers.sinks.config import SinkConfig
from workers.sinks.ecm.signs import SIGNS

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


def _regex(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"is not a regular expression: {error}") from error
    return text


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


class EcmConfig(SinkConfig):
    """One Content Server: where it is, who we are there, and what its ids mean."""

    base_url: str = Field(
        description="Address with the installation's own path, without /api: https://ecm.example.com/otcs/cs (§1)."
    )
    auth: Literal["password", "otds"] = Field(
        "password",
        description="password: a ticket for username and password (§2.1). otds: a token for client_id and "
        "client_secret, sent as bearer with every call (§2.2), for servers behind a load balancer.",
    )
    username: str = Field("", description="Login of the service account; its language must be English (§16).")
    password: SecretStr = Field(SecretStr(""), description="Its password.")
    domain: str | None = Field(None, description="Its domain, where domains are enabled.")
    otds_token_url: str | None = Field(
        None, description="Token address of OTDS: https://otds.example.com/otdsws/oauth2/token (§2.2)."
    )
    client_id: str = Field("", description="OAuth client, mapped to a Content Server user (§2.2).")
    client_secret: SecretStr = Field(SecretStr(""), description="Its secret.")
    allow_http: bool = Field(
        False, description="Send credentials over plain http to another host than this one: for a sandbox only."
    )
    login_backoff_s: float = Field(
        300,
        ge=1,
        le=86_400,
        description="Seconds between two log-ins once one was refused: an account tried too often is locked (§2.1).",
    )
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
    error_texts: dict[str, Annotated[str, AfterValidator(_regex)]] = Field(
        default_factory=dict,
        description=f"Further texts (regular expressions) for a sign of §16, for another language: {', '.join(SIGNS)}.",
    )
    time_zone: str = Field("UTC", description="Zone of the dates that are written: the server's are without one (§3).")
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

    @field_validator("base_url")
    @classmethod
    def _no_api(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("https", "http") or not parts.hostname or parts.port == 0:
            raise ValueError("must look like https://ecm.example.com/otcs/cs")
        if parts.username or parts.query or parts.fragment:
            raise ValueError("is host and path only: no password, no query")
        path = parts.path.rstrip("/")
        if path.endswith(("/api", "/api/v1", "/api/v2")):
            raise ValueError("ends before /api")
        return f"{parts.scheme}://{parts.netloc}{path}"

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError("is no time zone of the IANA database, such as Europe/Berlin") from error
        return name

    @field_validator("error_texts")
    @classmethod
    def _known_signs(cls, texts: dict[str, str]) -> dict[str, str]:
        if unknown := sorted(texts.keys() - SIGNS.keys()):
            raise ValueError(f"no such sign: {', '.join(unknown)} (there are: {', '.join(SIGNS)})")
        return texts

    @model_validator(mode="after")
    def _can_log_in(self) -> "EcmConfig":
        if self.auth == "password" and not (self.username and self.password.get_secret_value()):
            raise ValueError("auth password needs username and password")
        if self.auth == "otds" and not (
            self.otds_token_url and self.client_id and self.client_secret.get_secret_value()
        ):
            raise ValueError("auth otds needs otds_token_url, client_id and client_secret")
        for name, url in (("base_url", self.base_url), ("otds_token_url", self.otds_token_url)):
            parts = urlsplit(url or "https://none")
            if parts.scheme not in ("https", "http") or not parts.hostname:
                raise ValueError(f"{name} must be an https address")
            if parts.scheme == "http" and not self.allow_http and not _is_this_machine(parts.hostname):
                raise ValueError(f"{name} must be https: credentials would travel readable; a sandbox: allow_http")
        return self


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
