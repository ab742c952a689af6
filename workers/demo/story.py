"""The demo's story: a few weeks in a small town, a vendor's bad morning, dead letters, a redrive, an honest count."""

import json
import logging
import tempfile
import threading
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from common.store.times import micros, moment_of
from workers import letters_command
from workers.demo import acts
from workers.demo.counted import Counted, Screen, rows
from workers.demo.fleet import Fleet
from workers.demo.lines import lines_to_try
from workers.demo.site import Addresses, site
from workers.demo.stage import Stage
from workers.demo.vendors import contacts

DAY_S = 0.25
"""How long a day of the journeys lasts: sixty days of silence are a quarter of a minute."""

_OUTAGE_S = 4.0
_WEEKS_S = 60.0


def run(*, serve: bool, report: Path | None, screen: Screen) -> bool:
    """Play the story; True when every promise was kept. `report` gets what was counted, as JSON.

    With `serve`, everything stays up afterwards until Ctrl-C.
    """
    logging.getLogger().setLevel(logging.ERROR)  # the workers' logs are files in the demo's folder
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="commfleet-demo-")))
        http = stack.enter_context(httpx.Client(timeout=20.0, trust_env=False))
        screen.say(
            "starting broker, five sandboxes, webhook, journey worker and five sinks, each a process of its own …"
        )
        fleet = stack.enter_context(Fleet(folder, _Site(folder, datetime.now(UTC))))
        fleet.await_ready(http)
        is_whole = _Story(Stage(fleet, http, screen, stack)).play(report)
        if serve:
            _stay(fleet, screen)
    return is_whole


class _Site:
    """The town's configuration, and what only this machine knows."""

    def __init__(self, folder: Path, epoch: datetime) -> None:
        self._epoch, self._feed = epoch, folder / "preferences"
        self._feed.mkdir()

    def __call__(self, at: Addresses) -> Mapping[str, Any]:
        own = {
            "log": {"format": "json", "level": "info"},
            "sinks": {
                "ecm": {"missing_workspace": "create"},
                "exstream": {"feed": {"directory": str(self._feed), "format": "json"}},
            },
        }
        return site(at, self._epoch, round(86_400 / DAY_S), own)


class _Story:
    """The acts, in order."""

    def __init__(self, stage: Stage) -> None:
        self._stage, self._say = stage, stage.screen.say
        self._dead_letters = self._redriven = 0

    def play(self, report: Path | None) -> bool:
        """Everything once; True when nothing is lost or repeated, and all flows delivered."""
        self._move_in()
        self._break_braze()
        self._live()
        self._claim()
        self._let_weeks_pass()
        self._redrive()
        return self._sum_up(report)

    def _move_in(self) -> None:
        """Everybody is known, with what they agreed to; one of them is a prospect of high value in Marketo."""
        stage, prospect = self._stage, acts.PEOPLE[23]
        stage.vendors.leads(acts.PEOPLE)
        stage.post("the town's people, and what they agree to", acts.census())
        stage.remember("the customer store knows them")
        stage.vendors.leads([prospect], lifecycleStage="prospect", productInterest="savings")
        stage.vendors.scored(prospect, 92, 70)
        stage.fleet.start_poller("marketo")

    def _break_braze(self) -> None:
        """An outage for attributes, and a customer whom Braze refuses until somebody mends it."""
        outage = {"path": "/users/track", "match": '"attributes"', "status": 503, "for_s": _OUTAGE_S}
        refusal = {"path": "/users/track", "match": f'"{acts.REFUSED.id}"', "status": 400}
        self._stage.vendors.fault(
            "braze",
            {**outage, "body": {"message": "Service Unavailable"}},
            {**refusal, "body": {"message": "Bad Request"}},
        )
        self._say(f"Braze answers 503 for {_OUTAGE_S:g} s, and 400 for customer {acts.REFUSED.id}")

    def _live(self) -> None:
        """What happens in a morning, all at once."""
        stage = self._stage
        stage.post("customers change their minds", acts.wishes())
        stage.post("onboarding", acts.onboarding())
        stage.post("letters, and answers to them", acts.letters())
        stage.post("forms at Marketo", acts.interest())
        stage.post("a run of statements, and its content", acts.production())
        stage.post("contracts, projects and papers", acts.contracts(self._date(40), self._date(400)))
        named = ", ".join(stage.refused(acts.bad()))
        self._say(f"a bad signal is refused, naming {named}; nothing was stored")
        stage.write_past_the_door("comms.workspace.v1", b"C-1001", b'{"not": "avro"}')
        self._say("an upstream producer writes JSON where Avro belongs: one bad record")

    def _claim(self) -> None:
        """Claims are cases of a customer's own workspace, which Extended ECM gets with the first consent on record."""
        stage = self._stage
        self._say("Extended ECM's sink takes its first minute off: nobody knows what another worker has just used up")
        stage.wait(lambda: len(stage.vendors.workspaces()) == len(acts.PEOPLE), "not everybody has a workspace")
        workspaces = stage.vendors.workspaces()
        self._say("everybody's consent is on record, each in a workspace of their own")
        stage.vendors.approved_block("footer", workspaces[acts.PEOPLE[0].id], "<p>Approved by legal</p>")
        stage.fleet.start_poller("braze")
        stage.post("claims", acts.claims(workspaces))

    def _let_weeks_pass(self) -> None:
        """Two months of the journeys' time; who is asked for feedback gives it, alerts have an outcome."""
        stage = self._stage
        stage.wait(lambda: bool(self._asked()), "nobody was asked for feedback")
        stage.post("feedback", acts.feedback(stage.vendors.workspaces(), self._asked()))
        stage.vendors.push_outcomes(stage.fleet.door)
        self._say(f"weeks pass: a day of the journeys takes {DAY_S:g} s")
        stage.has_come(self._have_all_arrived, _WEEKS_S)
        stage.settle("everything has ended")

    def _redrive(self) -> None:
        """The vendor's trouble is mended, so its letters may go again; what cannot be read stays."""
        stage, letters = self._stage, self._stage.letters()
        self._dead_letters = sum(len(each) for each in letters.values())
        self._say(f"{self._dead_letters} dead letters need a person (commfleet dlq list):")
        stage.vendors.forgive("braze")
        for sink, found in letters.items():
            for letter in found:
                self._say(
                    f"  {sink} {letter.address}  {letter.flow}  {letter.reason}  {letter.facts.get('detail', '')}"
                )
            steps = letters_command.of_sink(stage.settings, sink).plan(found)
            for step in steps:
                if step.obstacle:
                    self._say(f"  {step.letter.address} stays: {step.obstacle}")
            self._redriven += letters_command.redrive(stage.settings, sink, steps, rate=100, on_sent=lambda _: None)
        stage.settle(f"the vendor is mended; {self._redriven} letters redriven")

    def _sum_up(self, report: Path | None) -> bool:
        counted = self._counted()
        for one in counted.lost[:20]:
            self._say(f"LOST: {one}")
        for line in counted.summary(len(self._stage.acknowledged)):
            self._say(line)
        if report:
            report.write_text(json.dumps(counted.report(), indent=2) + "\n", "utf-8")
        return not (counted.lost or counted.repeated or counted.missing) and self._redriven > 0

    def _counted(self) -> Counted:
        stage = self._stage
        letters = [letter for found in stage.letters().values() for letter in found]
        return Counted(
            ids=stage.ids,
            events=Counter(position.topic for position, event in stage.tally.logged() if event),
            deliveries=stage.tally.deliveries(),
            contacts=contacts(stage.vendors),
            repeated=stage.tally.repeated(),
            dead_letters=self._dead_letters,
            redriven=self._redriven,
            lost=stage.tally.lost(stage.acknowledged, letters),
        )

    def _asked(self) -> set[str]:
        """The customers whom the feedback campaign reached."""
        found = self._stage.tally.receipts()
        events = {one.event_id for one in found if one.flow == "B7-feedback-campaign" and one.verdict == "DELIVERED"}
        logged = [event for _, event in self._stage.tally.logged() if event and event.value["event_id"] in events]
        return {event.value["customer"]["customer_id"] for event in logged}

    def _have_all_arrived(self) -> bool:
        return all(row.delivered for row in rows(self._stage.ids, self._stage.tally.deliveries()))

    def _date(self, in_days: float) -> str:
        """A date so many days ahead on the journeys' clock."""
        tempo = self._stage.settings.journeys.tempo
        at = moment_of(tempo.journey(micros(datetime.now(UTC)))) + timedelta(days=in_days)
        return at.isoformat(timespec="milliseconds")


def _stay(fleet: Fleet, screen: Screen) -> None:
    """Stay up until Ctrl-C, with lines to try."""
    for line in lines_to_try(fleet):
        screen.say(line)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        screen.say("stopping")
