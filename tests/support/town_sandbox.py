"""A town's vendors: served sandboxes, and their control endpoints."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import httpx

from sandbox.app import create, names, running


class Sandbox:
    """One vendor: where it is, what it received, what it holds, and how to make it fail."""

    def __init__(self, url: str, http: httpx.Client) -> None:
        self.url, self.http = url, http

    def received(self, text: str = "", path: str = "", accepted: bool = True) -> list[dict[str, Any]]:
        """The requests below a path whose body or path holds a text, oldest first; only accepted writes unless told."""
        found = self.http.get("/_sandbox/received", params={"path": path}).json()["requests"]
        return [
            one
            for one in found
            if text in f"{one['body']} {one['path']}"
            and (not accepted or (one["method"] != "GET" and one["status"] // 100 == 2))
        ]

    def state(self) -> dict[str, Any]:
        """What is true at the vendor now."""
        return dict(self.http.get("/_sandbox/state").json())

    def fault(self, **spec: Any) -> None:
        """Script a fault (`sandbox.faults.FaultSpec`); name a customer by `match`, for others share the town."""
        self.http.post("/_sandbox/faults", json=spec).raise_for_status()

    def forgive(self) -> None:
        """Everything goes well again."""
        self.http.delete("/_sandbox/faults").raise_for_status()

    def control(self, name: str, **given: Any) -> Any:
        """POST to another of its control endpoints: `activities` of Marketo, `push`, `templates`, `clock` …"""
        return self.http.post(f"/_sandbox/{name}", json=given).raise_for_status().json()


def served(options: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, AbstractContextManager[Sandbox]]]:
    """Every sandbox by its name, to be entered."""
    for name in names():
        yield name, _sandbox(name, options.get(name, {}))


@contextmanager
def _sandbox(name: str, options: Mapping[str, Any]) -> Iterator[Sandbox]:
    with (
        running(create(name, **{"seed": 1, **options})) as url,
        httpx.Client(base_url=url, trust_env=False, timeout=10) as http,
    ):
        yield Sandbox(url, http)
