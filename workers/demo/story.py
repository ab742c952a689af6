"""The demo's story: signals in, a vendor's bad morning, dead letters, a redrive, and an honest count."""

import json
import logging
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import httpx

from common.errors import CommfleetError
from common.event import OutRecord
from common.kafka.clients import producer_config
from common.kafka.transactions import TransactionalProducer
from workers import letters_command
from workers.catalogue import all_flows, configured_sinks
from workers.dead_letters import DeadLetters
from workers.demo import signals
from workers.demo.counted import Counted, FlowCount, Screen
from workers.demo.fleet import Fleet
from workers.demo.insurer import curl_lines, site
from workers.demo.tally import DeliveryCount, Expected, Tally
from workers.mailbox import Letter
from workers.settings import load_settings
from workers.sinks.headers import NO_FLOW

_SETTLE_S = 60.0
_ASK_S = 0.25
_OUTAGE_S = 3.0


class UnsettledError(CommfleetError):
    """The demo's deliveries did not all end in time."""


def run(*, serve: bool, report: Path | None, screen: Screen) -> bool:
    """Play the story; True when every promise was kept. `report` gets what was counted, as JSON.

    With `serve`, everything stays up afterwards until Ctrl-C.
    """
    logging.getLogger().setLevel(logging.ERROR)  # the workers' logs are files in the demo's folder
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="commfleet-demo-")))
        http = stack.enter_context(httpx.Client(timeout=20.0, trust_env=False))
        screen.say("starting broker, sandbox, webhook and sink, each a process of its own …")
        fleet = stack.enter_context(Fleet(folder, site()))
        story = _Story(fleet, http, screen, stack)
        fleet.await_ready(http)
        is_whole = story.play(report)
        if serve:
            _stay(fleet, screen)
    return is_whole


class _Story:
    """The acts, in order."""

    def __init__(self, fleet: Fleet, http: httpx.Client, screen: Screen, stack: ExitStack) -> None:
        self._fleet, self._http, self._screen = fleet, http, screen
        self._settings = load_settings(fleet.config("sink"), {})
        sinks = configured_sinks(self._settings)
        stack.callback(sinks["braze"].close)
        flows = all_flows(self._settings)
        self._tally = Tally(
            self._settings.kafka.client(), fleet.sandbox, fleet.health("sink"), flows.for_sink("braze"), sinks["braze"]
        )
        stack.callback(self._tally.close)
        self._expected: list[Expected] = []
        self._acknowledged: list[str] = []
        self._dead_letters = self._redriven = 0

    def play(self, report: Path | None) -> bool:
        """Everything once; True when nothing is lost and the letters are the two that we caused."""
        self._break_the_vendor()
        self._send_signals()
        self._send_bad_ones()
        self._expected = self._tally.expected()
        self._settle("everything has ended")
        letters = self._show_letters()
        self._redrive(letters)
        return self._sum_up(report)

    def _break_the_vendor(self) -> None:
        """An outage for attributes, and a customer whom the vendor refuses until somebody mends it."""
        outage = {"path": "/users/track", "match": '"attributes"', "status": 503, "for_s": _OUTAGE_S}
        refusal = {"path": "/users/track", "match": f'"{signals.REFUSED_CUSTOMER}"', "status": 400}
        faults = [
            {**outage, "body": {"message": "Service Unavailable"}},
            {**refusal, "body": {"message": "Bad Request"}},
        ]
        self._http.post(f"{self._fleet.sandbox}/_sandbox/faults", json=faults).raise_for_status()
        self._screen.say(f"the vendor answers 503 for {_OUTAGE_S:g} s, and 400 for customer {signals.REFUSED_CUSTOMER}")

    def _send_signals(self) -> None:
        sent = 0
        for request in signals.signals():
            answer = self._http.post(
                self._fleet.webhook + request.path, content=request.body, headers=request.headers()
            )
            answer.raise_for_status()
            body = answer.json()
            stored = [one["event_id"] for one in body.get("items", [body])]
            self._acknowledged += stored
            sent += 1
        self._screen.say(f"{sent} signals posted, {len(self._acknowledged)} events acknowledged")

    def _send_bad_ones(self) -> None:
        """A signal that the door refuses, and a record that an upstream producer writes past it."""
        bad = signals.bad_signal()
        answer = self._http.post(self._fleet.webhook + bad.path, content=bad.body, headers=bad.headers())
        named = ", ".join(str(one["field"]) for one in answer.json()["errors"])
        self._screen.say(f"a bad signal is refused with {answer.status_code}, naming {named}; nothing was stored")
        config = producer_config(self._settings.kafka.client(), transactional_id="demo-upstream")
        with closing(TransactionalProducer(config)) as upstream:
            upstream.commit([OutRecord("comms.workspace.v1", b"C-1001", b'{"not": "avro"}', ())])
        self._screen.say("an upstream producer writes JSON where Avro belongs: one bad record")

    def _settle(self, what: str) -> None:
        """Wait until every expected delivery has ended, by the sink's own count."""
        deadline = time.monotonic() + _SETTLE_S
        while True:
            rows = self._rows(self._tally.deliveries())
            self._screen.update(rows)
            if not any(row.waiting for row in rows):
                self._screen.say(what)
                return
            if time.monotonic() > deadline:
                left = ", ".join(f"{row.flow} {row.waiting}" for row in rows if row.waiting)
                raise UnsettledError(f"not all deliveries ended in {_SETTLE_S:.0f} s; left: {left}")
            time.sleep(_ASK_S)

    def _rows(self, counts: Iterable[DeliveryCount]) -> list[FlowCount]:
        seen = Counter(one.flow for one in self._expected)
        delivered: Counter[str] = Counter()
        dead: Counter[str] = Counter()
        for one in counts:
            (dead if one.verdict == "rejected" else delivered)[one.flow] += one.count
        return [
            FlowCount(flow, seen[flow], delivered[flow], max(0, seen[flow] - delivered[flow] - dead[flow]), dead[flow])
            for flow in sorted(seen)
        ]

    def _show_letters(self) -> list[Letter]:
        letters = self._letters().open()
        self._dead_letters = len(letters)
        self._screen.say(f"{len(letters)} dead letters need a person (commfleet dlq list):")
        for letter in letters:
            detail = letter.facts.get("detail", "")
            self._screen.say(f"  {letter.address}  {letter.flow}  {letter.reason}  {detail}")
        return letters

    def _redrive(self, letters: Sequence[Letter]) -> None:
        """The vendor's trouble is mended, so its letters may go again; what cannot be read stays."""
        self._http.delete(f"{self._fleet.sandbox}/_sandbox/faults").raise_for_status()
        steps = self._letters().plan(letters)
        for step in steps:
            if step.obstacle:
                self._screen.say(f"  {step.letter.address} stays: {step.obstacle}")
        before = _delivered(self._tally.deliveries())
        sent = letters_command.redrive(self._settings, "braze", steps, rate=100, on_sent=lambda _: None)
        self._redriven = sent
        self._screen.say(f"the vendor is mended; {sent} letters redriven")
        _await(lambda: _delivered(self._tally.deliveries()) >= before + sent, "redriven letters were not delivered")

    def _sum_up(self, report: Path | None) -> bool:
        counted = self._counted()
        for one in counted.lost[:20]:
            self._screen.say(f"LOST: {one}")
        self._screen.say(counted.summary(len(self._acknowledged)))
        if report:
            report.write_text(json.dumps(counted.report(), indent=2) + "\n", "utf-8")
        return not counted.lost and not self._flows_without_delivery(counted.flows) and self._redriven > 0

    def _counted(self) -> Counted:
        expected = self._tally.expected()
        return Counted(
            events=Counter(position.topic for position, event in self._tally.logged() if event),
            deliveries=self._tally.deliveries(),
            received=sum(self._tally.received().values()),
            repeated=self._tally.repeated(expected),
            dead_letters=self._dead_letters,
            redriven=self._redriven,
            lost=self._tally.lost(self._acknowledged, self._letters().open()),
        )

    def _flows_without_delivery(self, delivered: Sequence[str]) -> set[str]:
        return {one.flow for one in self._expected if one.flow != NO_FLOW} - set(delivered)

    def _letters(self) -> DeadLetters:
        return letters_command.of_sink(self._settings, "braze")


def _delivered(counts: Iterable[DeliveryCount]) -> int:
    return sum(one.count for one in counts if one.verdict == "delivered")


def _await(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _SETTLE_S
    while not condition():
        if time.monotonic() > deadline:
            raise UnsettledError(f"{what}: not in {_SETTLE_S:.0f} s")
        time.sleep(_ASK_S)


def _stay(fleet: Fleet, screen: Screen) -> None:
    """Stay up until Ctrl-C, with lines to try."""
    for line in curl_lines(fleet):
        screen.say(line)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        screen.say("stopping")
