"""The read-only door of consent, wired."""

import logging
from contextlib import closing

from common.errors import ConfigurationError
from common.store.look_ups import LookUps
from common.store.opening import open_as_reader, pseudonyms_of
from workers.bootstrap.worker import Worker
from workers.consent.api import ConsentApi
from workers.ingest.config import WebhookConfig
from workers.ingest.server import listen, serve
from workers.settings import Settings
from workers.store_command import partitions_of, store_settings

_log = logging.getLogger(__name__)


def run_consent_api(settings: Settings) -> None:
    """Run the read-only door of consent until SIGTERM. Raises CommfleetError when it cannot go on."""
    at = settings.consent.api
    if not at.callers:
        raise ConfigurationError("consent.api.callers is empty: nobody may ask; add a caller (docs/settings.md)")
    store = store_settings(settings)
    database = open_as_reader(store)
    worker, partitions = Worker(settings), partitions_of(database)
    worker.broker_state(None)  # it needs none
    look_ups = LookUps(database, pseudonyms_of(store), partitions)
    door = WebhookConfig(host=at.host, port=at.port)
    with worker.running(), closing(database):
        listener = listen(door, "the consent API", "consent.api")
        _log.info("consent API on port %s", listener.getsockname()[1], extra={"port": listener.getsockname()[1]})
        serve(ConsentApi(settings.consent, look_ups, worker.clock).app(), door, worker.stop, listener=listener)
