"""What a workspace's lists show: addresses that are out, and material. A test puts rows there; a row may change."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict


class Address(BaseModel):
    """An address that unsubscribed, or bounced for good; now, unless a moment is said."""

    model_config = ConfigDict(extra="forbid")

    email: str
    at: AwareDatetime | None = None


class Asset(BaseModel):
    """A content block, template, campaign or Canvas; `fields` are what its own page has (§2.11)."""

    model_config = ConfigDict(extra="forbid")

    id: str
    name: str
    tags: list[str] = []
    fields: dict[str, Any] = {}
    edited: AwareDatetime | None = None
    archived: bool = False


class Rows(BaseModel):
    """The body of POST /_sandbox/rows: what is there from now on. An id that is there is edited."""

    model_config = ConfigDict(extra="forbid")

    unsubscribes: list[Address] = []
    hard_bounces: list[Address] = []
    content_blocks: list[Asset] = []
    email_templates: list[Asset] = []
    campaigns: list[Asset] = []
    canvases: list[Asset] = []
    remove: list[str] = []


class Shelf:
    """All of it. An address stands in a list once, with the latest moment: the lists show states (§2.10)."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.clear()

    def clear(self) -> None:
        """Nothing there."""
        self._addresses: dict[str, dict[str, datetime]] = {"unsubscribes": {}, "hard_bounces": {}}
        self._assets: dict[str, dict[str, Asset]] = {
            name: {} for name in ("content_blocks", "email_templates", "campaigns", "canvases")
        }
        self._created: dict[str, datetime] = {}

    def put(self, rows: Rows) -> None:
        """Add, edit, and take away."""
        for name, addresses in self._addresses.items():
            addresses.update({each.email: each.at or self._moment() for each in getattr(rows, name)})
        for name, assets in self._assets.items():
            for each in getattr(rows, name):
                edited = each.edited or self._moment()
                self._created.setdefault(each.id, edited)
                assets[each.id] = each.model_copy(update={"edited": edited})
        for id_ in rows.remove:
            for addresses in self._addresses.values():
                addresses.pop(id_, None)
            for assets in self._assets.values():
                assets.pop(id_, None)

    def addresses(self, name: str) -> list[tuple[str, datetime]]:
        """Addresses of a list with their moments, the oldest first."""
        return sorted(self._addresses[name].items(), key=lambda each: (each[1], each[0]))

    def assets(self, name: str) -> list[Asset]:
        """Material of one kind, in the order in which it was made."""
        return list(self._assets[name].values())

    def asset(self, name: str, id_: str) -> Asset | None:
        """One of them."""
        return self._assets[name].get(id_)

    def created(self, asset: Asset) -> datetime:
        """When it was first put there."""
        return self._created[asset.id]

    def shown(self) -> dict[str, Any]:
        """For the control endpoint: what there is, by list."""
        names: dict[str, Iterable[str]] = {**self._addresses, **self._assets}
        return {name: list(ids) for name, ids in names.items()}

    def _moment(self) -> datetime:
        return datetime.fromtimestamp(int(self._now()), UTC)
