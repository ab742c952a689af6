"""How a sandbox Content Server differs from another one: what the vendor page leaves open is a switch here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

DEFAULT_USER, DEFAULT_PASSWORD = "commfleet", "sandbox-only-password"
DEFAULT_CLIENT, DEFAULT_SECRET = "commfleet-client", "sandbox-only-secret"

COMMUNICATION, CONSENT, CONTENT = 9830, 9840, 9850
CUSTOMER_TYPE, CUSTOMER_TEMPLATE = 16, 15615
ENTERPRISE = 2000


@dataclass(frozen=True, slots=True)
class CategoryDefinition:
    """A category: single attributes, multi-value ones, and the attributes of its sets, by number."""

    name: str
    attributes: frozenset[int] = frozenset()
    lists: frozenset[int] = frozenset()
    sets: Mapping[int, frozenset[int]] = field(default_factory=dict)
    required: frozenset[int] = frozenset()


_CATEGORIES = {
    COMMUNICATION: CategoryDefinition("Communication", frozenset({2, 3, 4}), frozenset({5})),
    CONSENT: CategoryDefinition("Consent", sets={3: frozenset(range(1, 14))}),
    CONTENT: CategoryDefinition("Campaign content", frozenset(range(2, 8))),
}


@dataclass(frozen=True, slots=True)
class Options:
    """Switches; the defaults are what the page documents, or its proposal.

    `category_style`: which encoding of category writes is taken (both were seen, §3). `metadata_tokens`: whether
    state tells them. `bo_not_found_status`: of the direct look-up (§5.1: not known). `unique_business_objects`:
    whether a second workspace for one key is refused (§6: not known). `reminder_ids`: from 26.2 (§11.1).
    `lean_children`: a list of children leaves external_* out. `empty_list`: how a list is cleared (§7: not known).
    `texts`: error texts in another language, by the English one's beginning (§16). `workspaces`: (system, type,
    id) of those there are from the start. `json_login`: /v1/auth takes JSON too
    (§3). `categories_date`: whether a change of attributes changes a node's date (§13: not known).
    """

    base_path: str = "/otcs/cs"
    users: Mapping[str, str] = field(default_factory=lambda: {DEFAULT_USER: DEFAULT_PASSWORD})
    clients: Mapping[str, str] = field(default_factory=lambda: {DEFAULT_CLIENT: DEFAULT_SECRET})
    categories: Mapping[int, CategoryDefinition] = field(default_factory=lambda: _CATEGORIES)
    members: frozenset[int] = frozenset({1000, 7240, 8306})
    workspace_types: Mapping[int, str] = field(default_factory=lambda: {CUSTOMER_TYPE: "Customer"})
    templates: Mapping[int, int] = field(default_factory=lambda: {CUSTOMER_TEMPLATE: CUSTOMER_TYPE})
    workspaces: tuple[tuple[str, str, str], ...] = ()
    ticket_idle_s: float = 1800.0
    roll_tickets: bool = False
    category_style: Literal["both", "plain", "body"] = "both"
    metadata_tokens: bool = True
    bo_not_found_status: Literal[400, 404, 500] = 400
    unique_business_objects: bool = False
    reminder_ids: bool = True
    lean_children: bool = False
    empty_list: Literal["both", "none", "blank"] = "both"
    json_login: bool = False
    categories_date: bool = True
    texts: Mapping[str, str] = field(default_factory=dict)
    max_body_bytes: int = 16 * 1024 * 1024
    keep_received: int = 100_000
    seed: int | None = None

    def user_id(self, name: str) -> int:
        """The member id of a user, or of a client's: 1000 and on, in the order of the options."""
        return 1000 + [*self.users, *self.clients].index(name)
