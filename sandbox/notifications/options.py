"""How a sandbox messaging platform differs from another one: what the vendor page leaves open is a switch here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

DEFAULT_ACCOUNT, DEFAULT_PASSWORD = "sandbox-account", "sandbox-only-password"
OTHER_ACCOUNT, OTHER_PASSWORD = "another-company", "another-only-password"
DEFAULT_TENANT, DEFAULT_CLIENT, DEFAULT_SECRET = "sandbox-tenant", "sandbox-client", "sandbox-only-secret"
ALERT_SECRET = "sandbox-only-signing-secret"


@dataclass(frozen=True, slots=True)
class Client:
    """An OAuth client, and the messaging account that it acts for."""

    secret: str
    account: str


@dataclass(frozen=True, slots=True)
class Options:
    """Switches; the defaults are the page's own, or its proposals where it marks something unknown.

    `deduplicates`: a repeated message_id is the first job (§3, documented for SOAP only); `repeat_says`: the job_id
    alone, or SOAP's code 2050 with it. `collision_status`, `bad_address`, `unknown_job_status`: REST's answers are
    not documented. `step_s`: seconds between two states of a job. `alert_*`: the stub of a site's own alert system.
    """

    accounts: Mapping[str, str] = field(
        default_factory=lambda: {DEFAULT_ACCOUNT: DEFAULT_PASSWORD, OTHER_ACCOUNT: OTHER_PASSWORD}
    )
    clients: Mapping[str, Client] = field(
        default_factory=lambda: {DEFAULT_CLIENT: Client(DEFAULT_SECRET, DEFAULT_ACCOUNT)}
    )
    tenant: str = DEFAULT_TENANT
    token_life_s: int = 900
    channels: frozenset[str] = frozenset({"emails", "sms", "faxes"})
    deduplicates: bool = True
    repeat_says: Literal["job_id", "code"] = "job_id"
    collision_status: Literal[200, 400, 409] = 400
    bad_address: Literal["refuse", "accept"] = "refuse"
    unknown_job_status: Literal[404, 400] = 404
    max_destinations: int = 1000
    max_body_bytes: int = 5_000_000
    max_sms_characters: int = 1600
    purge_days: float = 5
    step_s: float = 1.0
    alert_secret: str = ALERT_SECRET
    alert_deduplicates: bool = True
    alert_repeat: Literal["same", "conflict"] = "same"
    keep_received: int = 100_000
    seed: int | None = None
