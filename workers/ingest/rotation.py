"""Secrets that change while the webhook runs: their files are looked at again, no restart is needed."""

import logging
from collections.abc import Callable, Mapping
from threading import Event

from common.errors import CommfleetError
from workers.ingest.config import SourceConfig
from workers.rotation import Watch

log = logging.getLogger(__name__)

Sources = Mapping[str, SourceConfig]

VARIABLES = "COMMFLEET_INGEST__WEBHOOK__SOURCES__"
"""Secrets of sources, as the environment names them; others belong to other parts."""


def follow(
    watch: Watch,
    reread: Callable[[], Sources],
    sources: Sources,
    recognise: Callable[[Sources], None],
    stop: Event,
    every_s: float,
) -> None:
    """Until told to stop, look every so often; where a file changed, recognise senders by the new secrets.

    Whatever else changed in the settings waits for a restart. What cannot be read keeps the old secrets.
    """
    while not stop.wait(every_s):
        if not watch.has_changed():
            continue
        try:
            recognise(with_secrets(sources, reread()))
        except CommfleetError as error:
            log.error("secrets were not read again, the old ones stay valid: %s", error)
        else:
            log.info("secrets of the sources were read again")


def with_secrets(sources: Sources, read: Sources) -> dict[str, SourceConfig]:
    """The sources as they were, with the way to authenticate that was read now."""
    return {
        name: source.model_copy(update={"auth": read[name].auth}) if name in read else source
        for name, source in sources.items()
    }
