"""Which flow models are published, and in which version (page §4.4): what an input starts, and what a poller sees."""

from collections.abc import Mapping
from typing import Any

from sandbox.exstream.options import Options
from sandbox.exstream.reply import RefusedError, Reply, success


class FlowModels:
    """The flow models that the services name: all are published at the start, in their first version."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self.clear()

    def clear(self) -> None:
        """As at the start."""
        known = {model for service in self._options.services.values() for model in service.flow_models}
        self._latest = dict.fromkeys(sorted(known), 1)
        self._published = dict(self._latest)

    def is_published(self, flow_model: str) -> bool:
        """Whether an input starts it."""
        return flow_model in self._published

    def listed(self) -> Reply:
        """GET /flow-models/{domain}/published: all of them, without pages."""
        return success([self._shown(each) for each in self._published])

    def publish(self, flow_model: str, query: Mapping[str, str]) -> Reply:
        """POST …/{id}/publish: the version that is asked for, else the latest approved one."""
        latest, asked = self._known(flow_model), query.get("version")
        if asked is not None and not (asked.isascii() and asked.isdigit() and 1 <= int(asked) <= latest):
            raise RefusedError(400, f"version {asked} of flow model {flow_model} is not approved")
        self._published[flow_model] = int(asked) if asked else latest
        return success(self._shown(flow_model))

    def unpublish(self, flow_model: str) -> Reply:
        """POST …/{id}/unpublish."""
        self._known(flow_model)
        self._published.pop(flow_model, None)
        return success(None)

    def approve(self, flow_model: str) -> int:
        """A new version is approved in the design service; nothing is published by it."""
        self._latest[flow_model] = self._known(flow_model) + 1
        return self._latest[flow_model]

    def _known(self, flow_model: str) -> int:
        if flow_model not in self._latest:
            raise RefusedError(404, f"flow model {flow_model} not found")
        return self._latest[flow_model]

    def _shown(self, flow_model: str) -> dict[str, Any]:
        version = self._published[flow_model]
        return {
            "id": flow_model,
            "name": f"flow-{flow_model[-4:]}",
            "description": "",
            "revision": 0,
            "version": version,
            "state": "APPROVED",
            "type": "COMMUNICATION",
            "stateComment": "",
            "lockedBy": None,
            "nodes": [],
            "latestVersion": version == self._latest[flow_model],
        }
