"""A small site as COMMFLEET_ variables: one flow of numbered communication events to a scripted Braze."""

import json
from collections.abc import Mapping
from pathlib import Path

from tests.support.ports import free_ports

TOPIC = "comms.communication.v1"
TOKEN = "upstream-token"

_FLOWS = f"""
- name: numbered-event
  on: {TOPIC}
  when: {{type: [SENT]}}
  do: braze.track_event
  with: {{name: numbered, properties: {{number: "${{document_id}}"}}}}
"""


def kafka_variables(kafka: Mapping[str, str]) -> dict[str, str]:
    """The kafka section as variables."""
    return {f"COMMFLEET_KAFKA__{name.upper().replace('.', '_')}": value for name, value in kafka.items()}


def site(prefix: str, kafka: Mapping[str, str], vendor_url: str, folder: Path, partitions: int) -> dict[str, str]:
    """What every process of the site is given; `webhook_url` has the webhook's address."""
    flows = folder / "flows.yaml"
    flows.write_text(_FLOWS)
    (port,) = free_ports(1)
    upstream = {"kind": "canonical", "auth": {"kind": "bearer", "tokens": [TOKEN]}}
    return {
        "COMMFLEET_PREFIX": prefix,
        "COMMFLEET_WORKER_NAME": "site",
        "COMMFLEET_TOPICS__PARTITIONS": str(partitions),
        "COMMFLEET_TOPICS__REPLICATION_FACTOR": "1",
        "COMMFLEET_TOPICS__MIN_INSYNC_REPLICAS": "1",
        "COMMFLEET_FLOWS__DEFAULTS": "false",
        "COMMFLEET_FLOWS__FILES": str(flows),
        "COMMFLEET_SINKS__BRAZE__BASE_URL": vendor_url,
        "COMMFLEET_SINKS__BRAZE__API_KEY": "scripted",
        "COMMFLEET_SINKS__BRAZE__START_FROM": "beginning",
        "COMMFLEET_INGEST__WEBHOOK__HOST": "127.0.0.1",
        "COMMFLEET_INGEST__WEBHOOK__PORT": str(port),
        "COMMFLEET_INGEST__WEBHOOK__SOURCES": json.dumps({"upstream": upstream}),
        "COMMFLEET_LOG__FORMAT": "console",
        **kafka_variables(kafka),
    }


def webhook_url(settings: Mapping[str, str], topic: str = TOPIC) -> str:
    """Where the site's webhook takes events."""
    return f"http://127.0.0.1:{settings['COMMFLEET_INGEST__WEBHOOK__PORT']}/v1/events/{topic}"


def numbered(customer: str, number: int) -> dict[str, object]:
    """A communication event as JSON, numbered for the vendor."""
    return {
        "type": "SENT",
        "source": "upstream",
        "occurred_at": f"2026-03-01T08:{number // 60:02}:{number % 60:02}Z",
        "customer": {"customer_id": customer, "resolved": True},
        "document_id": str(number),
    }
