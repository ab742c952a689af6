"""The `filter` grammar of the runtime API (page §4.1): `key:value` joined by `;`, lists by `,`, days only."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from sandbox.exstream.reply import RefusedError

_LISTS = {"ids": "id", "statuses": "status", "flowModelTypes": "flowModelType", "stepTypes": "stepType"}
_VALUES = {
    "channel": "channel",
    "externalId": "externalId",
    "triggeredBy": "triggeredBy",
    "mode": "mode",
    "jobId": "jobId",
    "flowInstanceId": "flowInstanceId",
}
_DATES = {
    f"{name}{end}": (field, end)
    for name, field in (("startDate", "startDate"), ("endDate", "endDate"), ("expiringDate", "expirationDate"))
    for end in ("Start", "End")
}
Fits = Callable[[Mapping[str, Any]], bool]


def parse(text: str) -> Fits:
    """Whether a row is wanted; raises RefusedError with 400 for what is not of the grammar."""
    conditions = [_condition(pair) for pair in text.split(";") if pair]
    return lambda row: all(fits(row) for fits in conditions)


def _condition(pair: str) -> Fits:
    key, colon, value = pair.partition(":")
    if not colon or not value:
        raise RefusedError(400, f"filter {pair!r} is not key:value")
    if key in _LISTS:
        wanted = set(value.split(","))
        return lambda row: row.get(_LISTS[key]) in wanted
    if key in _VALUES:
        return lambda row: row.get(_VALUES[key]) == value
    if key in _DATES:
        return _dated(*_DATES[key], _day(value))
    raise RefusedError(400, f"filter key {key!r} is not known")


def _dated(field: str, end: str, day: date) -> Fits:
    def fits(row: Mapping[str, Any]) -> bool:
        stamp = row.get(field)
        if not isinstance(stamp, int):
            return False
        its_day = datetime.fromtimestamp(stamp / 1000, UTC).date()
        return its_day >= day if end == "Start" else its_day <= day

    return fits


def _day(text: str) -> date:
    try:
        if len(text) == 10:
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise RefusedError(400, f"{text!r} is not a date: yyyy-MM-dd")
