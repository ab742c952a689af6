"""The only I/O of the Notifications sink. Thread-safe; each request raises what HttpClient.request raises."""

import hashlib
import hmac
from collections.abc import Callable
from datetime import datetime
from urllib.parse import quote

from pydantic import SecretStr

from common.http import Answer, HttpClient, Permit
from workers.rotation import Fixed, Latest
from workers.sinks.notifications.config import HttpAlertConfig, MessagingConfig
from workers.sinks.notifications.jobs import PATHS, Call, Send
from workers.sinks.notifications.parameters import Channel
from workers.vendors.notifications.tokens import ask_token, authorization

_NO_JOB = "none-0"


class MessagingClient:
    """Requests to the messaging platform (§1, §2)."""

    def __init__(
        self, config: MessagingConfig, http: HttpClient, latest: Latest[MessagingConfig] | None = None
    ) -> None:
        self._config, self._http = config, http
        self._latest = latest or Fixed(config)

    def submit(self, send: Send, token: str | None, permit: Permit) -> Answer:
        """POST a job; X-MRA-SubmitId is for correlation only (§1)."""
        headers = {
            "content-type": "application/json",
            "x-mra-submitid": send.message_id,
            "authorization": self._authorization(token),
        }
        url = self._config.base_url + send.path
        return self._known(
            self._http.request(
                "POST", url, headers=headers, content=send.body(), permit=permit, action=f"notify_{send.kind}"
            )
        )

    def status_of_nothing(self, token: str | None) -> Answer:
        """GET the status of a job that there is not (§4): reads, and contacts nobody."""
        url = f"{self._config.base_url}{PATHS[Channel.EMAIL]}/status?job_id={quote(_NO_JOB)}"
        headers = {"authorization": self._authorization(token)}
        return self._known(self._http.request("GET", url, headers=headers, action="probe"))

    def secret(self) -> SecretStr | None:
        """The client secret of this moment: it may be rotated while we run."""
        return self._latest().client_secret

    def token(self) -> Answer:
        """POST for a token (§1 auth B): real JSON, not a form."""
        return ask_token(self._latest.fresh(), self._http)

    def _authorization(self, token: str | None) -> str:
        return authorization(self._config.username, self._latest().password, token)

    def _known(self, answer: Answer) -> Answer:
        return _known(answer, self._latest)


class AlertClient:
    """Requests to a site's own alert system (§7.3)."""

    def __init__(
        self,
        config: HttpAlertConfig,
        http: HttpClient,
        now: Callable[[], datetime],
        latest: Latest[HttpAlertConfig] | None = None,
    ) -> None:
        self._config, self._http, self._now = config, http, now
        self._latest = latest or Fixed(config)

    def call(self, call: Call, permit: Permit) -> Answer:
        """One alert, signed."""
        config, body = self._latest(), call.body()
        headers = {
            **_headers(config),
            "content-type": "application/json",
            config.idempotency_header.lower(): call.message_id,
            **signed(config.signing_secret.get_secret_value(), body, self._now()),
        }
        answer = self._http.request(
            config.method, config.url, headers=headers, content=body, permit=permit, action="http_alert"
        )
        return _known(answer, self._latest)

    def health(self) -> Answer | None:
        """GET the health address, where there is one."""
        url = self._config.health_url
        if not url:
            return None
        headers = _headers(self._latest())
        return _known(self._http.request("GET", url, headers=headers, action="probe"), self._latest)


def _headers(config: HttpAlertConfig) -> dict[str, str]:
    return {name: value.get_secret_value() for name, value in config.headers.items()}


def _known(answer: Answer, latest: Latest[object]) -> Answer:
    """Where a secret was refused, the next request has the one that is in its file now."""
    if answer.status == 401:
        latest.fresh()
    return answer


def signed(secret: str, body: bytes, now: datetime) -> dict[str, str]:
    """X-Timestamp in epoch seconds, and X-Signature over it, a dot and the body (§7.3)."""
    timestamp = str(int(now.timestamp()))
    digest = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"x-timestamp": timestamp, "x-signature": f"sha256={digest}"}
