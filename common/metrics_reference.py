"""The table of metrics in docs/operating.md, made from the declarations in common/metrics.py.

`python -m common.metrics_reference docs/operating.md` writes it anew; a test keeps it current.
"""

import sys
from pathlib import Path

from common.metrics import Declared, Metrics

_BEGIN = "<!-- Made from common/metrics.py: `python -m common.metrics_reference docs/operating.md`. -->\n"
_END = "<!-- The end of what is made. -->\n"


def table() -> str:
    """Every metric of ours: name, kind, labels and meaning, sorted by name."""
    rows = [_row(metric) for metric in sorted(Metrics("").declared, key=lambda metric: metric.name)]
    return "\n".join(["| metric | kind | labels | meaning |", "|---|---|---|---|", *rows, ""])


def with_table(page: str) -> str:
    """A page whose table is current. Raises ValueError when the page does not say where it goes."""
    before, begin, rest = page.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not (begin and end):
        raise ValueError(f"the page needs two lines, between which the table goes:\n{_BEGIN}{_END}")
    return f"{before}{begin}\n{table()}\n{end}{after}"


def _row(metric: Declared) -> str:
    labels = " ".join(f"`{label}`" for label in metric.labels)
    return f"| `{metric.name}` | {metric.kind} | {labels} | {metric.about} |"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(with_table(path.read_text()))
