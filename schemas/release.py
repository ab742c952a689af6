"""Gives each changed schema a new local id, and keeps what it means: `python -m schemas.release`.

What is released stays: an incompatible schema gets no id, and no file is ever written twice.
"""

import json
import sys
from pathlib import Path

from common.errors import ConfigurationError
from schemas.catalogue import Catalogue, fingerprint, load, released_file
from schemas.compatibility import Mode, incompatibilities
from schemas.history import HERE, released


def release(folder: Path = HERE, mode: Mode = Mode.BACKWARD_TRANSITIVE) -> list[str]:
    """Release what changed; what was done, in words.

    Raises ConfigurationError, with nothing done, when a changed schema may not follow the released ones.
    """
    before = load(folder)
    _refuse_incompatible(before, folder, mode)
    _write_ids(before, folder)
    after = load(folder)
    return [
        f"{topic}: id {after.id_of(topic)}, kept as {path.relative_to(folder)}"
        for topic in after.topics
        if _keep(after, topic, path := released_file(folder, topic, after.id_of(topic)))
    ]


def _refuse_incompatible(found: Catalogue, folder: Path, mode: Mode) -> None:
    history = released(folder)
    wrong = [
        f"{topic}.avsc: {why}"
        for topic in found.changed()
        for why in incompatibilities(found.schema(topic), history.get(topic, ()), mode)
    ]
    if wrong:
        raise ConfigurationError("\n".join(wrong))


def _write_ids(found: Catalogue, folder: Path) -> None:
    """Append an id for each changed schema, and for the other topics keep what is there; one id a line."""
    lists = {
        topic: [(version.id, version.fingerprint) for version in versions] for topic, versions in found.versions.items()
    }
    for number, topic in enumerate(found.changed(), found.next_id()):
        lists[topic].append((number, fingerprint(found.schema(topic))))
        if not (earlier := released_file(folder, topic, found.id_of(topic))).exists():
            raise ConfigurationError(f"{earlier} is missing: restore it first, its records are still read")
    rows = (
        f'  "{topic}": [\n'
        + ",\n".join(f'    {{"id": {number}, "fingerprint": "{mark}"}}' for number, mark in versions)
        + "\n  ]"
        for topic, versions in lists.items()
    )
    (folder / "ids.json").write_text("{\n" + ",\n".join(rows) + "\n}\n", "utf-8")


def _keep(found: Catalogue, topic: str, path: Path) -> bool:
    if path.exists():
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found.schema(topic), indent=2, ensure_ascii=False) + "\n", "utf-8")
    return True


if __name__ == "__main__":
    try:
        print("\n".join(release()) or "nothing to release")
    except ConfigurationError as error:
        sys.exit(str(error))
