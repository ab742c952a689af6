"""The journey worker on the embedded broker: events in, facts and decisions out, and how fresh the store is."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from common.errors import StoreDownError
from common.kafka.embedded import EmbeddedBroker
from common.store.database import Database
from common.store.look_ups import Known, LookUps, Who
from common.store.migrate import migrate
from common.store.opening import pseudonyms_of
from common.store.partitions import Holding
from tests.support.journeys_rig import PARTITIONS, JourneysRig
from tests.support.poll import eventually
from workers.consent.allow import Consent
from workers.consent.config import ConsentSettings
from workers.journeys.applier import Applied, Applier
from workers.journeys.incoming import Incoming
from workers.journeys.reading import DEAD
from workers.journeys_status import journeys_status
from workers.letters_command import dead_letters, discard

PREFERENCE, CONSENT = "comms.preference.v1", "comms.consent.v1"


@pytest.fixture
def store(tmp_path: Path) -> Database:
    """An empty store in a file."""
    database = Database(f"sqlite:///{tmp_path / 'store.db'}")
    migrate(database)
    return database


@pytest.fixture
def rig(embedded: EmbeddedBroker, prefix: str, tmp_path: Path, store: Database) -> JourneysRig:
    """The topics, and the store."""
    return JourneysRig(embedded.bootstrap, prefix, tmp_path, f"sqlite:///{tmp_path / 'store.db'}")


def report(number: int, state: str, customer: str = "C-1") -> dict[str, Any]:
    """A report of consent to marketing."""
    at = (datetime.now(UTC) - timedelta(hours=1) + timedelta(minutes=10 * number)).isoformat()
    return {
        "event_id": f"00000000-0000-0000-0000-{number:012}",
        "type": "CHANGED",
        "source": "marketo",
        "occurred_at": at,
        "ingested_at": at,
        "customer": {"customer_id": customer},
        "kind": "CONSENT",
        "purpose": "MARKETING",
        "state": state,
        "effective_at": at,
        "evidence": "EXPLICIT",
    }


def ask(rig: JourneysRig, store: Database, customer: str = "C-1") -> Known:
    """What a sink would learn."""
    assert rig.settings.store
    return LookUps(store, pseudonyms_of(rig.settings.store), PARTITIONS).ask([Who(customer)]).known[customer]


def refused(rig: JourneysRig, store: Database, customer: str = "C-1") -> str:
    """Why service mail may not be sent; empty when it may."""
    refusal = Consent(ConsentSettings()).refusal(ask(rig, store, customer), "SERVICE", "EMAIL")
    return refusal.because if refusal else ""


def test_a_report_becomes_a_decision_on_the_customers_partition(rig: JourneysRig, store: Database) -> None:
    """Placed by the customer, as the customer's other events are."""
    with rig.working():
        rig.send(PREFERENCE, report(1, "OPTED_OUT"))
        (decided,) = eventually(lambda: rig.events(CONSENT), 20, every_s=0.2, what="a decision")

    assert (decided["state"], decided["write_to"]) == ("OPTED_OUT", ["braze", "ecm"])
    assert rig.records(CONSENT)[0].partition == rig.records(PREFERENCE)[0].partition
    assert ask(rig, store).is_known


def test_the_next_worker_goes_on(rig: JourneysRig, store: Database) -> None:
    """What was applied is not applied again, what came meanwhile is."""
    with rig.working():
        rig.send(PREFERENCE, report(1, "OPTED_OUT"))
        eventually(lambda: rig.events(CONSENT), 20, every_s=0.2, what="a decision")
    rig.send(PREFERENCE, report(2, "OPTED_IN"))

    with rig.working():
        eventually(lambda: len(rig.events(CONSENT)) > 1, 20, every_s=0.2, what="the second decision")

    decided = rig.events(CONSENT)
    assert [one["state"] for one in decided] == ["OPTED_OUT", "OPTED_IN"]


def test_the_store_becomes_fresh(rig: JourneysRig, store: Database) -> None:
    """Over all partitions, also where nothing is written; the worker's own decisions are read, too."""
    assert rig.settings.store
    look_ups = LookUps(store, pseudonyms_of(rig.settings.store), PARTITIONS)
    with rig.working():
        rig.send(PREFERENCE, report(1, "OPTED_OUT"))
        eventually(lambda: rig.events(CONSENT), 20, every_s=0.2, what="a decision")
        sent_at = datetime.now(UTC)

        def is_fresh() -> bool:
            fresh_at = look_ups.ask([]).fresh_at
            return fresh_at is not None and fresh_at > sent_at

        eventually(is_fresh, 20, what="everything sent before is applied")

    fresh_at = look_ups.ask([]).fresh_at
    assert fresh_at is not None
    assert sent_at < fresh_at <= datetime.now(UTC)


def test_a_preference_that_cannot_be_read_suppresses(rig: JourneysRig, store: Database) -> None:
    """It is a dead letter, and its customer is left alone until it was dealt with."""
    with rig.working():
        rig.send_bytes(PREFERENCE, b"C-2", b"no Avro")
        eventually(lambda: refused(rig, store, "C-2"), 20, what="C-2 is left alone")

    (letter,) = rig.records(DEAD)
    headers = dict(letter.headers)
    assert (letter.key, letter.value, headers["dlq.reason"]) == (b"C-2", b"no Avro", b"not_avro")
    assert refused(rig, store, "C-1") == ""


def test_a_store_that_does_not_answer_is_waited_for(
    rig: JourneysRig, store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The partition number is held, with words, and nothing of what came meanwhile is lost."""
    apply, is_away = Applier.apply, True

    def flaky(self: Applier, mine: Holding, batch: Sequence[Incoming], fresh_at: int = 0) -> Applied:
        if is_away:
            raise StoreDownError("the store is away")
        return apply(self, mine, batch, fresh_at)

    with rig.working() as worker:
        monkeypatch.setattr(Applier, "apply", flaky)
        rig.send(PREFERENCE, report(1, "OPTED_OUT"))
        eventually(lambda: [hold[1] for hold in worker.status.holds if hold[2] == "the store is away"], 20)
        rig.send(PREFERENCE, report(2, "OPTED_IN"))
        is_away = False
        eventually(lambda: len(rig.events(CONSENT)) == 2, 20, every_s=0.2, what="both are decided")
        eventually(lambda: worker.status.holds == (), 20, what="nothing is held")


def test_a_redriven_preference_lifts_what_stood_in_for_it(rig: JourneysRig, store: Database) -> None:
    """The letter comes back over the retry topic in words that can be read."""
    with rig.working():
        rig.send_bytes(PREFERENCE, b"C-2", b"no Avro")
        eventually(lambda: refused(rig, store, "C-2"), 20, what="C-2 is left alone")
        (letter,) = rig.records(DEAD)
        rig.redrive(letter, PREFERENCE, report(3, "OPTED_IN", "C-2"))
        eventually(lambda: not refused(rig, store, "C-2"), 20, what="C-2 may be written to")


def test_a_step_that_is_due_is_published(rig: JourneysRig, store: Database) -> None:
    """On a partition where nothing else happens, once everything of before is applied; and it is in the timeline."""
    score = {"type": "SCORE_CHANGED", "score": 90, "score_previous": 10}
    with rig.working():
        now = datetime.now(UTC).isoformat()
        who = {"event_id": "start-1", "source": "marketo", "occurred_at": now, "ingested_at": now}
        rig.send("comms.engagement.v1", {**who, "customer": {"customer_id": "C-1"}, **score})
        (step,) = eventually(lambda: rig.events("comms.journey.v1"), 20, every_s=0.2, what="the step")

    assert (step["type"], step["journey"], step["step"]) == ("COMMUNICATION_DUE", "M1-follow-up", "now")
    assert (step["caused_by"], step["facts"]["score"]) == ("start-1", "90")
    assert rig.records("comms.journey.v1")[0].partition == rig.records("comms.engagement.v1")[0].partition


def test_a_discarded_preference_frees_its_customer(rig: JourneysRig, store: Database) -> None:
    """With the operators' own command; the worker that owns the partition is told."""
    with rig.working():
        rig.send_bytes(PREFERENCE, b"C-2", b"no Avro")
        eventually(lambda: refused(rig, store, "C-2"), 20, what="C-2 is left alone")
        letters = dead_letters(rig.settings, "journeys").open()
        assert discard(rig.settings, "journeys", letters, lambda _: None) == 1
        eventually(lambda: not refused(rig, store, "C-2"), 20, what="C-2 may be written to")

    assert dead_letters(rig.settings, "journeys").open() == []


def test_status_tells_where_the_store_stands(rig: JourneysRig, store: Database) -> None:
    """By its own offsets: the group's are not used."""
    with rig.working():
        rig.send(PREFERENCE, report(1, "OPTED_OUT"))
        eventually(lambda: rig.events(CONSENT), 20, every_s=0.2, what="a decision")
        eventually(lambda: not journeys_status(rig.settings, datetime.now(UTC)).lags, 20, what="all is applied")
    rig.send(PREFERENCE, report(2, "OPTED_IN"))

    found = journeys_status(rig.settings, datetime.now(UTC))

    assert [(lag.topic.endswith(PREFERENCE), lag.records, lag.unread) for lag in found.lags] == [(True, 1, 0)]
    assert (found.state.outbox, found.state.due) == (0, None)
    assert found.state.fresh_at is not None
