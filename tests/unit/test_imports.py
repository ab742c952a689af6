"""Imports point one way, and every library has one place where it may be used."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("schemas", "topics", "common", "workers", "sandbox")

ALLOWED: dict[str, frozenset[str]] = {
    "schemas": frozenset(),
    "topics": frozenset({"schemas"}),
    "common": frozenset({"schemas", "topics"}),
    "workers": frozenset({"schemas", "topics", "common"}),
    "sandbox": frozenset(),
}
"""What a package may import beside itself."""

LEAVES = frozenset({"common.errors", "common.reasons", "common.clock", "common.yaml"})
"""Modules of `common` that the contract packages may stand on: they import nothing but each other."""

ON_LEAVES = frozenset({"schemas", "topics"})

PLACES: dict[str, tuple[str, ...]] = {
    "avro": ("schemas/",),
    "confluent_kafka": ("common/kafka/",),
    "confluent_kafka.schema_registry": ("common/kafka/registry.py",),
    "fastavro": ("common/codec.py", "common/avro_files.py", "schemas/"),
    "alembic": ("common/store/",),
    "sqlalchemy": ("common/store/", "workers/journeys/"),
    "prometheus_client": ("common/metrics.py", "common/health.py"),
    "click": ("workers/cli/",),
    "ruamel": ("common/yaml.py",),
}
"""The only places where a library is imported."""

HOMES = ("workers/sinks/", "workers/vendors/", "workers/ingest/pollers/")
"""Where vendors have their folders."""

COMPOSITION = frozenset(
    {"workers/bootstrap/sink.py", "workers/catalogue.py", "workers/poller_catalogue.py", "workers/settings.py"}
)
"""Where vendors are put together: the wiring, the list of vendors, and the one settings model."""


def imports_of(path: Path) -> Iterator[tuple[int, str]]:
    """Line and full module name of everything a file imports, wherever the statement stands."""
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, name.name) for name in names)
            case ast.ImportFrom(module=module, level=0, names=names) if module:
                yield node.lineno, module
                yield from ((node.lineno, f"{module}.{name.name}") for name in names)
            case ast.ImportFrom(level=level) if level:
                yield node.lineno, "<relative>"


def offences(package: str, path: str, modules: Iterable[tuple[int, str]]) -> list[str]:
    """Every rule that the imports of one file break; `path` is relative to the repository, with slashes."""
    return [
        f"{path}:{line}: {complaint}"
        for line, module in modules
        for complaint in (
            _way(package, module),
            _place(path, module),
            _vendors(path, module),
            _leaf(path, module),
            _paths(path, module),
        )
        if complaint
    ]


def _way(package: str, module: str) -> str:
    top = module.partition(".")[0]
    if module == "<relative>":
        return "a relative import: name the module in full"
    if top not in PACKAGES or top == package or top in ALLOWED[package]:
        return ""
    if package in ON_LEAVES and _within(module, LEAVES):
        return ""
    return f"{package} must not import {module}"


def _place(path: str, module: str) -> str:
    """The narrowest rule counts: a package of a library may have a place of its own."""
    parts = module.split(".")
    names = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    places = next((PLACES[name] for name in names if name in PLACES), None)
    if places is None or path.startswith(places):
        return ""
    return f"{module} is imported in {' and '.join(places)} only"


def _vendors(path: str, module: str) -> str:
    theirs, ours = _vendor_of(module.replace(".", "/") + "/"), _vendor_of(path)
    composed = path in COMPOSITION
    if not theirs or theirs == ours or composed:
        return ""
    return f"{module} belongs to the vendor {theirs}: only its own folder and the composition root import it"


def _vendor_of(path: str) -> str:
    """`braze` for anything in workers/sinks/braze/, workers/vendors/braze/ or the pollers'; empty for the rest."""
    home = next((home for home in HOMES if path.startswith(home)), None)
    name = path.removeprefix(home).partition("/")[0] if home else ""
    return name if name in VENDORS else ""


def _paths(path: str, module: str) -> str:
    """Sinks and ingest share workers/vendors/, and know nothing of each other."""
    sides = {"workers/sinks/": ("workers.ingest",), "workers/ingest/": ("workers.sinks",)}
    shared = {"workers/vendors/": ("workers.sinks", "workers.ingest")}
    for home, foreign in (sides | shared).items():
        if path.startswith(home) and f"{module}.".startswith(tuple(f"{name}." for name in foreign)):
            return f"{home[:-1]} must not import {module}: what both need stands in workers/vendors"
    return ""


def _leaf(path: str, module: str) -> str:
    own = path.removesuffix(".py").replace("/", ".")
    if own not in LEAVES or module.partition(".")[0] not in PACKAGES or _within(module, LEAVES):
        return ""
    return f"{own} is a leaf and must not import {module}"


def _within(module: str, names: frozenset[str]) -> bool:
    return module == "common" or any(module == name or module.startswith(name + ".") for name in names)


def vendor_folders() -> frozenset[str]:
    """The folders of workers/sinks/: one a vendor."""
    return frozenset(path.parent.name for path in (ROOT / "workers" / "sinks").glob("*/__init__.py"))


VENDORS = vendor_folders()


def _files() -> list[tuple[str, str]]:
    return [
        (package, path.relative_to(ROOT).as_posix())
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
    ]


def test_every_file_keeps_the_rules() -> None:
    """The whole of the five packages."""
    broken = [line for package, path in _files() for line in offences(package, path, imports_of(ROOT / path))]

    assert broken == []


def test_there_are_files_and_vendors_to_look_at() -> None:
    """A moved folder must not make the rules hold for nothing."""
    assert {package for package, _ in _files()} == set(PACKAGES)
    assert "braze" in VENDORS


@pytest.mark.parametrize(
    ("package", "path", "module"),
    [
        ("common", "common/codec.py", "workers.cli"),
        ("schemas", "schemas/catalogue.py", "common.codec"),
        ("schemas", "schemas/catalogue.py", "topics.catalogue"),
        ("sandbox", "sandbox/app.py", "common.errors"),
        ("workers", "workers/demo.py", "sandbox.app"),
        ("workers", "workers/sinks/runner.py", "confluent_kafka"),
        ("workers", "workers/sinks/runner.py", "workers.sinks.braze.sink"),
        ("workers", "workers/sinks/braze/client.py", "workers.sinks.marketo.client"),
        ("workers", "workers/sinks/braze/client.py", "workers.vendors.marketo.service"),
        ("workers", "workers/ingest/pollers/braze/feeds.py", "workers.ingest.pollers.marketo.feeds"),
        ("workers", "workers/sinks/reader.py", "workers.ingest.intake"),
        ("workers", "workers/ingest/intake.py", "workers.sinks.api"),
        ("workers", "workers/vendors/address.py", "workers.sinks.api"),
        ("workers", "workers/bootstrap/sink.py", "click"),
        ("common", "common/kafka/clients.py", "fastavro.schema"),
        ("common", "common/errors.py", "common.codec"),
        ("common", "common/log.py", "<relative>"),
    ],
)
def test_a_broken_rule_is_named(package: str, path: str, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each rule notices what it is there for."""
    monkeypatch.setattr("tests.unit.test_imports.VENDORS", frozenset({"braze", "marketo"}))

    (complaint,) = offences(package, path, [(7, module)])

    assert complaint.startswith(f"{path}:7: ")


@pytest.mark.parametrize(
    ("package", "path", "module"),
    [
        ("topics", "topics/catalogue.py", "common.yaml"),
        ("common", "common/errors.py", "common.reasons"),
        ("workers", "workers/bootstrap/sink.py", "workers.sinks.braze.sink"),
        ("workers", "workers/sinks/braze/sink.py", "workers.sinks.braze.client"),
        ("workers", "workers/sinks/braze/sink.py", "workers.vendors.braze.account"),
        ("workers", "workers/cli/root.py", "click"),
        ("schemas", "schemas/safety.py", "fastavro"),
    ],
)
def test_what_is_allowed_passes(package: str, path: str, module: str) -> None:
    """The rules do not stand in the way of the design."""
    assert offences(package, path, [(1, module)]) == []


def test_imports_inside_functions_are_seen(tmp_path: Path) -> None:
    """A late import is an import."""
    file = tmp_path / "late.py"
    file.write_text("def f() -> None:\n    from click import echo\n")

    assert (2, "click") in set(imports_of(file))
