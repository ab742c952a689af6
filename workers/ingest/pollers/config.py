"""What every poller lets a site set; a source's own settings stand in its folder."""

from abc import abstractmethod
from pathlib import Path
from typing import ClassVar, Self

from pydantic import Field, field_validator, model_validator

from common.http_limits import HttpLimits
from common.settings.sections import Section
from workers.ingest.feeds import Feed, Signal


class PollerConfig(Section):
    """The settings that all pollers share."""

    SYSTEM: ClassVar[str]
    OFFERS: ClassVar[frozenset[Signal]]
    """What may come this way."""

    signals: frozenset[Signal] | None = Field(
        None,
        description="What this poller has the say in; the rest is passed over. Without a list, everything that it "
        "can tell. `commfleet check` refuses a signal that a webhook source of the same instance tells, too.",
    )
    interval_s: float = Field(
        60, ge=1, le=86400, description="Seconds between two looks at a feed that was read to its end."
    )
    remembered_ids: int = Field(
        100_000,
        ge=500,
        le=5_000_000,
        description="Ids of a feed that are remembered, at least: an item that comes again within so many newer ones "
        "is published once; an older one again, with the same event_id.",
    )
    max_backoff_s: float = Field(300, ge=1, le=3600, description="Longest wait after the source said no, seconds.")
    connect_timeout_s: float = Field(5, gt=0, le=60, description="Seconds to reach the source.")
    read_timeout_s: float = Field(40, gt=0, le=600, description="Seconds to wait for an answer.")
    ca_file: Path | None = Field(None, description="PEM certificates to trust instead of the public authorities.")

    @field_validator("ca_file")
    @classmethod
    def _exists(cls, path: Path | None) -> Path | None:
        if path is not None and not path.is_file():
            raise ValueError(f"no such file: {path}")
        return path

    @model_validator(mode="after")
    def _offers_its_signals(self) -> Self:
        if foreign := sorted((self.signals or frozenset()) - self.OFFERS):
            raise ValueError(
                f"signals: {', '.join(foreign)} cannot be polled here; {', '.join(sorted(self.OFFERS))} can"
            )
        return self

    @property
    @abstractmethod
    def named(self) -> str:
        """The instance that it speaks for."""

    @property
    def offered(self) -> frozenset[Signal]:
        """What can come this way as it is set up."""
        return self.OFFERS

    @property
    def trusted(self) -> frozenset[Signal]:
        """What this poller has the say in."""
        return self.offered if self.signals is None else self.offered & self.signals

    def feed(self, setting: str) -> Feed:
        """What it claims, for the check that nobody else does."""
        return Feed(self.SYSTEM, self.named, setting, self.trusted, is_polled=True)

    def http_limits(self) -> HttpLimits:
        """The limits of the poller's connections; one request is made at a time."""
        return HttpLimits(
            connect_s=self.connect_timeout_s, read_s=self.read_timeout_s, connections=2, ca_file=self.ca_file
        )
