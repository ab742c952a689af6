"""The journeys' clock: the real one, or one that runs faster from a moment on, for demos and tests. Pure.

Events, timers, `late` and `grace` are on the real clock. What a journey file and a date in an event say is journey
time: the two are converted where one is made of the other, so whatever is stored or sent is real.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tempo:
    """Journey time is `epoch_us` and `factor` times what has passed since; microseconds."""

    epoch_us: int = 0
    factor: int = 1

    def journey(self, real: int) -> int:
        """The journeys' time at a real moment."""
        return self.epoch_us + (real - self.epoch_us) * self.factor

    def real(self, journey: int) -> int:
        """The first real moment at which it is that time for the journeys."""
        return self.epoch_us - (self.epoch_us - journey) // self.factor

    def lasts(self, length_us: int) -> int:
        """How long a journey's duration really lasts."""
        return -(-length_us // self.factor)


REAL = Tempo()
