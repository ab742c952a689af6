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
from sandbox.braze.users import Profile, Users
from sandbox.clock import SandboxClock


class Workspace:
    """Applies what was accepted, after the options' lag; reading applies what is due."""

    name = "braze"

    def __init__(self, options: Options, clock: SandboxClock) -> None:
        self._options, self._clock = options, clock
        self._rng = random.Random(options.seed)
        self.clear()

    def clear(self) -> None:
        """An empty workspace."""
        self._users = Users()
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

    def send(self, send: Mapping[str, Any], recipient: Mapping[str, Any]) -> None:
        """One recipient of a trigger: unknown users are dropped without a word, unless created first."""
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
            self._note(profile, {"kind": "attributes", "data": dict(given), "dropped": []})
        properties = recipient.get("trigger_properties", send["trigger_properties"])
        sent = {**send, "user": profile.key, "trigger_properties": properties}
        self._triggers.append(sent)
        self._note(profile, {"kind": "trigger", "data": sent})

    def broadcast(self, send: Mapping[str, Any]) -> None:
        """A send to a campaign's whole audience."""
        self._triggers.append({**send, "user": None, "broadcast": True})

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
        return {"users": users, "triggers": self._triggers, "dropped": self._dropped, "waiting": waiting}

    def history(self) -> dict[str, list[Any]]:
        """What was applied to each user, in order."""
        self.settle()
        return dict(self._history)

    # -- inside ----------------------------------------------------------------------------------

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
