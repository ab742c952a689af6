"""`commfleet show customer|alerts|report` and `commfleet customer export|erase`, wired."""

import uuid
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import orjson

from common.errors import UnconfirmedError
from common.store import reports
from common.store.opening import pseudonyms_of
from common.store.reports import Row
from common.store.times import micros
from workers.masking import masked_event
from workers.produce import LineError
from workers.produce_command import produce_lines
from workers.settings import Settings
from workers.store_command import reader, store_settings

_PROFILE, _WORKSPACE = "comms.profile.v1", "comms.workspace.v1"


def everything(settings: Settings, customer_id: str, reveal: bool) -> dict[str, list[Row]]:
    """All that the store holds about a customer, by table; personal data masked unless `reveal`."""
    with reader(settings) as database, database.reading() as connection:
        found = reports.everything(connection, pseudonyms_of(store_settings(settings)), customer_id)
    return found if reveal else {name: [_masked(name, row) for row in rows] for name, rows in found.items()}


def alerts(settings: Settings, only_open: bool, at_most: int) -> list[Row]:
    """Alerts, the latest first."""
    with reader(settings) as database, database.reading() as connection:
        return reports.alerts(connection, only_open=only_open, at_most=at_most)


def report(settings: Settings, since: datetime) -> list[Row]:
    """How communications fared."""
    with reader(settings) as database, database.reading() as connection:
        return reports.report(connection, micros(since))


def erase(settings: Settings, customer_id: str) -> str:
    """Publish the event that erases a customer, and wait for Kafka; its id. Raises UnconfirmedError."""
    now = datetime.now(UTC).isoformat()
    event = {
        "event_id": str(uuid.uuid4()),
        "type": "ERASED",
        "source": "commfleet",
        "occurred_at": now,
        "customer": {"customer_id": customer_id},
    }
    (answer,) = produce_lines(settings, _PROFILE, BytesIO(orjson.dumps(event)), is_check=False, keep_going=False)
    if isinstance(answer, LineError):
        raise UnconfirmedError(f"the erasure was not stored: {answer}; ask again")
    return answer.event_id


def _masked(table: str, row: Row) -> Row:
    match table:
        case "profile":
            return row | {"customer": masked_event(_PROFILE, {"customer": row["customer"]})["customer"]}
        case "workspace":
            return masked_event(_WORKSPACE, row)
        case "timeline":
            detail: dict[str, Any] = masked_event(row["topic"], row["detail"])
            return row | {"detail": detail}
        case "instance":
            return row | {"memory": "***"}
        case _:
            return row
