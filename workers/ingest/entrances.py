"""Which source a request comes from: by name at `/hooks/{source}`, by credentials at `/v1/events/{topic}`."""

from collections.abc import Collection, Mapping
from datetime import datetime
from http import HTTPStatus

from common.errors import ForbiddenTopicError, UnauthenticatedError, UnknownTopicError
from workers.ingest.admission import Entrance
from workers.ingest.auth import authenticate, challenge
from workers.ingest.auth_config import Auth
from workers.ingest.config import CanonicalSource, SourceConfig
from workers.ingest.hooks import SignalOutcome
from workers.ingest.problem import Problem, RefusalError
from workers.ingest.sources.canonical import CanonicalTranslation, check_topic
from workers.ingest.sources.catalogue import Hook, hook_of

UNKNOWN_SOURCE = "unknown"
"""The metric label of whoever is not a configured source."""


class HookEntrances:
    """Vendors' own hooks, each under its configured name."""

    def __init__(self, sources: Mapping[str, SourceConfig]) -> None:
        self._hooks: dict[str, Hook] = {
            name: hook_of(source) for name, source in sources.items() if not isinstance(source, CanonicalSource)
        }

    def source_of(self, name: str) -> str:
        """The name as a metric label; raises RefusalError (404) when nothing is configured under it."""
        if name not in self._hooks:
            raise _refusal(HTTPStatus.NOT_FOUND, "no source has this name", SignalOutcome.NOT_FOUND)
        return name

    def open(self, name: str, headers: Mapping[str, str], body: bytes, now: datetime) -> Entrance:
        """The source's entrance; raises RefusalError (401) when the request is not its own."""
        hook = self._hooks[name]
        try:
            authenticate(hook.auth, headers, body, now)
        except UnauthenticatedError as error:
            raise unauthenticated(str(error), [hook.auth]) from None
        return Entrance(name, hook.translate, hook.keeps_bad, hook.unwrap)


class EventEntrances:
    """Upstream systems that send our own events; they are told apart by their credentials."""

    def __init__(self, sources: Mapping[str, SourceConfig], event_topics: Collection[str]) -> None:
        self._event_topics = event_topics
        self._opened: dict[tuple[str, str], Entrance] = {}
        self._sources = {name: source for name, source in sources.items() if isinstance(source, CanonicalSource)}

    def open(self, topic: str, headers: Mapping[str, str], body: bytes, now: datetime) -> Entrance:
        """The entrance to a topic; raises RefusalError with 401, 403 or 404."""
        name = self._caller(headers, body, now)
        known = self._opened.get((name, topic))
        return known or self._admitted(name, topic)

    def _admitted(self, name: str, topic: str) -> Entrance:
        try:
            check_topic(topic, self._event_topics, self._sources[name].topics)
        except UnknownTopicError as error:
            raise _refusal(HTTPStatus.NOT_FOUND, str(error), SignalOutcome.NOT_FOUND) from None
        except ForbiddenTopicError as error:
            raise _refusal(HTTPStatus.FORBIDDEN, str(error), SignalOutcome.FORBIDDEN) from None
        return self._opened.setdefault((name, topic), Entrance(name, CanonicalTranslation(topic, name)))

    def _caller(self, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
        complaints: list[str] = []
        for name, source in self._sources.items():
            try:
                authenticate(source.auth, headers, body, now)
            except UnauthenticatedError as error:
                complaints.append(str(error))
            else:
                return name
        # with several sources their complaints differ, and none of them is the caller's own
        detail = complaints[0] if len(complaints) == 1 else "no source of events has these credentials"
        raise unauthenticated(detail, [source.auth for source in self._sources.values()])


def unauthenticated(detail: str, ways: Collection[Auth]) -> RefusalError:
    """A 401 that names every way to prove oneself (RFC 9110 §11.6.1)."""
    challenges = ", ".join(dict.fromkeys(challenge(auth) for auth in ways)) or 'Bearer realm="commfleet"'
    headers = {"www-authenticate": challenges}
    problem = Problem(HTTPStatus.UNAUTHORIZED, detail, SignalOutcome.UNAUTHENTICATED, headers=headers)
    return RefusalError(problem)


def _refusal(status: HTTPStatus, detail: str, outcome: SignalOutcome) -> RefusalError:
    return RefusalError(Problem(status, detail, outcome))
