"""What every sink lets a site set; a vendor's own settings stand in its folder."""

from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, Field, field_validator

from common.http_limits import HttpLimits
from common.settings.sections import Section


class SinkConfig(Section):
    """The settings that all sinks share."""

    start_from: Literal["beginning", "end"] | AwareDatetime | None = Field(
        None,
        description="Where the first owner ever of a partition begins: beginning, end or a time. "
        "A sink that has once-flows does not start without it.",
    )
    max_in_flight: int = Field(8, ge=1, le=256, description="Requests to the vendor at once, of each worker and group.")
    linger_s: float = Field(
        0.05, ge=0, le=60, description="Seconds a delivery may wait for company before its request is made."
    )
    in_hand_records: int = Field(
        4_000, ge=100, le=1_000_000, description="Records of all partitions that are read and not settled."
    )
    window_records: int = Field(
        2_000, ge=1, le=9_000, description="Records of a partition between its watermark and its position."
    )
    window_bytes: int = Field(
        16 * 1024 * 1024, ge=1024 * 1024, description="Bytes of a partition's records held in memory."
    )
    max_backoff_s: float = Field(300, ge=1, le=3600, description="Longest wait between two tries, seconds.")
    base_backoff_s: float = Field(1, gt=0, le=60, description="Longest first wait before a repeat, seconds.")
    patience_s: float = Field(
        60, gt=0, le=3600, description="Seconds that a deferred delivery waits in memory; then its key is parked."
    )
    give_up_s: float = Field(
        7 * 86400, gt=0, description="Seconds after which a deferred repeatable delivery is a dead letter."
    )
    give_up_once_s: float = Field(86400, gt=0, description="The same for once-actions.")
    drain_s: float = Field(25, ge=0, le=600, description="Seconds that a stopping worker gives what is under way.")
    duplicate_window_s: float = Field(
        3600,
        ge=1,
        le=7 * 86400,
        description="Seconds of a partition's log in which an event that upstream writes again is recognised. "
        "Counts for once-actions only.",
    )
    duplicate_ids: int = Field(
        1_000_000,
        ge=1_000,
        description="Events that a worker remembers for that, each group for itself: about 37 bytes each, at most 60.",
    )
    commit_interval_s: float = Field(
        0.2, ge=0.05, le=10, description="Least time between two commits of a worker, seconds."
    )
    consent_share: float = Field(
        0.2, gt=0, lt=1, description="Part of the vendor's budget that consent writes have, where the sink has any."
    )
    connect_timeout_s: float = Field(
        5, gt=0, le=60, description="Seconds to reach the vendor; a request that fails here was not sent."
    )
    read_timeout_s: float = Field(
        30, gt=0, le=600, description="Seconds to wait for an answer; past them the outcome is unsure."
    )
    ca_file: Path | None = Field(None, description="PEM certificates to trust instead of the public authorities.")

    @field_validator("ca_file")
    @classmethod
    def _exists(cls, path: Path | None) -> Path | None:
        if path is not None and not path.is_file():
            raise ValueError(f"no such file: {path}")
        return path

    def http_limits(self) -> HttpLimits:
        """The limits of this sink's connections: one for each request in flight, and one for the probe."""
        return HttpLimits(
            connect_s=self.connect_timeout_s,
            read_s=self.read_timeout_s,
            connections=self.max_in_flight + 1,
            ca_file=self.ca_file,
        )
