"""The sink path with a customer store: consent and profile at the moment of sending, on the embedded broker."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from common.kafka.embedded import EmbeddedBroker
from common.reasons import Cause, Reason
from tests.support.known import KnownStore
from tests.support.poll import eventually
from tests.support.sink_rig import Got, SinkRig, rig_flows, workspace_event
from tests.support.store import START
from workers.sinks.api import Answered, Deferred, Hold, Outcome, Rejected, Scope

ON = "on: comms.workspace.v1, when: {type: [CREATED]}"
LEAVE = "consent: {purpose: SERVICE, channels: [EMAIL, PRINT]}"
SEND = f"- {{name: send, {ON}, do: braze.send, {LEAVE}, with: {{text: '${{consent.channel}}'}}}}"
PLAIN = "- {name: plain, on: comms.workspace.v1, when: {type: [UPDATED]}, do: braze.put, consent: none}"
GOLD = (
    "- {name: gold, on: comms.workspace.v1, choice: c, when: {type: [CREATED], profile: {risk_level: [high]}}, "
    "do: braze.send, consent: none, with: {text: gold}}"
)
SILVER = f"- {{name: silver, {ON[:-1]}}}, choice: c, do: braze.send, consent: none, with: {{text: silver}}}}"

OBEY = "- {name: obey, on: comms.consent.v1, do: braze.obey}"

MakeRig = Callable[..., SinkRig]


@pytest.fixture
def store(sqlite_template: Path, tmp_path: Path) -> Iterator[KnownStore]:
    """A store of its own, fresh."""
    known = KnownStore.copied(sqlite_template, tmp_path)
    yield known
    known.database.close()


@pytest.fixture
def make_rig(embedded: EmbeddedBroker, tmp_path: Path, prefix: str, store: KnownStore) -> Iterator[MakeRig]:
    """A rig with topics of its own, and the store."""
    with ExitStack() as rigs:

        def make(*flows: str, consent: dict[str, Any] | None = None) -> SinkRig:
            compiled = rig_flows(tmp_path, *flows, has_store=True)
            rig = rigs.enter_context(closing(SinkRig(embedded.bootstrap, compiled, prefix)))
            rig.store = store.access(**(consent or {}))
            return rig

        yield make


def by_reason(rig: SinkRig) -> list[tuple[str, str]]:
    """Verdict and reason of every receipt."""
    return [(one["verdict"], one["reason"] or "") for one in rig.receipts()]


def event_ids(got: list[Got]) -> list[str]:
    return [one.event_id for one in got]


def test_an_objection_that_is_known_suppresses(make_rig: MakeRig, store: KnownStore) -> None:
    """Nothing is sent where no channel is allowed; a receipt says so. The first allowed one is taken elsewhere."""
    rig = make_rig(SEND)
    store.wish("no", "OPTED_OUT", channel=None, purpose=None)
    store.wish("paper", "OPTED_OUT", purpose="SERVICE")
    rig.write(workspace_event(1, "no"), workspace_event(2, "paper"), workspace_event(3, "yes"))
    with rig.running():
        eventually(lambda: rig.committed() == 3, 30)
    assert sorted((one.key, rig.sink.texts[one.event_id]) for one in rig.sink.got) == [
        ("paper", "PRINT"),
        ("yes", "EMAIL"),
    ]
    assert by_reason(rig).count(("SUPPRESSED", "consent")) == 1
    assert rig.letters() == []


def test_an_objection_between_two_tries_suppresses(make_rig: MakeRig, store: KnownStore) -> None:
    """A wait is long enough to change one's mind: the store is asked again before the second try."""
    rig = make_rig(SEND)

    def script(*_: object) -> Outcome:
        store.wish("c1", "OPTED_OUT", channel=None, purpose=None)
        return Answered([Deferred(Reason.THROTTLED)])

    rig.sink.script = script
    rig.write(workspace_event(1))
    with rig.running():
        eventually(lambda: rig.committed() == 1, 30)
    assert (rig.sink.requests, rig.sink.got) == ([1], [])
    assert by_reason(rig) == [("SUPPRESSED", "consent")]


def test_a_changed_preference_changes_the_channel(make_rig: MakeRig, store: KnownStore) -> None:
    """After a wait the request is made anew of what is known then."""
    rig = make_rig(SEND)

    def script(*_: object) -> Outcome | None:
        if len(rig.sink.requests) > 1:
            return None
        store.wish("c1", "OPTED_OUT", purpose="SERVICE")
        return Answered([Deferred(Reason.THROTTLED)])

    rig.sink.script = script
    rig.write(workspace_event(1))
    with rig.running():
        eventually(lambda: rig.committed() == 1, 30)
    assert [rig.sink.texts[one.event_id] for one in rig.sink.got] == ["PRINT"]


def test_a_store_that_is_behind_holds(make_rig: MakeRig, store: KnownStore) -> None:
    """Nothing is sent on old knowledge, no attempt is spent; flows that ask nothing flow past."""
    rig = make_rig(SEND, PLAIN)
    store.behind_s = 60.0
    rig.write(workspace_event(1, "a"), workspace_event(2, "b", "UPDATED"))
    with rig.running() as runner:
        eventually(lambda: [one.cause for one in runner.status.holds] == [Cause.CONSENT_STALE], 30)
        eventually(lambda: [one.key for one in rig.sink.got] == ["b"], 30)
        assert runner.status.is_ready
        store.behind_s = 0.0
        eventually(lambda: rig.committed() == 2, 30)
        eventually(lambda: not runner.status.holds, 10)
    assert [one.key for one in rig.sink.got] == ["b", "a"]
    assert rig.letters() == []


def test_a_choice_does_not_wait_for_consent(make_rig: MakeRig, store: KnownStore) -> None:
    """A profile may be older than leave: what only reads it is not held with what asks for leave."""
    updated = "on: comms.workspace.v1, when: {type: [UPDATED]}"
    rig = make_rig(GOLD, SILVER, f"- {{name: asks, {updated}, do: braze.put, {LEAVE}}}")
    store.behind_s = 60.0
    store.profile("b", risk_level="high")
    rig.write(workspace_event(1, "a", "UPDATED"))
    with rig.running() as runner:
        eventually(lambda: [one.cause for one in runner.status.holds] == [Cause.CONSENT_STALE], 30)
        rig.write(workspace_event(2, "b"), workspace_event(3, "c"))
        eventually(lambda: len(rig.sink.got) == 2, 30)
        assert [one.cause for one in runner.status.holds] == [Cause.CONSENT_STALE]
    assert {one.key: rig.sink.texts[one.event_id] for one in rig.sink.got} == {"b": "gold", "c": "silver"}


def test_a_store_that_is_away_holds(make_rig: MakeRig, store: KnownStore) -> None:
    """It is asked again until it answers; no dead letter, no attempt."""
    rig = make_rig(SEND)
    store.is_away = True
    rig.write(*(workspace_event(number, f"c{number}") for number in range(5)))
    with rig.running() as runner:
        eventually(lambda: [one.cause for one in runner.status.holds] == [Cause.STORE_DOWN], 30)
        store.is_away = False
        eventually(lambda: rig.committed() == 5, 30)
    assert len(rig.sink.got) == 5
    assert rig.letters() == []


def test_knowledge_that_grows_old_in_a_queue_is_not_acted_on(make_rig: MakeRig, store: KnownStore) -> None:
    """While the route is held an objection comes: what was prepared before is asked about again."""
    rig = make_rig(SEND, consent={"max_age_s": 1.0})
    is_well = False
    hold = Hold(Cause.VENDOR_DOWN, Scope.SINK, "away")
    rig.sink.script = lambda *_: None if is_well else hold
    rig.sink.on_probe = lambda: None if is_well else hold
    rig.write(workspace_event(1))
    with rig.running():
        eventually(lambda: rig.sink.probes >= 1, 30)
        store.wish("c1", "OPTED_OUT", channel=None, purpose=None)
        asked = len(store.asked)
        eventually(lambda: rig.sink.probes >= 12, 30)  # longer than the knowledge may be used
        is_well = True
        eventually(lambda: rig.committed() == 1, 30)
    assert rig.sink.got == []
    assert len(store.asked) > asked
    assert by_reason(rig) == [("SUPPRESSED", "consent")]


def test_a_parked_key_is_asked_about_when_it_comes_back(make_rig: MakeRig, store: KnownStore) -> None:
    """By the retry topic, with what is known then; what stands behind it keeps its place."""
    rig = make_rig(SEND)

    def script(*_: object) -> Outcome | None:
        if len(rig.sink.requests) > 1:
            return None
        store.wish("c1", "OPTED_OUT", purpose="SERVICE")
        return Answered([Deferred(Reason.THROTTLED)])

    rig.sink.script = script
    events = [workspace_event(number) for number in range(3)]
    rig.write(*events)
    with rig.running(patience_s=0.0):
        eventually(lambda: len(rig.sink.got) == 3, 30)
    assert event_ids(rig.sink.got) == [event["event_id"] for event in events]
    assert {rig.sink.texts[one.event_id] for one in rig.sink.got} == {"PRINT"}


def test_a_redriven_letter_is_asked_about(make_rig: MakeRig, store: KnownStore) -> None:
    """A person's leave to send is not the customer's."""
    rig = make_rig(SEND)
    rig.sink.script = lambda *_: Answered([Rejected(Reason.REFUSED, "not today")])
    rig.write(workspace_event(1))
    with rig.running():
        eventually(lambda: len(rig.letters()) == 1, 30)
        rig.sink.script = lambda *_: None
        store.wish("c1", "OPTED_OUT", channel=None, purpose=None)
        assert rig.redrive() == 1
        eventually(lambda: ("SUPPRESSED", "consent") in by_reason(rig), 30)
    assert rig.sink.got == []


def test_the_profile_makes_a_choice(make_rig: MakeRig, store: KnownStore) -> None:
    """One of them acts: as the profile says, the default for somebody whom nobody knows."""
    rig = make_rig(GOLD, SILVER)
    store.profile("rich", risk_level="high")
    store.profile("poor", risk_level="low")
    rig.write(*(workspace_event(number, key) for number, key in enumerate(("rich", "poor", "stranger"))))
    with rig.running():
        eventually(lambda: rig.committed() == 3, 30)
    assert {one.key: rig.sink.texts[one.event_id] for one in rig.sink.got} == {
        "rich": "gold",
        "poor": "silver",
        "stranger": "silver",
    }


def test_a_choice_that_was_made_stays_made(make_rig: MakeRig, store: KnownStore) -> None:
    """The former owner named one flow and died; the profile changed since: no other flow of the choice acts."""
    rig = make_rig(GOLD, SILVER)
    store.profile("c1", risk_level="high")
    rig.write(workspace_event(1))
    with rig.crashing():
        eventually(lambda: bool(rig.sink.requests), 30)
    rig.sink.script = lambda *_: None
    store.apply(store.events.make("profile", 60, "c1", type="CHANGED", risk_level="low"))
    with rig.running():
        eventually(lambda: len(rig.letters()) == 1, 30)
        eventually(lambda: rig.committed() == 1, 30)
    assert [(one["dlq.flow"], one["dlq.reason"]) for one in rig.letters()] == [("gold", "in_doubt")]
    assert rig.sink.got == []


def test_keys_keep_their_order_while_look_ups_run(make_rig: MakeRig, store: KnownStore) -> None:
    """What has to be looked up and what has not stand in one lane."""
    both = "- {name: put, on: comms.workspace.v1, when: {type: [CREATED, UPDATED]}, do: braze.put, consent: none}"
    rig = make_rig(GOLD, SILVER, both)
    events = [workspace_event(n, f"c{n % 5}", "CREATED" if n % 3 else "UPDATED") for n in range(60)]
    rig.write(*events)
    with rig.running():
        eventually(lambda: rig.committed() == 60, 60)
    for key in {f"c{n}" for n in range(5)}:
        wanted = [one["event_id"] for one in events if one["customer"]["customer_id"] == key]
        assert [one.event_id for one in rig.sink.got if one.key == key and one.action == "put"] == wanted


def test_many_are_asked_about_together(make_rig: MakeRig, store: KnownStore) -> None:
    """A backlog takes a few look-ups, not one for each event."""
    rig = make_rig(SEND)
    rig.write(*(workspace_event(number, f"c{number}") for number in range(200)))
    with rig.running():
        eventually(lambda: rig.committed() == 200, 60)
    assert len(rig.sink.got) == 200
    assert len(store.asked) < 50


def decision(number: int, at_s: float, state: str) -> dict[str, Any]:
    """A decision about marketing by e-mail, as the journey worker publishes it."""
    at = START + timedelta(seconds=at_s)
    return {
        "event_id": f"00000000-0000-0000-0000-{number:012}",
        "type": "DECIDED",
        "source": "commfleet",
        "occurred_at": at,
        "ingested_at": at,
        "customer": {"customer_id": "c1", "resolved": True},
        "kind": "CONSENT",
        "channel": "EMAIL",
        "purpose": "MARKETING",
        "state": state,
        "effective_at": at,
        "origin": "marketo",
        "write_to": ["braze"],
    }


def test_an_old_decision_does_not_overwrite_a_new_one(make_rig: MakeRig, store: KnownStore) -> None:
    """A letter of last month, redriven: what was decided since is on its way to the vendor, or stands there."""
    rig = make_rig(OBEY)
    store.wish("c1", "OPTED_IN", 0)
    rig.sink.script = lambda *_: Answered([Rejected(Reason.REFUSED, "not today")])
    rig.write(decision(1, 0, "OPTED_IN"), topic="comms.consent.v1")
    with rig.running():
        eventually(lambda: len(rig.letters()) == 1, 30)
        rig.sink.script = lambda *_: None
        store.wish("c1", "OPTED_OUT", 600)
        assert rig.redrive() == 1
        eventually(lambda: ("SUPPRESSED", "superseded") in by_reason(rig), 30)
    assert rig.sink.got == []


def test_what_was_only_said_again_does_not_overtake(make_rig: MakeRig, store: KnownStore) -> None:
    """A second report of the same wish is newer and publishes nothing: the decision must still be written."""
    rig = make_rig(OBEY)
    store.wish("c1", "OPTED_OUT", 600)
    rig.write(decision(1, 0, "OPTED_OUT"), topic="comms.consent.v1")
    with rig.running():
        eventually(lambda: len(rig.sink.got) == 1, 30)


def test_what_holds_is_written(make_rig: MakeRig, store: KnownStore) -> None:
    """The decision that the store holds, and one of a wish that it does not know, are no older than itself."""
    rig = make_rig(OBEY)
    store.wish("c1", "OPTED_OUT", 0)
    store.behind_s = 3600.0  # a decision is no contact: it does not wait for other partitions
    rig.write(decision(1, 0, "OPTED_OUT"), topic="comms.consent.v1")
    rig.write({**decision(2, 0, "OPTED_OUT"), "channel": "PRINT"}, topic="comms.consent.v1")
    with rig.running():
        eventually(lambda: len(rig.sink.got) == 2, 30)
    assert by_reason(rig) == []
