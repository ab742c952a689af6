"""What every act of the demo stands on: the door, the count, waiting, the dead letters."""

import json
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, closing
from datetime import UTC, datetime

import httpx

from common.errors import CommfleetError
from common.event import OutRecord
from common.kafka.clients import producer_config
from common.kafka.transactions import TransactionalProducer
from workers import letters_command
from workers.catalogue import VENDORS
from workers.demo.acts import Signal
from workers.demo.counted import Screen, rows
from workers.demo.fleet import Fleet
from workers.demo.quiet import Quiet
from workers.demo.sender import post
from workers.demo.tally import Tally
from workers.demo.vendors import Vendors
from workers.flows_page import ids
from workers.mailbox import Letter
from workers.settings import load_settings

_ASK_S = 0.5
_SETTLE_S = 90.0


class UnsettledError(CommfleetError):
    """Something did not happen in time."""


class Stage:
    """The fleet, watched."""

    def __init__(self, fleet: Fleet, http: httpx.Client, screen: Screen, stack: ExitStack) -> None:
        self.fleet, self.screen = fleet, screen
        self.settings = load_settings(fleet.config("webhook"), {})
        self.vendors = Vendors(http, fleet.sandboxes)
        self.tally = Tally(self.settings, http, {name: fleet.health(f"sink-{name}") for name in VENDORS}, self.vendors)
        self.ids = ids()
        self.acknowledged: list[str] = []
        self._http = http
        self._quiet = stack.enter_context(Quiet(self.settings))

    def post(self, what: str, signals: Iterable[Signal]) -> None:
        """Post signals one by one, and remember what was acknowledged."""
        count = 0
        for signal in signals:
            answer = post(self._http, self.fleet.door, signal.source, signal.body, signal.topic)
            self.acknowledged += _stored(answer)
            count += 1
        self.screen.say(f"{what}: {count} signals")

    def refused(self, signal: Signal) -> list[str]:
        """Post one that the door refuses; the fields that it names."""
        try:
            post(self._http, self.fleet.door, signal.source, signal.body, signal.topic)
        except httpx.HTTPStatusError as error:
            return [str(one["field"]) for one in error.response.json()["errors"]]
        raise UnsettledError("the door took a signal that it should refuse")

    def write_past_the_door(self, topic: str, key: bytes, value: bytes) -> None:
        """A record as an upstream producer writes it, whatever it is."""
        config = producer_config(self.settings.kafka.client(), transactional_id="demo-upstream")
        with closing(TransactionalProducer(config)) as upstream:
            upstream.commit([OutRecord(self.settings.prefix + topic, key, value, ())])

    def show(self) -> None:
        """Renew the live table."""
        self.screen.update(rows(self.ids, self.tally.deliveries()))

    def remember(self, what: str) -> None:
        """Until the customer store knows of everything that was posted."""
        posted_at = datetime.now(UTC)
        self.wait(lambda: self._quiet.knows(posted_at), f"the store is not there yet ({what})")
        self.screen.say(what)

    def settle(self, what: str) -> None:
        """Until every sink and the store are through with what there is."""
        self.wait(self._quiet.now, f"not everything was settled ({what})")
        self.screen.say(what)

    def wait(self, condition: Callable[[], bool], otherwise: str, most_s: float = _SETTLE_S) -> None:
        """Until it is so, with the table alive. Raises UnsettledError."""
        if not self.has_come(condition, most_s):
            raise UnsettledError(f"{otherwise}, not in {most_s:.0f} s")

    def has_come(self, condition: Callable[[], bool], most_s: float) -> bool:
        """Whether it was so in time."""
        deadline = time.monotonic() + most_s
        while not condition():
            self.show()
            if time.monotonic() > deadline:
                return False
            time.sleep(_ASK_S)
        self.show()
        return True

    def letters(self) -> dict[str, Sequence[Letter]]:
        """The open dead letters of every sink that has written some."""
        sinks = {one.sink for one in self.tally.deliveries() if one.verdict == "rejected"}
        found = {name: letters_command.of_sink(self.settings, name).open() for name in sorted(sinks)}
        return {name: letters for name, letters in found.items() if letters}


def _stored(answer: httpx.Response) -> list[str]:
    body = json.loads(answer.content) if answer.content else {}
    found = body.get("items", [body]) if isinstance(body, dict) else body
    return [one["event_id"] for one in found if one.get("event_id")]
