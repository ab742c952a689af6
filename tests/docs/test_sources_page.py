"""docs/sources.md: its table is what the code does, and its templates become events."""

import json
import re
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel, TypeAdapter
from ruamel.yaml import YAML

from tests.support.ingest import NOW, webhook_config
from workers.ingest.sources.catalogue import AnyHook, HookConfig, hook_of
from workers.ingest.sources.source_config import VendorSource

PAGE = (Path(__file__).parents[2] / "docs" / "sources.md").read_text()
CONFIG: TypeAdapter[HookConfig] = TypeAdapter(AnyHook)
KINDS: dict[str, type[VendorSource]] = {
    get_args(model.model_fields["kind"].annotation)[0]: model for model in get_args(HookConfig)
}
WAYS = ("hmac", "bearer", "basic", "header")
TEMPLATES = dict(re.findall(r"```json (\w+)\n(.*?)```", PAGE, re.DOTALL))
TOKENS = {
    "lead.Id": "318592",
    "lead.Customer Id": '"C-1"',
    "campaign.id": "1043",
    "system.dateTime": '"2026-11-20T10:00:19Z"',
}


def rows() -> dict[str, list[str]]:
    """The table of kinds, by its first column."""
    found = [line.split(" | ") for line in re.findall(r"^\| (`\w+` \| .+) \|$", PAGE, re.MULTILINE)]
    return {row[0].strip("`"): row[1:] for row in found if row[0].strip("`") in KINDS}


def test_every_kind_has_its_row() -> None:
    """And no other."""
    assert list(rows()) == list(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_says_what_the_settings_are(kind: str) -> None:
    """How it proves who it is, and what a bad item gets by default."""
    _, ways, bad, _ = rows()[kind]

    accepted = [way for way in WAYS if _accepts(kind, way)]
    assert set(ways.split(", ")) == set(accepted)
    assert {"refuse": "refused", "keep": "kept"}[KINDS[kind].model_fields["on_bad"].default] == bad


def _accepts(kind: str, way: str) -> bool:
    secrets = {"tokens": ["s"]} if way == "bearer" else {"passwords": ["s"]} if way == "basic" else {"secrets": ["s"]}
    more = {"username": "u"} if way == "basic" else {"name": "X-S"} if way == "header" else {}
    try:
        CONFIG.validate_python({"kind": kind, "instance": "i", "auth": {"kind": way, **secrets, **more}})
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_becomes_an_event(name: str) -> None:
    """Of the type that it says, with its tokens filled in as the vendor does."""
    kind = {"braze": "braze_webhook"}.get(name, name)
    auth = {"kind": "header", "name": "X-S", "secrets": ["s"]}
    source = CONFIG.validate_python({"kind": kind, "instance": "i", "auth": auth})

    events = hook_of(source).translate(filled(TEMPLATES[name], is_quoted=name == "braze"), NOW)

    assert len(events) == 1
    assert not events[0].is_unknown


def filled(template: str, is_quoted: bool) -> Any:
    """Marketo quotes its tokens itself; Braze writes them as they are, and its template asks for times in ISO 8601."""
    text = re.sub(r"\{\{'now'[^}]*\}\}", "2026-03-05T18:44:10Z", template)
    if is_quoted:
        return json.loads(re.sub(r"\{\{.*?\}\}+", "x", text))
    return json.loads(re.sub(r"\{\{(.*?)\}\}", lambda found: TOKENS.get(found[1], '"x"'), text))


def test_every_setting_that_it_names_exists() -> None:
    """Among those of a source; words of templates and of answers have a table of their own."""
    text = re.sub(r"## Words of a template.*?(?=^## )", "", PAGE, flags=re.DOTALL | re.MULTILINE)
    named = set(re.findall(r"`([a-z]+_[a-z_]+)`", text)) - {*KINDS, *OTHER_WORDS}
    known = {name for model in KINDS.values() for name in _fields(model)}

    assert named
    assert named <= known


OTHER_WORDS = {
    "passed_over",
    "commfleet_ingest_substitutes_total",
    "version_added",
    "status_changed",
    "output_generated",
    "print_released",
    "draft_created",
    "dedupe_key",
}


def _fields(model: type[BaseModel]) -> set[str]:
    return set(model.model_fields)


def test_the_example_is_good() -> None:
    """As it stands there, with secrets filled in."""
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    read = YAML(typ="safe", pure=True).load(example.replace("[...]", "[a-secret]"))

    sources = webhook_config(sources=read["ingest"]["webhook"]["sources"]).sources

    assert {source.kind for source in sources.values()} == {*KINDS} - {"exstream", "exstream_delivery"}
