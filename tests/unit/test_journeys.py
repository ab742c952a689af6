"""Journeys on a virtual clock: the default ones, whatever the order in which their events are read."""

from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from common.store.times import micros
from tests.support.journeys import DAY, HOUR, arrival, defaults, lines, steps, written
from tests.support.store import START, START_US, Events
from workers.journeys.explain import Arrival
from workers.journeys.incoming import Incoming
from workers.journeys.interpreter import Journeys
from workers.journeys.memory import Memory

M5, M1, B3, B6 = (defaults(name) for name in ("M5-no-response", "M1-follow-up", "B3-expiring", "B6-at-risk"))
INACTIVE, FINANCED = defaults("B3-inactive"), defaults("B5-financed")


@pytest.fixture
def events() -> Events:
    """Events of one partition."""
    return Events()


def letter(
    events: Events, at_s: float, kind: str = "DELIVERED", document: str | None = "D-1", **fields: Any
) -> Incoming:
    """An event of a renewal letter."""
    more = {"document_id": document, "document_type": "renewal_letter", **fields}
    return events.make("communication", at_s, type=kind, **more)


def contract(events: Events, at_s: float, kind: str = "UPDATED", **fields: Any) -> Incoming:
    """An event of a contract's workspace."""
    more = {"workspace_id": "W-1", "workspace_type": "contract", "expires_at": "2026-05-01T22:00:00Z", **fields}
    return events.make("workspace", at_s, type=kind, **more)


# -- wait


def test_nobody_answers(events: Events) -> None:
    """Each step once, at its time after the start, with what was kept."""
    found = lines(M5, letter(events, 0, channel="PRINT"))

    assert steps(found) == [("reminder", 7 * DAY), ("offer", 10 * DAY), ("escalation", 14 * DAY)]
    assert next(one.facts for one in found if one.what == "fired") == {
        "document_id": "D-1",
        "document_type": "renewal_letter",
        "channel": "PRINT",
    }


def test_an_answer_ends_it(events: Events) -> None:
    """The steps that were due before stay fired."""
    assert steps(lines(M5, letter(events, 0), letter(events, 8 * DAY, "RESPONDED"))) == [("reminder", 7 * DAY)]


def test_an_answer_of_another_document_does_not(events: Events) -> None:
    """By document."""
    assert len(steps(lines(M5, letter(events, 0), letter(events, DAY, "RESPONDED", "D-2")))) == 3


def test_a_wider_stop_ends_every_instance(events: Events) -> None:
    """`by: []`: a form answers all letters."""
    form = events.make("engagement", DAY, type="FORM_SUBMITTED")

    assert steps(lines(M5, letter(events, 0), letter(events, 0, document="D-2"), form)) == []


@pytest.mark.parametrize("late_s", [0, 60, 29 * 60])
def test_a_stop_that_is_read_first_counts(events: Events, late_s: float) -> None:
    """Within `grace` of its reading the start finds it."""
    stop, start = letter(events, 100, "RESPONDED"), letter(events, 0)

    assert steps(lines(M5, arrival(stop, 100), arrival(start, 100 + late_s + 1))) == []


def test_a_wider_stop_that_is_read_first_counts(events: Events) -> None:
    """It names no document, and meets each of them."""
    form = events.make("engagement", 100, type="FORM_SUBMITTED")

    assert steps(lines(M5, arrival(form, 100), arrival(letter(events, 0), 200))) == []


def test_after_grace_nobody_remembers(events: Events) -> None:
    """The note of a stop does not stay for ever."""
    stop, start = letter(events, 100, "RESPONDED"), letter(events, 0)

    assert len(steps(lines(M5, arrival(stop, 100), arrival(start, HOUR)))) == 3


def test_a_stop_from_before_the_start_does_not_count(events: Events) -> None:
    """Whatever the order in which they are read."""
    stop, start = letter(events, 0, "RESPONDED"), letter(events, 100)

    assert len(steps(lines(M5, arrival(start, 100), arrival(stop, 200)))) == 3
    assert len(steps(lines(M5, arrival(stop, 100), arrival(start, 200)))) == 3


def test_a_second_start_is_passed_over_while_the_first_runs(events: Events) -> None:
    """`again: ignore`; and it takes over where a late stop ends the first one."""
    first, second, stop = letter(events, 0), letter(events, HOUR), letter(events, HOUR / 2, "RESPONDED")

    assert steps(lines(M5, first, second))[0] == ("reminder", 7 * DAY)
    assert steps(lines(M5, first, second, arrival(stop, 2 * HOUR)))[0] == ("reminder", 7 * DAY + HOUR)


def test_the_same_event_again_starts_nothing(events: Events) -> None:
    """Not while it runs, and not long after."""
    start = letter(events, 0)

    assert len(steps(lines(M5, start, start, arrival(start, 14 * DAY + HOUR)))) == 3


def test_a_null_key_is_refused(events: Events) -> None:
    """And counted."""
    assert [one.what for one in lines(M5, letter(events, 0, document=None))] == ["event", "no_key"]


def test_how_often_is_limited(events: Events) -> None:
    """`again: {after: 30d}` counts from the last start that was let through."""
    scores = [
        events.make("engagement", day * DAY, type="SCORE_CHANGED", score=90, score_previous=10)
        for day in (0, 10, 29, 31, 40)
    ]

    assert steps(lines(M1, *scores)) == [("now", 0), ("now", 31 * DAY)]


def test_a_stopped_start_does_not_limit(events: Events, tmp_path: Path) -> None:
    """Nobody was contacted for it; one of which a step was emitted does."""
    (journey,) = written(tmp_path, LIMITED)
    stop = {"type": "EMAIL_OPENED", "automated": False}

    def emitted(stop_s: float) -> list[tuple[str, float]]:
        made = [
            events.make("engagement", 0, type="PAGE_VISITED"),
            events.make("engagement", stop_s, **stop),
            events.make("engagement", 3 * DAY, type="PAGE_VISITED"),
        ]
        return steps(lines((journey,), *made))

    assert emitted(HOUR) == [("hello", 4 * DAY)]
    assert emitted(2 * DAY) == [("hello", DAY)]


LIMITED = """
- name: limited
  kind: wait
  start: {on: comms.engagement.v1, when: {type: [PAGE_VISITED]}}
  stop: {on: comms.engagement.v1, when: {type: [EMAIL_OPENED]}}
  after: {hello: 1d}
  again: {after: 10d}
  emit: COMMUNICATION_DUE
"""


def test_every_event_begins_the_silence_again(events: Events) -> None:
    """`again: restart`: the newest start counts, not the one that is read last."""
    made: list[Incoming | Arrival] = [contract(events, 0), contract(events, 5 * DAY)]
    made += [arrival(contract(events, DAY), 5 * DAY + 60)]

    assert steps(lines(INACTIVE, *made)) == [("d60", 65 * DAY)]


def test_a_local_time_of_day(events: Events, tmp_path: Path) -> None:
    """The first 09:00 in the zone at or after the moment."""
    text = LIMITED.replace("  again: {after: 10d}\n", '  at: "09:00"\n  zone: Europe/Berlin\n')
    ((_, at_s),) = steps(lines(written(tmp_path, text), events.make("engagement", 0, type="PAGE_VISITED")))

    local = datetime.fromtimestamp(START.timestamp() + at_s, ZoneInfo("Europe/Berlin"))
    assert (local.day, local.hour, local.minute) == (3, 9, 0)


def test_a_herd_is_spread(events: Events, tmp_path: Path) -> None:
    """Each customer has a place of their own in it, always the same."""
    text = LIMITED.replace("  emit", "  spread: 1h\n  emit")
    made = [events.make("engagement", 0, customer=f"C-{number}", type="PAGE_VISITED") for number in range(20)]
    at = [at_s for _, at_s in steps(lines(written(tmp_path, text), *made))]

    assert len(set(at)) == 20
    assert all(DAY <= one < DAY + HOUR for one in at)
    assert at == [at_s for _, at_s in steps(lines(written(tmp_path, text), *made))]


# -- date


def test_a_date_comes_near(events: Events) -> None:
    """At nine o'clock of the days before it."""
    assert steps(lines(B3, contract(events, 0, "CREATED"))) == [
        ("d30", _seconds("2026-04-01T09:00")),
        ("d7", _seconds("2026-04-24T09:00")),
    ]


def _seconds(text: str) -> float:
    return (micros(datetime.fromisoformat(text + "+00:00")) - START_US) / 1_000_000


def test_another_date_moves_it(events: Events) -> None:
    """The newest event says the date, also when an older one is read after it."""
    old, new = contract(events, 0), contract(events, 100, expires_at="2026-06-01T10:00:00Z")
    expected = [("d30", _seconds("2026-05-02T09:00")), ("d7", _seconds("2026-05-25T09:00"))]

    assert steps(lines(B3, old, new)) == expected
    assert steps(lines(B3, arrival(new, 100), arrival(old, 200))) == expected


def test_a_step_that_was_past_at_first_sight_is_left_out(events: Events) -> None:
    """Nobody is told of a thirtieth day that was last week."""
    assert [name for name, _ in steps(lines(B3, contract(events, 40 * DAY)))] == ["d7"]


def test_what_is_over_stays_over(events: Events) -> None:
    """A sweep after the end shows the same date; a renewal with a new one starts again."""
    over = [contract(events, 0), contract(events, 10, "COMPLETED")]
    again = contract(events, 30, expires_at="2026-09-01T10:00:00Z")

    assert steps(lines(B3, *over, contract(events, 20))) == []
    assert len(steps(lines(B3, *over, again))) == 2
    assert steps(lines(B3, arrival(over[1], 10), arrival(contract(events, 20), 21), arrival(over[0], 22))) == []


def test_a_renewal_starts_the_date_that_it_says(events: Events) -> None:
    """And takes the old one back, whichever is read first; one that says the old date only takes it back."""
    old = contract(events, 0)
    new = contract(events, 100, "RENEWED", expires_at="2026-06-01T10:00:00Z")
    expected = [("d30", _seconds("2026-05-02T09:00")), ("d7", _seconds("2026-05-25T09:00"))]

    assert steps(lines(B3, old, new)) == expected
    assert steps(lines(B3, arrival(new, 100), arrival(old, 200))) == expected
    assert steps(lines(B3, old, contract(events, 100, "RENEWED"))) == []
    assert steps(lines(B3, old, contract(events, 100, "RENEWED", expires_at=None))) == []
    assert steps(lines(B3, old, new, contract(events, 200, "CANCELLED"))) == []


# -- join


def approval(events: Events, at_s: float, document: str, kind: str = "DOCUMENT_APPROVED", **fields: Any) -> Incoming:
    """An approved document, or one that is not any more."""
    return contract(events, at_s, kind, document={"id": document, "type": document}, **fields)


def test_both_documents(events: Events) -> None:
    """At once when the second one is approved, in either order, once."""
    made = [approval(events, 5, "signed_agreement"), approval(events, 9, "financing_approval")]

    assert steps(lines(FINANCED, *made)) == [("", 9)]
    assert steps(lines(FINANCED, made[1], arrival(made[0], 20))) == [("", 20)]
    assert steps(lines(FINANCED, *made, approval(events, 50, "signed_agreement"))) == [("", 9)]


def test_a_rejected_document_closes_its_condition(events: Events) -> None:
    """Before the other one came; a rejection that is read late, too."""
    opened, closed = (
        approval(events, 5, "signed_agreement"),
        approval(events, 7, "signed_agreement", "DOCUMENT_REJECTED"),
    )
    other = approval(events, 9, "financing_approval")

    assert steps(lines(FINANCED, opened, closed, other)) == []
    assert steps(lines(FINANCED, arrival(closed, 7), arrival(opened, 8), other)) == []


def test_documents_of_two_workspaces_do_not_join(events: Events) -> None:
    """By workspace."""
    made = [approval(events, 5, "signed_agreement"), approval(events, 9, "financing_approval", workspace_id="W-2")]

    assert steps(lines(FINANCED, *made)) == []


def mail(events: Events, at_s: float, kind: str = "EMAIL_DELIVERED") -> Incoming:
    """An e-mail to the customer."""
    return events.make("engagement", at_s, type=kind)


def case(events: Events, at_s: float, kind: str = "CREATED", number: str = "W-1") -> Incoming:
    """A case of the customer."""
    return contract(events, at_s, kind, workspace_id=number, workspace_type="case", case_status="open", expires_at=None)


def test_quiet_and_unresolved(events: Events) -> None:
    """Three deliveries without an opening, and an open case, together for seven days."""
    found = lines(B6, case(events, 0), *(mail(events, day * DAY) for day in (1, 2, 3, 4)))

    assert steps(found) == [("", 10 * DAY)]
    assert next(one.facts for one in found if one.what == "fired") == {"workspace_id": "W-1", "case_status": "open"}


def test_one_of_two_cases_is_enough(events: Events) -> None:
    """Each case opens and closes the condition for itself."""
    made = [case(events, 0), case(events, 1, number="W-2"), *(mail(events, day * DAY) for day in (1, 2, 3))]

    assert len(steps(lines(B6, *made, case(events, 5 * DAY, "COMPLETED")))) == 1
    both = [case(events, 5 * DAY, "COMPLETED"), case(events, 5 * DAY, "COMPLETED", "W-2")]
    assert steps(lines(B6, *made, *both)) == []


def test_a_customer_at_risk_is_told_of_once_in_thirty_days(events: Events) -> None:
    """Quiet, opened, and quiet again."""
    made = [case(events, 0), *(mail(events, day * DAY) for day in (1, 2, 3))]
    soon = [mail(events, 11 * DAY, "EMAIL_OPENED"), *(mail(events, day * DAY) for day in (12, 13, 14))]
    later = [mail(events, 41 * DAY, "EMAIL_OPENED"), *(mail(events, day * DAY) for day in (42, 43, 44))]

    assert steps(lines(B6, *made, *soon)) == [("", 10 * DAY)]
    assert steps(lines(B6, *made, *soon, *later)) == [("", 10 * DAY), ("", 51 * DAY)]


def test_a_substitute_joins_nothing(events: Events) -> None:
    """It may be anybody."""
    found = lines(B6, events.make("engagement", 0, {"customer_id": "x", "resolved": False}, type="EMAIL_DELIVERED"))

    assert [one.what for one in found] == ["event", "unresolved"]


# -- all of them


def taken(journeys: Journeys, *records: Incoming) -> Memory:
    """What is remembered after these events."""
    memory = Memory(0, START_US)
    for record in records:
        journeys.take(memory, record)
    return memory


def test_what_we_did_ourselves_starts_nothing(events: Events) -> None:
    """A task of ours in a workspace would keep it awake for ever."""
    actor = {"kind": "SYSTEM", "id": "commfleet-ecm"}
    journeys = Journeys(INACTIVE, own_actors=["commfleet-ecm"])

    assert taken(journeys, contract(events, 0, actor=actor)).counts == {("B3-inactive", "own"): 1}
    assert taken(journeys, contract(events, 0, actor={**actor, "id": "jdoe"})).timers.changed


def test_starts_from_before_the_deployment_are_ignored(events: Events) -> None:
    """A new journey does not work off the past."""
    journeys = Journeys(M5, {"M5-no-response": START_US})

    assert taken(journeys, letter(events, -1)).counts == {("M5-no-response", "before_deployment"): 1}
    assert taken(journeys, letter(events, 0)).timers.changed


def test_a_cancelled_instance_is_over(events: Events) -> None:
    """And the start that made it does not revive it."""
    start = letter(events, 0)
    assert start.value is not None
    fields = {"journey": "M5-no-response", "instance": start.value["event_id"]}
    cancel = events.make("journey", 5, type="CANCEL_REQUESTED", **fields)

    assert steps(lines(M5, start, cancel, arrival(start, 60))) == []
    assert [one.what for one in lines(M5, cancel)] == ["event", "cancel_unknown"]


def test_a_timer_that_is_too_late_is_dropped(events: Events) -> None:
    """After a downtime; it is counted, and the row goes on."""
    found = lines(M5, arrival(letter(events, 0), 8 * DAY + 60))

    assert steps(found, "late") == [("reminder", 8 * DAY + 60)]
    assert [name for name, _ in steps(found)] == ["offer", "escalation"]


def test_a_step_that_is_not_in_the_file_any_more_is_dropped(events: Events) -> None:
    """Its timers are found when they are due, and counted."""
    memory = taken(Journeys(M5), letter(events, 0))
    (timer,) = (one for one in memory.timers.changed if one.step.startswith("offer"))
    Journeys(defaults("B5-financed")).fire(memory, timer)

    assert memory.counts == {("M5-no-response", "removed"): 1}
    assert memory.outbox == []


def test_a_changed_length_holds_for_new_instances(events: Events, tmp_path: Path) -> None:
    """What runs keeps its times."""
    memory = taken(Journeys(written(tmp_path, LIMITED)), events.make("engagement", 0, type="PAGE_VISITED"))
    Journeys(written(tmp_path, LIMITED.replace("1d", "2d"))).take(
        memory, events.make("engagement", 1, type="PAGE_VISITED")
    )

    assert [one.due_at for one in memory.timers.changed if one.step != "~"] == [START_US + DAY * 1_000_000]


def test_nothing_is_left_in_the_end(events: Events) -> None:
    """Rows end when nothing that may still come needs them."""
    memory, journeys = taken(Journeys(M5), letter(events, 0), letter(events, 5, "RESPONDED", "D-2")), Journeys(M5)
    while timers := sorted(memory.timers.where(lambda _: True), key=lambda one: one.due_at):
        memory.now = timers[0].due_at
        memory.timers.drop(*memory.timers.shape.key_of(timers[0]))
        journeys.fire(memory, timers[0])

    assert memory.instances.where(lambda _: True) == []


# -- feedback


def ended(events: Events, at_s: float, kind: str = "COMPLETED") -> Incoming:
    """An end or a beginning of a case."""
    return contract(events, at_s, kind, workspace_type="case", expires_at=None)


def test_a_case_that_stays_complete_is_asked_about(events: Events) -> None:
    """A day later; not when it reopened within it, and again when it ends again."""
    feedback, over = defaults("B7-feedback"), ended(events, 0)

    assert steps(lines(feedback, over)) == [("request", DAY)]
    assert steps(lines(feedback, over, ended(events, DAY / 2, "REOPENED"))) == []
    again = (ended(events, DAY / 2, "REOPENED"), ended(events, 5 * DAY))
    assert steps(lines(feedback, over, *again)) == [("request", 6 * DAY)]


@pytest.mark.parametrize("later_s", [0, 60, 1800])
def test_a_start_that_is_read_late_does_not_act_beside_a_later_one(events: Events, later_s: float) -> None:
    """One document by two channels, the second one read after the first has acted: the customer hears once."""
    first, second = letter(events, later_s), letter(events, 0)
    delivered = defaults("M5-delivered")

    for one, other in ((first, second), (second, first)):
        found = lines(delivered, arrival(one, HOUR), arrival(other, 2 * HOUR))
        assert [step for step, _ in steps(found)] == ["now"]
