"""Settings: shared sections, and the loading of a worker's own model from file and environment."""

from common.settings.load import RootSettings, Sources, load
from common.settings.registry import RegistrySettings
from common.settings.sections import HealthSettings, KafkaSettings, LogSettings, Section, TopicsSettings

__all__ = [
    "HealthSettings",
    "KafkaSettings",
    "LogSettings",
    "RegistrySettings",
    "RootSettings",
    "Section",
    "Sources",
    "TopicsSettings",
    "load",
]
