"""Whether a thing is approved, and which version of it this is (§2.11 of the vendor page). Pure.

A signal is `{"row": …, "whole": …}`: what the list says, and what its own page says when it was opened.
"""

from collections.abc import Mapping
from typing import Any

from workers.ingest.event_id import canonical_json, hash_of
from workers.ingest.pollers.braze.kinds import Kind

_VERSION_CHARACTERS = 16


def is_tagged(thing: Mapping[str, Any], tag: str) -> bool:
    """Whether it carries the approval tag, in any capitals."""
    return tag.strip().lower() in {each.lower() for each in tags(thing)}


def tags(thing: Mapping[str, Any]) -> list[str]:
    """Its tags."""
    found = thing.get("tags")
    return [str(each).strip() for each in found] if isinstance(found, list) else []


def workspace_of(thing: Mapping[str, Any], beginning: str) -> str | None:
    """The workspace that a tag names; of several the first that names one."""
    found = (tag[len(beginning) :].strip() for tag in tags(thing) if tag.lower().startswith(beginning.lower()))
    return next(filter(None, found), None)


def is_approved(kind: Kind, signal: Mapping[str, Any], tag: str) -> bool:
    """Tagged, as its own page says; campaigns and Canvases are also enabled, no draft, and not archived."""
    whole = signal["whole"]
    if not isinstance(whole, dict) or not is_tagged(whole, tag):
        return False
    return not kind.is_paged or (
        whole.get("enabled") is True and whole.get("draft") is not True and whole.get("archived") is not True
    )


def version(kind: Kind, signal: Mapping[str, Any]) -> str | None:
    """The hash of its content; None when it was not opened. When it was edited does not count."""
    whole = signal["whole"]
    if not isinstance(whole, dict):
        return None
    return hash_of(canonical_json({name: whole.get(name) for name in kind.content}))[:_VERSION_CHARACTERS]


def state_of(kind: Kind, signal: Mapping[str, Any], tag: str) -> str:
    """What is compared with the last that was seen; of a thing that was not opened, when it was edited."""
    known = version(kind, signal)
    said = "approved" if is_approved(kind, signal, tag) else "unapproved"
    return f"{said}:{known}" if known else f"{said}:edited:{signal['row'].get(kind.edited)}"
