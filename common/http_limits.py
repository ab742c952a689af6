"""How long and how much a vendor's connections may take; without httpx, so that settings load quickly."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """Time-outs in seconds and sizes in bytes.

    `read_s` bounds the wait for each piece of an answer, and once more its body as a whole. `idle_s`
    is far below the idle time-out of servers (nginx: 75 s), see `common.http`. `ca_file` (PEM) is
    trusted instead of the public authorities.
    """

    connect_s: float = 5.0
    read_s: float = 30.0
    connections: int = 8
    idle_s: float = 20.0
    answer_bytes: int = 4 * 1024 * 1024
    ca_file: Path | None = None
