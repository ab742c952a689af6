"""A customer store beside a runner: what it knows, how fresh it is, and whether it answers, as a test says."""

import shutil
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from common.errors import StoreDownError
from common.store.database import Database
from common.store.look_ups import Answer, LookUps, Who, Wish
from tests.support.store import PATIENCE_S, PSEUDONYMS, Events, applier
from workers.consent.config import ConsentSettings
from workers.journeys.incoming import Incoming
from workers.sinks.memory import StoreAccess


@dataclass
class KnownStore:
    """SQLite with one partition row. Implements `workers.sinks.asker.Store`."""

    database: Database
    is_away: bool = False
    behind_s: float = 0.0
    """How far the journey workers are behind."""
    asked: list[list[Who]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.events, self._applier = Events(), applier(self.database)
        self._mine = self._applier.claim(0)
        self._look_ups = LookUps(self.database, PSEUDONYMS, 1)

    @classmethod
    def copied(cls, template: Path, folder: Path) -> "KnownStore":
        """A store of its own."""
        shutil.copy(template, folder / "store.db")
        return cls(Database(f"sqlite:///{folder / 'store.db'}", PATIENCE_S))

    def ask(self, whose: Iterable[Who], wishes: Collection[Wish] = ()) -> Answer:
        """As the real one; StoreDownError while it is away."""
        if self.is_away:
            raise StoreDownError("the rig's store is away")
        asked = list(whose)
        self.asked.append(asked)
        fresh_at = datetime.now(UTC) - timedelta(seconds=self.behind_s)
        return replace(self._look_ups.ask(asked, wishes), fresh_at=fresh_at)

    def close(self) -> None:
        """A test's store stays open for the next runner."""

    def access(self, **consent: Any) -> StoreAccess:
        """What a runner is given."""
        return StoreAccess(self, ConsentSettings(**consent))

    def apply(self, *records: Incoming) -> None:
        """Apply events as the journey worker would."""
        self._mine = self._applier.apply(self._mine, records).holding

    def profile(self, customer_id: str, **facts: Any) -> None:
        """A profile changed."""
        self.apply(self.events.make("profile", 0, customer_id, type="CHANGED", **facts))

    def wish(self, customer_id: str, state: str, at_s: float = 0, **fields: Any) -> None:
        """A wish about marketing by e-mail was reported."""
        self.apply(self.events.wish(state, at_s, customer=customer_id, **fields))
