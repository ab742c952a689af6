"""The fields that a flow on one topic may name, as the topic's schema has them."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from schemas.fields import field, fields
from workers.flows.names import nearest

STORE_ROOTS = ("profile", "consent")
"""What reads the customer store (store_fields.py), unless the event itself has a field of that name."""

_ARTICLES = {"int": "an int", "enum": "an enum"}


@dataclass(frozen=True, slots=True)
class EventField:
    """One field of an event.

    `kind` is that of a value; where `many`, the field is an array of such values. `steps` is the way from the event to
    it. `is_lent`: it is no field of the event, but of the customer store. `is_entry`: it is a key of a map at
    the top of the event, and may have dots in its name.
    """

    path: str
    kind: str
    nullable: bool = True
    symbols: tuple[str, ...] = ()
    pii: bool = False
    many: bool = False
    is_lent: bool = False
    is_entry: bool = False

    @property
    def steps(self) -> tuple[str, ...]:
        """The keys from the event to this field."""
        return tuple(self.path.split(".", 1 if self.is_entry else -1))

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

    def __init__(
        self, topic: str, schema: Mapping[str, Any], lent: Mapping[str, EventField] = MappingProxyType({})
    ) -> None:
        """`lent` has by path what stands beside the event's own fields; those go first."""
        self.topic = topic
        self._schema, self._lent = schema, lent

    def beside(self, lent: Mapping[str, EventField]) -> "EventFields":
        """The same with more fields beside the event's own."""
        return EventFields(self.topic, self._schema, {**self._lent, **lent})

    @property
    def types(self) -> tuple[str, ...]:
        """The symbols of the event's `type`."""
        found = field(self._schema, "type")
        return found.symbols if found else ()

    def find(self, path: str) -> EventField | None:
        """The field at a dotted path; a key of a map of strings is a field, too."""
        found = field(self._schema, path)
        if found is None:
            return self._lent.get(path) or self._entry(path)
        many = found.kind == "array"
        kind = found.items or "string" if many else found.kind
        is_entry = "." in path and self._is_map(path)
        return EventField(path, kind, found.nullable, found.symbols, found.pii, many, is_entry=is_entry)

    def why_not(self, path: str) -> str:
        """What to say of a path at which there is no field."""
        root = path.partition(".")[0]
        if root in STORE_ROOTS and field(self._schema, root) is None:
            return self._why_not_lent(path, root)
        if root == "facts" and field(self._schema, root) is None:
            return f"{path}: facts are what journeys keep; they stand in comms.journey.v1 only, not in {self.topic}"
        known = [one.path for one in fields(self._schema)]
        return f"{self.topic} has no field {path!r}{nearest(path, [*known, *self._lent])}"

    def _why_not_lent(self, path: str, root: str) -> str:
        known = [one for one in self._lent if one.startswith(f"{root}.")]
        if known:
            return f"the customer store has no {path}{nearest(path, known) or ': ' + ', '.join(known)}"
        if path == "consent.channel":
            return "consent.channel is there only where the flow asks for it: consent: {purpose, channels}"
        return f"{path} is not known here: the customer store is read by flows, when they match and when they send"

    def _entry(self, path: str) -> EventField | None:
        """A key with dots in its name, of a map at the top."""
        root, _, key = path.partition(".")
        found = field(self._schema, root) if "." in key else None
        if found is None or found.kind != "map":
            return None
        return EventField(path, found.items or "string", True, found.symbols, found.pii, is_entry=True)

    def _is_map(self, path: str) -> bool:
        root = field(self._schema, path.partition(".")[0])
        return root is not None and root.kind == "map"
