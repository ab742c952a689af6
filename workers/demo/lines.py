"""What to try by hand while the demo stays up."""

from workers.demo.fleet import Fleet
from workers.demo.site import secrets


def lines_to_try(fleet: Fleet) -> list[str]:
    """Lines for a terminal, with the addresses filled in."""
    sink, braze = fleet.config("sink-braze"), fleet.sandboxes["braze"]
    event = (
        '{"type":"MILESTONE_REACHED","occurred_at":"2026-03-02T11:15:00Z","workspace_id":"w-7",'
        '"workspace_type":"onboarding","milestone":"kyc_completed","customer":{"customer_id":"C-1007","resolved":true}}'
    )
    refusal = '{"status": 400, "match": "C-1007", "body": {}}'
    bearer = f"-H 'Authorization: Bearer {secrets.TOKEN}' -H 'Content-Type: application/json'"
    return [
        "",
        "Everything stays up until Ctrl-C. Try:",
        f"  curl -s {fleet.door}/v1/events/comms.workspace.v1 {bearer} -d '{event}'",
        f"  curl -s '{braze}/_sandbox/received?text=C-1007'   # what the vendor received",
        f"  curl -s {braze}/_sandbox/faults -d '{refusal}'   # the vendor says no: send the event again",
        f"  commfleet --config {sink} dlq list   # what needs a person",
        f"  curl -s -X DELETE {braze}/_sandbox/faults   # the vendor is mended",
        f"  commfleet --config {sink} dlq redrive --yes   # send it again",
        f"  commfleet --config {sink} show customer C-1014   # what is remembered of a customer",
        f"  commfleet --config {sink} journeys pending   # what will happen later",
        f"  curl -s {fleet.health('sink-braze')}/readyz ; curl -s {fleet.health('sink-braze')}/metrics",
    ]
