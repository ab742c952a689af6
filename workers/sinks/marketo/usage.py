"""Reading the usage call: how much of the daily quota is used (§3 of the vendor page). Pure."""

from workers.vendors.marketo.reply import Reply


def counted_today(reply: Reply, today: str) -> int | None:
    """The count of today; 0 when today has none yet, None when the answer cannot be read."""
    if reply.success is not True or reply.rows is None:
        return None
    totals = [
        row["total"]
        for row in reply.rows
        if isinstance(row, dict) and row.get("date") == today and type(row.get("total")) is int
    ]
    return max(totals, default=None if reply.rows else 0)
