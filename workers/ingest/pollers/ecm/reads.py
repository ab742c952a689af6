"""Content Server's reads as a poller makes them: paid for, and what stands in their way is a pause (§16)."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from common.reasons import Cause
from workers.ingest.pollers.api import PausedError
from workers.ingest.pollers.ecm.table import ABSENT, TABLE, Row
from workers.vendors.ecm.ask import Ask, Query, whoami
from workers.vendors.ecm.client import EcmClient
from workers.vendors.ecm.reply import Reply, at, count_of, id_of, rows
from workers.vendors.ecm.signs import Signs
from workers.vendors.ecm.tickets import Tickets
from workers.vendors.retry_after import wait_s

_PAGE = 100
_OF_WORKSPACE: Query = [("fields", name) for name in ("properties", "categories", "business_properties")]


class GoneError(Exception):
    """It was there, and is not any more; or our account does not see it any more (§16 #5: the same words)."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of a list: the properties of its nodes, and how many the list has."""

    rows: Sequence[Mapping[str, Any]]
    total: int


@dataclass(frozen=True, slots=True)
class Whole:
    """A workspace as it is (§5.2): properties, business properties, and its categories' values by key."""

    node: str
    properties: Mapping[str, Any]
    business: Mapping[str, Any]
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Account:
    """Who we are there, by number and by name."""

    id: str | None
    name: str | None


class Reads:
    """Paid reads of one server; `patience_s` is how long a refused log-in is left alone. Raises PausedError."""

    def __init__(
        self, client: EcmClient, tickets: Tickets, signs: Signs, patience_s: float, spend: Callable[[], None],
        now: Callable[[], datetime],
    ) -> None:  # fmt: skip
        self._client, self._tickets, self._signs, self._patience_s = client, tickets, signs, patience_s
        self._spend, self._now = spend, now
        self._account: Account | None = None

    def workspaces(self, type_id: int, page: int, size: int) -> Listed:
        """A page of the workspaces of a type, what changed last first; expanded, or it shows our own recent ones."""
        query = [("expanded_view", "true"), ("where_workspace_type_id", str(type_id)), ("sort", "desc_modify_date")]
        return self._listed(Ask("GET", "v2/businessworkspaces", [*query, *_paged(page, size)]), "workspaces")

    def workspace(self, node: str) -> Whole:
        """One workspace with its attributes. Raises GoneError."""
        reply = self._read(Ask("GET", f"v2/businessworkspaces/{node}", _OF_WORKSPACE), "workspace", is_of_node=True)
        data = at(reply.values, "results", "data")
        parts = (at(data, name) for name in ("properties", "business_properties"))
        properties, business = (part if isinstance(part, Mapping) else {} for part in parts)
        return Whole(
            node, properties, business, values_in(data.get("categories") if isinstance(data, Mapping) else None)
        )

    def children(self, node: str) -> Sequence[Mapping[str, Any]]:
        """Everything in a container (§9). Raises GoneError."""
        found: list[Mapping[str, Any]] = []
        query = [("sort", "desc_modify_date"), ("fields", "properties")]
        for page in range(1, 1_000):
            ask = Ask("GET", f"v2/nodes/{node}/nodes", [*query, *_paged(page, _PAGE)])
            listed = self._listed(ask, "children", is_of_node=True)
            found += listed.rows
            if not listed.rows or page * _PAGE >= listed.total:
                break
        return found

    def values(self, node: str) -> Mapping[str, Any]:
        """The values of all categories of a node, by key (§7). Raises GoneError."""
        reply = self._read(Ask("GET", f"v2/nodes/{node}/categories"), "categories", is_of_node=True)
        return values_in([row.get("categories") for row in rows(reply, "data")])

    def audit(self, node: str, since: str) -> Sequence[Mapping[str, Any]]:
        """The newest rows about a node since a day (§12.2). Raises GoneError."""
        query = [("sort", "desc_audit_date"), ("where_audit_date_start", since), *_paged(1, _PAGE)]
        reply = self._read(Ask("GET", f"v2/nodes/{node}/audit", query), "audit", is_of_node=True)
        found = at(reply.values, "results", "data")
        listed = found.get("audit") if isinstance(found, Mapping) else None
        return [row for row in listed if isinstance(row, Mapping)] if isinstance(listed, list) else []

    def account(self) -> Account:
        """Who we are there (§2.1); asked once."""
        if self._account is None:
            data = at(self._read(whoami(), "whoami").values, "data")
            name = at(data, "name")
            self._account = Account(id_of(data), name if isinstance(name, str) else None)
        return self._account

    def _listed(self, ask: Ask, action: str, *, is_of_node: bool = False) -> Listed:
        reply = self._read(ask, action, is_of_node=is_of_node)
        found = list(rows(reply, "data", "properties"))
        total = count_of(reply)
        if total is None:
            raise PausedError(Cause.VENDOR_DOWN, f"{action}: an answer without paging", is_all=False)
        return Listed(found, total)

    def _read(self, ask: Ask, action: str, *, is_of_node: bool = False) -> Reply:
        asked, reply = self._said(ask, action)
        row = next(row for row in TABLE if row.fits(reply, asked, self._signs))
        if row.name == "accepted":
            return reply
        if row is ABSENT and is_of_node:
            raise GoneError(action)
        raise self._paused(row, reply, action)

    def _said(self, ask: Ask, action: str) -> tuple[Ask, Reply]:
        with closing(self._tickets.authenticated(ask)) as conversation:
            try:
                wanted = next(conversation)
                while True:
                    self._spend()
                    wanted = conversation.send(self._client.send(wanted, None, action))
            except StopIteration as end:
                asked, reply = end.value
                return asked, reply

    def _paused(self, row: Row, reply: Reply, action: str) -> PausedError:
        hint = wait_s(reply.headers, self._now())
        wait = self._patience_s if row.is_refused_login else hint
        return PausedError(row.cause, f"{action}: {reply.failure or reply.status}: {row.detail}", wait, is_all=True)


def values_in(categories: Any) -> dict[str, Any]:
    """Values by key, whether they come as one map or as a list of them (§3)."""
    found = categories if isinstance(categories, list) else [categories]
    return {key: value for each in found if isinstance(each, Mapping) for key, value in each.items()}


def _paged(page: int, size: int) -> Query:
    return [("limit", str(size)), ("page", str(page))]
