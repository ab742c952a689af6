"""A running worker, asked over its health port: what it says, what it holds, and to release a route."""

from collections.abc import Mapping
from typing import Any, Self
from urllib.parse import quote

import httpx

from common.errors import WorkerAwayError

_TIMEOUT_S = 10.0


class WorkerClient:
    """One worker. Every method raises WorkerAwayError when it does not answer, or refuses."""

    def __init__(self, url: str, token: str = "") -> None:
        self.url = url.rstrip("/")
        self._http = httpx.Client(timeout=_TIMEOUT_S, trust_env=False)
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def readiness(self) -> Mapping[str, Any]:
        """The body of /readyz, ready or not."""
        return dict(self._ask("GET", "/readyz", (200, 503)).json())

    def metrics(self) -> str:
        """The body of /metrics, in the classic text format."""
        return self._ask("GET", "/metrics").text

    def routes(self) -> list[Mapping[str, Any]]:
        """The routes that are held."""
        return list(self._ask("GET", "/routes").json()["routes"])

    def release(self, route: str) -> bool:
        """End the hold of a route; False when it is not held there."""
        return self._ask("POST", f"/routes/{quote(route, safe='')}/release", (200, 409)).status_code == 200

    def close(self) -> None:
        """Let its connections go."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, method: str, path: str, well: tuple[int, ...] = (200,)) -> httpx.Response:
        try:
            answer = self._http.request(method, self.url + path, headers=self._headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise WorkerAwayError(
                f"{self.url} does not answer ({type(error).__name__}): is it a worker's health port, and open to us?"
            ) from error
        if answer.status_code not in well:
            advice = _ADVICE.get(answer.status_code, "look into its log")
            raise WorkerAwayError(f"{self.url}{path} answers {answer.status_code}: {advice}")
        return answer


_ADVICE = {
    401: "health.token is not the worker's own",
    404: "it is not a worker's health port, or the worker's health.token is not set",
    503: "its thread is busy or ends; try again",
}
