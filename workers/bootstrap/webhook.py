"""The HTTP door of the ingest, wired."""

import gc
import logging
import os
import threading
from collections.abc import Callable
from functools import partial

from common.codec import Encoder
from common.errors import ConfigurationError
from common.kafka.clients import producer_config
from common.kafka.producer import ConfirmedProducer
from common.meters import IngestMeter
from common.schema_source import IdsAhead, SchemaSource
from schemas.catalogue import catalogue
from topics.catalogue import dead_letter_topic, flow_topics, topics
from workers.bootstrap.worker import Worker
from workers.ingest.config import WebhookConfig
from workers.ingest.intake import Intake
from workers.ingest.letters import INGEST, IngestLetters
from workers.ingest.rotation import VARIABLES as SOURCE_SECRETS
from workers.ingest.rotation import follow
from workers.ingest.server import listen, serve
from workers.ingest.sources.source_config import OnBad, VendorSource
from workers.ingest.webhook import Webhook
from workers.rotation import Watch, secret_files
from workers.settings import Settings

_log = logging.getLogger(__name__)


def run_webhook(settings: Settings, reread: Callable[[], Settings] | None = None) -> None:
    """Run the HTTP door until SIGTERM. Raises CommfleetError when it cannot go on.

    `reread` loads the settings anew, for secrets that change while it runs.
    """
    worker = Worker(settings)
    door = settings.ingest.webhook
    if not door.sources:
        raise ConfigurationError("ingest.webhook.sources is empty: nobody may send; add a source (docs/settings.md)")
    producer = ConfirmedProducer(
        producer_config(settings.kafka.client()),
        confirm_timeout_s=door.confirm_timeout_s,
        max_unconfirmed=door.max_unconfirmed,
    )
    ids = IdsAhead(worker.schemas)
    worker.health.ready_when("producer", lambda: producer.trouble)
    with worker.running():
        listener = listen(door)
        _log.info("webhook on port %s", listener.getsockname()[1], extra={"port": listener.getsockname()[1]})
        webhook = build_webhook(worker, producer, ids)
        if reread:
            _follow_secrets(worker, webhook, reread)
        for checking in (partial(_check_topics, worker), partial(_look_up, worker, ids)):
            threading.Thread(target=checking, daemon=True).start()
        gc.collect()
        gc.freeze()  # what is there now stays: the collector need not walk over it for every few requests
        serve(webhook.app(), door, worker.stop, listener=listener)
        producer.close()


def build_webhook(worker: Worker, producer: ConfirmedProducer, ids: SchemaSource) -> Webhook:
    """The door, wired."""
    settings = worker.settings
    intake = Intake(producer, Encoder(ids), topics(), settings.prefix)
    letters, meter = IngestLetters(settings.prefix, settings.worker_name), IngestMeter(worker.metrics)
    return Webhook(settings.ingest.webhook, intake, worker.clock, meter, letters, catalogue().topics)


def _follow_secrets(worker: Worker, webhook: Webhook, reread: Callable[[], Settings]) -> None:
    door = worker.settings.ingest.webhook
    if files := secret_files(os.environ, SOURCE_SECRETS):
        follow_them = partial(
            follow,
            Watch(files),
            lambda: reread().ingest.webhook.sources,
            door.sources,
            webhook.recognise,
            worker.stop,
            door.reread_s,
        )
        threading.Thread(target=follow_them, name="secrets", daemon=True).start()


def _check_topics(worker: Worker) -> None:
    """The door is open while the broker is away (it answers 503); what is wrong with topics keeps it unready."""
    try:
        worker.await_topics([*flow_topics(), *_kept_in(worker.settings.ingest.webhook)])
    except ConfigurationError as error:
        _log.error("%s", error)
        worker.broker_state(str(error))


def _kept_in(door: WebhookConfig) -> list[str]:
    """Where bad signals go, where a source keeps them."""
    keeps = any(isinstance(source, VendorSource) and source.on_bad is OnBad.KEEP for source in door.sources.values())
    return [dead_letter_topic(INGEST)] if keeps else []


def _look_up(worker: Worker, ids: IdsAhead) -> None:
    """The door is open while the registry is away (it answers 503 for what has no id yet)."""
    worker.await_registry(partial(ids.look_up, flow_topics()))
