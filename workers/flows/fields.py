"""The fields that a flow on one topic may name, as the topic's schema has them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schemas.fields import field, fields
from workers.flows.names import nearest

STORE_ROOTS = ("profile", "consent", "facts")
"""What reads the customer store, unless the event itself has a field of that name."""

_ARTICLES = {"int": "an int", "enum": "an enum"}


@dataclass(frozen=True, slots=True)
class EventField:
    """One field of an event.

    `kind` is that of a value; where `many`, the field is an array of such values. `steps` is the way
    from the event to it.
    """

    path: str
    kind: str
    nullable: bool = True
    symbols: tuple[str, ...] = ()
    pii: bool = False
    many: bool = False

    @property
    def steps(self) -> tuple[str, ...]:
        """The keys from the event to this field."""
        return tuple(self.path.split("."))

    @property
    def is_number(self) -> bool:
        """Whether its values are numbers."""
        return self.kind in ("int", "long", "double")

    @property
    def is_scalar(self) -> bool:
        """Whether it holds one value that has no parts."""
        return not self.many and self.kind not in ("record", "map")

    @property
    def described(self) -> str:
        """Its kind as a message says it."""
        return f"an array of {self.kind}" if self.many else _ARTICLES.get(self.kind, f"a {self.kind}")


class EventFields:
    """Finds the fields of one topic's events by dotted path."""

    def __init__(self, topic: str, schema: Mapping[str, Any]) -> None:
        self.topic = topic
        self._schema = schema

    @property
    def types(self) -> tuple[str, ...]:
        """The symbols of the event's `type`."""
        found = field(self._schema, "type")
        return found.symbols if found else ()

    def find(self, path: str) -> EventField | None:
        """The field at a dotted path; a key of a map of strings is a field, too."""
        found = field(self._schema, path)
        if found is None:
            return None
        many = found.kind == "array"
        kind = found.items or "string" if many else found.kind
        return EventField(path, kind, found.nullable, found.symbols, found.pii, many)

    def why_not(self, path: str) -> str:
        """What to say of a path at which there is no field."""
        root = path.partition(".")[0]
        if root in STORE_ROOTS and self.find(root) is None:
            return f"{path} needs the customer store; there is none yet"
        known = [one.path for one in fields(self._schema)]
        return f"{self.topic} has no field {path!r}{nearest(path, known)}"
