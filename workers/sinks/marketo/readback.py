"""Consent fields are read back: Marketo says `updated` even where an administrator blocked the field (§6).

A durable unsubscribe can undo a written opt-in too. A read that fails proves nothing, so the write's own
verdict stands, and the log says that nobody has looked.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from common.errors import BudgetGoneError
from common.reasons import Reason
from workers.sinks.api import Delivered, Hold, Rejected, Verdict
from workers.sinks.marketo.client import MarketoClient
from workers.sinks.marketo.consent import is_kept
from workers.sinks.marketo.mapping import Piece
from workers.vendors.marketo.request import find_leads

NOT_KEPT = Rejected(
    Reason.INVALID_FIELD,
    "Marketo says updated, and a field has another value: blocked from updates by API, or a durable unsubscribe",
    "NOT_KEPT",
)

log = logging.getLogger(__name__)


class ReadBack:
    """Compares what was written with what Marketo has. Thread-safe."""

    def __init__(self, client: MarketoClient) -> None:
        self._client = client

    def verified(
        self, pieces: Sequence[Piece], verdicts: Sequence[Verdict], spend: Callable[[], None]
    ) -> list[Verdict]:
        """The verdicts, those of writes that were not kept rejected; costs one request of the budget."""
        numbers = [each.vendor_ids.get("lead_id", "") if isinstance(each, Delivered) else "" for each in verdicts]
        fields = sorted({name for piece in pieces for name in piece.expected})
        found = self._read([number for number in numbers if number], fields, spend)
        return [
            NOT_KEPT if number in found and not _is_whole(piece.expected, found[number]) else verdict
            for piece, number, verdict in zip(pieces, numbers, verdicts, strict=True)
        ]

    def _read(
        self, numbers: Sequence[str], fields: Sequence[str], spend: Callable[[], None]
    ) -> Mapping[str, Mapping[str, Any]]:
        if not numbers or not fields:
            return {}
        try:
            spend()
        except BudgetGoneError:
            log.warning("marketo: no budget to read %d consent writes back", len(numbers))
            return {}
        reply = self._client.call(find_leads("id", numbers, ("id", *fields)), "verify_consent")
        if isinstance(reply, Hold) or reply.success is not True:
            log.warning("marketo: %d consent writes could not be read back", len(numbers))
            return {}
        return {str(row["id"]): row for row in reply.rows or () if isinstance(row, dict) and row.get("id")}


def _is_whole(expected: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    return all(is_kept(value, row.get(name)) for name, value in expected.items())
