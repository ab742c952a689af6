"""`python -m workers.flows_page` prints docs/flows.md: the default catalogue, and what each entry needs configured."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common import yaml
from workers.flow_needs import Needs, needs_of
from workers.flows.catalogue import DEFAULT as FLOWS
from workers.flows.site_values import default_values
from workers.journeys.catalogue import DEFAULT as JOURNEYS

FAMILIES: Mapping[str, str] = {
    "M": "Exstream and Marketo",
    "N": "Exstream and Notifications",
    "B": "Extended ECM business workspaces and Braze",
}


@dataclass(frozen=True, slots=True)
class Listed:
    """One entry of the catalogue, as its file has it."""

    raw: Mapping[str, Any]
    needs: Needs

    @property
    def id(self) -> str:
        """The business flow that it is a part of: `M1`."""
        return self.name.partition("-")[0]

    @property
    def name(self) -> str:
        """Its own name."""
        return str(self.raw["name"])


def listed() -> list[Listed]:
    """Every default journey and flow, journeys first: they are what their flows wait for."""
    return [Listed(raw, needs_of(raw)) for file in (*JOURNEYS, *FLOWS) for raw in _entries(file)]


def ids() -> list[str]:
    """The business flows of the catalogue in order: M1, M2 …"""
    order = list(FAMILIES)
    found = {one.id for one in listed()}
    return sorted(found, key=lambda name: (order.index(name[0]), int(name[1:])))


def page() -> str:
    """docs/flows.md."""
    return "\n".join([_PAGE, *_families(), *_values()]) + "\n"


def _entries(file: Path) -> Iterable[Mapping[str, Any]]:
    entries: list[Mapping[str, Any]] = yaml.load(file)
    return entries


def _families() -> Iterable[str]:
    entries = listed()
    for family, title in FAMILIES.items():
        yield f"## {family}: {title}\n"
        for name in ids():
            if name.startswith(family):
                yield from _table(name, [one for one in entries if one.id == name])


def _table(name: str, entries: Sequence[Listed]) -> Iterable[str]:
    yield f"### {name}\n"
    yield "| name | what | on | does | consent | needs |\n|---|---|---|---|---|---|"
    for one in entries:
        cells = (f"`{one.name}`", one.raw.get("about", ""), _on(one.raw), _does(one.raw), _consent(one.raw))
        yield "| " + " | ".join([*cells, _needs(one.needs)]) + " |"
    yield ""


def _on(raw: Mapping[str, Any]) -> str:
    if "kind" in raw:
        return f"journey: {raw['kind']}"
    when = raw.get("when", {})
    types, journeys = " ".join(when.get("type", [])), " ".join(when.get("journey", []))
    return f"`{raw['on']}` {types}" + (f" of `{journeys}`" if journeys else "")


def _does(raw: Mapping[str, Any]) -> str:
    return f"emits {raw['emit']}" if "kind" in raw else f"`{raw['do']}`"


def _consent(raw: Mapping[str, Any]) -> str:
    match raw.get("consent"):
        case Mapping() as asked:
            return str(asked["purpose"])
        case str() as none:
            return none
        case _:
            return ""


def _needs(needs: Needs) -> str:
    must = [f"**`{name}`**" for name in needs.must]
    may = [f"`{name}`" for name in needs.may]
    names = [f"`{name}`" for name in needs.names]
    return ", ".join([*must, *may, *names, *(["the store"] if needs.store else [])])


def _values() -> Iterable[str]:
    yield "## Values\n"
    yield "What `{setting: name}` stands for unless `flows.values` says otherwise.\n"
    yield "| value | default | used by |\n|---|---|---|"
    used = listed()
    for name, value in sorted(default_values().items()):
        users = [one.name for one in used if name in (*one.needs.must, *one.needs.may)]
        shown = "must be set" if value is None else f"`{json.dumps(value, ensure_ascii=False)}`"
        yield f"| `{name}` | {shown} | {', '.join(users) or 'nothing'} |"


_PAGE = """# The flows

<!-- Made from the catalogue: `python -m workers.flows_page > docs/flows.md`. A test keeps it current. -->

What runs by default: each business flow (M1 … B8) is one or more flows, and journeys where it needs memory
([journeys.md](journeys.md)). The files are `workers/flows/default/` and `workers/journeys/default/`; a site changes one
by an entry of its name in its own file (`flows.files`, `journeys.files`).

An entry runs once what it **needs** is configured: values in bold have no default and must be set under `flows.values`,
the others may be; names stand in the sink's section of the configuration; *the store* is `store.url` with a journey
worker. `commfleet flows list` and `commfleet journeys list` name what does not run at your site, and why.
"""

if __name__ == "__main__":
    print(page(), end="")
