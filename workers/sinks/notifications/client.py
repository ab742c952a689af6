"""The only I/O of the Notifications sink. Thread-safe; each request raises what HttpClient.request raises."""

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Callable
from datetime import datetime
from urllib.parse import quote

import orjson

from common.http import Answer, HttpClient, Permit
from workers.sinks.notifications.config import HttpAlertConfig, MessagingConfig
from workers.sinks.notifications.jobs import PATHS, Call, Send
from workers.sinks.notifications.parameters import Channel

_NO_JOB = "none-0"


class MessagingClient:
    """Requests to the messaging platform (§1, §2)."""

    def __init__(self, config: MessagingConfig, http: HttpClient) -> None:
        self._config, self._http = config, http

    def submit(self, send: Send, token: str | None, permit: Permit) -> Answer:
        """POST a job; X-MRA-SubmitId is for correlation only (§1)."""
        headers = {
            "content-type": "application/json",
            "x-mra-submitid": send.message_id,
            "authorization": self._authorization(token),
        }
        url = self._config.base_url + send.path
        return self._http.request(
            "POST", url, headers=headers, content=send.body(), permit=permit, action=f"notify_{send.kind}"
        )

    def status_of_nothing(self, token: str | None) -> Answer:
        """GET the status of a job that there is not (§4): reads, and contacts nobody."""
        url = f"{self._config.base_url}{PATHS[Channel.EMAIL]}/status?job_id={quote(_NO_JOB)}"
        return self._http.request("GET", url, headers={"authorization": self._authorization(token)}, action="probe")

    def token(self) -> Answer:
        """POST for a token (§1 auth B): real JSON, not a form."""
        config = self._config
        if not config.token_url or not config.client_secret:
            raise TypeError("this account uses Basic")
        asked = {
            "client_id": config.client_id,
            "client_secret": config.client_secret.get_secret_value(),
            "grant_type": "client_credentials",
        }
        headers = {"content-type": "application/json"}
        return self._http.request(
            "POST", config.token_url, headers=headers, content=orjson.dumps(asked), action="token"
        )

    def _authorization(self, token: str | None) -> str:
        if token is not None:
            return f"Bearer {token}"
        password = self._config.password.get_secret_value() if self._config.password else ""
        return "Basic " + b64encode(f"{self._config.username}:{password}".encode()).decode()


class AlertClient:
    """Requests to a site's own alert system (§7.3)."""

    def __init__(self, config: HttpAlertConfig, http: HttpClient, now: Callable[[], datetime]) -> None:
        self._config, self._http, self._now = config, http, now
        self._headers = {name: value.get_secret_value() for name, value in config.headers.items()}

    def call(self, call: Call, permit: Permit) -> Answer:
        """One alert, signed."""
        config, body = self._config, call.body()
        headers = {
            **self._headers,
            "content-type": "application/json",
            config.idempotency_header.lower(): call.message_id,
            **signed(config.signing_secret.get_secret_value(), body, self._now()),
        }
        return self._http.request(
            config.method, config.url, headers=headers, content=body, permit=permit, action="http_alert"
        )

    def health(self) -> Answer | None:
        """GET the health address, where there is one."""
        url = self._config.health_url
        return self._http.request("GET", url, headers=self._headers, action="probe") if url else None


def signed(secret: str, body: bytes, now: datetime) -> dict[str, str]:
    """X-Timestamp in epoch seconds, and X-Signature over it, a dot and the body (§7.3)."""
    timestamp = str(int(now.timestamp()))
    digest = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"x-timestamp": timestamp, "x-signature": f"sha256={digest}"}
