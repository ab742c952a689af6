"""The schemas that came before: the released ones, those of another folder, or of a git revision."""

import json
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path

from common.errors import ConfigurationError
from schemas.catalogue import load
from schemas.compatibility import Past

History = Mapping[str, Sequence[Past]]
"""Topic -> its schemas, oldest first."""

HERE = Path(__file__).parent


def released(folder: Path = HERE) -> History:
    """What was released from a folder of schemas; raises ConfigurationError when a file cannot be read."""
    found: dict[str, list[Past]] = {}
    try:
        for path in sorted((folder / "released").glob("*/*.avsc"), key=lambda path: int(path.stem)):
            schema = json.loads(path.read_text("utf-8"))
            found.setdefault(path.parent.name, []).append(Past(f"the released {path.stem}", schema))
    except ValueError as error:
        raise ConfigurationError(f"a file of released/ is not `<id>.avsc` with a schema: {error}") from error
    return found


def against(text: str, folder: Path = HERE) -> History:
    """What `--against` means: a folder laid out like `schemas/`, else a git revision of this one.

    Its schemas count as they stand there, released or not. Raises ConfigurationError.
    """
    if text and Path(text).is_dir():
        return _all(Path(text), text)
    with tempfile.TemporaryDirectory() as copy:
        _check_out(text, folder, Path(copy))
        return _all(Path(copy), text)


def _all(folder: Path, name: str) -> History:
    try:
        there = load(folder)
    except (OSError, KeyError, ValueError) as error:
        raise ConfigurationError(f"{name} has no whole folder of schemas: {error}") from error
    earlier = {
        topic: [Past(f"id {version.id} of {name}", there.released[version.id][1]) for version in versions[:-1]]
        for topic, versions in there.versions.items()
    }
    return {topic: [*earlier[topic], Past(f"{topic}.avsc of {name}", there.schema(topic))] for topic in there.topics}


def _check_out(revision: str, folder: Path, target: Path) -> None:
    asked = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    commit = _git(folder, *asked, wrong=f"{revision} is neither a folder nor a git revision here")
    archive = _git(folder, "archive", "--format=tar", commit.decode().strip(), ".", wrong=f"{revision} has no schemas/")
    with tarfile.open(fileobj=BytesIO(archive)) as files:
        files.extractall(target, filter="data")


def _git(folder: Path, *arguments: str, wrong: str) -> bytes:
    try:
        return subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, check=True).stdout
    except FileNotFoundError as error:
        raise ConfigurationError(f"{wrong}: there is no git on the path") from error
    except subprocess.CalledProcessError as error:
        detail = error.stderr.decode(errors="replace").strip()
        raise ConfigurationError(f"{wrong}: {detail}" if detail else wrong) from error
