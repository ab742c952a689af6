"""Jars of Apache Kafka and of a Java producer from Maven Central: fetched once a machine, kept in the user's cache."""

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

KAFKA_VERSION = "4.1.1"
FETCH_S = 600

AVRO_VERSION = "1.12.0"

_BROKER = (
    f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}",
    "org.slf4j:slf4j-simple:1.7.36",
)
_PRODUCER = (
    f"org.apache.kafka:kafka-clients:{KAFKA_VERSION}",
    f"org.apache.avro:avro:{AVRO_VERSION}",
    "org.slf4j:slf4j-nop:1.7.36",
)

_POM = """<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>commfleet</groupId>
  <artifactId>test-jars</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>{dependencies}</dependencies>
</project>
"""
_DEPENDENCY = "<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency>"


class NoKafkaError(Exception):
    """A real broker cannot be had on this machine; the message says what is missing."""


def missing_tools() -> str:
    """Why a real broker cannot be started here, in words; empty when it can."""
    absent = [name for name in ("java", "mvn") if shutil.which(name) is None]
    if not absent:
        return ""
    names = " and no ".join(absent)
    return f"no {names} on the path: install Java 17 and Maven, or set COMMFLEET_TEST_BOOTSTRAP"


def kafka_jars() -> Path:
    """The folder of a broker's jars, fetched when it is not there yet; raises NoKafkaError."""
    return _jars(f"kafka-{KAFKA_VERSION}", _BROKER)


def producer_jars() -> Path:
    """The folder of jars of a Java producer of Avro, fetched when it is not there yet; raises NoKafkaError."""
    if shutil.which("javac") is None:
        raise NoKafkaError("no javac on the path: a Java source needs a whole JDK 17 (Debian: openjdk-17-jdk-headless)")
    return _jars(f"producer-{KAFKA_VERSION}-{AVRO_VERSION}", _PRODUCER)


def _jars(name: str, artifacts: tuple[str, ...]) -> Path:
    if reason := missing_tools():
        raise NoKafkaError(reason)
    cache = cache_folder()
    jars = cache / name
    with alone(cache / "fetch.lock"):
        if not jars.exists():
            _fetch(cache, jars, artifacts)
    return jars


def cache_folder() -> Path:
    """Where what was fetched is kept."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    folder = Path(base) / "commfleet"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """One process at a time: several test processes may want the jars at once."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _fetch(cache: Path, jars: Path, artifacts: tuple[str, ...]) -> None:
    """Let Maven resolve into a fresh folder and rename it, so that half a download is never used."""
    with tempfile.TemporaryDirectory(dir=cache) as work:
        pom, lib = Path(work) / "pom.xml", Path(work) / "lib"
        listed = "".join(_DEPENDENCY.format(*artifact.split(":")) for artifact in artifacts)
        pom.write_text(_POM.format(dependencies=listed))
        goal = ("dependency:copy-dependencies", f"-DoutputDirectory={lib}")
        command = ["mvn", "-q", "-B", "-f", str(pom), *goal]
        done = subprocess.run(command, capture_output=True, text=True, timeout=FETCH_S, check=False)
        if done.returncode != 0:
            raise NoKafkaError(f"Maven could not fetch {', '.join(artifacts)}: {done.stdout[-600:]}")
        lib.rename(jars)
