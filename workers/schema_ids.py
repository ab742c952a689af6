"""Where this deployment's schema ids come from: the one place that decides it."""

from common.clock import Clock, SystemClock
from common.schema_source import AnsweringSource, LocalSchemas
from workers.settings import Settings


def schema_ids(settings: Settings, clock: Clock | None = None) -> AnsweringSource:
    """The configured Schema Registry, else the committed ids; contacts nobody yet.

    Raises ConfigurationError when the registry's client cannot be made.
    """
    if settings.registry is None:
        return LocalSchemas()
    from common.kafka.registry_schemas import connect  # a client that takes a quarter of a second to import

    return connect(settings.registry, settings.prefix, clock or SystemClock())
