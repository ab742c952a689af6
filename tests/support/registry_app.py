"""Apicurio Registry from Maven Central: fetched once a machine, kept in the user's cache beside Kafka's jars."""

import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from tests.support.kafka_jars import FETCH_S, alone, cache_folder

VERSION = "3.0.9"
"""The last that runs on Java 17, and refuses what it should (3.3 accepts a transitive break)."""

_SHA256 = "2b28181501a20cbf6efcd77f9b7153908fc01f3d3a7c32024c0bd9e1b04c8a43"
_ARTIFACT = f"io.apicurio:apicurio-registry-app:{VERSION}:tar.gz:all"
_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:2.8"
"""Newer ones fail on this artifact."""


class NoRegistryError(Exception):
    """A real registry cannot be had on this machine; the message says what is missing."""


def registry_jar() -> Path:
    """The runner jar, fetched with its libraries when it is not there yet; raises NoRegistryError."""
    if absent := [name for name in ("java", "mvn") if shutil.which(name) is None]:
        raise NoRegistryError(f"no {' and no '.join(absent)} on the path: install Java 17 and Maven")
    cache = cache_folder()
    app = cache / f"apicurio-registry-{VERSION}"
    with alone(cache / "registry.lock"):
        if not app.exists():
            _fetch(cache, app)
    return app / f"apicurio-registry-app-{VERSION}-runner.jar"


def _fetch(cache: Path, app: Path) -> None:
    """Unpack into a fresh folder and rename it, so that half a download is never used."""
    with tempfile.TemporaryDirectory(dir=cache) as work:
        unpacked = Path(work) / "app"
        _maven(work, f"{_PLUGIN}:get", "-Dtransitive=false", f"-Dartifact={_ARTIFACT}")
        _maven(work, f"{_PLUGIN}:copy", f"-Dartifact={_ARTIFACT}", f"-DoutputDirectory={work}")
        (archive,) = Path(work).glob("*.tar.gz")
        if hashlib.sha256(archive.read_bytes()).hexdigest() != _SHA256:
            raise NoRegistryError(f"what Maven fetched is not {_ARTIFACT}: its checksum differs")
        with tarfile.open(archive) as files:
            files.extractall(unpacked, filter="data")
        unpacked.rename(app)


def _maven(folder: str, *arguments: str) -> None:
    command = ["mvn", "-q", "-B", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=FETCH_S, check=False, cwd=folder)
    if done.returncode != 0:
        raise NoRegistryError(f"Maven could not fetch {_ARTIFACT}: {done.stdout[-600:]}")
