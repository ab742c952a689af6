"""Apache Kafka's own jars from Maven Central: fetched once a machine, kept in the user's cache."""

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

_POM = f"""<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>commfleet</groupId>
  <artifactId>test-broker</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>{KAFKA_VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId>
      <artifactId>slf4j-simple</artifactId>
      <version>1.7.36</version>
    </dependency>
  </dependencies>
</project>
"""


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
    """The folder of jars, fetched when it is not there yet; raises NoKafkaError."""
    if reason := missing_tools():
        raise NoKafkaError(reason)
    cache = _cache_folder()
    jars = cache / f"kafka-{KAFKA_VERSION}"
    with _alone(cache / "fetch.lock"):
        if not jars.exists():
            _fetch(cache, jars)
    return jars


def _cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    folder = Path(base) / "commfleet"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """One process at a time: several test processes may want the jars at once."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _fetch(cache: Path, jars: Path) -> None:
    """Let Maven resolve into a fresh folder and rename it, so that half a download is never used."""
    with tempfile.TemporaryDirectory(dir=cache) as work:
        pom, lib = Path(work) / "pom.xml", Path(work) / "lib"
        pom.write_text(_POM)
        goal = ("dependency:copy-dependencies", f"-DoutputDirectory={lib}")
        command = ["mvn", "-q", "-B", "-f", str(pom), *goal]
        done = subprocess.run(command, capture_output=True, text=True, timeout=FETCH_S, check=False)
        if done.returncode != 0:
            raise NoKafkaError(f"Maven could not fetch Apache Kafka {KAFKA_VERSION}: {done.stdout[-600:]}")
        lib.rename(jars)
