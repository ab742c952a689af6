"""The only HTTP of the Exstream sink. Thread-safe; each request raises what HttpClient.request raises."""

from collections.abc import Mapping
from urllib.parse import quote, urlencode

import orjson
from pydantic import SecretStr

from common.http import Answer, HttpClient, Permit
from workers.rotation import Fixed, Latest
from workers.sinks.exstream.communications import FulfilConfig, Way
from workers.sinks.exstream.config import ApiConfig
from workers.sinks.exstream.mapping import content_type
from workers.sinks.exstream.order import Order
from workers.vendors.exstream.token_request import ask_token

START = "start_service"


class ExstreamClient:
    """Requests to Exstream's services (§1–§5)."""

    def __init__(self, config: ApiConfig, http: HttpClient, latest: Latest[ApiConfig] | None = None) -> None:
        self._config, self._http = config, http
        self._latest = latest or Fixed(config)
        self._inputs = f"{config.base_url}/orchestration/api/v1/inputs"
        self._runtime = f"{config.base_url}/orchestration/api/v1/runtime/{config.domain}"
        self._resources = f"{config.base_url}/design/api/v1/resources/{config.domain}"

    def token(self) -> Answer:
        """POST for a token (§1)."""
        return ask_token(self._config, self._latest.fresh().client_secret, self._http)

    def secret(self) -> SecretStr:
        """The client secret of this moment: it may be rotated while we run."""
        return self._latest().client_secret

    def csrf(self, token: str) -> Answer:
        """GET what sets the CSRF cookie (§1)."""
        assert self._config.csrf is not None
        return self._get(self._config.base_url + self._config.csrf.get_path, token, "csrf")

    def begin(self, order: Order, token: str, permit: Permit, more: Mapping[str, str]) -> Answer:
        """POST the driver data: ids travel in headers, data in the body (§2, §3)."""
        told, domain = order.communication, self._config.domain
        headers = {**told.headers, "content-type": content_type(told), **more}
        if told.external_id_header:
            headers[told.external_id_header.lower()] = order.delivery_id
        if told.empower_user:
            headers["empoweruser"] = told.empower_user
        if told.way is Way.GENERATE:
            path = f"/ondemand/{domain}/generate"
            headers |= {"communicationid": told.communication_id or "", "driverdatasource": told.driver or ""}
        else:
            path = f"/{told.way}/{domain}/{told.service}"
        if told.fulfil:
            headers["accept"] = "application/json"
        return self._post(path, headers, order, order.body, token, permit)

    def fulfil(self, order: Order, document_id: str, token: str, permit: Permit, more: Mapping[str, str]) -> Answer:
        """POST the generated document's id to be fulfilled (§2.1)."""
        told = order.communication.fulfil
        assert isinstance(told, FulfilConfig)
        headers = {
            "content-type": "application/json",
            "communicationid": told.communication_id,
            "driverdatasource": told.driver,
            "preservedocuments": "true" if told.preserve_documents else "false",
            **more,
        }
        path, body = f"/fulfillment/ondemand/{self._config.domain}/fulfill", orjson.dumps({"documents": [document_id]})
        return self._post(path, headers, order, body, token, permit)

    def resource(self, communication_id: str, token: str) -> Answer:
        """GET a resource of the design service, with its state (§5.1)."""
        return self._get(f"{self._resources}/{quote(communication_id, safe='')}", token, "approval")

    def jobs(self, wanted: Mapping[str, str], count: int, page: int, token: str) -> Answer:
        """GET jobs by `key:value` pairs (§4.1), marked ones too."""
        query = {"filter": _filter(wanted), "count": count, "offset": page, "fetchDeleted": "true"}
        return self._get(f"{self._runtime}/jobs?{urlencode(query)}", token, "jobs")

    def job(self, job_id: str, token: str) -> Answer:
        """GET one job (§4.1)."""
        return self._get(f"{self._runtime}/jobs/{quote(job_id, safe='')}", token, "job_status")

    def flow_instances(self, job_id: str, token: str) -> Answer:
        """GET the flow instances of a job (§4.2)."""
        query = {"filter": _filter({"jobId": job_id})}
        return self._get(f"{self._runtime}/flow-instances?{urlencode(query)}", token, "flow_instances")

    def flow_instance(self, instance_id: str, token: str) -> Answer:
        """GET one flow instance (§4.2)."""
        return self._get(f"{self._runtime}/flow-instances/{quote(instance_id, safe='')}", token, "job_status")

    def input(self, instance_id: str, token: str) -> Answer:
        """GET what a flow instance was given (§4.2)."""
        return self._get(f"{self._runtime}/flow-instances/{quote(instance_id, safe='')}/input", token, "input")

    def _post(
        self, path: str, headers: dict[str, str], order: Order, body: bytes, token: str, permit: Permit
    ) -> Answer:
        headers |= {"authorization": f"Bearer {token}", "x-request-id": order.request_id}
        return self._http.request(
            "POST", self._inputs + path, headers=headers, content=body, permit=permit, action=START
        )

    def _get(self, url: str, token: str, action: str) -> Answer:
        headers = {"authorization": f"Bearer {token}", "accept": "application/json"}
        return self._http.request("GET", url, headers=headers, action=action)


def _filter(wanted: Mapping[str, str]) -> str:
    """`key:value` pairs joined by `;` (§4.1); values with its own signs cannot be asked for."""
    return ";".join(f"{key}:{value}" for key, value in wanted.items() if not set(value) & set(";,"))
