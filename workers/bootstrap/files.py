"""The composition root of file drops: the watch, and one file or pipe given by hand."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import BinaryIO, cast

from common.clock import SystemClock
from common.codec import Encoder, LocalSchemas
from common.errors import ConfigurationError
from common.kafka.clients import producer_config
from common.kafka.producer import ConfirmedProducer
from common.meters import FileMeter
from topics.catalogue import dead_letter_topic, flow_topics, topics
from workers.bootstrap.worker import Worker
from workers.files_catalogue import drop_of, file_source
from workers.ingest.files.checking import Unsent
from workers.ingest.files.claim import Drop
from workers.ingest.files.hooks import FileOutcome, Unheard
from workers.ingest.files.identity import Identity, Pipe, hash_of_file
from workers.ingest.files.tally import Tally
from workers.ingest.files.transfer import Door
from workers.ingest.files.watch import Watch, Watched
from workers.ingest.files.work import FileWorker
from workers.ingest.intake import Intake, Nobody
from workers.ingest.letters import INGEST, IngestLetters
from workers.lines import Progress, Unseen
from workers.schema_ids import schema_ids
from workers.settings import Settings

_STUCK_S = 120.0


def run_files(settings: Settings, names: Sequence[str]) -> None:
    """Watch the folders of these sources, or of all, until SIGTERM. Raises CommfleetError when it cannot go on."""
    watched = [_watched(settings, name) for name in _with_folders(settings, names)]
    worker = Worker(settings)
    producer = ConfirmedProducer(producer_config(settings.kafka.client()))
    worker.health.ready_when("files", lambda: "not started yet")
    worker.health.ready_when("producer", lambda: producer.trouble)
    with worker.running(), closing(producer):
        needed = [*flow_topics(), dead_letter_topic(INGEST)]
        if worker.await_topics(needed) and worker.await_registry(worker.schemas.answers):
            meter = FileMeter(worker.metrics, [one.source.name for one in watched], list(FileOutcome))
            intake = Intake(producer, Encoder(worker.schemas), topics(), settings.prefix)
            letters = IngestLetters(settings.prefix, settings.worker_name)
            files = FileWorker(intake, letters, worker.clock, meter, Unseen())
            watch = Watch(watched, files, worker.clock, meter)
            _look_after(worker, watch)
            watch.serve(worker.stop.wait)


def ingest_file(
    settings: Settings, name: str, label: str, file: BinaryIO, *, is_check: bool, progress: Progress
) -> Tally:
    """Send one file or pipe; what became of it. With `is_check` it is only read, and no broker is needed.

    Raises UnreadableFileError, ConfigurationError and FatalError. While the broker is away it waits.
    """
    source, tally = file_source(settings, name), Tally()
    letters, clock = IngestLetters(settings.prefix, settings.worker_name), SystemClock()
    with _door(settings, is_check) as door:
        stream, identity = _identified(file, progress)
        worker = FileWorker(door, letters, clock, Unheard(), progress)
        worker.send(source, label, stream, identity, tally, threading.Event().wait)
    return tally


def _identified(file: BinaryIO, progress: Progress) -> tuple[BinaryIO, Identity]:
    if not file.seekable():
        progress.begin("sending", None)
        pipe = Pipe(file, progress.advance)
        return cast(BinaryIO, pipe), pipe
    size = file.seek(0, 2)
    progress.begin("checking", size)
    identity = hash_of_file(file, progress.advance)
    progress.begin("sending", size)
    return file, identity


@contextmanager
def _door(settings: Settings, is_check: bool) -> Iterator[Door]:
    if is_check:
        yield Unsent(Intake(Nobody(), Encoder(LocalSchemas()), topics(), settings.prefix))
        return
    encoder = Encoder(schema_ids(settings))
    with closing(ConfirmedProducer(producer_config(settings.kafka.client()))) as producer:
        yield Intake(producer, encoder, topics(), settings.prefix)


def _with_folders(settings: Settings, names: Sequence[str]) -> list[str]:
    for name in names:
        if drop_of(settings, name).folder is None:
            raise ConfigurationError(f"ingest.files.{name} has no folder to watch: set its `folder`")
    found = list(names) or [name for name, drop in settings.ingest.files.items() if drop.folder is not None]
    if not found:
        raise ConfigurationError("ingest.files has no source with a folder: there is nothing to watch (docs/files.md)")
    return found


def _watched(settings: Settings, name: str) -> Watched:
    drop = drop_of(settings, name)
    assert drop.folder is not None
    return Watched(file_source(settings, name), Drop(drop.folder, drop.pattern, drop.settle_s), drop.interval_s)


def _look_after(worker: Worker, watch: Watch) -> None:
    def liveness() -> str:
        idle_s = worker.clock.monotonic() - watch.status_at
        return f"its thread has been stuck for {idle_s:.0f} s" if watch.status_at and idle_s > _STUCK_S else ""

    worker.health.ready_when("files", lambda: "" if watch.is_ready else "its folders are not ready yet")
    worker.health.live_while("files", liveness)
