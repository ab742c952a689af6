"""What the server shows, as the signals of the inbound contract (§13): one translation for whichever way it comes.

A state is told as of the moment when it was read, and carries the server's own date beside it: so a later reading is
never older than an earlier one, whatever the server dates.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from workers.ingest.event_id import canonical_json, hash_of
from workers.ingest.pollers.api import Item
from workers.ingest.pollers.ecm.config import EcmPollerConfig
from workers.ingest.pollers.ecm.reads import Account, Whole
from workers.vendors.ecm.reply import id_of

Properties = Mapping[str, Any]


class Signals:
    """One site's way from what is read to items."""

    def __init__(self, config: EcmPollerConfig) -> None:
        self._config, self._zone = config, ZoneInfo(config.time_zone)

    def date(self, value: Any) -> datetime | None:
        """A date of the server's (§3): without a zone it is in the configured one."""
        try:
            found = datetime.fromisoformat(value) if isinstance(value, str) else None
        except ValueError:
            return None
        return found and (found if found.tzinfo else found.replace(tzinfo=self._zone)).astimezone(UTC)

    def attributes(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The configured attributes by their names; the date by which it expires with its zone."""
        named = {name: _first(values.get(key)) for name, key in self._config.attributes.items() if key in values}
        expires = self._config.expires_attribute
        if (at := self.date(named.get(expires))) is not None:
            named[expires] = at.isoformat()
        return named

    def is_over(self, attributes: Mapping[str, Any]) -> bool:
        """Whether a case is at its end: nothing more is expected in it."""
        config = self._config
        return attributes.get(config.status_attribute) in config.completed_statuses | config.cancelled_statuses

    def workspace(self, whole: Whole, since: datetime, now: datetime) -> list[Item]:
        """Its creation, where that is news, and its state."""
        signal = {
            "event_type": "workspace.updated",
            "occurred_at": now.isoformat(),
            "changed_at": _text(whole.properties.get("modify_date")),
            "node": {"id": whole.node},
            "workspace": _workspace(whole),
            "attributes": self.attributes(whole.values),
        }
        state = hash_of(canonical_json([signal["workspace"], signal["attributes"]]))
        items = [Item(state, signal, level=f"workspace:{whole.node}")]
        created = self.date(whole.properties.get("create_date"))
        if created is not None and created >= since:
            told = {**signal, "event_type": "workspace.created", "occurred_at": created.isoformat()}
            items.insert(0, Item("created", told, level=f"created:{whole.node}"))
        return items

    def document(
        self, found: Properties, whole: Whole, since: datetime, now: datetime, values: Mapping[str, Any] | None
    ) -> Item:
        """A document's state, with what is known of its workspace; `values` where they were asked for already."""
        created = self.date(found.get("create_date"))
        config = self._config
        of_workspace = self.attributes(whole.values)
        for name in (config.status_attribute, config.document_type_attribute):
            of_workspace.pop(name, None)
        signal = {
            "event_type": "document.updated",
            "occurred_at": now.isoformat(),
            "changed_at": _text(found.get("modify_date")),
            "node": {"id": id_of(found), "version": _version(found)},
            "workspace": _workspace(whole),
            "attributes": of_workspace,
            "was_there": created is not None and created < since,
        }
        seen = [found.get(name) for name in ("name", "parent_id", "modify_date")]
        asked = None if values is None else self.attributes(values)
        item = Item(hash_of(canonical_json([seen, asked])), signal, level=f"document:{id_of(found)}")
        return item if values is None else self.with_values(item, values)

    def with_values(self, item: Item, values: Mapping[str, Any]) -> Item:
        """The same with a document's own attributes."""
        merged = {**item.signal["attributes"], **self.attributes(values)}
        return Item(item.id, {**item.signal, "attributes": merged, "asked": True}, item.level)

    def by(self, item: Item, audit: Sequence[Mapping[str, Any]], own: Account) -> Item:
        """The same with who changed it last, where the audit says so, and an id of this very change."""
        last = max(audit, key=lambda row: str(row.get("audit_date") or ""), default={})
        user = id_of({"id": last.get("user_id")})
        signal = dict(item.signal)
        if user is not None:
            is_own = user == own.id
            signal["actor"] = {"id": user, "login": own.name if is_own else None, "own": is_own}
        parts = (signal["event_type"], item.level, item.id, signal["changed_at"], _text(last.get("audit_date")))
        return Item(item.id, {**signal, "event_id": hash_of(*parts)}, item.level)


def _workspace(whole: Whole) -> dict[str, Any]:
    business = whole.business
    return {
        "id": whole.node,
        "name": _text(whole.properties.get("name")),
        "type": _text(business.get("workspace_type_name")),
        "ext_system_id": _text(business.get("external_system_id")),
        "bo_type": _text(business.get("business_object_type")),
        "bo_id": _text(business.get("business_object_id")),
    }


def _first(value: Any) -> Any:
    """The value of an attribute; of a multi-value one the first (§7)."""
    return next(iter(value), None) if isinstance(value, list) else value


def _text(value: Any) -> str | None:
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) and value != "" else None


def _version(found: Properties) -> str | None:
    return _text(found.get("version_number"))
