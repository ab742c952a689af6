"""Profiles, and how an object finds its own (page §2.1, user identification). Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any, NamedTuple


class Alias(NamedTuple):
    """An id that a label gives a meaning to."""

    label: str
    name: str


@dataclass(slots=True)
class Profile:
    """One user. `changed` orders profiles by their last update."""

    braze_id: str
    external_id: str | None = None
    aliases: list[Alias] = field(default_factory=list)
    attributes: dict[str, Any] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    purchases: list[dict[str, Any]] = field(default_factory=list)
    subscriptions: dict[str, str] = field(default_factory=dict)
    changed: int = 0

    @property
    def key(self) -> str:
        """How the control endpoint calls this user: the external_id, or the best there is."""
        if self.external_id is not None:
            return self.external_id
        if self.aliases:
            return f"alias:{self.aliases[0].label}:{self.aliases[0].name}"
        return f"email:{self.attributes['email']}" if self.attributes.get("email") else f"braze:{self.braze_id}"


class Users:
    """All profiles of a workspace."""

    def __init__(self) -> None:
        self._profiles: dict[str, Profile] = {}
        self._by_external_id: dict[str, Profile] = {}
        self._by_alias: dict[Alias, Profile] = {}
        self._changes = count(1)

    def __iter__(self) -> Iterator[Profile]:
        return iter(self._profiles.values())

    def find(self, named: Mapping[str, Any]) -> Profile | None:
        """The profile that an object names by its one primary id, else by e-mail or phone."""
        match named:
            case {"external_id": external_id}:
                return self._by_external_id.get(str(external_id))
            case {"user_alias": alias}:
                return self._by_alias.get(alias_of(alias))
            case {"braze_id": braze_id}:
                return self._profiles.get(str(braze_id))
            case {"email": email}:
                return self._latest("email", email)
            case {"phone": phone}:
                return self._latest("phone", phone)
        return None

    def create(self, named: Mapping[str, Any]) -> Profile:
        """A new profile under what an object names; an e-mail of another profile makes a duplicate."""
        profile = Profile(f"{len(self._profiles) + 1:024x}")
        self._profiles[profile.braze_id] = profile
        match named:
            case {"external_id": external_id}:
                profile.external_id = str(external_id)
                self._by_external_id[profile.external_id] = profile
            case {"user_alias": alias}:
                profile.aliases.append(alias_of(alias))
                self._by_alias[alias_of(alias)] = profile
        return profile

    def touch(self, profile: Profile) -> None:
        """Make it the most recently updated one."""
        profile.changed = next(self._changes)

    def _latest(self, attribute: str, value: Any) -> Profile | None:
        """The most recently updated profile with an external_id, else the most recently updated one."""
        found = [each for each in self if each.attributes.get(attribute) == value]
        return max(found, key=lambda each: (each.external_id is not None, each.changed), default=None)


def alias_of(alias: Mapping[str, Any]) -> Alias:
    """A user_alias object, checked already."""
    return Alias(alias["alias_label"], alias["alias_name"])
