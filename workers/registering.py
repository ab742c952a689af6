"""Registering our schemas: what a registry has, what it should have, and the way there, shown first."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from common.errors import ConfigurationError
from schemas.catalogue import catalogue
from schemas.compatibility import Mode, Past, incompatibilities

if TYPE_CHECKING:
    from common.kafka.registry import Registry


@dataclass(frozen=True, slots=True)
class Step:
    """One subject: `id` where our schema is registered already, `level` to set, `problems` in the way."""

    topic: str
    subject: str
    id: int | None
    versions: int
    level: str | None
    present_level: str | None
    problems: tuple[str, ...] = ()

    @property
    def is_change(self) -> bool:
        """Whether anything is to be done."""
        return self.id is None or self.level is not None

    def __str__(self) -> str:
        if self.problems:
            return "\n".join(f"{self.subject}: {problem}" for problem in self.problems)
        return f"{self.subject}: {', '.join(self._words())}"

    def _words(self) -> list[str]:
        if self.id is not None:
            words = [f"has our schema as id {self.id}"]
        elif self.versions:
            words = [f"register version {self.versions + 1}"]
        else:
            words = ["register it, a new subject"]
        if self.level:
            now = self.present_level or "the registry's own"
            words.append(f"set its level to {self.level} (now {now})")
        return words


class Subjects:
    """The subjects of our event topics at one registry."""

    def __init__(self, registry: "Registry", prefix: str) -> None:
        self._registry, self._prefix = registry, prefix

    def close(self) -> None:
        """Let connections go."""
        self._registry.close()

    def plan(self, mode: Mode, keep_levels: bool = False) -> list[Step]:
        """What is to be done for each event topic; nothing is changed. Raises RegistryDownError."""
        return [self._step(topic, mode, keep_levels) for topic in catalogue().topics]

    def apply(self, steps: Sequence[Step], on_done: Callable[[str], None]) -> None:
        """Set levels and register; tells each. Raises ConfigurationError, with nothing done, on a problem."""
        if wrong := [str(step) for step in steps if step.problems]:
            raise ConfigurationError("\n".join(wrong))
        for step in steps:
            if step.level is not None:
                self._registry.set_level(step.subject, step.level)
                on_done(f"{step.subject}: level {step.level}")
            if step.id is None:
                made = self._registry.register(step.subject, catalogue().schema(step.topic))
                on_done(f"{step.subject}: id {made}")

    def _step(self, topic: str, mode: Mode, keep_levels: bool) -> Step:
        from common.kafka.registry import subject_of

        subject = subject_of(self._prefix, topic)
        numbers = self._registry.versions(subject)
        present = self._registry.level(subject)
        found = self._registry.id_of(subject, catalogue().schema(topic)) if numbers else None
        level = mode.value if not keep_levels and present != mode else None
        problems = self._problems(topic, subject, numbers, mode) if numbers and found is None else ()
        return Step(topic, subject, found, len(numbers), level, present, tuple(problems))

    def _problems(self, topic: str, subject: str, numbers: Sequence[int], mode: Mode) -> Sequence[str]:
        """Why ours may not be the next version: by Avro's rules in the wanted mode, then by the registry's own."""
        schema, before = catalogue().schema(topic), []
        for number in numbers:
            text = self._registry.version(subject, number)
            try:
                before.append(Past(f"version {number}", self._registry.whole(text)))
            except ValueError as error:
                return [f"version {number} cannot be compared with: {error}"]
        if wrong := incompatibilities(schema, before, mode):
            return wrong
        if not self._registry.accepts(subject, schema):
            return ["the registry says that our schema may not follow its versions, at the level that it has now"]
        return ()
