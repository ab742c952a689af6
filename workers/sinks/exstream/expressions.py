"""`${path|default}` in driver data: what may be read, compiled once. Pure.

`${event.…}` reads what every event has (envelope and customer), `${data.…}` what the flow passes on, `${channel}` and
`${communication}` what the delivery says, `${delivery_id}` is its own name. `$${` is a literal `${`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from common.rfc3339 import in_milliseconds

_TOKEN = re.compile(r"\$\$\{|\$\{([^{}]*)\}|\$\{")
_DATA = re.compile(r"data\.[A-Za-z_][A-Za-z0-9_]{0,99}")
_ATTRIBUTE = re.compile(r"event\.attributes\.\S{1,100}")
_CUSTOMER = (
    "customer_id resolved email phone first_name last_name postal_address company marketo_lead_id braze_external_id "
    "workspace_id locale region time_zone"
)
READABLE = frozenset(
    {
        "channel",
        "communication",
        "delivery_id",
        *(
            f"event.{name}"
            for name in (
                "event_id",
                "type",
                "source",
                "source_instance",
                "occurred_at",
                "ingested_at",
                "correlation_id",
                "caused_by",
            )
        ),
        *(f"event.customer.{name}" for name in _CUSTOMER.split()),
    }
)
DELIVERY_ID = "delivery_id"


@dataclass(frozen=True, slots=True)
class Expression:
    """One value, and what stands for it where there is none."""

    path: str
    default: str | None

    def read(self, values: Mapping[str, Any]) -> Any:
        """The value, its default, or None."""
        found: Any = values
        for step in self._steps():
            found = found.get(step) if isinstance(found, Mapping) else None
        return self.default if found is None else found

    def _steps(self) -> list[str]:
        return self.path.split(".", 2 if self.path.startswith("event.attributes.") else -1)


@dataclass(frozen=True, slots=True)
class Text:
    """Constant pieces and expressions, joined."""

    parts: tuple[str | Expression, ...]

    @property
    def alone(self) -> Expression | None:
        """The expression, where it is the whole."""
        only = self.parts[0] if len(self.parts) == 1 else None
        return only if isinstance(only, Expression) else None

    @property
    def reads(self) -> frozenset[str]:
        """The paths that it reads."""
        return frozenset(part.path for part in self.parts if isinstance(part, Expression))

    def render(self, values: Mapping[str, Any]) -> str | None:
        """The joined text; None where an expression has no value."""
        pieces = [part if isinstance(part, str) else part.read(values) for part in self.parts]
        return None if any(piece is None for piece in pieces) else "".join(map(as_text, pieces))


def parse(raw: str) -> Text:
    """The text that `raw` declares; raises ValueError for what cannot be read."""
    parts: list[str | Expression] = []
    end = 0
    for token in _TOKEN.finditer(raw):
        parts.append(raw[end : token.start()])
        parts.append("${" if token[0] == "$${" else _expression(token[1]))
        end = token.end()
    parts.append(raw[end:])
    return Text(tuple(part for part in parts if part != ""))


def as_text(value: Any) -> str:
    """A value as it stands in joined text, in XML, and in CSV: times are RFC 3339 in UTC with milliseconds."""
    match value:
        case bool():
            return "true" if value else "false"
        case datetime():
            return in_milliseconds(value)
        case _:
            return str(value)


def _expression(inner: str | None) -> Expression:
    if inner is None:
        raise ValueError("${ is not closed by }; write $${ for the characters themselves")
    path, bar, default = inner.partition("|")
    path = path.strip()
    if path not in READABLE and not _DATA.fullmatch(path) and not _ATTRIBUTE.fullmatch(path):
        raise ValueError(
            f"${{{path}}} cannot be read: there are event.event_id, event.customer.<field> and the rest of the "
            "envelope, channel, communication, delivery_id, and data.<name> for what a flow passes on"
        )
    return Expression(path, default if bar else None)
