"""Flow files as text, and a small vendor's actions, for tests of the flow language."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator

from common import yaml
from common.errors import LocatedError
from schemas.catalogue import catalogue
from workers.catalogue import VENDORS
from workers.flows.catalogue import Flows, load_flows
from workers.flows.facts import Kept
from workers.flows.fields import EventFields
from workers.flows.pattern import Pattern
from workers.flows.pattern_parser import parse_pattern
from workers.flows.place import FaultyFlowsError, Place
from workers.flows.site_values import SiteValues
from workers.flows.template import Template
from workers.flows.template_parser import parse_template
from workers.sinks.api import Action, Contacts, Repeat

COMMUNICATION = "comms.communication.v1"
WORKSPACE = "comms.workspace.v1"


class Write(BaseModel):
    """Parameters of `paper.write`: something of each kind."""

    model_config = ConfigDict(extra="forbid")
    title: str = Field(min_length=3)
    copies: int = Field(1, ge=1)
    colour: Literal["red", "blue"] = "red"
    when: AwareDatetime | None = None
    notes: dict[str, Any] = {}
    tags: list[str] = []

    @field_validator("title")
    @classmethod
    def _calm(cls, title: str) -> str:
        if title.endswith("!"):
            raise ValueError("must not shout")
        return title


class Call(BaseModel):
    """Parameters of `phone.call`."""

    number: str


def action(name: str, parameters: type[BaseModel], contacts: Contacts = Contacts.NOBODY, group: str = "main") -> Action:
    """An action of which only the parameters, the group and the contacts matter."""
    return Action(name, Repeat.ONCE, contacts, parameters, 10, 10_000, 1.0, group)


ACTIONS = {
    "paper.write": action("write", Write),
    "paper.forget": action("forget", Write, group="consent"),
    "paper.keep": replace(action("keep", Write), repeat=Repeat.REPEATABLE),
    "phone.call": action("call", Call, Contacts.CUSTOMER),
}


def every_action() -> dict[str, Action]:
    """Those of every vendor, with the limits of the defaults."""
    made = {name: vendor.actions(None) for name, vendor in VENDORS.items()}
    return {f"{name}.{one.name}": one for name, actions in made.items() for one in actions.values()}


def fields(topic: str = COMMUNICATION) -> EventFields:
    """The fields of a real topic."""
    return EventFields(topic, catalogue().schema(topic))


def pattern(text: str, topic: str = COMMUNICATION, values: dict[str, Any] | None = None) -> tuple[Pattern, list[str]]:
    """A `when` and the messages of its faults."""
    faults: list[LocatedError] = []
    document = yaml.parse(text, "when.yaml")
    found = parse_pattern(document.data, Place(document, faults), fields(topic), SiteValues(values or {}))
    return found, [str(fault) for fault in faults]


def template(text: str, topic: str = COMMUNICATION, values: dict[str, Any] | None = None) -> tuple[Template, list[str]]:
    """A `with` and the messages of its faults."""
    faults: list[LocatedError] = []
    document = yaml.parse(text, "with.yaml")
    found = parse_template(document.data, Place(document, faults), fields(topic), SiteValues(values or {}))
    return found, [str(fault) for fault in faults]


def load(
    folder: Path, *texts: str, default: str = "[]", has_store: bool = False, kept: Kept | None = None, **values: Any
) -> Flows:
    """Load flow files `site-1.yaml` and on over a default catalogue `default.yaml`."""
    folder.joinpath("default.yaml").write_text(default)
    files = [folder / f"site-{number}.yaml" for number, _ in enumerate(texts, 1)]
    for file, text in zip(files, texts, strict=True):
        file.write_text(text)
    default_files = (folder / "default.yaml",)
    return load_flows(files, ACTIONS, values, catalogue(), default_files, has_store=has_store, kept=kept)


def faults(folder: Path, *texts: str, default: str = "[]", **more: Any) -> list[str]:
    """The messages that loading fails with, folders left out."""
    try:
        load(folder, *texts, default=default, **more)
    except FaultyFlowsError as error:
        return [str(one).replace(f"{folder}/", "") for one in error.errors]
    return []
