"""How many lines a file worker publishes, and that its memory does not grow with the file.

A CSV file is dropped into a folder, and read as a worker would: claimed, hashed, mapped, encoded, confirmed, with its
progress kept. It runs in a process of its own, whose highest memory is told beside that of a file a tenth as large.
"""

import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from statistics import median

from benchmarks.cores import description
from benchmarks.ground import Ground, ground
from benchmarks.options import Options, here
from benchmarks.results import Condition, Row
from common.clock import SystemClock
from common.codec import Encoder, LocalSchemas
from common.kafka.clients import producer_config
from common.kafka.producer import ConfirmedProducer
from topics.catalogue import topics
from workers.ingest.files.claim import Drop
from workers.ingest.files.hooks import FileOutcome, Unheard
from workers.ingest.files.mapping_check import load_mapping
from workers.ingest.files.translate import Translation
from workers.ingest.files.work import FileWorker, Source
from workers.ingest.intake import Intake
from workers.ingest.letters import IngestLetters
from workers.lines import Unseen

LINES = 200_000
GIGABYTE_LINES, SPARE = 256 * 1024, 4_000
"""A file of one GiB: lines of 4 KiB, most of it a column that the mapping does not read, as exports have them."""

_MAPPING = """\
format: csv
topic: comms.engagement.v1
source: bench
customer: {id: customer}
fields:
  type: {column: kind, words: {F: FORM_SUBMITTED}}
  occurred_at: at
  form: form
  score: score
  attributes.note: note
"""


def benchmark(options: Options, say: Callable[[str], None]) -> Iterator[Row]:
    """Lines a second of one worker, and its highest memory."""
    with ground([], say) as stage, tempfile.TemporaryDirectory() as name:
        _, small_mib, small_bytes = _run(Path(name), "small", LINES // 10, stage)
        runs = [_run(Path(name), f"large-{run}", LINES, stage) for run in range(options.runs)]
        seconds, mib, size = median(run[0] for run in runs), max(run[1] for run in runs), runs[0][2]
        say(f"{size / 2**20:.0f} MiB: {mib:.0f} MiB of memory; {small_bytes / 2**20:.1f} MiB: {small_mib:.0f} MiB")
        conditions: dict[str, Condition] = {
            **here(),
            "items": LINES,
            "file_mib": round(size / 2**20, 1),
            "peak_mib": round(mib),
            "peak_mib_of_a_tenth": round(small_mib),
            "runs": [round(LINES / run[0]) for run in runs],
            "broker": stage.description,
            "cores": description(),
        }
        yield Row("files.items", LINES / seconds, "items/s", None, conditions)
        yield _gigabyte(Path(name), stage, small_mib, say)


def _gigabyte(folder: Path, stage: Ground, small_mib: float, say: Callable[[str], None]) -> Row:
    """One file of a GiB, once: how fast it is read, and the memory that it takes."""
    seconds, mib, size = _run(folder, "gigabyte", GIGABYTE_LINES, stage, SPARE)
    say(f"{size / 2**30:.2f} GiB: {mib:.0f} MiB of memory, {GIGABYTE_LINES / seconds:.0f} items/s")
    conditions: dict[str, Condition] = {
        **here(),
        "items": GIGABYTE_LINES,
        "file_mib": round(size / 2**20, 1),
        "items_per_s": round(GIGABYTE_LINES / seconds),
        "peak_mib": round(mib),
        "peak_mib_of_a_small_file": round(small_mib),
        "broker": stage.description,
        "cores": description(),
    }
    return Row("files.gigabyte", size / 2**20 / seconds, "MiB/s", None, conditions)


def _run(folder: Path, name: str, lines: int, stage: Ground, spare: int = 0) -> tuple[float, float, int]:
    """Seconds, highest MiB, and bytes of the file."""
    drop = folder / name
    drop.mkdir()
    (folder / "mapping.yaml").write_text(_MAPPING)
    size = _write(drop / "a.csv", lines, spare)
    command = [
        sys.executable,
        "-m",
        "benchmarks.files",
        str(drop),
        str(folder / "mapping.yaml"),
        stage.bootstrap,
        stage.prefix(),
    ]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds, mib = done.stdout.split()
    return float(seconds), float(mib), size


def _write(path: Path, lines: int, spare: int) -> int:
    note, more = "as agreed, " * 5, "x" * spare
    with path.open("w") as file:
        file.write("customer,kind,at,form,score,note,spare\n")
        for number in range(lines):
            file.write(f'C-{number % 5000},F,2026-11-21T10:00:00Z,callback,{number % 100},"{note}",{more}\n')
    return path.stat().st_size


def _child(folder: str, mapping: str, bootstrap: str, prefix: str) -> None:
    drop, read = Drop(Path(folder), "*.csv", 0), load_mapping(Path(mapping))
    drop.prepare()
    clock = SystemClock()
    claim = drop.claim(clock.now())
    assert claim is not None
    with closing(ConfirmedProducer(producer_config({"bootstrap.servers": bootstrap}))) as producer:
        intake = Intake(producer, Encoder(LocalSchemas()), topics(), prefix)
        worker = FileWorker(intake, IngestLetters(prefix, "bench"), clock, Unheard(), Unseen())
        began = time.monotonic()
        outcome = worker.finish(Source("bench", read, Translation(read), 0), claim, threading.Event().wait)
        assert outcome is FileOutcome.DONE
        print(time.monotonic() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == "__main__":
    _child(*sys.argv[1:])
