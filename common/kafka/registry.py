"""Requests to a Schema Registry, by confluent-kafka's own client.

Three outcomes: an answer, NotThereError when the registry itself says so (Confluent's API reference, "Errors":
40401 to 40403, 40408), RegistryDownError for all the rest: a proxy's 404, a 5xx, refused credentials, silence.
"""

import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, TypeVar

from confluent_kafka.schema_registry import (
    RegisteredSchema,
    SchemaRegistryClient,
    SchemaRegistryError,
    topic_subject_name_strategy,
)
from confluent_kafka.schema_registry import Schema as Text
from confluent_kafka.serialization import MessageField, SerializationContext

from common.clock import Clock
from common.errors import ConfigurationError, RegistryDownError
from common.settings.registry import RegistrySettings
from schemas.catalogue import Schema, fingerprint, inline

T = TypeVar("T")

_NO_SUBJECT, _NO_VERSION, _NO_SCHEMA = 40401, 40402, 40403
_NO_LEVEL = 40408
_REFERENCES_MAX = 100
_VERSIONS_LOOKED_AT = 20
_RETRY_WAIT_MS = 200


def subject_of(prefix: str, topic: str) -> str:
    """The subject of a topic's values: TopicNameStrategy, said explicitly (its default changed between clients)."""
    subject = topic_subject_name_strategy(SerializationContext(prefix + topic, MessageField.VALUE), None)
    return str(subject)


class NotThereError(Exception):
    """The registry itself says that it has no such thing."""


class Registry:
    """Requests to one registry, each answered, NotThereError, or RegistryDownError that says why.

    After a failure it is left alone for `retry_s`: whoever asks meanwhile gets the same error at once, so that
    a registry that hangs does not take all of a worker's time.
    """

    def __init__(self, settings: RegistrySettings, clock: Clock) -> None:
        """Raises ConfigurationError when the client cannot be made: a certificate that cannot be read."""
        self.url, self._retry_s, self._clock = settings.url, settings.retry_s, clock
        self._has_user, self._has_token = settings.username is not None, settings.bearer_token is not None
        self._trouble, self._ask_again_at = "", 0.0
        try:
            self._client = SchemaRegistryClient(_properties(settings))
        except (OSError, ValueError, TypeError) as error:  # an ssl.SSLError is an OSError
            raise ConfigurationError(f"registry: its client cannot be made: {error}") from error

    def close(self) -> None:
        """Let connections go."""
        self._client.close()

    def ask(self, what: str, request: Callable[[SchemaRegistryClient], T]) -> T:
        """What the registry answers; `what` completes "asked for …"."""
        if self._trouble and self._clock.monotonic() < self._ask_again_at:
            raise RegistryDownError(self._trouble)
        try:
            answer = request(self._client)
        except SchemaRegistryError as error:
            if error.error_code in (_NO_SUBJECT, _NO_VERSION, _NO_SCHEMA, _NO_LEVEL):
                self._trouble = ""
                raise NotThereError(error.error_message) from error
            raise self._down(what, self._refusal(error)) from error
        except Exception as error:  # no answer, or one that is no registry's: the client lets each fault through
            self.forget()  # it may have kept what is no answer
            detail = f": {error}" if str(error) else ""
            raise self._down(what, f"did not answer as a registry does ({type(error).__name__}{detail})") from error
        self._trouble = ""
        return answer

    def _down(self, what: str, why: str) -> RegistryDownError:
        self._trouble = f"the Schema Registry at {self.url}, asked for {what}, {why}"[:500]
        self._ask_again_at = self._clock.monotonic() + self._retry_s
        return RegistryDownError(self._trouble)

    def _refusal(self, error: SchemaRegistryError) -> str:
        status = error.http_status_code
        match status:
            case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
                return f"refuses our credentials with {status}: {self._credentials()}"
            case HTTPStatus.NOT_FOUND:
                return "answered 404, but not as a registry does: check the path of registry.url"
            case _:
                return f"answered {status}: {error.error_message}"

    def _credentials(self) -> str:
        if self._has_token:
            return "check registry.bearer_token, and what it may read"
        if self._has_user:
            return "check registry.username and registry.password, and what they may read"
        return "none are set; set registry.username and registry.password, or registry.bearer_token"

    # -- what we ask --------------------------------------------------------------------------

    def answers(self) -> None:
        """Whether it answers us at all; raises RegistryDownError when not."""
        self.ask("the types of schemas it takes", lambda client: client.get_schema_types())

    def by_id(self, schema_id: int) -> Text:
        """The schema of an id, as registered."""
        return self.ask(f"schema id {schema_id}", lambda client: _readable(client.get_schema(schema_id)))

    def whole(self, text: Text) -> Any:
        """A schema as JSON data, with the schemas that it refers to written out.

        Raises ValueError when it cannot be: it is no Avro, or what it refers to is not there.
        """
        if text.schema_type not in (None, "AVRO"):
            raise ValueError(f"it is a {text.schema_type} schema")
        found: dict[str, Any] = {}
        self._collect(text, found)
        return inline(json.loads(str(text.schema_str)), found)

    def _collect(self, text: Text, found: dict[str, Any]) -> None:
        for reference in text.references or ():
            if reference.name in found:
                continue
            if len(found) >= _REFERENCES_MAX:
                raise ValueError(f"it refers to more than {_REFERENCES_MAX} other schemas")
            there = self._referred(str(reference.subject), int(reference.version or -1))
            found[str(reference.name)] = json.loads(str(there.schema_str))
            self._collect(there, found)

    def _referred(self, subject: str, number: int) -> Text:
        try:
            return self.version(subject, number)
        except NotThereError as error:
            raise ValueError(f"it refers to version {number} of {subject}, which is not there") from error

    def versions(self, subject: str) -> list[int]:
        """The version numbers of a subject, oldest first; none when it does not exist."""
        try:
            return sorted(self.ask(f"the versions of {subject}", lambda client: client.get_versions(subject)))
        except NotThereError:
            return []

    def version(self, subject: str, number: int) -> Text:
        """One version of a subject."""
        return self._registered(subject, number)[1]

    def _registered(self, subject: str, number: int) -> tuple[int, Text]:
        """Id and schema of one version."""

        def request(client: SchemaRegistryClient) -> tuple[int, Text]:
            found = client.get_version(subject, number)
            return _id(found), _readable(found.schema)

        return self.ask(f"version {number} of {subject}", request)

    def id_of(self, subject: str, schema: Schema) -> int | None:
        """The id of this very schema under a subject; docs and tags do not count. None when it is not registered."""
        text = text_of(schema)
        try:
            return self.ask(f"our schema of {subject}", lambda client: _id(client.lookup_schema(subject, text)))
        except NotThereError:
            return self._id_of_equal(subject, fingerprint(schema))

    def _id_of_equal(self, subject: str, wanted: str) -> int | None:
        """A registry compares texts, so it does not find a schema whose docs have changed since: we do."""
        for number in reversed(self.versions(subject)[-_VERSIONS_LOOKED_AT:]):
            schema_id, text = self._registered(subject, number)
            try:
                if fingerprint(self.whole(text)) == wanted:
                    return schema_id
            except ValueError:
                continue
        return None

    def level(self, subject: str) -> str | None:
        """The compatibility level in effect for a subject; None where only the registry's own is."""
        try:
            return self.ask(f"the level of {subject}", lambda client: client.get_compatibility(subject))
        except NotThereError:
            return None

    def accepts(self, subject: str, schema: Schema) -> bool:
        """Whether the registry would take this as the subject's next version, at its present level."""
        text, level = text_of(schema), self.level(subject)

        def request(client: SchemaRegistryClient) -> bool:
            # Confluent's own holds it to as many versions as the level says, others to as many as are named
            if level is None or level.endswith("_TRANSITIVE"):
                return client.test_compatibility_all_versions(subject, text)
            return client.test_compatibility(subject, text)

        return self.ask(f"whether {subject} may change so", request)

    def set_level(self, subject: str, level: str) -> None:
        """Hold a subject to a compatibility level."""
        self.ask(f"level {level} for {subject}", lambda client: client.set_compatibility(subject, level))

    def register(self, subject: str, schema: Schema) -> int:
        """Register a schema, shared types inlined; its id."""
        text = text_of(schema)
        return self.ask(f"a new version of {subject}", lambda client: client.register_schema(subject, text))

    def forget(self) -> None:
        """Drop what the client remembers: it never does so itself."""
        self._client.clear_caches()  # type: ignore[no-untyped-call]


def text_of(schema: Schema) -> Text:
    """A schema as the registry's client takes it."""
    return Text(json.dumps(schema), "AVRO")


def _id(registered: RegisteredSchema) -> int:
    """The id of an answer; TypeError where a success has none, which no registry's has."""
    if not isinstance(registered.schema_id, int):
        raise TypeError("a success without an id")
    return registered.schema_id


def _readable(text: Text) -> Text:
    """The schema of an answer, once it is one; ValueError or TypeError where a success holds none."""
    if not isinstance(text.schema_str, str):
        raise TypeError("a success without a schema")
    if text.schema_type in (None, "AVRO"):
        json.loads(text.schema_str)
    return text


def _properties(settings: RegistrySettings) -> dict[str, Any]:
    """As the client names them; what is not set is left to it."""
    given: dict[str, Any] = {
        "url": settings.url,
        "timeout": settings.timeout_s,
        "max.retries": settings.retries,
        "retries.wait.ms": _RETRY_WAIT_MS,
        "retries.max.wait.ms": _RETRY_WAIT_MS,
        "cache.capacity": settings.schemas_max,
        **_identity(settings),
        "ssl.ca.location": _text(settings.ca_file),
        "ssl.certificate.location": _text(settings.certificate_file),
        "ssl.key.location": _text(settings.key_file),
        "ssl.key.password": settings.key_password.get_secret_value() if settings.key_password else None,
    }
    return {name: value for name, value in given.items() if value is not None}


def _identity(settings: RegistrySettings) -> dict[str, Any]:
    if settings.username is not None and settings.password is not None:
        return {"basic.auth.user.info": f"{settings.username}:{settings.password.get_secret_value()}"}
    if settings.bearer_token is not None:
        return {
            "bearer.auth.credentials.source": "STATIC_TOKEN",
            "bearer.auth.token": settings.bearer_token.get_secret_value(),
            "bearer.auth.logical.cluster": settings.logical_cluster,
            "bearer.auth.identity.pool.id": settings.identity_pool,
        }
    return {}


def _text(path: object) -> str | None:
    return None if path is None else str(path)
