"""An ECM poller against a served sandbox, and somebody who works in it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from pydantic import SecretStr

from sandbox.ecm.options import CUSTOMER_TEMPLATE, CUSTOMER_TYPE, DEFAULT_PASSWORD, DEFAULT_USER, CategoryDefinition
from tests.support.ecm import SandboxEcm, sandbox_ecm
from workers.ingest.pollers.ecm.config import EcmPollerConfig

SINCE = datetime.now(UTC) - timedelta(hours=1)
CASE, DOCUMENT = 100, 200
JDOE, JDOE_ID, JDOE_PASSWORD = "jdoe", "1001", "sandbox-only-too"
OPTIONS: dict[str, Any] = {
    "workspaces": (),
    "ticket_idle_s": 86_400.0,
    "users": {DEFAULT_USER: DEFAULT_PASSWORD, JDOE: JDOE_PASSWORD},
    "categories": {
        CASE: CategoryDefinition("Case", frozenset({2, 3, 4, 5, 6})),
        DOCUMENT: CategoryDefinition("Document", frozenset({2, 3})),
    },
}
ATTRIBUTES = {
    "Customer Id": f"{CASE}_2",
    "Milestone": f"{CASE}_3",
    "Status": f"{CASE}_4",
    "Expires": f"{CASE}_5",
    "Owner": f"{CASE}_6",
}
CUSTOMER, MILESTONE, STATUS, EXPIRES, OWNER = 2, 3, 4, 5, 6


def config(base_url: str = "https://ecm.example.com", **more: Any) -> EcmPollerConfig:
    """Settings of a poller with short time-outs, short pages and a roomy slice."""
    settings: dict[str, Any] = {
        "username": DEFAULT_USER,
        "password": SecretStr(DEFAULT_PASSWORD),
        "instance": "cs.example.com",
        "type_ids": (CUSTOMER_TYPE,),
        "attributes": ATTRIBUTES | {"Document Type": f"{DOCUMENT}_3"},
        "identity_paths": ("attributes.Customer Id",),
        "customer_visible": frozenset({"contract"}),
        "read_timeout_s": 2.0,
        "requests_per_minute": 10_000,
        "remembered_ids": 500,
        "interval_s": 600,
        "page_size": 5,
    }
    return EcmPollerConfig(base_url=f"{base_url}/otcs/cs", **(settings | more))


class Person:
    """Somebody with an account: makes workspaces and documents, changes attributes."""

    def __init__(self, ecm: SandboxEcm, user: str = JDOE, password: str = JDOE_PASSWORD) -> None:
        self._http = httpx.Client(base_url=f"{ecm.url}/otcs/cs/api", trust_env=False, timeout=30)
        login = self._http.post("/v1/auth", data={"username": user, "password": password}).raise_for_status()
        self._http.headers["OTCSTicket"] = login.json()["ticket"]

    def workspace(self, name: str, **attributes: str) -> str:
        """A workspace of the customer type; its node id. `attributes` by their numbers: `_3="KYC done"`."""
        body = {
            "template_id": str(CUSTOMER_TEMPLATE),
            "name": name,
            "roles": {"categories": {str(CASE): {f"{CASE}{number}": value for number, value in attributes.items()}}},
        }
        made = self._http.post("/v2/businessworkspaces", data={"body": json.dumps(body)}).raise_for_status()
        return str(made.json()["results"]["id"])

    def folder(self, workspace: str, name: str = "Letters") -> str:
        """A folder of a workspace."""
        rows = self._http.get(f"/v2/nodes/{workspace}/nodes", params={"where_name": name}).json()["results"]
        return str(rows[0]["data"]["properties"]["id"])

    def document(self, parent: str, name: str, kind: str = "contract", status: str = "Draft") -> str:
        """A document with a type and a status."""
        values = {f"{DOCUMENT}_2": status, f"{DOCUMENT}_3": kind}
        body = {"type": 144, "parent_id": int(parent), "name": name, "roles": {"categories": values}}
        made = self._http.post("/v2/nodes", data={"body": json.dumps(body)}, files={"file": (name, b"x", "text/plain")})
        return str(made.raise_for_status().json()["results"]["data"]["properties"]["id"])

    def change(self, node: str, category: int = CASE, **values: str) -> None:
        """Set attributes, by their numbers."""
        form = {f"{category}{number}": value for number, value in values.items()}
        self._http.put(f"/v2/nodes/{node}/categories/{category}", data=form).raise_for_status()

    def delete(self, node: str) -> None:
        """Into the recycle bin."""
        self._http.delete(f"/v2/nodes/{node}").raise_for_status()

    def close(self) -> None:
        """Let the connection go."""
        self._http.close()


@contextmanager
def office(**options: Any) -> Iterator[tuple[SandboxEcm, Person]]:
    """A server without workspaces, whose clock stands still, and somebody who works there."""
    with sandbox_ecm(**(OPTIONS | options)) as ecm:
        ecm.set_clock(now=datetime.now(UTC).isoformat(), frozen=True)
        person = Person(ecm)
        try:
            yield ecm, person
        finally:
            person.close()
