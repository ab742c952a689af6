"""Settings: three sources, one precedence, and everything that is wrong told at once."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from common.errors import SettingsError
from workers.settings import Settings, load_settings, shown_settings

SECRET = "hunter2-hunter2"
BRAZE = {
    "COMMFLEET_SINKS__BRAZE__BASE_URL": "https://rest.iad-01.braze.com",
    "COMMFLEET_SINKS__BRAZE__API_KEY": SECRET,
}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No commfleet.yaml of whoever runs the tests."""
    monkeypatch.chdir(tmp_path)


def written(tmp_path: Path, text: str) -> Path:
    """A configuration file; named from the working directory, as people do."""
    (tmp_path / "site.yaml").write_text(text)
    return Path("site.yaml")


def problems(file: Path | None, env: Mapping[str, str]) -> tuple[str, ...]:
    """What a load complains about."""
    with pytest.raises(SettingsError) as raised:
        load_settings(file, env)
    return raised.value.problems


def test_everything_has_a_default() -> None:
    """Nothing has to be set to run against a broker on this machine."""
    settings = load_settings(None, {})

    assert settings.kafka.bootstrap_servers == "localhost:9092"
    assert settings.sinks.braze is None
    assert settings.health.port == 9400


def test_environment_over_file_over_default(tmp_path: Path) -> None:
    """Each setting comes from the first source that gives it, down to single properties."""
    file = written(tmp_path, "prefix: file.\nkafka: {bootstrap.servers: 'file:1', client.id: file}\n")

    settings = load_settings(file, {"COMMFLEET_KAFKA__BOOTSTRAP_SERVERS": "env:1", "COMMFLEET_LOG__LEVEL": "debug"})

    assert settings.prefix == "file."
    assert settings.kafka.client() == {"bootstrap.servers": "env:1", "client.id": "file"}
    assert settings.log.level == "debug"
    assert settings.log.format == "json"


def test_commfleet_yaml_is_found(tmp_path: Path) -> None:
    """Without --config, the file of that name in the working directory is read."""
    (tmp_path / "commfleet.yaml").write_text("prefix: here.\n")

    assert load_settings(None, {}).prefix == "here."


def test_a_secret_from_a_file(tmp_path: Path) -> None:
    """The variable names the file; one trailing newline is not part of the secret."""
    (tmp_path / "key").write_text(f"{SECRET}\n")
    env = {**BRAZE, "COMMFLEET_SINKS__BRAZE__API_KEY_FILE": str(tmp_path / "key")}
    del env["COMMFLEET_SINKS__BRAZE__API_KEY"]

    braze = load_settings(None, env).sinks.braze

    assert braze is not None
    assert braze.api_key.get_secret_value() == SECRET


def test_several_secrets_from_a_file(tmp_path: Path) -> None:
    """A list has one secret a line, so that two may be valid while one is changed."""
    (tmp_path / "tokens").write_text("old-token\nnew-token\n")
    door = "COMMFLEET_INGEST__WEBHOOK__SOURCES__UPSTREAM__"
    env = {
        f"{door}KIND": "canonical",
        f"{door}AUTH__KIND": "bearer",
        f"{door}AUTH__TOKENS_FILE": str(tmp_path / "tokens"),
    }

    auth = load_settings(None, env).ingest.webhook.sources["upstream"].auth

    assert auth.kind == "bearer"
    assert [token.get_secret_value() for token in auth.tokens] == ["old-token", "new-token"]


def test_a_kafka_secret_from_a_file(tmp_path: Path) -> None:
    """librdkafka's secrets are secrets of ours; its properties that name a file stay what they are."""
    (tmp_path / "password").write_text(SECRET)
    env = {
        "COMMFLEET_KAFKA__SASL_PASSWORD_FILE": str(tmp_path / "password"),
        "COMMFLEET_KAFKA__SASL_OAUTHBEARER_ASSERTION_PRIVATE_KEY_FILE": "key.pem",
    }

    kafka = load_settings(None, env).kafka

    assert kafka.client()["sasl.password"] == SECRET
    assert kafka.client()["sasl.oauthbearer.assertion.private.key.file"] == "key.pem"


def test_a_value_and_a_secret_file_for_one_setting(tmp_path: Path) -> None:
    """Nobody should have to guess which of them counts."""
    (tmp_path / "key").write_text("other")

    (problem,) = problems(None, {**BRAZE, "COMMFLEET_SINKS__BRAZE__API_KEY_FILE": str(tmp_path / "key")})

    assert "COMMFLEET_SINKS__BRAZE__API_KEY_FILE" in problem
    assert "COMMFLEET_SINKS__BRAZE__API_KEY gives the same setting" in problem


def test_an_unknown_key_has_its_line_and_the_nearest(tmp_path: Path) -> None:
    """At the top and in a section."""
    found = problems(written(tmp_path, "kafkka: {}\nlog:\n  levle: info\n"), {})

    assert set(found) == {
        "site.yaml:1: kafkka: there is no such setting; did you mean kafka?",
        "site.yaml:3: log.levle: there is no such setting; did you mean level?",
    }


def test_an_unknown_variable_has_the_nearest() -> None:
    """One underscore too few is the likeliest slip of all."""
    found = problems(None, {"COMMFLEET_KAFKA_BOOTSTRAP_SERVERS": "a:1", "COMMFLEET_LOG__LEVLE": "info"})

    assert set(found) == {
        "COMMFLEET_KAFKA_BOOTSTRAP_SERVERS: there is no such setting; did you mean COMMFLEET_KAFKA__BOOTSTRAP_SERVERS?",
        "COMMFLEET_LOG__LEVLE: there is no such setting; did you mean COMMFLEET_LOG__LEVEL?",
    }


@pytest.mark.parametrize(
    "name",
    [
        "COMMFLEET_SERVICE_HOST",
        "COMMFLEET_PORT",
        "COMMFLEET_PORT_9400_TCP_ADDR",
        "COMMFLEET_WEBHOOK_SERVICE_PORT_HTTP",
        "COMMFLEET_CONFIG",
        "COMMFLEET_TEST_BOOTSTRAP",
        "HOME",
    ],
)
def test_variables_that_are_not_settings_are_passed_over(name: str) -> None:
    """What Kubernetes makes of a Service called commfleet must not keep its pods from starting."""
    assert load_settings(None, {name: "tcp://10.0.0.1:9400"}) is not None


def test_everything_wrong_is_told_at_once(tmp_path: Path) -> None:
    """File, variables and models together: nobody mends one mistake a restart."""
    file = written(tmp_path, "health: {port: 70000}\ntopics: {replication_factor: none}\nnope: 1\n")

    found = problems(file, {"COMMFLEET_LOG__LEVEL": "loud", "COMMFLEET_NOPE": "1", "COMMFLEET_FLOWS": "{"})

    assert sorted(problem.split(": ")[0] for problem in found) == [
        "COMMFLEET_FLOWS",
        "COMMFLEET_LOG__LEVEL",
        "COMMFLEET_NOPE",
        "site.yaml:1",
        "site.yaml:2",
        "site.yaml:3",
    ]


def test_a_missing_secret_says_how_to_give_it() -> None:
    """Which setting, which variable, which file variable."""
    (problem,) = problems(None, {"COMMFLEET_SINKS__BRAZE__BASE_URL": "https://rest.iad-01.braze.com"})

    assert "sinks.braze.api_key is missing" in problem
    assert "set COMMFLEET_SINKS__BRAZE__API_KEY, or COMMFLEET_SINKS__BRAZE__API_KEY_FILE" in problem


def test_an_unreadable_secret_file_is_not_named() -> None:
    """The secret itself may have been put where its file's name belongs; and it is one problem, not two."""
    env = {**BRAZE, "COMMFLEET_SINKS__BRAZE__API_KEY_FILE": SECRET}
    del env["COMMFLEET_SINKS__BRAZE__API_KEY"]

    (problem,) = problems(None, env)

    assert problem == (
        "COMMFLEET_SINKS__BRAZE__API_KEY_FILE: the file that it names cannot be read (No such file or directory)"
    )


def test_an_empty_secret_is_none(tmp_path: Path) -> None:
    """`${KEY:-}` in a compose file must not switch authentication off."""
    (problem,) = problems(None, {**BRAZE, "COMMFLEET_SINKS__BRAZE__API_KEY": ""})

    assert problem == "COMMFLEET_SINKS__BRAZE__API_KEY: the secret is empty"


@pytest.mark.parametrize(
    ("text", "env"),
    [
        (f"sinks: {{braze: {{base_url: 1, api_key: {SECRET}}}}}", {}),
        (f"sinks: {{braze: {{base_url: https://x.example, api_key: [{SECRET}]}}}}", {}),
        (f"sinks: {{braze: {SECRET}}}", {}),
        (f"ingest: {{webhook: {{sources: {{a: {{kind: canonical, auth: {{kind: hmac, secrets: {SECRET}}}}}}}}}}}", {}),
        (f"kafka: {{sasl.password: [{SECRET}]}}", {}),
        (f"kafka: {{sasl.password: {SECRET}\n", {}),
        (f"sinks: {{braze: {{api_key: {SECRET}, api_key: {SECRET}}}}}", {}),
        ("", {**BRAZE, "COMMFLEET_SINKS__BRAZE__API_KEY": f'"{SECRET}"'}),
        ("", {"COMMFLEET_SINKS__BRAZE": f'{{"api_key": "{SECRET}", "base_url": 1}}'}),
        ("", {"COMMFLEET_SINKS__BRAZE": f'{{"api_key": "{SECRET}"'}),
        ("", {"COMMFLEET_SINKS__BRAZE__API_KEYS": SECRET}),
        ("", {"COMMFLEET_SINKS__BRAZE__API_KEY_FILE": SECRET}),
    ],
)
def test_no_error_shows_a_secret(tmp_path: Path, text: str, env: Mapping[str, str]) -> None:
    """Neither its message nor what a traceback of its causes would print."""
    with pytest.raises(SettingsError) as raised:
        load_settings(written(tmp_path, text), env)

    shown = "".join(_traceback(raised.value))
    assert SECRET not in shown


def _traceback(error: BaseException) -> list[str]:
    """What Python prints of an error and its causes: no source lines, since the test's own name the secret."""
    parts = [str(error)]
    if error.__cause__ or not error.__suppress_context__:
        following = error.__cause__ or error.__context__
        parts += _traceback(following) if following else []
    return parts


def test_neither_repr_nor_show_shows_a_secret(tmp_path: Path) -> None:
    """`config show` masks them; a settings object in a log line does, too."""
    env = {**BRAZE, "COMMFLEET_KAFKA__SASL_PASSWORD": "other-secret", "COMMFLEET_KAFKA__CLIENT_ID": "w"}

    rows = {row.name: row for row in shown_settings(None, env)}

    assert rows["sinks.braze.api_key"].value == rows["kafka.sasl.password"].value == "********"
    assert rows["kafka.client.id"].value == "w"
    assert rows["sinks.braze.api_key"].origin == "COMMFLEET_SINKS__BRAZE__API_KEY"
    assert SECRET not in repr((load_settings(None, env), rows))
    assert "other-secret" not in repr((load_settings(None, env), rows))


def test_show_says_where_each_came_from(tmp_path: Path) -> None:
    """File and line, variable, or default."""
    file = written(tmp_path, "log:\n  level: warning\nflows: {values: {products: [1, b]}}\n")

    rows = {row.name: (row.value, row.origin) for row in shown_settings(file, {"COMMFLEET_HEALTH__PORT": "0"})}

    assert rows["log.level"] == ("warning", "site.yaml:2")
    assert rows["flows.values.products"] == ('[1,"b"]', "site.yaml:3")
    assert rows["health.port"] == ("0", "COMMFLEET_HEALTH__PORT")
    assert rows["log.format"] == ("json", "default")


@pytest.mark.parametrize("name", ["acks", "isolation.level", "enable.auto.commit", "group.id", "partitioner"])
def test_properties_that_promises_rest_on_are_refused(tmp_path: Path, name: str) -> None:
    """Set by a site they would have no effect, or a bad one."""
    (problem,) = problems(written(tmp_path, f"kafka:\n  {name}: x\n"), {})

    assert problem.startswith(f"site.yaml:2: kafka.{name}: is not a site's to choose")


def test_a_property_with_underscores_has_its_real_name_suggested(tmp_path: Path) -> None:
    """In the file, librdkafka's own names count."""
    (problem,) = problems(written(tmp_path, "kafka: {bootstrap_servers: 'a:1'}\n"), {})

    assert problem.endswith("did you mean bootstrap.servers?")


def test_scalars_reach_librdkafka_as_it_writes_them(tmp_path: Path) -> None:
    """YAML's true is librdkafka's true; overrides win, underscores for dots."""
    file = written(tmp_path, "kafka: {socket.keepalive.enable: true, retries: 5, client.id: a}\n")

    client = load_settings(file, {}).kafka.client(client_id="b")

    assert client == {
        "bootstrap.servers": "localhost:9092",
        "socket.keepalive.enable": "true",
        "retries": "5",
        "client.id": "b",
    }


def test_lists_and_maps_as_variables(tmp_path: Path) -> None:
    """Lists are JSON or comma-separated, maps are JSON, free values are read as JSON where they are."""
    env = {
        "COMMFLEET_FLOWS__FILES": "a.yaml, b.yaml",
        "COMMFLEET_FLOWS__VALUES": '{"products": ["loan"]}',
        "COMMFLEET_FLOWS__VALUES__LIMIT": "5",
        "COMMFLEET_FLOWS__VALUES__STATE": "open",
    }

    flows = load_settings(None, env).flows

    assert flows.files == (Path("a.yaml"), Path("b.yaml"))
    assert flows.values == {"products": ["loan"], "limit": 5, "state": "open"}


def test_paths_in_a_file_are_relative_to_the_file(tmp_path: Path) -> None:
    """A mounted configuration finds what is mounted beside it."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "site.yaml").write_text("flows: {files: [flows.yaml]}\n")

    assert load_settings(Path("etc/site.yaml"), {}).flows.files == (Path("etc/flows.yaml"),)


def test_an_empty_section_has_its_defaults(tmp_path: Path) -> None:
    """As when all of its keys are commented out."""
    assert load_settings(written(tmp_path, "kafka:\nlog:\n"), {}).log.level == "info"


@pytest.mark.parametrize("text", ["- a\n", "just text\n"])
def test_a_file_that_is_no_mapping(tmp_path: Path, text: str) -> None:
    """Said once, with a way out."""
    (problem,) = problems(written(tmp_path, text), {})

    assert problem.startswith("site.yaml:1: must be a mapping")


def test_more_in_sync_than_replicas() -> None:
    """No write could ever be confirmed."""
    (problem,) = problems(None, {"COMMFLEET_TOPICS__REPLICATION_FACTOR": "1"})

    assert "min_insync_replicas is larger than replication_factor" in problem


def test_keywords_build_settings_without_any_source(monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo and the tests are not changed by whoever's environment they run in."""
    monkeypatch.setenv("COMMFLEET_PREFIX", "env.")

    assert Settings().prefix == ""
