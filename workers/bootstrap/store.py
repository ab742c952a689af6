"""The customer store as a sink gets it: opened when it is first asked, so that a store that is away ends no worker."""

from collections.abc import Collection, Iterable
from contextlib import suppress

from common.errors import StoreDownError
from common.store.config import StoreSettings
from common.store.database import Database
from common.store.look_ups import Answer, LookUps, Who, Wish
from common.store.opening import open_as_reader, pseudonyms_of
from workers.flows.catalogue import Flows
from workers.settings import Settings
from workers.sinks.leave import compares
from workers.sinks.memory import StoreAccess


class LazyStore:
    """Implements `workers.sinks.asker.Store`; used by one thread."""

    def __init__(self, settings: StoreSettings) -> None:
        self._settings = settings
        self._database: Database | None = None
        self._look_ups: LookUps | None = None

    def ask(self, whose: Iterable[Who], wishes: Collection[Wish] = ()) -> Answer:
        """Everything about these customers; raises StoreDownError, and ConfigurationError for a wrong key or schema."""
        return self._opened().ask(whose, wishes)

    def _opened(self) -> LookUps:
        if self._look_ups is None:
            self._database = open_as_reader(self._settings)
            self._look_ups = LookUps(self._database, pseudonyms_of(self._settings))
        return self._look_ups

    def check(self) -> None:
        """Raises ConfigurationError where the store answers and cannot be used as it is set up."""
        with suppress(StoreDownError):
            self._opened()

    def close(self) -> None:
        """Let its connections go."""
        if self._database is not None:
            self._database.close()


def store_access(settings: Settings, flows: Flows) -> StoreAccess | None:
    """What a runner needs to ask the store; None where there is none, or no flow asks.

    Raises ConfigurationError for a wrong key or schema.
    """
    if settings.store is None or not any(flow.needs_store or compares(flow) for flow in flows):
        return None
    store = LazyStore(settings.store)
    store.check()
    return StoreAccess(store, settings.consent)
