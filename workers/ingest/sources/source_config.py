"""What the settings of every vendor's source share."""

from enum import StrEnum
from typing import Annotated, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from workers.ingest.auth_config import BasicAuth, BearerAuth, HeaderAuth
from workers.ingest.feeds import Feed, Signal
from workers.ingest.rate_limit_config import RateLimit

UnsignedAuth = Annotated[BearerAuth | BasicAuth | HeaderAuth, Field(discriminator="kind")]
"""The ways of a vendor that cannot sign what it sends."""


class OnBad(StrEnum):
    """What a bad item gets."""

    REFUSE = "refuse"  # 400: the sender mends it and sends it again
    KEEP = "keep"  # 2xx and a dead letter: the sender never sends again what was refused


ON_BAD = "What a bad item gets: `refuse` (400), or `keep` (2xx, and a dead letter of the ingest)."
INSTANCE = "Which instance it speaks for: the same name in every feed of it."


class VendorSource(BaseModel):
    """What every vendor's source has beside its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    SYSTEM: ClassVar[str]
    OFFERS: ClassVar[frozenset[Signal]]
    """What may come this way."""

    rate_limit: RateLimit | None = Field(None, description="How much it may send; without one, as much as comes.")
    on_bad: OnBad = Field(OnBad.KEEP, description=ON_BAD)
    instance: str = Field(min_length=1, max_length=200, description=INSTANCE)
    signals: frozenset[Signal] | None = Field(
        None,
        description="What this feed has the say in; the rest is acknowledged and passed over. Without a list,"
        " everything that may come this way.",
    )

    @model_validator(mode="after")
    def _offers_its_signals(self) -> Self:
        if foreign := sorted((self.signals or frozenset()) - self.OFFERS):
            raise ValueError(
                f"signals: {', '.join(foreign)} cannot come this way; {', '.join(sorted(self.OFFERS))} can"
            )
        return self

    @property
    def trusted(self) -> frozenset[Signal]:
        """What this feed has the say in."""
        return self.OFFERS if self.signals is None else self.signals

    def feed(self, setting: str) -> Feed:
        """What it claims, for the check that nobody else does."""
        return Feed(self.SYSTEM, self.instance, setting, self.trusted)
