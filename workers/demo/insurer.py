"""The demo's site: its configuration, but for addresses, and lines to try by hand."""

from pathlib import Path
from typing import Any

from workers.demo import signals
from workers.demo.fleet import Fleet

_API_KEY = "sandbox-only-api-key"
_FLOWS = Path(__file__).resolve().parents[2] / "examples" / "first-light.yaml"


def site() -> dict[str, Any]:
    """Settings of a small insurer: Exstream and an upstream system send, Braze receives."""
    return {
        "flows": {"files": [str(_FLOWS)]},
        "log": {"format": "json", "level": "info"},
        "sinks": {
            "braze": {
                "api_key": _API_KEY,
                "campaigns": signals.campaign_ids(),
                "start_from": "beginning",
                "settle_after_s": 1,
                "base_backoff_s": 0.5,
                "max_backoff_s": 2,
            }
        },
        "ingest": {
            "webhook": {
                "unready_s": 0,
                "sources": {
                    "exstream": {
                        "kind": "exstream",
                        "auth": {"kind": "hmac", "secrets": [signals.SECRET]},
                        "document_types": signals.COMMUNICATIONS,
                        "channels": signals.CHANNELS,
                    },
                    "upstream": {"kind": "canonical", "auth": {"kind": "bearer", "tokens": [signals.TOKEN]}},
                },
            }
        },
    }


def curl_lines(fleet: Fleet) -> list[str]:
    """What to try while the demo stays up."""
    sink = fleet.config("sink")
    event = (
        '{"type":"STATUS_CHANGED","occurred_at":"2026-03-02T11:15:00Z","workspace_id":"w-7","workspace_type":"service",'
        '"case_status":"resolved","customer":{"customer_id":"C-1007","resolved":true}}'
    )
    refusal = '{"status": 400, "match": "C-1007", "body": {}}'
    bearer = f"-H 'Authorization: Bearer {signals.TOKEN}' -H 'Content-Type: application/json'"
    return [
        "",
        "Everything stays up until Ctrl-C. Try:",
        f"  curl -s {fleet.webhook}/v1/events/comms.workspace.v1 {bearer} -d '{event}'",
        f"  curl -s '{fleet.sandbox}/_sandbox/received?text=C-1007'   # what the vendor received",
        f"  curl -s {fleet.sandbox}/_sandbox/faults -d '{refusal}'   # the vendor says no: send the event again",
        f"  commfleet --config {sink} dlq list   # what needs a person",
        f"  curl -s -X DELETE {fleet.sandbox}/_sandbox/faults   # the vendor is mended",
        f"  commfleet --config {sink} dlq redrive --yes   # send it again",
        f"  curl -s {fleet.health('sink')}/readyz ; curl -s {fleet.health('sink')}/metrics",
    ]
