"""How a sandbox Exstream differs from another one: what the vendor page leaves open is a switch here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

DEFAULT_TENANT, DEFAULT_CLIENT, DEFAULT_SECRET = "sandbox-tenant", "sandbox-client", "sandbox-only-secret"
DEFAULT_DOMAIN, DEFAULT_EMPOWER_USER = "Dev", "service@OAuthClients"
BROCHURE = "11111111-0000-4000-8000-000000000001"
RENEWAL = "11111111-0000-4000-8000-000000000002"
EDITABLE = "11111111-0000-4000-8000-000000000003"
FULFILMENT = "11111111-0000-4000-8000-000000000004"
FLOW_MODEL = "22222222-0000-4000-8000-000000000001"
FLOW_MODEL_2 = "22222222-0000-4000-8000-000000000002"


@dataclass(frozen=True, slots=True)
class Design:
    """One communication at the start: its name, driver, and queues."""

    name: str
    driver: str
    format: Literal["json", "xml"] = "json"
    is_editable: bool = False
    queues: tuple[str, ...] = ("PDF",)


@dataclass(frozen=True, slots=True)
class Service:
    """A named input service: the flow models that use its channel, and how their jobs go."""

    flow_models: tuple[str, ...] = (FLOW_MODEL,)
    mode: Literal["BATCH", "ONDEMAND"] = "BATCH"
    outcome: Literal["complete", "error", "canceled"] = "complete"
    stops_at: Literal["waiting", "holding"] | None = None
    volume: int = 1
    output_channel: str = "Email"


def _designs() -> dict[str, Design]:
    return {
        BROCHURE: Design("product_brochure", "brochure_json"),
        RENEWAL: Design("renewal_reminder", "renewal_xml", format="xml", queues=("PDF", "Email")),
        EDITABLE: Design("claim_letter", "claim_json", is_editable=True),
        FULFILMENT: Design("claim_letter_fulfilment", "empower_documents"),
    }


def _services() -> dict[str, Service]:
    return {
        "OnboardingLetters": Service(),
        "ServiceNotifications": Service(mode="ONDEMAND"),
        "Statements": Service((FLOW_MODEL, FLOW_MODEL_2), volume=120_345),
        "Unpublished": Service(()),
    }


@dataclass(frozen=True, slots=True)
class Options:
    """Switches; the defaults are the page's own, or its proposals where it marks something inferred or unknown.

    `expired_says`: an expired token is a 401, or the 500 of the SDK's README (§1). `csrf`: input channels want the
    cookie and header, too (§1). `unpublished_says`: a service without a published flow model answers empty data, or
    an error (§12). `ondemand_says`: a named on-demand service answers with its job, or with the document (§12).
    `offset_counts`: whether `offset` of the job list is a page index or a row (§5.1 says so of resources only).
    `inputs_readable`: whether an input can be read again (§4.2). `workflow`: how content is approved (§5.2).
    `engine_slots`, `generate_s`: requests queue for slots (§2). `step_s`: seconds between two states of a job.
    """

    tenant: str = DEFAULT_TENANT
    clients: Mapping[str, str] = field(default_factory=lambda: {DEFAULT_CLIENT: DEFAULT_SECRET})
    token_life_s: int = 900
    domain: str = DEFAULT_DOMAIN
    designs: Mapping[str, Design] = field(default_factory=_designs)
    services: Mapping[str, Service] = field(default_factory=_services)
    empower_users: frozenset[str] = frozenset({DEFAULT_EMPOWER_USER})
    engine_slots: int = 4
    generate_s: float = 0.0
    step_s: float = 1.0
    expired_says: Literal[401, 500] = 401
    csrf: bool = False
    unpublished_says: Literal["empty", "error"] = "empty"
    ondemand_says: Literal["job", "document"] = "job"
    offset_counts: Literal["pages", "rows"] = "pages"
    inputs_readable: bool = True
    workflow: Literal["standard", "simple"] = "standard"
    input_directory: str | None = None
    max_body_bytes: int = 10_000_000
    keep_received: int = 100_000
    seed: int | None = None
