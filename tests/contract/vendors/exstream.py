"""Exstream in the suite: a service that starts a job, and a document that is generated on demand."""

from collections.abc import Mapping
from typing import Any, ClassVar

from sandbox.exstream.options import DEFAULT_CLIENT, DEFAULT_SECRET
from tests.contract.vendors.adapter import EVERY, Adapter
from tests.contract.vendors.cases import Case, GoesOn, Told
from tests.support.exstream import COMMUNICATIONS, api, config, event, feed
from workers.sinks.api import Item, Sink
from workers.sinks.exstream.config import ExstreamConfig

_FILE = "it drops a file into a directory: there is no request and no answer (§3)."
_INPUTS = "/orchestration/api/v1/inputs"


class ExstreamAdapter(Adapter):
    """A job is started; what was started is found again by the id in its input."""

    name = "exstream"
    secret: ClassVar[tuple[str, ...]] = ("api", "client_secret")
    communication: ClassVar[str] = "onboarding_letter"
    silent: ClassVar[frozenset[str]] = frozenset({"publish_preferences"})
    goes_on: ClassVar[Mapping[str, GoesOn]] = {
        "start_service": GoesOn.LOOKED_UP,
        "publish_preferences": GoesOn.AGAIN,
    }
    requests: ClassVar[Mapping[str, Mapping[str, str]]] = {
        "start_service": {"path": _INPUTS},
        "publish_preferences": {"path": "/"},
    }
    cannot: ClassVar[Mapping[tuple[str, Case], str]] = {
        ("start_service", Case.ROW_REFUSED): "a request is one customer's: a bad one is a refused request (§2, §3).",
        (EVERY, Case.QUOTA_GONE): "the page knows of no quota (§9).",
        **{
            ("publish_preferences", case): _FILE
            for case in Case
            if case not in (Case.ACCEPTED, Case.OVERSIZED, Case.QUOTA_GONE)
        },
    }
    differs: ClassVar[Mapping[tuple[str, Case], Told]] = {
        # without a token nothing is sent
        ("start_service", Case.CREDENTIALS_REVOKED): Told("hold credentials", "delivered", sent=1, done=1),
        # only the worker that sent it knows when, and without that time no absence is proof (§8): another one cannot
        ("start_service", Case.TIME_OUT_BEFORE): Told("unsure time_out", "rejected in_doubt", sent=1, done=0),
        ("publish_preferences", Case.OVERSIZED): Told("rejected invalid_parameter", "rejected invalid_parameter", 0, 0),
        ("publish_preferences", Case.ACCEPTED): Told("delivered", "delivered", sent=0, done=1),
    }

    def made_options(self) -> dict[str, Any]:
        """The page's own."""
        return {"clients": {DEFAULT_CLIENT: DEFAULT_SECRET}}

    def config(self, read_s: float = 10) -> ExstreamConfig:
        """With one communication."""
        return config(
            api=api(self.url),
            communications={self.communication: COMMUNICATIONS[self.communication]},
            feed=feed(self.folder),
            read_timeout_s=read_s,
            connect_timeout_s=5,
            settle_after_s=0,
        )

    def item(self, sink: Sink, action: str, number: int = 1, **other: Any) -> Item:
        """About the event of this number."""
        good: dict[str, Any] = {"communication": self.communication, "channel": "EMAIL", "data": {"offer": "premium"}}
        if action == "publish_preferences":
            good = {"kind": "PREFERRED_CHANNEL", "preferred_channel": "EMAIL", "state": "ON"}
        made = sink.actions[action]
        return sink.prepare(made, event(f"e-{number}"), made.parameters(**(good | other)))

    def bad_row(self, sink: Sink, action: str) -> Item:
        """Never asked: see `cannot`."""
        raise NotImplementedError(action)

    def oversized(self, action: str) -> dict[str, Any]:
        """Driver data, or a record, beyond what may be sent."""
        long = "x" * 11_000_000
        return {"data": {"offer": long}} if action == "start_service" else {"preferred_channel": long}

    def furnish(self, action: str) -> None:
        """An empty directory."""
        for file in self.folder.iterdir():
            file.unlink()

    def done(self, action: str, number: int = 1) -> int:
        """Jobs, documents sent, and files."""
        if action == "publish_preferences":
            return len(list(self.folder.iterdir()))
        state = self.state()
        return len(state["jobs"]) + len(state["sent"])

    def expire(self) -> None:
        """Every token is at its end."""
        self._account(end_tokens=True)

    def revoke(self) -> None:
        """The client is unknown."""
        self._account(revoked=[DEFAULT_CLIENT], end_tokens=True)

    def rotate(self, secret: str) -> None:
        """Another secret of the client; tokens end."""
        self.options["clients"][DEFAULT_CLIENT] = secret
        self._account(end_tokens=True)

    def restore(self) -> None:
        """It is known."""
        self.options["clients"][DEFAULT_CLIENT] = DEFAULT_SECRET
        self._account(revoked=[])

    def _account(self, **given: Any) -> None:
        self.http.post("/_sandbox/account", json=given).raise_for_status()


class OnDemandAdapter(ExstreamAdapter):
    """A document comes with the answer: there is no job that could be found again."""

    name = "exstream on demand"
    communication: ClassVar[str] = "product_brochure"
    goes_on: ClassVar[Mapping[str, GoesOn]] = {"start_service": GoesOn.IN_DOUBT}
    differs: ClassVar[Mapping[tuple[str, Case], Told]] = {
        ("start_service", Case.CREDENTIALS_REVOKED): Told("hold credentials", "delivered", sent=1, done=1),
        # the design service is asked first whether the template is approved (§5.3), and finds the token out
        ("start_service", Case.CREDENTIALS_EXPIRED): Told("delivered", "delivered", sent=1, done=1),
    }
