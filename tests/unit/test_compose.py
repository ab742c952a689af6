"""docker-compose.kafka.yml and deploy/Dockerfile, checked without Docker: nothing they name is missing."""

import json
import re
import tempfile
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator, ValidationError
from ruamel.yaml import YAML

from sandbox.exstream.options import DEFAULT_SECRET, DEFAULT_TENANT
from workers.check import check
from workers.settings import Settings, load_settings

ROOT = Path(__file__).parents[2]
SECRETS = "/run/secrets/"


def _compose() -> dict[str, Any]:
    text = (ROOT / "docker-compose.kafka.yml").read_text()
    return dict(YAML(typ="safe", pure=True).load(text))  # with merge keys, as docker compose reads it


COMPOSE = _compose()
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = sorted(name for name, service in SERVICES.items() if service["image"].startswith("commfleet"))
OTHERS = sorted(SERVICES.keys() - OURS)
ENDING = sorted(name for name, service in SERVICES.items() if service["restart"] == "on-failure")
LASTING = sorted(SERVICES.keys() - ENDING)
SELF_CONFIGURED = frozenset({"kafka", "schema-registry"})
"""Their images write a configuration into themselves at start."""


def _schema() -> dict[str, Any]:
    """The schema of the compose specification, as a development dependency carries it."""
    folder = files("check_jsonschema") / "builtin_schemas" / "vendor"
    return dict(json.loads((folder / "compose-spec.json").read_text()))


def _local(path: str, service: Mapping[str, Any]) -> str:
    """The file of the repository that a path inside a container stands for."""
    if path.startswith(SECRETS):
        return str(ROOT / COMPOSE["secrets"][path.removeprefix(SECRETS)]["file"])
    mounts = (mount.split(":") for mount in service.get("volumes", []))
    for source, target, *_ in mounts:
        if target == path:
            return str(ROOT / source) if source.startswith(".") else tempfile.gettempdir()  # a volume is some folder
    return path


def _settings(name: str) -> Settings:
    """The settings that a service would load; docker compose makes one dollar sign of two."""
    service = SERVICES[name]
    env = {key: _local(str(value).replace("$$", "$"), service) for key, value in service.get("environment", {}).items()}
    return load_settings(None, env)


def test_it_fits_the_compose_specification() -> None:
    """Every key and every form of value is one that docker compose knows."""
    Draft202012Validator(_schema()).validate(COMPOSE)


def test_the_schema_notices_a_wrong_key() -> None:
    """The check is not an empty one."""
    broken = {"services": {"kafka": {"image": "x", "comand": ["y"]}}}

    with pytest.raises(ValidationError, match="comand"):
        Draft202012Validator(_schema()).validate(broken)


def test_every_mount_and_secret_exists() -> None:
    """A missing file would be mounted as an empty folder; what is mounted from here is not written to."""
    mounts = [mount.split(":") for service in SERVICES.values() for mount in service.get("volumes", [])]
    ours = [mount for mount in mounts if mount[0].startswith(".")]
    secrets = [ROOT / secret["file"] for secret in COMPOSE["secrets"].values()]

    assert ours
    assert [mount for mount in ours if not _has_content(ROOT / mount[0])] == []
    assert [mount for mount in ours if mount[2:] != ["ro"]] == []
    assert [path for path in secrets if not _has_content(path)] == []


def _has_content(path: Path) -> bool:
    return any(path.iterdir()) if path.is_dir() else path.is_file() and path.stat().st_size > 0


@pytest.mark.parametrize("kind", ["volumes", "networks", "secrets"])
def test_what_is_declared_is_used_and_what_is_used_declared(kind: str) -> None:
    """Nobody mounts, joins or reads what is not there, and nothing is left behind."""
    used = {name.split(":")[0] for service in SERVICES.values() for name in _uses(service, kind)}

    assert used == set(COMPOSE[kind])


def _uses(service: Mapping[str, Any], kind: str) -> list[str]:
    listed = service.get(kind, ["default"] if kind == "networks" else [])
    return [name for name in listed if not name.startswith(".")]


def test_who_waits_waits_for_somebody() -> None:
    """Whoever is waited for exists, is not left out by a profile, and can say that it is healthy, or ends."""
    waits = [
        (name, other, how["condition"])
        for name, service in SERVICES.items()
        for other, how in service.get("depends_on", {}).items()
    ]

    assert [wait for wait in waits if SERVICES[wait[1]].get("profiles")] == []
    assert [wait for wait in waits if (wait[1] in ENDING) != (wait[2] == "service_completed_successfully")] == []


@pytest.mark.parametrize("name", LASTING)
def test_every_lasting_service_tells_how_it_is(name: str) -> None:
    """Docker asks it, and restarts it after a crash."""
    assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"
    assert SERVICES[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", OTHERS)
def test_images_of_others_are_pinned(name: str) -> None:
    """To a whole version: what was tried is what runs."""
    assert re.fullmatch(r"[\w/.-]+:v?\d+\.\d+(\.\d+)?", SERVICES[name]["image"])


@pytest.mark.parametrize("name", SERVICES)
def test_containers_are_confined(name: str) -> None:
    """No root, no capabilities, no writable image but where it writes its own configuration."""
    service = SERVICES[name]

    assert not service["user"].startswith(("0", "root"))
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service.get("read_only", False) is (name not in SELF_CONFIGURED)


def test_ports_are_of_this_machine_and_of_one_service() -> None:
    """Nothing is open to a network; no two services want the same port."""
    ports = [port.rsplit(":", 1)[0] for service in SERVICES.values() for port in service.get("ports", [])]

    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []
    assert len(set(ports)) == len(ports)


def test_the_registry_holds_schemas_to_our_level() -> None:
    """Whoever registers by other means is held to what our own commands check."""
    registry = _settings("schemas").registry
    environment = SERVICES["schema-registry"]["environment"]

    assert registry is not None
    assert registry.url == environment["SCHEMA_REGISTRY_LISTENERS"].replace("0.0.0.0", "schema-registry")
    assert environment["SCHEMA_REGISTRY_SCHEMA_COMPATIBILITY_LEVEL"].upper() == registry.compatibility


def test_the_store_is_reached_by_who_uses_it() -> None:
    """PostgreSQL is in nobody else's network."""
    assert [name for name in SERVICES if "store" in _uses(SERVICES[name], "networks")] == [
        "store",
        "journeys",
        "postgres",
    ]


def test_grafana_sees_prometheus_only() -> None:
    """Neither Kafka nor a worker is in its network, and nobody can sign in."""
    grafana = SERVICES["grafana"]
    reached = [name for name in SERVICES if set(_uses(SERVICES[name], "networks")) & set(grafana["networks"])]

    assert sorted(reached) == ["grafana", "prometheus"]
    assert grafana["environment"]["GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION"] == "true"
    assert grafana["environment"]["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"


@pytest.mark.parametrize("name", OURS)
def test_every_build_exists(name: str) -> None:
    """Context and Dockerfile."""
    build = SERVICES[name]["build"]

    assert (ROOT / build["context"] / build["dockerfile"]).is_file()


@pytest.mark.parametrize("name", OURS)
def test_every_command_is_one_of_ours(name: str) -> None:
    """The subcommand and its options are known to the command line; --help keeps it from running."""
    from workers.cli import main

    answer = CliRunner().invoke(main, [*SERVICES[name]["command"], "--help"])

    assert answer.exit_code == 0, answer.output


def test_a_wrong_command_is_noticed() -> None:
    """--help does not excuse an unknown option or subcommand."""
    from workers.cli import main

    answers = [CliRunner().invoke(main, [*words, "--help"]) for words in (["run", "snk"], ["topics", "--no"])]

    assert [answer.exit_code for answer in answers] == [2, 2]


@pytest.mark.parametrize("name", OURS)
def test_every_setting_is_one_of_ours(name: str) -> None:
    """Variables, secrets and flow files load as they would in the container."""
    settings = _settings(name)

    assert name.startswith("sandbox-") or settings.kafka.bootstrap_servers == "kafka:19092"


def test_the_sink_sends_to_the_sandbox() -> None:
    """Nothing real is contacted, and the key is read from its secret."""
    braze = _settings("sink-braze").sinks.braze

    assert braze is not None
    assert braze.base_url == "http://sandbox-braze:8081"
    assert braze.api_key.get_secret_value() == "sandbox-only-api-key"


def test_exstream_is_the_sandbox_and_lets_us_in() -> None:
    """Host, tenant, client and secret are the sandbox's own."""
    exstream = _settings("sink-exstream").sinks.exstream

    assert exstream is not None
    assert exstream.api is not None
    assert exstream.api.base_url == "http://sandbox-exstream:8082"
    assert exstream.api.token_url.endswith(f"/tenants/{DEFAULT_TENANT}/oauth2/token")
    assert exstream.api.client_secret.get_secret_value() == DEFAULT_SECRET


@pytest.mark.parametrize("name", OURS)
def test_nothing_is_wrong_with_what_it_runs(name: str) -> None:
    """`commfleet check` in the container: flows, the campaigns that they name, topics, Kafka properties."""
    assert check(_settings(name)) == []


@pytest.mark.parametrize("name", [name for name in OURS if "run" in SERVICES[name]["command"]])
def test_workers_are_asked_whether_they_are_ready(name: str) -> None:
    """On the port that health has when nothing is set."""
    assert f":{_settings(name).health.port}/readyz" in SERVICES[name]["healthcheck"]["test"][-1]


def test_the_image_copies_what_exists() -> None:
    """Every COPY from the build context names a file or folder that .dockerignore lets through."""
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text()
    copied = [
        source
        for line in re.findall(r"^COPY (?!--from)(.+)$", dockerfile, re.MULTILINE)
        for source in line.split()[:-1]
    ]
    let_through = (ROOT / ".dockerignore").read_text().splitlines()

    assert "workers" in copied
    assert [source for source in copied if not (ROOT / source).exists()] == []
    assert [source for source in copied if f"!{source}" not in let_through] == []


def test_the_image_runs_as_nobody_special() -> None:
    """A numeric user: Kubernetes' runAsNonRoot needs it, and it is the one the compose file names."""
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text()
    (user,) = re.findall(r"^USER (\S+)$", dockerfile, re.MULTILINE)

    assert {SERVICES[name]["user"] for name in OURS} == {user}


def test_the_image_has_the_locked_versions() -> None:
    """Its lock is a part of the lock that the tests run with, hash for hash."""
    whole, part = (
        set(re.split(r"\n(?=\S)", (ROOT / name).read_text().strip()))
        for name in ("requirements.lock", "deploy/requirements.lock")
    )

    assert part < whole
