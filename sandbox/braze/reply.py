"""An answer on its way out."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Reply:
    """A status, a JSON object, and headers beside the usual ones."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)


def refused(status: int, message: str, errors: list[dict[str, Any]] | None = None) -> Reply:
    """A fatal error (page §2.0)."""
    return Reply(status, {"message": message, **({"errors": errors} if errors else {})})
