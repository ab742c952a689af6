"""Who an audience is: users, roles, groups and regions, expanded by the settings' table (§7.2). Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from workers.sinks.notifications.config import NotificationsConfig
from workers.sinks.notifications.parameters import Channel


@dataclass(frozen=True, slots=True, order=True, repr=False)
class Recipient:
    """One address; `ref` is how status reports name it, and never an address itself."""

    ref: str
    address: str


@dataclass(frozen=True, slots=True)
class Audience:
    """The users found, sorted, and the names that stand for nobody."""

    users: tuple[str, ...]
    unknown: tuple[str, ...] = ()


def expand(names: Iterable[str], config: NotificationsConfig) -> Audience:
    """Every user of these audiences once; an audience within itself is read once."""
    users: set[str] = set()
    unknown: list[str] = []
    for name in names:
        found = set(_users(name, config, set()))
        if not found:
            unknown.append(name)
        users |= found
    return Audience(tuple(sorted(users)), tuple(unknown))


def recipients(users: Iterable[str], channel: Channel, config: NotificationsConfig) -> tuple[Recipient, ...]:
    """The addresses of users that have one for this channel, sorted, each address once."""
    found: dict[str, Recipient] = {}
    for user in sorted(users):
        person = config.people[user]
        address = person.email if channel is Channel.EMAIL else person.sms
        if address:
            found.setdefault(address.lower(), Recipient(f"u:{user}", address))
    return tuple(found.values())


def _users(name: str, config: NotificationsConfig, seen: set[str]) -> Iterator[str]:
    if name in seen:
        return
    seen.add(name)
    if name.startswith("user:"):
        user = name.removeprefix("user:")
        if user in config.people:
            yield user
    for member in config.audiences.get(name, ()):
        yield from _users(member, config, seen)
