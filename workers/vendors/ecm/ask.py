"""A request as a value: method, path, form (§3); and those by which everybody shows who they are (§2). Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, auto

Query = Sequence[tuple[str, str | None]]


class Kind(Enum):
    """What an answer must look like."""

    JSON = auto()
    CONTENT = auto()  # a document's bytes
    LOGIN = auto()  # a ticket or a token


@dataclass(frozen=True, slots=True, repr=False)
class File:
    """The part named `file` of an upload."""

    name: str
    content: bytes
    media_type: str


@dataclass(frozen=True, slots=True, repr=False)
class Ask:
    """One request. `path` is below /api, or a whole address; `writes`: it changes something at the vendor.

    `is_slow`: a creation or an upload, which gets a longer time-out.
    """

    method: str
    path: str
    query: Query = ()
    form: Mapping[str, str] | None = None
    file: File | None = None
    writes: bool = False
    is_slow: bool = False
    kind: Kind = Kind.JSON
    headers: Mapping[str, str] = field(default_factory=dict)

    def bearing(self, headers: Mapping[str, str]) -> "Ask":
        """The same with these headers."""
        return replace(self, headers={**self.headers, **headers})


def ping() -> Ask:
    """Open to everybody; 200 and JSON is ready (§1)."""
    return Ask("GET", "v1/ping")


def whoami() -> Ask:
    """Our own account: a test of the credentials that reads only (§2.1)."""
    return Ask("GET", "v1/auth")


def login(username: str, password: str, domain: str | None) -> Ask:
    """A ticket (§2.1)."""
    form = {"username": username, "password": password, **({"domain": domain} if domain else {})}
    return Ask("POST", "v1/auth", form=form, kind=Kind.LOGIN)


def token(url: str, client_id: str, client_secret: str) -> Ask:
    """A token of OTDS by client credentials (§2.2)."""
    form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret}
    return Ask("POST", url, form=form, kind=Kind.LOGIN)
