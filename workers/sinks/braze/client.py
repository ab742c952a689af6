"""The only I/O of the Braze sink: one POST a batch, and one harmless GET."""

from collections.abc import Sequence
from typing import assert_never

import orjson

from common.http import Answer, HttpClient, Permit
from workers.rotation import Fixed, Latest
from workers.sinks.braze.config import BrazeConfig
from workers.sinks.braze.consent import GroupWrite, StatusWrite

_TRACKED = {"events": "track_event", "attributes": "update_attributes", "purchases": "record_purchase"}
_PATHS = {
    **dict.fromkeys(_TRACKED.values(), "/users/track"),
    "trigger_campaign": "/campaigns/trigger/send",
    "trigger_canvas": "/canvas/trigger/send",
    "set_subscription": "/v2/subscription/status/set",
    "update_email_status": "/email/status",
}


class BrazeClient:
    """Requests to one workspace. Thread-safe; raises what HttpClient.request raises."""

    def __init__(self, config: BrazeConfig, http: HttpClient, latest: Latest[BrazeConfig] | None = None) -> None:
        self._base, self._http = config.base_url, http
        self._latest = latest or Fixed(config)

    def track(self, array: str, objects: Sequence[bytes], permit: Permit) -> Answer:
        """POST /users/track (§2.1); no trailing slash, or Braze answers 403 (§1.2)."""
        return self._post("/users/track", track_body(array, objects), permit, _TRACKED[array])

    def trigger(self, campaign_id: str, recipients: Sequence[bytes], permit: Permit) -> Answer:
        """POST /campaigns/trigger/send (§2.4)."""
        return self._post("/campaigns/trigger/send", trigger_body(campaign_id, recipients), permit, "trigger_campaign")

    def canvas(self, canvas_id: str, recipients: Sequence[bytes], permit: Permit) -> Answer:
        """POST /canvas/trigger/send (§2.5)."""
        body = trigger_body(canvas_id, recipients, "canvas_id")
        return self._post("/canvas/trigger/send", body, permit, "trigger_canvas")

    def transactional(self, campaign_id: str, body: bytes, permit: Permit) -> Answer:
        """POST /transactional/v1/campaigns/{id}/send (§2.7)."""
        return self._post(f"/transactional/v1/campaigns/{campaign_id}/send", body, permit, "send_transactional")

    def consent(self, write: GroupWrite | StatusWrite, who: Sequence[bytes], permit: Permit) -> Answer:
        """POST /v2/subscription/status/set, or /email/status (§2.8)."""
        match write:
            case GroupWrite():
                return self._post("/v2/subscription/status/set", group_body(write, who), permit, "set_subscription")
            case StatusWrite():
                return self._post("/email/status", status_body(write, who), permit, "update_email_status")
            case _:
                assert_never(write)

    def nothing(self, action: str, campaign_id: str, permit: Permit) -> Answer:
        """An empty write to an action's endpoint: refused for its permission, or else for being empty."""
        path = _PATHS.get(action) or f"/transactional/v1/campaigns/{campaign_id}/send"
        return self._post(path, b"{}", permit, "probe")

    def campaigns(self) -> Answer:
        """GET /campaigns/list (§2.11): reads, contacts nobody, and counts in the pool of 250,000 an hour."""
        return self._known(
            self._http.request("GET", f"{self._base}/campaigns/list?page=0", headers=self._key(), action="probe")
        )

    def close(self) -> None:
        """Let connections go."""
        self._http.close()

    def _post(self, path: str, body: bytes, permit: Permit, action: str) -> Answer:
        url, headers = self._base + path, {**self._key(), "content-type": "application/json"}
        return self._known(self._http.request("POST", url, headers=headers, content=body, permit=permit, action=action))

    def _key(self) -> dict[str, str]:
        """The key of this moment: it may be rotated while we run."""
        return self._latest().headers

    def _known(self, answer: Answer) -> Answer:
        """Where the key was refused, the next request has the one that is in its file now."""
        if answer.status == 401:
            self._latest.fresh()
        return answer


def track_body(array: str, objects: Sequence[bytes]) -> bytes:
    """The body of /users/track from objects that are serialised already."""
    return orjson.dumps({array: [orjson.Fragment(each) for each in objects]})


def trigger_body(id_: str, recipients: Sequence[bytes], id_name: str = "campaign_id") -> bytes:
    """The body of a trigger. `broadcast` is always said, and never true: that would mail everybody (§2.4)."""
    if not recipients:
        raise ValueError("a trigger without recipients could be read as a broadcast")
    fragments = [orjson.Fragment(each) for each in recipients]
    return orjson.dumps({id_name: id_, "broadcast": False, "recipients": fragments})


def group_body(write: GroupWrite, who: Sequence[bytes]) -> bytes:
    """One group a call: a bad one fails the whole of it, and errors name no entry (§2.8)."""
    entry = {
        "subscription_group_id": write.group_id,
        "subscription_state": write.state,
        write.named_by: [orjson.Fragment(each) for each in who],
        **({"use_double_opt_in_logic": True} if write.double_opt_in else {}),
    }
    return orjson.dumps({"subscription_groups": [entry]})


def status_body(write: StatusWrite, emails: Sequence[bytes]) -> bytes:
    """Addresses of one state, always as an array (§2.8)."""
    return orjson.dumps({"email": [orjson.Fragment(each) for each in emails], "subscription_state": write.state})
