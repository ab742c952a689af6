"""A site's own alert system, as a stub (page §7.3): signed JSON, an idempotency key, and a look-up."""

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from typing import Any

from sandbox.notifications.options import Options
from sandbox.notifications.reply import RefusedError, Reply

_OLDEST_S = 300


class Alerts:
    """What was taken, by idempotency key where it deduplicates."""

    def __init__(self, options: Options, now: Callable[[], float]) -> None:
        self._options, self._now = options, now
        self.clear()

    def clear(self) -> None:
        """Forget every alert."""
        self.taken: list[dict[str, Any]] = []
        self._keys: dict[str, str] = {}

    def take(self, headers: Mapping[str, str], body: bytes) -> Reply:
        """One alert; raises RefusedError."""
        self._check_signature(headers, body)
        alert = _object(body)
        missing = [name for name in ("id", "severity", "title", "targets") if not alert.get(name)]
        if missing:
            raise RefusedError(422, "missing_field", f"missing: {', '.join(missing)}")
        key = headers.get("idempotency-key", "")
        if self._options.alert_deduplicates and key in self._keys:
            if self._options.alert_repeat == "conflict":
                return Reply(409, {"message": "duplicate", "id": self._keys[key]})
            return Reply(200, {"id": self._keys[key]})
        name = f"al-{len(self.taken) + 1}"
        self.taken.append({"notification_id": name, **alert})
        if key:
            self._keys[key] = name
        return Reply(201, {"id": name})

    def find(self, external_id: str) -> Reply:
        """Those with this id of ours."""
        return Reply(200, [each for each in self.taken if each.get("id") == external_id])

    def _check_signature(self, headers: Mapping[str, str], body: bytes) -> None:
        timestamp, given = headers.get("x-timestamp", ""), headers.get("x-signature", "")
        right = hmac.new(self._options.alert_secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256)
        if not hmac.compare_digest(f"sha256={right.hexdigest()}".encode(), given.encode()):
            raise RefusedError(401, "bad_signature", "the signature does not fit")
        if not timestamp.isdecimal() or abs(self._now() - int(timestamp)) > _OLDEST_S:
            raise RefusedError(401, "stale_signature", "the timestamp is too far off")


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RefusedError(400, "malformed", "not JSON") from error
    if not isinstance(value, dict):
        raise RefusedError(400, "malformed", "not a JSON object")
    return value
