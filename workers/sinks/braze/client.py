"""The only I/O of the Braze sink: one POST a batch, and one harmless GET."""

from collections.abc import Sequence

import orjson

from common.http import Answer, HttpClient, Permit
from workers.sinks.braze.config import BrazeConfig

_TRACKED = {"events": "track_event", "attributes": "update_attributes"}


class BrazeClient:
    """Requests to one workspace. Thread-safe; raises what HttpClient.request raises."""

    def __init__(self, config: BrazeConfig, http: HttpClient) -> None:
        self._base, self._http = config.base_url, http
        self._read_headers = {"authorization": f"Bearer {config.api_key.get_secret_value()}"}
        self._write_headers = {**self._read_headers, "content-type": "application/json"}

    def track(self, array: str, objects: Sequence[bytes], permit: Permit) -> Answer:
        """POST /users/track (§2.1); no trailing slash, or Braze answers 403 (§1.2)."""
        return self._post("/users/track", track_body(array, objects), permit, _TRACKED[array])

    def trigger(self, campaign_id: str, recipients: Sequence[bytes], permit: Permit) -> Answer:
        """POST /campaigns/trigger/send (§2.4)."""
        return self._post("/campaigns/trigger/send", trigger_body(campaign_id, recipients), permit, "trigger_campaign")

    def campaigns(self) -> Answer:
        """GET /campaigns/list (§2.11): reads, contacts nobody, and counts in the pool of 250,000 an hour."""
        return self._http.request(
            "GET", f"{self._base}/campaigns/list?page=0", headers=self._read_headers, action="probe"
        )

    def close(self) -> None:
        """Let connections go."""
        self._http.close()

    def _post(self, path: str, body: bytes, permit: Permit, action: str) -> Answer:
        url, headers = self._base + path, self._write_headers
        return self._http.request("POST", url, headers=headers, content=body, permit=permit, action=action)


def track_body(array: str, objects: Sequence[bytes]) -> bytes:
    """The body of /users/track from objects that are serialised already."""
    return orjson.dumps({array: [orjson.Fragment(each) for each in objects]})


def trigger_body(campaign_id: str, recipients: Sequence[bytes]) -> bytes:
    """The body of a trigger. `broadcast` is always said, and never true: that would mail everybody (§2.4)."""
    if not recipients:
        raise ValueError("a trigger without recipients could be read as a broadcast")
    fragments = [orjson.Fragment(each) for each in recipients]
    return orjson.dumps({"campaign_id": campaign_id, "broadcast": False, "recipients": fragments})
