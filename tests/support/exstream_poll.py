"""An Exstream poller against a served sandbox."""

from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import SecretStr

from sandbox.exstream.options import DEFAULT_CLIENT, DEFAULT_DOMAIN, DEFAULT_SECRET, DEFAULT_TENANT
from tests.support.exstream import SandboxExstream
from workers.ingest.pollers.exstream.config import ExstreamPollerConfig

SINCE = datetime.now(UTC) - timedelta(hours=1)


def config(base_url: str = "https://communication.us.api.opentext.com", **more: Any) -> ExstreamPollerConfig:
    """Settings of a poller with short time-outs, short pages and a roomy slice."""
    settings: dict[str, Any] = {
        "domain": DEFAULT_DOMAIN,
        "token_url": f"{base_url}/tenants/{DEFAULT_TENANT}/oauth2/token",
        "client_id": DEFAULT_CLIENT,
        "client_secret": SecretStr(DEFAULT_SECRET),
        "read_timeout_s": 2.0,
        "requests_per_20_s": 1000,
        "remembered_ids": 500,
        "interval_s": 600,
        "page_size": 10,
    }
    return ExstreamPollerConfig(base_url=base_url, **(settings | more))


def start(exstream: SandboxExstream, service: str = "OnboardingLetters", **headers: str) -> str:
    """A batch run begins; its job's id."""
    path = f"/orchestration/api/v1/inputs/batch/{DEFAULT_DOMAIN}/{service}"
    answer = exstream.call("POST", path, json={"n": 1}, headers=headers)
    return str(answer.raise_for_status().json()["data"][0]["jobId"])
