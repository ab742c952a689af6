"""What `commfleet show` prints: a customer, alerts, the report of communications."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

from workers.show import console

Rows = Sequence[Mapping[str, Any]]

_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "profile": ("customer_id", "customer", "facts", "engaged_at"),
    "decision": ("kind", "channel", "purpose", "subscription_group", "state", "effective_at", "origin"),
    "evidence": ("kind", "channel", "purpose", "weight", "state", "effective_at", "origin"),
    "outcomes": (
        "message", "document_type", "channel", "sent_at", "delivered_at", "opened_at", "clicked_at", "responded_at",
        "response_how",
    ),
    "responses": ("occurred_at", "type", "source", "message", "how"),
    "workspace": ("workspace_id", "workspace_type", "state", "milestone", "case_status", "expires_at"),
    "instance": ("journey", "about", "started_at"),
    "timer": ("journey", "about", "step", "due_at"),
    "alert": ("alert_key", "severity", "state", "title", "raised_at"),
    "link": ("substitute_id", "linked_at"),
    "timeline": ("occurred_at", "topic", "type", "message", "detail"),
}  # fmt: skip
"""What is shown, in this order; `customer export` has everything."""

_LAST_LINES = 50


def customer(found: Mapping[str, Rows]) -> None:
    """One table for each kind of fact; of the timeline the last lines."""
    if not found:
        console().print("the store knows nothing of this customer")
    for name, columns in _COLUMNS.items():
        if rows := found.get(name):
            _print(name, columns, rows[-_LAST_LINES:])


def alerts(rows: Rows) -> None:
    """Alerts and what became of them."""
    _print("alerts", ("alert_key", "topic", "severity", "state", "title", "raised_at", "outcomes"), rows)


def report(rows: Rows, last_touch_days: int) -> None:
    """How communications fared; what `by last touch` means is said below."""
    columns = (
        "document_type", "channel", "campaign", "messages", "delivered", "failed", "opened", "clicked", "responded",
        "by_last_touch",
    )  # fmt: skip
    _print("communications", columns, rows)
    console().print(
        f"by_last_touch: of those responded, how many only because it was the last message in {last_touch_days} days"
    )


def _print(title: str, columns: Sequence[str], rows: Rows) -> None:
    table = Table(*columns, title=title, title_justify="left", box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(_text(row[column]) for column in columns))
    console().print(table if rows else f"no {title}")


def _text(value: Any) -> str:
    return "" if value is None else escape(str(value))
