"""The Schema Registry as workers meet it: what it says is final, what it does not say is a hold."""

import base64
import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from pydantic import ValidationError

from common.errors import ConfigurationError, RegistryDownError, UndecodableError
from common.kafka.registry import subject_of
from common.kafka.registry_schemas import RegistrySchemas, connect
from common.reasons import Reason
from common.schema_source import IdsAhead, LocalSchemas
from common.settings import RegistrySettings
from schemas.catalogue import catalogue
from tests.support.clock import ManualClock
from tests.support.fake_registry import NO_SCHEMA, FakeRegistry, fake_registry
from tests.support.ports import free_ports
from tests.support.raw_server import RawServer
from workers.check import check
from workers.schema_ids import schema_ids
from workers.settings import Settings

TOPIC = "comms.batch.v1"
SUBJECT = "acme.comms.batch.v1-value"
OURS = catalogue().schema(TOPIC)
LOOK_UP = f"POST /subjects/{SUBJECT}"


@pytest.fixture
def fake() -> Iterator[FakeRegistry]:
    """A registry that a test scripts."""
    with fake_registry() as fake:
        yield fake


@pytest.fixture
def clock() -> ManualClock:
    """Time that the test moves."""
    return ManualClock()


@pytest.fixture
def source(fake: FakeRegistry, clock: ManualClock) -> Iterator[RegistrySchemas]:
    """A source of ids on it; what fails is not repeated."""
    with closing(connected(fake.url, clock)) as source:
        yield source


def connected(url: str, clock: ManualClock | None = None, **settings: Any) -> RegistrySchemas:
    return connect(RegistrySettings(url=url, retries=0, **settings), "acme.", clock or ManualClock())


def stored(schema: Any, **more: Any) -> dict[str, Any]:
    """A schema as a registry answers it."""
    return {"schema": json.dumps(schema), **more}


def test_the_subject_is_the_topic_with_its_prefix() -> None:
    """TopicNameStrategy, whatever the client's default is."""
    assert subject_of("acme.", TOPIC) == SUBJECT


def test_an_id_is_looked_up_and_never_made(fake: FakeRegistry, source: RegistrySchemas) -> None:
    """Once; shared types inlined; nothing is registered."""
    fake.answers[LOOK_UP] = (200, {"id": 7, "version": 1, "subject": SUBJECT, **stored(OURS)})

    assert [source.id_for(TOPIC), source.id_for(TOPIC)] == [7, 7]

    assert fake.lines() == [LOOK_UP]
    assert json.loads(fake.asked[0].body["schema"]) == OURS


def test_a_schema_whose_docs_have_changed_is_found(fake: FakeRegistry, source: RegistrySchemas) -> None:
    """A registry compares texts; docs do not change a byte of a record."""
    versions = f"/subjects/{SUBJECT}/versions"
    fake.answers = {
        f"GET {versions}": (200, [1, 2, 3]),
        f"GET {versions}/3": (200, {"id": 9, "version": 3, **stored({**OURS, "fields": []})}),
        f"GET {versions}/2": (200, {"id": 8, "version": 2, **stored({**OURS, "doc": "Other words."})}),
    }

    assert source.id_for(TOPIC) == 8


def test_a_schema_that_nobody_registered_is_a_hold(fake: FakeRegistry, source: RegistrySchemas) -> None:
    """With the way out; it is found as soon as somebody did."""
    with pytest.raises(RegistryDownError, match=f"does not have our schema of {SUBJECT}: .*commfleet schemas register"):
        source.id_for(TOPIC)

    fake.answers[LOOK_UP] = (200, {"id": 7, "version": 1, "subject": SUBJECT, **stored(OURS)})
    assert source.id_for(TOPIC) == 7


def test_a_schema_is_asked_for_once(fake: FakeRegistry, source: RegistrySchemas) -> None:
    """Then kept."""
    fake.answers["GET /schemas/ids/7"] = (200, stored(OURS))

    assert source.schema(7) == source.schema(7) == OURS
    assert fake.lines() == ["GET /schemas/ids/7"]


def test_what_is_kept_is_bounded(fake: FakeRegistry) -> None:
    """The least recently used schema goes, here and in the client, which keeps everything by itself."""
    for number in (1, 2, 3):
        fake.answers[f"GET /schemas/ids/{number}"] = (200, stored({**OURS, "doc": str(number)}))
    with closing(connected(fake.url, schemas_max=2)) as source:
        for number in (1, 2, 1, 3, 1, 2):
            source.schema(number)

    assert fake.lines() == [f"GET /schemas/ids/{number}" for number in (1, 2, 3, 2)]


def test_what_the_registry_does_not_know_is_undecodable(
    fake: FakeRegistry, source: RegistrySchemas, clock: ManualClock
) -> None:
    """By its own word (40403); it is not asked again for a minute, then it is."""
    for _ in range(3):
        with pytest.raises(UndecodableError) as refused:
            source.schema(7)
        assert refused.value.reason is Reason.UNKNOWN_SCHEMA
    assert len(fake.asked) == 1

    clock.advance(60.1)
    fake.answers["GET /schemas/ids/7"] = (200, stored(OURS))
    assert source.schema(7) == OURS


def test_unknown_ids_are_bounded_too(fake: FakeRegistry) -> None:
    """Garbage has four billion of them."""
    with closing(connected(fake.url, schemas_max=2)) as source:
        for number in (1, 2, 3, 3, 1):
            with pytest.raises(UndecodableError):
                source.schema(number)

    assert fake.lines() == [f"GET /schemas/ids/{number}" for number in (1, 2, 3, 1)]


def test_an_id_that_no_registry_can_have_is_not_asked_about(fake: FakeRegistry, source: RegistrySchemas) -> None:
    """A registry's ids are Java ints; for larger ones some answer 404 as if the path were wrong: a hold for ever."""
    with pytest.raises(UndecodableError, match="no schema id 2147483648"):
        source.schema(2**31)

    assert fake.asked == []


def test_local_ids_stay_readable(fake: FakeRegistry, source: RegistrySchemas) -> None:
    """Records from before the registry; a local id that we lack is asked about, too."""
    assert source.schema(catalogue().id_of(TOPIC)) == OURS
    assert fake.asked == []

    with pytest.raises(UndecodableError):
        source.schema(2**30 + 999)
    assert fake.lines() == [f"GET /schemas/ids/{2**30 + 999}"]


HOLDS: dict[str, tuple[tuple[int, Any], str]] = {
    "a proxy's 404": ((404, b"<html>not here</html>"), "answered 404, but not as a registry does: .* registry.url"),
    "a 404 in JSON": ((404, {"message": "no route"}), "answered 404, but not as a registry does"),
    "a 404 with the error code of HTTP": ((404, {"error_code": 404, "message": "HTTP 404 Not Found"}), "answered 404"),
    "a 500": ((500, {"error_code": 50001, "message": "Error in the backend data store"}), "answered 500: Error in the"),
    "a 502 of a proxy": ((502, b"bad gateway"), "answered 502"),
    "a 503": ((503, b""), "answered 503"),
    "a 429": ((429, {"error_code": 42900, "message": "slow down"}), "answered 429: slow down"),
    "a redirect": ((302, b""), "answered 302"),
    "credentials that are missing": ((401, {"error_code": 401, "message": "no"}), "refuses our credentials with 401"),
    "rights that are missing": ((403, {"error_code": 40301, "message": "no"}), "refuses our credentials with 403"),
    "a login page": ((200, b"<html>log in</html>"), r"did not answer as a registry does \(JSONDecodeError"),
    "an empty success": ((200, b""), "did not answer as a registry does"),
    "a success without a schema": ((200, {}), "did not answer as a registry does"),
    "a success with half a schema": ((200, {"schema": "{"}), "did not answer as a registry does"),
    "a list": ((200, []), "did not answer as a registry does"),
}  # fmt: skip


@pytest.mark.parametrize("case", HOLDS)
def test_everything_else_is_a_hold(fake: FakeRegistry, source: RegistrySchemas, clock: ManualClock, case: str) -> None:
    """With the address and what is wrong; when the registry is well again, the schema is read."""
    fake.every, says = HOLDS[case]
    with pytest.raises(RegistryDownError, match=says) as hold:
        source.schema(7)
    assert fake.url in str(hold.value)

    fake.every, fake.answers["GET /schemas/ids/7"] = None, (200, stored(OURS))
    clock.advance(5.1)
    assert source.schema(7) == OURS


def test_nobody_there_is_a_hold() -> None:
    """A refused connection."""
    (port,) = free_ports(1)

    with (
        closing(connected(f"http://127.0.0.1:{port}")) as source,
        pytest.raises(RegistryDownError, match=rf"127.0.0.1:{port}, asked for schema id 7, did not answer"),
    ):
        source.schema(7)


def test_silence_is_a_hold_after_the_timeout() -> None:
    """A registry that hangs does not hang a worker: asked again at once, it is not asked at all."""
    with RawServer(lambda connection: connection.hang()) as server:
        with closing(connected(server.url, timeout_s=0.1)) as source:
            for _ in range(5):
                with pytest.raises(RegistryDownError, match=r"asked for schema id 7, did not answer .*ReadTimeout"):
                    source.schema(7)
        assert server.connections == 1


def test_after_a_failure_the_registry_is_left_alone(
    fake: FakeRegistry, source: RegistrySchemas, clock: ManualClock
) -> None:
    """For retry_s, whatever is asked; then it is asked again."""
    fake.every = (503, b"")
    for number in (7, 8, 9):
        with pytest.raises(RegistryDownError):
            source.schema(number)
    assert len(fake.asked) == 1

    clock.advance(5.1)
    with pytest.raises(RegistryDownError):
        source.schema(8)
    assert fake.lines() == ["GET /schemas/ids/7", "GET /schemas/ids/8"]


def test_a_failed_request_is_repeated_at_once(fake: FakeRegistry) -> None:
    """As often as registry.retries says."""
    fake.every = (503, b"")
    with (
        closing(connect(RegistrySettings(url=fake.url, retries=1), "", ManualClock())) as source,
        pytest.raises(RegistryDownError),
    ):
        source.schema(7)

    assert len(fake.asked) == 2


def test_a_schema_of_another_kind_is_incompatible(fake: FakeRegistry, source: RegistrySchemas) -> None:
    """The registry knows it, and it is not Avro."""
    fake.answers["GET /schemas/ids/7"] = (200, {"schema": "syntax = 'proto3';", "schemaType": "PROTOBUF"})

    with pytest.raises(UndecodableError, match="it is a PROTOBUF schema") as refused:
        source.schema(7)
    assert refused.value.reason is Reason.INCOMPATIBLE_SCHEMA


CUSTOMER = {"type": "record", "name": "Customer", "namespace": "commfleet.events.v1", "fields": []}


def referring(*references: dict[str, Any]) -> dict[str, Any]:
    field = {"name": "customer", "type": ["null", "Customer"], "default": None}
    main = {"type": "record", "name": "BatchEvent", "namespace": "commfleet.events.v1", "fields": [field]}
    return stored(main, references=list(references))


REFERENCE = {"name": "commfleet.events.v1.Customer", "subject": "customer", "version": 3}


def test_what_a_schema_refers_to_is_written_out(fake: FakeRegistry, source: RegistrySchemas) -> None:
    """As other teams' build tools register."""
    fake.answers["GET /schemas/ids/7"] = (200, referring(REFERENCE))
    fake.answers["GET /subjects/customer/versions/3"] = (200, {"id": 2, "version": 3, **stored(CUSTOMER)})

    assert source.schema(7)["fields"][0]["type"] == ["null", CUSTOMER]


def test_a_reference_that_leads_nowhere_is_incompatible(fake: FakeRegistry, source: RegistrySchemas) -> None:
    """The id is known, its schema cannot be made whole."""
    fake.answers["GET /schemas/ids/7"] = (200, referring(REFERENCE))

    with pytest.raises(UndecodableError, match="refers to version 3 of customer, which is not there"):
        source.schema(7)


def test_references_without_end_are_incompatible(fake: FakeRegistry, source: RegistrySchemas) -> None:
    """A hostile schema must not keep a worker asking."""
    many = [{"name": f"a.N{number}", "subject": "customer", "version": 3} for number in range(101)]
    fake.answers["GET /schemas/ids/7"] = (200, referring(*many))
    fake.answers["GET /subjects/customer/versions/3"] = (200, {"id": 2, "version": 3, **stored(CUSTOMER)})

    with pytest.raises(UndecodableError, match="more than 100 other schemas"):
        source.schema(7)


# -- who we are -------------------------------------------------------------------------------


def test_a_user_is_sent_as_basic_authentication(fake: FakeRegistry) -> None:
    """RFC 7617; a password may have colons."""
    with closing(connected(fake.url, username="key", password="se:cret")) as source:
        source_of_none(source)

    assert fake.asked[0].headers["authorization"] == "Basic " + base64.b64encode(b"key:se:cret").decode()


def test_a_token_is_sent_as_bearer(fake: FakeRegistry) -> None:
    """With what Confluent Cloud wants beside it."""
    settings: dict[str, Any] = {"bearer_token": "tok", "logical_cluster": "lsrc-1", "identity_pool": "pool-1"}
    with closing(connected(fake.url, **settings)) as source:
        source_of_none(source)

    headers = fake.asked[0].headers
    assert headers["authorization"] == "Bearer tok"
    assert (headers["target-sr-cluster"], headers["confluent-identity-pool-id"]) == ("lsrc-1", "pool-1")


def test_nobody_is_sent_nothing(fake: FakeRegistry, source: RegistrySchemas) -> None:
    """No header."""
    source_of_none(source)

    assert "authorization" not in fake.asked[0].headers


@pytest.mark.parametrize(
    ("identity", "says"),
    [
        ({"username": "key", "password": "hunter2"}, "check registry.username and registry.password"),
        ({"bearer_token": "hunter2"}, "check registry.bearer_token"),
    ],
)
def test_refused_credentials_are_named_not_told(fake: FakeRegistry, identity: dict[str, Any], says: str) -> None:
    """Which setting to look at; the secret is in no message."""
    fake.every = (401, {"error_code": 401, "message": "Unauthorized"})
    with closing(connected(fake.url, **identity)) as source, pytest.raises(RegistryDownError, match=says) as hold:
        source.answers()

    assert "hunter2" not in str(hold.value)


def source_of_none(source: RegistrySchemas) -> None:
    with pytest.raises(UndecodableError):
        source.schema(7)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"url": "registry:8081"}, "must be an address such as"),
        ({"url": "http://a:1,ftp://b"}, "must be an address such as"),
        ({"url": "https://user:pass@registry"}, "must not carry credentials"),
        ({"username": "key"}, "belong together"),
        ({"username": "a:b", "password": "c"}, "must not have a colon"),
        ({"username": "a", "password": "c", "bearer_token": "t"}, "exclude each other"),
        ({"identity_pool": "pool-1"}, "beside a bearer_token"),
        ({"key_file": "key.pem"}, "belong to a certificate_file"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, Any], says: str) -> None:
    """Before anything starts."""
    with pytest.raises(ValidationError, match=says):
        RegistrySettings.model_validate({"url": "http://registry", **settings})


@pytest.mark.parametrize("files", [{"ca_file": "missing.pem"}, {"certificate_file": "missing.pem"}])
def test_a_certificate_that_cannot_be_read_is_found_by_check(files: dict[str, str]) -> None:
    """Nobody is contacted."""
    settings = Settings.model_validate({"registry": {"url": "https://nobody.invalid", **files}})

    (problem,) = check(settings)

    assert (problem.part, problem.message.split(":")[0]) == ("registry", "registry")
    with pytest.raises(ConfigurationError):
        schema_ids(settings)


def test_without_a_registry_the_local_ids_are_used() -> None:
    """One place decides it."""
    assert isinstance(schema_ids(Settings()), LocalSchemas)


# -- ids for an event loop --------------------------------------------------------------------


def test_ids_ahead_never_ask_by_themselves(fake: FakeRegistry, source: RegistrySchemas) -> None:
    """Whoever encodes gets an error at once; another thread has asked, or has not."""
    ids = IdsAhead(source)

    with pytest.raises(RegistryDownError, match="not been looked up yet"):
        ids.id_for(TOPIC)
    assert fake.asked == []

    fake.answers[LOOK_UP] = (200, {"id": 7, "version": 1, "subject": SUBJECT, **stored(OURS)})
    ids.look_up([TOPIC])
    assert ids.id_for(TOPIC) == 7


def test_ids_ahead_take_what_there_is(fake: FakeRegistry, source: RegistrySchemas) -> None:
    """One topic that nobody registered does not close the door for the others."""
    fake.answers[LOOK_UP] = (200, {"id": 7, "version": 1, "subject": SUBJECT, **stored(OURS)})
    ids = IdsAhead(source)

    with pytest.raises(RegistryDownError, match=r"acme\.comms\.alert\.v1-value"):
        ids.look_up(["comms.alert.v1", TOPIC])

    assert ids.id_for(TOPIC) == 7
    with pytest.raises(RegistryDownError, match=r"acme\.comms\.alert\.v1-value"):
        ids.id_for("comms.alert.v1")


def test_ids_ahead_keep_trying(fake: FakeRegistry, source: RegistrySchemas, clock: ManualClock) -> None:
    """What failed is asked again, what is known is not."""
    ids, fake.every = IdsAhead(source), NO_SCHEMA
    with pytest.raises(RegistryDownError):
        ids.look_up([TOPIC])

    fake.every, fake.answers[LOOK_UP] = None, (200, {"id": 7, "version": 1, "subject": SUBJECT, **stored(OURS)})
    ids.look_up([TOPIC])
    ids.look_up([TOPIC])

    assert ids.id_for(TOPIC) == 7
    assert fake.lines().count(LOOK_UP) == 2
