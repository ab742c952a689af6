"""What people ask of the store: everything about a customer, the alerts, and how communications fared (flow M8)."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, Table, text

from common.store import tables
from common.store.pseudonyms import Pseudonyms
from common.store.shapes import LINKS, PROFILES
from common.store.times import moment_of

Row = dict[str, Any]

_BY_CUSTOMER = (
    tables.profile,
    tables.decision,
    tables.system_view,
    tables.workspace,
    tables.alert,
    tables.instance,
    tables.timer,
    tables.link,
)
_INTERNAL = frozenset({"partition", "times", "written", "is_echo"})
_ADDRESSES = ("email", "phone")

_OUTCOMES = text(
    "SELECT * FROM communication_outcomes WHERE customer_id = :customer "
    "ORDER BY COALESCE(sent_at, delivered_at, 0), message"
)
_RESPONSES = text("SELECT * FROM response_origins WHERE customer_id = :customer ORDER BY occurred_at, event_id")
_REPORT = text(
    """
    SELECT document_type, channel, campaign, COUNT(*) AS messages,
      COUNT(delivered_at) AS delivered, COUNT(failed_at) AS failed, COUNT(opened_at) AS opened,
      COUNT(clicked_at) AS clicked, COUNT(responded_at) AS responded,
      SUM(CASE WHEN response_how = 'last_touch' THEN 1 ELSE 0 END) AS by_last_touch
    FROM communication_outcomes
    WHERE COALESCE(sent_at, delivered_at, failed_at, opened_at, clicked_at, responded_at, 0) >= :since
    GROUP BY document_type, channel, campaign ORDER BY messages DESC, document_type, channel, campaign
    """
)


def everything(connection: Connection, pseudonyms: Pseudonyms, customer_id: str) -> dict[str, list[Row]]:
    """All rows about a customer, by table, with substitutes linked to them; times as texts. Empty when unknown."""
    links = LINKS.select(connection, tables.link.c.customer_id == customer_id)
    ids = [customer_id, *(link.substitute_id for link in links)]
    found = {table.name: _rows(connection, table, table.c.customer_id.in_(ids)) for table in _BY_CUSTOMER}
    timeline = tables.timeline
    found["timeline"] = _rows(connection, timeline, timeline.c.customer_id.in_(ids), timeline.c.occurred_at)
    subjects = [*(f"c:{one}" for one in ids), *_addresses(connection, pseudonyms, ids)]
    found["evidence"] = _rows(connection, tables.evidence, tables.evidence.c.subject.in_(subjects))
    found["outcomes"] = _told(connection.execute(_OUTCOMES, {"customer": customer_id}).mappings())
    found["responses"] = _told(connection.execute(_RESPONSES, {"customer": customer_id}).mappings())
    return {name: rows for name, rows in found.items() if rows}


def alerts(connection: Connection, *, only_open: bool, at_most: int) -> list[Row]:
    """Alerts, the latest first; `outcomes` has counts."""
    alert = tables.alert
    query = alert.select().order_by(alert.c.changed_at.desc(), alert.c.alert_key).limit(at_most)
    found = connection.execute(query.where(alert.c.state != "RESOLVED") if only_open else query).mappings()
    return [{**row, "outcomes": {name: len(ids) for name, ids in row["outcomes"].items()}} for row in _told(found)]


def report(connection: Connection, since: int) -> list[Row]:
    """How communications since a time fared, by document type, channel and campaign."""
    return [dict(row) for row in connection.execute(_REPORT, {"since": since}).mappings()]


def _addresses(connection: Connection, pseudonyms: Pseudonyms, ids: Iterable[str]) -> list[str]:
    profiles = PROFILES.where_in(connection, ("customer_id",), [(one,) for one in ids])
    texts = (profile.customer.get(name) for profile in profiles for name in _ADDRESSES)
    return [pseudonyms.address(one) for one in texts if one]


def _rows(connection: Connection, table: Table, condition: Any, *order: Any) -> list[Row]:
    query = table.select().where(condition).order_by(*(order or table.primary_key.columns))
    return _told(connection.execute(query).mappings())


def _told(rows: Iterable[Mapping[Any, Any]]) -> list[Row]:
    return [
        {str(name): _plain(str(name), value) for name, value in row.items() if name not in _INTERNAL} for row in rows
    ]


def _plain(name: str, value: Any) -> Any:
    return moment_of(value).isoformat() if name.endswith("_at") and isinstance(value, int) else value
