"""Who is subscribed to what: by profile, by shared address, and of addresses that nobody has yet (page §2.8)."""

from collections.abc import Callable, Iterable
from typing import Any

from sandbox.braze.users import Profile, Users

_ORPHANS_S = 30 * 86_400
_MOST_SHARING = 100
_ATTRIBUTES = {"emails": "email", "phones": "phone"}
_GLOBAL = "email_subscribe"


class Subscriptions:
    """Group states in the profiles, and states of unknown addresses, which a profile inherits within 30 days."""

    def __init__(
        self, users: Users, now: Callable[[], float], drop: Callable[[str, dict[str, Any], str], None]
    ) -> None:
        self._users, self._now, self._drop = users, now, drop
        self._orphans: dict[tuple[str, str, str], tuple[str, float]] = {}

    def set_group(self, group_id: str, state: str, named_by: str, name: str, *, keeps: bool = True) -> None:
        """One user, or whoever shares an address; with a user, all who share theirs."""
        if named_by == "external_ids":
            profile = self._users.find({"external_id": name})
            if profile is None:
                self._drop("subscription", {"group": group_id, "external_id": name}, "unknown user")
                return
            self.of_profile(profile, group_id, state)
            return
        sharing = self._sharing(_ATTRIBUTES[named_by], name)
        for profile in sharing:
            profile.subscriptions[group_id] = state
        if not sharing and keeps:
            self._orphans[group_id, _ATTRIBUTES[named_by], name.lower()] = (state, self._now())

    def of_profile(self, profile: Profile, group_id: str, state: str) -> None:
        """A profile's state, and that of those who share its e-mail address or its number."""
        for attribute in _ATTRIBUTES.values():
            for other in self._sharing(attribute, profile.attributes.get(attribute)):
                other.subscriptions[group_id] = state
        profile.subscriptions[group_id] = state

    def set_email(self, email: str, state: str) -> None:
        """The global state of an address; of one that nobody has, it is kept."""
        sharing = self._sharing("email", email)
        for profile in sharing:
            profile.attributes[_GLOBAL] = state
        if not sharing:
            self._orphans[_GLOBAL, "email", email.lower()] = (state, self._now())

    def set_emails(self, emails: Iterable[str], state: str) -> None:
        """The same for several."""
        for email in emails:
            self.set_email(email, state)

    def inherit(self, profile: Profile) -> None:
        """A profile got an address: what is kept of it becomes the profile's."""
        for (place, attribute, address), (state, at) in list(self._orphans.items()):
            if str(profile.attributes.get(attribute, "")).lower() != address or self._now() - at > _ORPHANS_S:
                continue
            (profile.attributes if place == _GLOBAL else profile.subscriptions)[place] = state

    def kept(self) -> list[dict[str, Any]]:
        """States of addresses that nobody has, and not longer than 30 days."""
        return [
            {"place": place, "attribute": attribute, "address": address, "state": state}
            for (place, attribute, address), (state, at) in self._orphans.items()
            if self._now() - at <= _ORPHANS_S
        ]

    def _sharing(self, attribute: str, value: Any) -> list[Profile]:
        if not value:
            return []
        found = [one for one in self._users if str(one.attributes.get(attribute, "")).lower() == str(value).lower()]
        return found[:_MOST_SHARING]
