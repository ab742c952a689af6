"""The settings of the workers: one model for every command, loaded from file and environment.

`python -m workers.settings` prints docs/settings.md.
"""

import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from common.settings import (
    HealthSettings,
    KafkaSettings,
    LogSettings,
    RegistrySettings,
    RootSettings,
    Section,
    TopicsSettings,
    load,
)
from common.settings.reference import reference
from common.settings.show import Row, rows
from common.store.config import StoreSettings
from workers.consent.config import ConsentSettings
from workers.ingest.config import WebhookConfig
from workers.ingest.files.config import FileDrop
from workers.ingest.pollers.braze.config import BrazePollerConfig
from workers.ingest.pollers.ecm.config import EcmPollerConfig
from workers.ingest.pollers.exstream.config import ExstreamPollerConfig
from workers.ingest.pollers.marketo.config import MarketoPollerConfig
from workers.ingest.pollers.notifications.config import NotificationsPollerConfig
from workers.journeys.config import JourneysSettings
from workers.sinks.braze.config import BrazeConfig
from workers.sinks.ecm.config import EcmConfig
from workers.sinks.exstream.config import ExstreamConfig
from workers.sinks.marketo.config import MarketoConfig
from workers.sinks.notifications.config import NotificationsConfig

_NAME = r"^[A-Za-z0-9._-]*$"
_SOURCE = r"^[a-z0-9_-]{1,60}$"


class FlowsSettings(Section):
    """Which flows run."""

    defaults: bool = Field(True, description="Whether the catalogue that comes with commfleet runs.")
    files: tuple[Path, ...] = Field((), description="The site's own flow files; a flow replaces the one of its name.")
    values: dict[str, Any] = Field(
        default_factory=dict,
        description="What `{setting: name}` in a flow stands for: a text, a number or a list.",
    )


class SinksSettings(Section):
    """One section a vendor; a sink without one cannot run."""

    braze: BrazeConfig | None = Field(None, description="Braze.")
    ecm: EcmConfig | None = Field(None, description="OpenText Extended ECM.")
    exstream: ExstreamConfig | None = Field(None, description="OpenText Exstream.")
    marketo: MarketoConfig | None = Field(None, description="Marketo.")
    notifications: NotificationsConfig | None = Field(None, description="OpenText Notifications, and alerts.")


class PollersSettings(Section):
    """One section a source that is asked; one without a section is not polled."""

    braze: BrazePollerConfig | None = Field(None, description="Who is out of Braze's mail, and its material.")
    ecm: EcmPollerConfig | None = Field(None, description="Extended ECM's workspaces and documents.")
    exstream: ExstreamPollerConfig | None = Field(None, description="Exstream's jobs and approvals.")
    marketo: MarketoPollerConfig | None = Field(None, description="Marketo's activities and lead changes.")
    notifications: NotificationsPollerConfig | None = Field(None, description="What became of our messages.")


class IngestSettings(Section):
    """One section a way in."""

    webhook: WebhookConfig = Field(default_factory=lambda: WebhookConfig(), description="The HTTP door.")
    pollers: PollersSettings = Field(default_factory=lambda: PollersSettings(), description="What is polled.")
    files: dict[Annotated[str, Field(pattern=_SOURCE)], FileDrop] = Field(
        default_factory=dict, description="Sources of files, by a name of your own."
    )


def _worker_name() -> str:
    return f"{socket.gethostname()[:80]}-{os.getpid()}"


class Settings(RootSettings):
    """Everything that a site sets."""

    prefix: str = Field(
        "",
        max_length=60,
        pattern=_NAME,
        description="In front of the names of all topics and groups: `acme.`.",
    )
    worker_name: str = Field(
        default_factory=_worker_name,
        min_length=1,
        max_length=100,
        pattern=_NAME,
        description="Name of this worker, unlike every other's: in logs, dead letters and transactional ids.",
        json_schema_extra={"default_text": "host name and process id"},
    )
    static_member: bool = Field(
        False,
        description="Whether worker_name is the same after a restart (a StatefulSet's pod): its partitions wait for it "
        "until the session ends, and it takes them over at once when it is back.",
    )
    kafka: KafkaSettings = Field(default_factory=lambda: KafkaSettings({}), description="librdkafka's properties.")
    registry: RegistrySettings | None = Field(None, description="The Schema Registry.")
    topics: TopicsSettings = Field(default_factory=lambda: TopicsSettings(), description="How topics are created.")
    flows: FlowsSettings = Field(default_factory=lambda: FlowsSettings(), description="Which flows run.")
    sinks: SinksSettings = Field(default_factory=lambda: SinksSettings(), description="The vendors.")
    ingest: IngestSettings = Field(default_factory=lambda: IngestSettings(), description="The ways in.")
    store: StoreSettings | None = Field(
        None, description="The customer store; without one only flows without memory run."
    )
    journeys: JourneysSettings = Field(default_factory=lambda: JourneysSettings(), description="The journey worker.")
    consent: ConsentSettings = Field(default_factory=lambda: ConsentSettings(), description="Consent.")
    health: HealthSettings = Field(default_factory=lambda: HealthSettings(), description="The health port.")
    log: LogSettings = Field(default_factory=lambda: LogSettings(), description="What is logged.")

    @model_validator(mode="after")
    def _is_named(self) -> Self:
        if self.static_member and "worker_name" not in self.model_fields_set:
            raise ValueError("static_member needs a worker_name that is the same after a restart; set worker_name")
        return self


def load_settings(file: Path | None = None, env: Mapping[str, str] | None = None) -> Settings:
    """The settings of this process: the environment over the file over the defaults.

    Without a file, `commfleet.yaml` in the working directory is read where it exists. Raises
    SettingsError with everything that is wrong.
    """
    return load(Settings, file, os.environ if env is None else env)[0]


def shown_settings(file: Path | None = None, env: Mapping[str, str] | None = None) -> list[Row]:
    """What `config show` prints: every setting in effect and where it came from, secrets masked."""
    return rows(*load(Settings, file, os.environ if env is None else env))


def settings_page() -> str:
    """docs/settings.md, made from the models."""
    return f"{_PAGE}{reference(Settings)}\n"


_PAGE = """# Settings

<!-- Made from the models: `python -m workers.settings > docs/settings.md`. A test keeps it current. -->

A setting is read from the environment, else from the configuration file (`--config FILE`, else
`COMMFLEET_CONFIG`, else `commfleet.yaml` in the working directory), else it has its default.
`commfleet config show` prints what is in effect and where it came from, secrets masked; `commfleet check`
tells whether it can work.

- **In the file**, a setting is a key, sections are nested. YAML 1.2. A relative path is relative to the file.
- **As a variable**, sections are joined by two underscores. Lists are JSON or comma-separated, maps are JSON.
  What may be of any kind (`flows.values`) is read as JSON where it is JSON, else as text. Names that a site
  chooses arrive in lower case; a name with a hyphen can only stand in the file.
- **A secret** may also be read from a file: the variable with `_FILE` behind it names the file. One trailing
  newline is dropped, a list has one secret a line. Giving both is an error. Such secrets of sinks and of webhook
  sources are read again when the file is another one: they rotate without a restart. All others wait for one.
- **An unknown key is an error**, and so is an unknown variable that begins with `COMMFLEET_`, or a value out
  of bounds. Everything that is wrong is told at once. (The variables that Kubernetes makes of a Service
  called `commfleet` are passed over.)
- **`kafka`** takes every property of librdkafka by its own name (`security.protocol: SASL_SSL`), as a variable
  its dots are underscores. The properties that our promises rest on (`acks`, `isolation.level` and the like)
  are refused.

"""

if __name__ == "__main__":
    print(settings_page(), end="")
