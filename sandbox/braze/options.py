"""How a sandbox Braze differs from another one: what the vendor page leaves open is a switch here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal
from uuid import uuid4

PERMISSIONS = frozenset(
    {
        "users.track",
        "users.export.ids",
        "campaigns.trigger.send",
        "canvas.trigger.send",
        "transactional.send",
        "subscription.status.set",
        "subscription.status.get",
        "email.status",
        "email.unsubscribe",
        "email.hard_bounces",
        "campaigns.list",
        "campaigns.details",
        "canvas.list",
        "canvas.details",
        "content_blocks.list",
        "content_blocks.info",
        "templates.email.list",
        "templates.email.info",
    }
)
DEFAULT_KEY = "sandbox-only-api-key"
MEGABYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Options:
    """Switches; the defaults are the page's own.

    `campaigns`, `canvases`, `transactional_campaigns`, `groups`: API identifier -> name of those that exist; None
    takes every UUID for one. `stopped`: identifier -> paused or archived. `stopped_campaign`: what a trigger of such
    a campaign is answered with, which is documented for Canvases and transactional campaigns only.
    `transactional_status`, `transactional_error_status`: the page has the bodies without them; `repeat_says`: what a
    second send with one id is answered with at once. `subscription_errors`: whether a bad address fails the whole
    call, or is told without naming it; `refused_addresses` are such.
    `success_status`: of /users/track, recorded and mocked. `contract`: 75 objects together, or (legacy) 75 of each
    array. `dialect`: how /users/track tells its rate. `error_style`: sentences, as live servers send, or the
    documented codes. `lag_s`: how long after its answer a request is applied, at random between the two, so that
    requests overtake.
    """

    keys: Mapping[str, frozenset[str]] = field(default_factory=lambda: {DEFAULT_KEY: PERMISSIONS})
    campaigns: Mapping[str, str] | None = None
    canvases: Mapping[str, str] | None = None
    transactional_campaigns: Mapping[str, str] | None = None
    groups: Mapping[str, str] | None = None
    stopped: Mapping[str, Literal["paused", "archived"]] = field(default_factory=dict)
    stopped_campaign: Literal["silent", "refused", "notice"] = "silent"
    transactional_status: Literal[201, 200, 202] = 201
    transactional_error_status: Literal[400, 401, 403, 404] = 400
    repeat_says: Literal["same", "queued"] = "same"
    subscription_errors: Literal["fatal", "unnamed"] = "fatal"
    refused_addresses: frozenset[str] = frozenset()
    success_status: Literal[201, 200] = 201
    contract: Literal["combined", "per_array"] = "combined"
    dialect: Literal["epoch", "mau"] = "epoch"
    error_style: Literal["sentence", "code"] = "sentence"
    oversize_status: Literal[413, 400] = 413
    trailing_slash_status: Literal[404, 403] = 404
    permission_status: Literal[403, 401] = 403
    max_body_bytes: int = 4 * MEGABYTE
    lag_s: tuple[float, float] = (0.0, 0.0)
    blocked_users: frozenset[str] = frozenset()
    blocked_names: frozenset[str] = frozenset()
    new_id: Callable[[], str] = lambda: uuid4().hex
    keep_received: int = 100_000
    seed: int | None = None
