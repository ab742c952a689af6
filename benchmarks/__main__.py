"""`python -m benchmarks [NAME...]`: run benchmarks, print a table, keep the rows in results/latest.json."""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping

from benchmarks import files, marketo, poller, results, sink_limits, sink_path, start, store, timers, webhook
from benchmarks.options import Options
from benchmarks.processes import BenchmarkError
from benchmarks.results import Row

Benchmark = Callable[[Options, Callable[[str], None]], Iterator[Row]]

BENCHMARKS: Mapping[str, Benchmark] = {
    "start": start.benchmark,
    "files": files.benchmark,
    "poller": poller.benchmark,
    "sink": sink_path.benchmark,
    "marketo": marketo.benchmark,
    "limits": sink_limits.benchmark,
    "store": store.benchmark,
    "timers": timers.benchmark,
    "webhook": webhook.benchmark,
}


def main() -> int:
    """Exit 0 done, 1 failed, 2 misused; what was measured before a failure is kept."""
    names, options = _given()
    measured: list[Row] = []
    try:
        for name in names:
            for row in BENCHMARKS[name](options, _say):
                measured.append(row)
                results.write([row])
    except (BenchmarkError, results.ResultsFileError) as error:
        _say(f"failed: {error}")
        return 1
    finally:
        results.show(measured)
    return 0


def _given() -> tuple[list[str], Options]:
    usual = Options()
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", metavar="NAME", nargs="*", help=f"which ones: {', '.join(BENCHMARKS)}; all without")
    parser.add_argument("--events", type=_count, default=usual.events, help="events of the sink path")
    parser.add_argument("--keys", type=_count, default=usual.keys, help="customers that the events are of")
    parser.add_argument("--runs", type=_count, default=usual.runs, help="runs of each contender")
    parser.add_argument("--timers", type=_count, default=usual.timers, help="timers that are pending while others fire")
    given = parser.parse_args()
    if unknown := [name for name in given.names if name not in BENCHMARKS]:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    return given.names or list(BENCHMARKS), Options(given.events, given.keys, given.runs, given.timers)


def _count(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 1_000_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not between 1 and 1000000")
    return int(text)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
