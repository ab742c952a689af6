"""Settings of the journey worker."""

from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, Field

from common.settings import Section
from common.store.times import micros
from workers.journeys.tempo import REAL, Tempo


class ClockSettings(Section):
    """A clock of the journeys that runs fast: for demos and tests, never where customers are."""

    epoch: AwareDatetime = Field(description="When it showed the real time; the same for every worker, and kept.")
    factor: int = Field(
        ge=1,
        le=100_000_000,
        description="How fast it has run since: with 86400 a journey's day lasts a second. Dates in events are on this "
        "clock; `late` and `grace` count real time, and so does everything outside of journeys.",
    )


class JourneysSettings(Section):
    """The worker that applies events to the customer store, and publishes what follows from them."""

    start_from: Literal["beginning", "end"] = Field(
        "beginning",
        description="Where a topic that the store has never read begins: what it does not read, it does not know.",
    )
    batch_records: int = Field(500, ge=1, le=5000, description="Records applied in one transaction, at most.")
    fresh_every_s: float = Field(
        5.0, gt=0, le=60, description="How often the ends of the topics are asked for; well below consent.max_age_s."
    )
    defaults: bool = Field(True, description="Whether the journeys that come with commfleet run.")
    files: tuple[Path, ...] = Field(
        (), description="The site's own journey files; a journey replaces the one of its name (docs/journeys.md)."
    )
    own_actors: tuple[str, ...] = Field(
        (),
        description="Accounts by which commfleet itself works at the vendors, as events name them (`actor.id`): what "
        "they did starts no journey.",
    )
    completed_statuses: tuple[str, ...] = Field(
        ("Complete",),
        description="Statuses of a case that is over, in the words of the events: a workspace that is seen with one "
        "for the first time is COMPLETED. The same as the ECM source's.",
    )
    cancelled_statuses: tuple[str, ...] = Field(
        ("Cancelled",), description="Statuses of a case that was ended: such a workspace is CANCELLED."
    )
    fire_per_s: int = Field(
        1000, ge=1, le=100_000, description="Due timers fired in a second, at most: a herd must not stop the events."
    )
    clock: ClockSettings | None = Field(
        None, description="A fast clock, for demos and tests only; without it, journeys run on the real one."
    )
    retry_s: float = Field(1.0, gt=0, le=60, description="How long to wait before a transaction that could not be had.")

    @property
    def tempo(self) -> Tempo:
        """The clock that journeys run on."""
        return REAL if self.clock is None else Tempo(micros(self.clock.epoch), self.clock.factor)
