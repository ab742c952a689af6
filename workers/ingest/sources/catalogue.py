"""Every vendor's hook: its settings, how its requests are read, and what its signals become."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, assert_never

from pydantic import Field

from workers.ingest.auth_config import Auth
from workers.ingest.content import Unwrap
from workers.ingest.feeds import Feed
from workers.ingest.sources.api import Translate, Trusted
from workers.ingest.sources.braze_config import BrazeWebhookSource, CurrentsSource
from workers.ingest.sources.braze_currents import CurrentsTranslation, events_in
from workers.ingest.sources.braze_webhook import BrazeWebhookTranslation
from workers.ingest.sources.ecm import EcmTranslation
from workers.ingest.sources.ecm_config import EcmSource
from workers.ingest.sources.exstream import ExstreamTranslation
from workers.ingest.sources.exstream_config import ExstreamSource
from workers.ingest.sources.exstream_delivery import ExstreamDeliverySource, ExstreamDeliveryTranslation
from workers.ingest.sources.marketo import MarketoTranslation
from workers.ingest.sources.marketo_config import MarketoSource
from workers.ingest.sources.notifications import NotificationsTranslation
from workers.ingest.sources.notifications_config import NotificationsSource
from workers.ingest.sources.source_config import OnBad, VendorSource

HookConfig = (
    ExstreamSource
    | ExstreamDeliverySource
    | MarketoSource
    | CurrentsSource
    | BrazeWebhookSource
    | EcmSource
    | NotificationsSource
)
"""The settings of a source that posts to `/hooks/{source}`."""

AnyHook = Annotated[HookConfig, Field(discriminator="kind")]


@dataclass(frozen=True, slots=True)
class Hook:
    """A vendor's way in: who it is, how a request is taken apart, what its signals are, what a bad one gets."""

    auth: Auth
    translate: Translate
    keeps_bad: bool
    unwrap: Unwrap | None = None


def hook_of(config: HookConfig) -> Hook:
    """The hook of one source's settings."""
    translate = Trusted(_translation(config), config.trusted)
    unwrap = events_in if isinstance(config, CurrentsSource) else None
    return Hook(config.auth, translate, config.on_bad is OnBad.KEEP, unwrap)


def hook_feeds(sources: Mapping[str, object]) -> Iterator[Feed]:
    """What each vendor's source claims to tell, by the names of the settings."""
    for name, source in sources.items():
        if isinstance(source, VendorSource):
            yield source.feed(f"ingest.webhook.sources.{name}")


def _translation(config: HookConfig) -> Translate:
    match config:
        case ExstreamSource():
            return ExstreamTranslation(config)
        case ExstreamDeliverySource():
            return ExstreamDeliveryTranslation(config)
        case MarketoSource():
            return MarketoTranslation(config)
        case CurrentsSource():
            return CurrentsTranslation(config)
        case BrazeWebhookSource():
            return BrazeWebhookTranslation(config)
        case EcmSource():
            return EcmTranslation(config, config.instance)
        case NotificationsSource():
            return NotificationsTranslation(config.instance)
        case _:
            assert_never(config)
