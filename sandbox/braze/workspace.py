"""What is true in one workspace of Braze: profiles, sends, and what was dropped without a word."""

import heapq
import random
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import asdict
from itertools import count
from typing import Any

from sandbox.braze import attributes
from sandbox.braze.options import Options
from sandbox.braze.shelf import Shelf
from sandbox.braze.subscriptions import Subscriptions
from sandbox.braze.users import Profile, Users
from sandbox.clock import SandboxClock

_MESSAGES_S = 86_400


class Workspace:
    """Applies what was accepted, after the options' lag; reading applies what is due."""

    name = "braze"

    def __init__(self, options: Options, clock: SandboxClock) -> None:
        self._options, self._clock = options, clock
        self._rng = random.Random(options.seed)
        self.shelf = Shelf(clock.now)
        self.clear()

    def clear(self) -> None:
        """An empty workspace."""
        self.shelf.clear()
        self._users = Users()
        self.subscriptions = Subscriptions(self._users, self._clock.now, self._drop)
        self._messages: dict[str, Mapping[str, Any]] = {}
        self._pending: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()
        self._history: dict[str, list[Any]] = defaultdict(list)
        self._triggers: list[dict[str, Any]] = []
        self._dropped: list[dict[str, Any]] = []

    def accept(self, change: Callable[[], None]) -> None:
        """Apply a request once its lag is over: requests may overtake each other, as with Braze."""
        shortest, longest = self._options.lag_s
        if longest <= 0:
            self.settle()
            change()
            return
        due = self._clock.now() + self._rng.uniform(shortest, longest)
        heapq.heappush(self._pending, (due, next(self._numbers), change))

    def settle(self) -> None:
        """Apply everything that is due."""
        while self._pending and self._pending[0][0] <= self._clock.now():
            heapq.heappop(self._pending)[2]()

    # -- what requests do ------------------------------------------------------------------------

    def update(self, one: Mapping[str, Any]) -> None:
        """An attributes object: an unknown user is created, an alias only when asked explicitly."""
        default = "user_alias" in one
        profile = self._found(one, "attributes", update_only=one.get("_update_existing_only", default))
        if profile is None:
            return
        lost = attributes.apply(profile.attributes, one, self._options.blocked_names)
        self._subscribe(profile, one)
        self._note(profile, {"kind": "attributes", "data": dict(one), "dropped": lost})
        if lost:
            self._drop("attributes", one, f"not storable: {', '.join(lost)}")

    def track(self, one: Mapping[str, Any]) -> None:
        """An event: never deduplicated; for an alias, existing users only."""
        profile = self._counted(one, "event")
        if profile is None or self._is_blocked(one, "event"):
            return
        kept = {"name": one["name"], "time": one["time"], "properties": one.get("properties") or {}}
        profile.events.append(kept)
        self._note(profile, {"kind": "event", "data": kept})

    def buy(self, one: Mapping[str, Any]) -> None:
        """A purchase: as an event."""
        profile = self._counted(one, "purchase")
        if profile is None:
            return
        kept = {key: value for key, value in one.items() if key not in attributes.IDENTIFIERS}
        profile.purchases.append(kept)
        self._note(profile, {"kind": "purchase", "data": kept})

    def send(self, send: Mapping[str, Any], recipient: Mapping[str, Any], properties: str) -> None:
        """One recipient of a send: unknown users are dropped without a word, unless created first.

        `properties` is the name of what a recipient may have of its own.
        """
        named = {"external_id" if k == "external_user_id" else k: v for k, v in recipient.items()}
        profile = self._users.find(named)
        given = recipient.get("attributes")
        if profile is None and given and recipient.get("send_to_existing_only") is False:
            profile = self._users.create(named)
        if profile is None:
            self._drop("trigger", recipient, "unknown user")
            return
        if given:
            attributes.apply(profile.attributes, given, self._options.blocked_names)
            self.subscriptions.inherit(profile)
            self._note(profile, {"kind": "attributes", "data": dict(given), "dropped": []})
        sent = {**send, "user": profile.key, properties: recipient.get(properties, send[properties])}
        self._triggers.append(sent)
        self._note(profile, {"kind": "trigger", "data": sent})

    def broadcast(self, send: Mapping[str, Any]) -> None:
        """A send to a campaign's whole audience."""
        self._triggers.append({**send, "user": None, "broadcast": True})

    def remember(self, message: Mapping[str, Any]) -> None:
        """A transactional message, by the id that its sender gave it."""
        if message["external_send_id"] is not None:
            self._messages[message["external_send_id"]] = message

    def message(self, send_id: str) -> Mapping[str, Any] | None:
        """What was sent under this id in the last 24 hours."""
        found = self._messages.get(send_id)
        return found if found and self.now() - found["at"] < _MESSAGES_S else None

    def now(self) -> float:
        """By the sandbox's own clock, epoch seconds."""
        return self._clock.now()

    def find(self, named: Mapping[str, Any]) -> Profile | None:
        """The profile of an id."""
        self.settle()
        return self._users.find(named)

    # -- what the control endpoint shows -----------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Users by key, sends in order, and what Braze dropped while it said success."""
        self.settle()
        users = {profile.key: _shown(profile) for profile in self._users}
        waiting = len(self._pending)
        return {
            "users": users,
            "triggers": self._triggers,
            "kept_states": self.subscriptions.kept(),
            "dropped": self._dropped,
            "waiting": waiting,
            "lists": self.shelf.shown(),
        }

    def history(self) -> dict[str, list[Any]]:
        """What was applied to each user, in order."""
        self.settle()
        return dict(self._history)

    # -- inside ----------------------------------------------------------------------------------

    def _subscribe(self, profile: Profile, one: Mapping[str, Any]) -> None:
        """What an attributes object says of groups and of the global state, for all who share the address."""
        for group in profile.attributes.pop("subscription_groups", []):
            self.subscriptions.of_profile(profile, group["subscription_group_id"], group["subscription_state"])
        if "email_subscribe" in one and profile.attributes.get("email"):
            self.subscriptions.set_email(profile.attributes["email"], one["email_subscribe"])
        self.subscriptions.inherit(profile)

    def _counted(self, one: Mapping[str, Any], kind: str) -> Profile | None:
        update_only = "user_alias" in one or one.get("_update_existing_only", False)
        return self._found(one, kind, update_only=update_only)

    def _found(self, one: Mapping[str, Any], kind: str, *, update_only: bool) -> Profile | None:
        profile = self._users.find(one)
        if profile is None and (update_only or "braze_id" in one):
            self._drop(kind, one, "unknown user, and only existing ones are updated")
            return None
        return profile or self._users.create(one)

    def _is_blocked(self, one: Mapping[str, Any], kind: str) -> bool:
        if one["name"] in self._options.blocked_names:
            self._drop(kind, one, "the name is on the blocklist")
            return True
        return False

    def _note(self, profile: Profile, entry: dict[str, Any]) -> None:
        self._users.touch(profile)
        self._history[profile.key].append({"at": self._clock.now(), **entry})

    def _drop(self, kind: str, one: Mapping[str, Any], why: str) -> None:
        self._dropped.append({"kind": kind, "data": dict(one), "why": why})


def _shown(profile: Profile) -> dict[str, Any]:
    return {**asdict(profile), "aliases": [alias._asdict() for alias in profile.aliases]}
