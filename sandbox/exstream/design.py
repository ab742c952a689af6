"""The design service (page §5): resources with versions and states, history, links and manifests."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.exstream.options import Design, Options
from sandbox.exstream.reply import RefusedError, Reply, paged, success

STATES = ("DRAFT", "REVIEW", "APPROVED", "REJECTED")
_STANDARD = {
    ("DRAFT", "REVIEW"), ("REVIEW", "APPROVED"), ("REVIEW", "REJECTED"), ("REVIEW", "DRAFT"), ("REJECTED", "DRAFT"),
    ("APPROVED", "DRAFT"),
}  # fmt: skip
_SIMPLE = {("DRAFT", "APPROVED"), ("APPROVED", "DRAFT")}
_SET = "exstrcommunicationset"


@dataclass(slots=True)
class Resource:
    """One asset, at its latest version."""

    id: str
    name: str
    type: str
    state: str = "APPROVED"
    version: int = 1
    comment: str = ""
    changed_at: float = 0.0
    changed_by: str = "designer"
    children: tuple[str, ...] = ()
    history: list[dict[str, Any]] = field(default_factory=list)

    def shown(self) -> dict[str, Any]:
        """As §5.1 has it; times are epoch milliseconds."""
        return {
            "id": self.id,
            "version": str(self.version),
            "name": self.name,
            "type": self.type,
            "subtype": None,
            "state": self.state,
            "stateComment": self.comment,
            "description": "",
            "createdBy": "designer",
            "createdDate": 1_700_000_000_000,
            "lastModifiedBy": self.changed_by,
            "lastModifiedDate": int(self.changed_at * 1000),
            "locked": self.state != "DRAFT",
            "metadata": {},
        }


class Assets:
    """Everything that the design service keeps for one domain."""

    def __init__(self, options: Options, now: Callable[[], float]) -> None:
        self._options, self._now = options, now
        self.clear()

    def clear(self) -> None:
        """Everything is approved again, at its first version."""
        self._resources: dict[str, Resource] = {}
        for identifier, design in self._options.designs.items():
            sample, its_set = _derived(identifier, "sample"), _derived(identifier, "set")
            self._add(Resource(sample, f"{design.driver}.sample", "samplefile"))
            self._add(Resource(identifier, design.name, "exstrapplication", children=(sample,)))
            self._add(Resource(its_set, f"{design.name}_set", _SET, children=(identifier,)))

    def approved(self, identifier: str) -> Design | None:
        """A communication that may be used; None for one that is not there. Raises RefusedError with 400."""
        resource, design = self._resources.get(identifier), self._options.designs.get(identifier)
        if resource is None or design is None:
            return None
        if resource.state != "APPROVED":
            raise RefusedError(400, f"Resource {identifier} is not approved")
        return design

    def listed(self, query: Mapping[str, str]) -> Reply:
        """GET /resources/{domain}: `offset` is the page index (§5.1)."""
        types, states = query.get("filter.types", ""), query.get("filter.states", "")
        rows = [
            each.shown()
            for each in self._resources.values()
            if (not types or each.type in types.split(",")) and (not states or each.state in states.split(","))
        ]
        return paged(rows, _positive(query, "count", 100), _positive(query, "offset", 0), counts="pages")

    def one(self, identifier: str) -> Reply:
        """GET one resource."""
        return success(self._found(identifier).shown())

    def history(self, identifier: str) -> Reply:
        """GET who moved it, and when."""
        return success(self._found(identifier).history)

    def move(self, identifier: str, asked: Any, who: str) -> Reply:
        """PUT a state: an illegal transition, or a child that is not approved, is a 400 (§5.2)."""
        resource = self._found(identifier)
        wanted = asked.get("state") if isinstance(asked, dict) else None
        if wanted not in STATES:
            raise RefusedError(400, "state must be one of " + ", ".join(STATES))
        legal = _STANDARD if self._options.workflow == "standard" else _SIMPLE
        if (resource.state, wanted) not in legal:
            raise RefusedError(400, f"illegal transition from {resource.state} to {wanted}")
        if wanted == "APPROVED" and any(self._resources[child].state != "APPROVED" for child in resource.children):
            raise RefusedError(400, "all children must be APPROVED")
        self.put(identifier, str(wanted), who, str(asked.get("auditedComment") or ""))
        return success(resource.shown())

    def put(self, identifier: str, state: str, who: str = "designer", comment: str = "") -> None:
        """Set a state whatever the workflow says; an APPROVED one that is edited is a new version."""
        resource = self._found(identifier)
        before = resource.state
        resource.version += before == "APPROVED" and state == "DRAFT"
        resource.state, resource.comment, resource.changed_by = state, comment, who
        resource.changed_at = self._now()
        moved = {"from": before, "to": state, "version": str(resource.version), "user": who, "comment": comment}
        resource.history.append({**moved, "date": int(resource.changed_at * 1000)})

    def links(self, query: Mapping[str, str]) -> Reply:
        """GET the communication set of a communication (§5.3 1.)."""
        subject = query.get("linkSubjectId", "")
        found = [each.shown() for each in self._resources.values() if each.type == _SET and subject in each.children]
        return success(found)

    def users_of(self, query: Mapping[str, str]) -> Reply:
        """GET the communications that use a sample file (§5.3 3.)."""
        wanted, states = query.get("linkObjectId", ""), query.get("rfilter.states", "")
        users = [each for each in self._resources.values() if each.type == "exstrapplication"]
        found = [each for each in users if wanted in each.children and (not states or each.state in states.split(","))]
        return success([each.shown() for each in found])

    def manifest(self, identifier: str) -> Reply:
        """GET the manifest of a communication set: drivers and queues (§5.3 2.)."""
        its_set = self._found(identifier)
        designs = [self._options.designs[child] for child in its_set.children if child in self._options.designs]
        if not designs:
            raise RefusedError(404, f"communication set {identifier} not found")
        design = designs[0]
        dsn = {
            "name": f"{design.name}.dat",
            "prodDsn": design.driver,
            "resourceId": its_set.children[0],
            "type": "driver",
        }
        queues = [{"name": name, "driver": name, "prodFile": f"{name}.out", "use": "output"} for name in design.queues]
        return Reply(200, {"dsnlist": [dsn], "queueList": queues})

    def shown(self) -> dict[str, Any]:
        """State and version of everything, by name."""
        return {each.name: {"state": each.state, "version": each.version} for each in self._resources.values()}

    def _found(self, identifier: str) -> Resource:
        found = self._resources.get(identifier)
        if found is None:
            raise RefusedError(404, f"resource {identifier} not found")
        return found

    def _add(self, resource: Resource) -> None:
        self._resources[resource.id] = resource


def _derived(identifier: str, what: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{identifier}/{what}"))


def _positive(query: Mapping[str, str], name: str, usual: int) -> int:
    given = query.get(name, str(usual))
    if not given.isascii() or not given.isdigit() or (name == "count" and not 1 <= int(given) <= 1000):
        raise RefusedError(400, f"{name} must be a number")
    return int(given)
