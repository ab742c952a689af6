"""The checkers notice broken histories, and are silent about sound ones."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.faults.checks import (
    CHECKS,
    at_once,
    called_while_told_to_stop,
    complaints,
    deliverable_dead,
    ended_badly,
    invented,
    letters_twice,
    lost,
    made_for_a_duplicate,
    miscounted,
    once_twice,
    out_of_order,
    repeats,
    stale,
    too_many_repeats,
    too_much_doubt,
    uncommitted,
    without_receipt,
)
from tests.faults.events import (
    FLOWS,
    KEPT,
    SEEN,
    TOLD,
    TRACK,
    UPDATE,
    WORKSPACE,
    Delivery,
    History,
    Mark,
    deliveries_of,
)
from tests.faults.story import PROBE, Act, Counted, End, Letter, Life, Produced, Request, Stored, Story


def mark(customer: str, number: int) -> Mark:
    return Mark(WORKSPACE, customer, number)


A0, A1, A2, B0 = mark("a", 0), mark("a", 1), mark("a", 2), mark("b", 0)


def kept(*marks: Mark) -> list[Delivery]:
    return [Delivery("kept", one) for one in marks]


def told(*marks: Mark) -> list[Delivery]:
    return [Delivery("told", one) for one in marks]


def acts(*deliveries: Delivery, by: str = "w.1", at: float = 10.0) -> list[Act]:
    return [Act(one, by, at) for one in deliveries]


def story(produced: Sequence[Mark] = (), **more: Any) -> Story:
    """A story of one calm worker; `flows` are the two on one event unless said."""
    usual: dict[str, Any] = {
        "flows": (TOLD, KEPT), "requests": [], "acts": [], "letters": [],
        "lives": [Life("w.1", "w", 0.0, 100.0, End.CALM)], "in_flight": 3, "patience_s": 3.0,
    }  # fmt: skip
    return Story(produced=[Produced(one, 0, n) for n, one in enumerate(produced)], **(usual | more))


def request(action: str, *objects: Delivery, at: float, until: float | None, status: int | None = 201) -> Request:
    return Request("w.1", action, objects, at, status, until)


def test_an_event_that_nobody_has_is_lost() -> None:
    """Each flow for itself: neither at the vendor nor among the dead letters."""
    found = lost(story([A0, B0], acts=acts(*told(A0, B0), *kept(A0))))
    assert found == ["lost: kept workspace/b/0"]


@pytest.mark.parametrize("flow", ["kept", "-"])
def test_a_dead_letter_is_not_lost(flow: str) -> None:
    """A person can still see it; a letter of a record that no flow could use stands for all flows."""
    letters = [Letter(A0, flow, "refused", "w"), Letter(A0, "told", "refused", "w")]
    assert lost(story([A0], letters=letters)) == []


def test_what_nobody_sent_is_noticed() -> None:
    """It would mean that the harness compares two different histories, or a payload was mixed up."""
    assert invented(story([A0], acts=acts(*kept(A0, A2)))) == ["invented: kept workspace/a/2"]


def test_a_later_event_first_is_out_of_order() -> None:
    """Both halves of the pair are named."""
    found = out_of_order(story(acts=acts(*kept(A0, A2, B0, A1))))
    assert found == ["out of order: kept workspace/a/2 came before kept workspace/a/1"]


def test_flows_of_one_event_have_an_order() -> None:
    """Catalogue order."""
    assert out_of_order(story(acts=acts(*kept(A0), *told(A0)))) != []
    assert out_of_order(story(acts=acts(*told(A0), *kept(A0)))) == []


def test_customers_and_topics_do_not_order_each_other() -> None:
    """Order is promised per key and topic only."""
    other = Delivery("seen", Mark(SEEN.topic, "a", 0))
    assert out_of_order(story(flows=FLOWS, acts=acts(*kept(A0, A2, B0), other))) == []


def test_a_repeat_of_an_older_event_is_no_disorder() -> None:
    """After a crash a repeatable action may be made again; it is counted instead."""
    found = story([A0, A1, A2], acts=acts(*kept(A0, A1, A0, A1, A2)))
    assert out_of_order(found) == []
    assert repeats(found) == 2


def test_what_is_in_doubt_may_happen_late() -> None:
    """Nobody can tell whether and when it was made."""
    late = story(acts=acts(*told(A1, A0)), letters=[Letter(A0, "told", "in_doubt", "w")])
    assert out_of_order(late) == []


def test_a_once_action_made_twice_is_noticed() -> None:
    """Whoever asked for it; a repeatable one is none."""
    found = story([A0], acts=[*acts(*told(A0), *kept(A0, A0)), *acts(*told(A0), by="x.1")])
    assert once_twice(found) == ["made 2 times by w.1, x.1: told workspace/a/0"]


def test_an_action_for_each_copy_is_told_apart() -> None:
    """Upstream sent the event twice: that is a missed duplicate, and the third time is a promise of its own."""
    twice, thrice = (story([A0, A0], acts=acts(*told(*[A0] * times))) for times in (2, 3))
    assert (once_twice(twice), len(made_for_a_duplicate(twice))) == ([], 1)
    assert (len(once_twice(thrice)), made_for_a_duplicate(thrice)) == (1, [])


def test_two_at_once_for_one_customer_are_noticed() -> None:
    """Of any flow; after one another is fine, and so are two customers."""
    first = request(TRACK, *told(A0), at=1.0, until=2.0)
    assert at_once(story(requests=[first, request(UPDATE, *kept(A1), at=1.5, until=3.0)])) != []
    assert at_once(story(requests=[first, request(UPDATE, *kept(A1), at=2.0, until=3.0)])) == []
    assert at_once(story(requests=[first, request(UPDATE, *kept(B0), at=1.5, until=3.0)])) == []


def test_an_unanswered_request_is_never_at_once() -> None:
    """Its sender may be dead, and its successor must go on."""
    hanging = request(TRACK, *told(A0), at=1.0, until=9.0, status=None)
    assert at_once(story(requests=[hanging, request(UPDATE, *kept(A1), at=7.5, until=8.0)])) == []


@pytest.mark.parametrize(("at", "is_wrong"), [(2.3, False), (4.0, True), (7.1, False)])
def test_a_429_stops_its_action_for_as_long_as_it_says(at: float, is_wrong: bool) -> None:
    """What was on its way does not count; nor does another action."""
    stop = request(TRACK, *told(A0), at=1.0, until=2.0, status=429)
    stop.retry_after_s = 5.0
    again, other = request(TRACK, *told(A0), at=at, until=at), request(UPDATE, *kept(B0), at=4.0, until=4.1)
    assert bool(called_while_told_to_stop(story(requests=[stop, again, other]))) is is_wrong


@pytest.mark.parametrize("status", [503, None])
def test_a_failure_stops_until_a_probe_is_well(status: int | None) -> None:
    """A 5xx, or no answer to a once-action."""
    stop = request(TRACK, *told(A0), at=1.0, until=2.0, status=status)
    again = request(TRACK, *told(B0), at=6.0, until=6.1)
    bad, good = (request(PROBE, at=at, until=at, status=code) for at, code in ((4.0, 503), (5.0, 200)))
    assert called_while_told_to_stop(story(requests=[stop, bad, again])) != []
    assert called_while_told_to_stop(story(requests=[stop, bad, good, again])) == []


def test_an_answer_that_comes_after_its_sender_gave_up_is_not_heard() -> None:
    """It had stopped by itself, had probed and gone on; only a probe before it gave up would be too early."""
    late = request(TRACK, *told(A0), at=1.0, until=8.0, status=504)
    good, again = request(PROBE, at=5.0, until=5.0), request(TRACK, *told(B0), at=9.0, until=9.1)
    early = request(PROBE, at=3.0, until=3.0)
    assert called_while_told_to_stop(story(requests=[late, good, again])) == []
    assert called_while_told_to_stop(story(requests=[late, early, again])) != []


def test_another_worker_was_not_told() -> None:
    """Holds are learned by each worker for itself."""
    stop = request(TRACK, *told(A0), at=1.0, until=2.0, status=503)
    other = replace(request(TRACK, *told(B0), at=6.0, until=6.1), by="x.1")
    assert called_while_told_to_stop(story(requests=[stop, other])) == []


def test_a_sleeper_learns_when_it_wakes() -> None:
    """The answer waited in its socket; what it had written before is on its way."""
    stop = request(TRACK, *told(A0), at=1.0, until=2.0, status=503)
    again = request(TRACK, *told(B0), at=9.2, until=9.3)
    asleep = Life("w.1", "w", 0.0, 100.0, End.CALM, asleep=[(2.1, 9.0)])
    assert called_while_told_to_stop(story(requests=[stop, again], lives=[asleep])) == []


def test_a_sleeper_that_had_learned_and_probed_goes_on_when_it_wakes() -> None:
    """It fell asleep right afterwards: nothing waited in its socket."""
    stop, good = request(TRACK, *told(A0), at=1.0, until=2.0, status=503), request(PROBE, at=2.2, until=2.2)
    again = request(TRACK, *told(B0), at=11.0, until=11.1)
    asleep = Life("w.1", "w", 0.0, 100.0, End.CALM, asleep=[(2.3, 9.0)])
    assert called_while_told_to_stop(story(requests=[stop, good, again], lives=[asleep])) == []
    assert called_while_told_to_stop(story(requests=[stop, again], lives=[asleep])) != []


def test_a_deliverable_dead_letter_is_noticed() -> None:
    """Poison may be dead, and what is in doubt."""
    letters = [Letter(one, "kept", "refused", "w") for one in (A0, B0)] + [Letter(A1, "told", "in_doubt", "w")]
    found = deliverable_dead(story([A0, A1, B0], letters=letters, poison=frozenset(kept(B0))))
    assert found == ["deliverable, but a dead letter (refused): kept workspace/a/0"]


def test_doubt_is_bounded_by_what_explains_it() -> None:
    """Each kill, sleep or outage explains what was in flight; each unclear answer its once-deliveries."""
    doubted = [Letter(mark("a", n), "told", "in_doubt", "w") for n in range(4)]
    killed = [Life("w.1", "w", 0.0, 9.0, End.KILLED)]
    unclear = [request(TRACK, *told(A0), at=1.0, until=2.0, status=None)]
    assert too_much_doubt(story(letters=doubted)) != []
    assert too_much_doubt(story(letters=doubted, lives=killed)) != []
    assert too_much_doubt(story(letters=doubted, lives=killed, requests=unclear)) == []


def test_two_letters_about_one_delivery_are_noticed() -> None:
    """One is enough for a person."""
    assert letters_twice(story(letters=[Letter(A0, "told", "refused", "w")] * 2)) != []


def test_repeats_of_a_calm_history_are_noticed() -> None:
    """A broken life explains what it had just done; upstream's own repeats are none."""
    twice = acts(*kept(A0, A0), at=9.0)
    killed = [Life("w.1", "w", 0.0, 9.5, End.KILLED)]
    assert too_many_repeats(story([A0], acts=twice)) != []
    assert too_many_repeats(story([A0], acts=twice, lives=killed)) == []
    assert too_many_repeats(story([A0, A0], acts=twice)) == []


def test_an_old_value_that_stays_is_stale() -> None:
    """A repeat after the newest value must itself be followed by the newest value."""
    assert stale(story(acts=acts(*kept(A0, A1, A0)))) == ["stale: kept of a stands at 0, the newest is 1"]
    assert stale(story(acts=acts(*kept(A0, A1, A0, A1)))) == []


def counted(delivered: int, requests: int, letters: int = 0) -> dict[str, Counted]:
    ended = {("told", "delivered"): delivered, ("told", "rejected"): letters}
    return {"w.1": Counted(ended, {(TRACK, "201"): requests}, letters)}


@pytest.mark.parametrize(
    ("figures", "complaints_"), [((2, 1), 0), ((1, 1), 1), ((3, 1), 1), ((2, 2), 1), ((2, 1, 1), 2)]
)
def test_figures_are_what_the_vendor_saw(figures: tuple[int, ...], complaints_: int) -> None:
    """Deliveries by flow, requests by status, letters by worker: exactly."""
    one = request(TRACK, *told(A0, B0), at=1.0, until=1.1)
    assert len(miscounted(story(requests=[one], counted=counted(*figures)))) == complaints_


def test_a_sleeper_may_have_counted_less() -> None:
    """What it did, and could not settle, is another's to count; more than it did is wrong all the same."""
    asleep = [Life("w.1", "w", 0.0, 100.0, End.CALM, asleep=[(1.0, 9.0)])]
    one = request(TRACK, *told(A0, B0), at=1.0, until=1.1)
    assert miscounted(story(requests=[one], counted=counted(1, 1), lives=asleep)) == []
    assert miscounted(story(requests=[one], counted=counted(3, 1), lives=asleep)) != []


def test_a_partition_that_is_not_committed_is_noticed() -> None:
    """Neither a short commit nor a map that Kafka would refuse passes."""
    stored = {(WORKSPACE, 0): Stored(3, "m", 4), (WORKSPACE, 1): Stored(4, "m" * 4096, 4)}
    assert len(uncommitted(story(stored=stored))) == 2
    assert uncommitted(story(stored={(WORKSPACE, 0): Stored(4, "m" * 4095, 4)})) == []


def test_a_worker_that_ended_by_itself_is_noticed() -> None:
    """Or one that did not end calmly when it was asked to."""
    assert ended_badly(story(lives=[Life("w.1", "w", 0.0, 1.0, End.BADLY, code=1)])) == ["w.1 ended with 1"]


def test_a_receipt_is_due_of_once_actions_and_letters() -> None:
    """Not of repeatable ones, nor as delivered of what is in doubt."""
    done = story(
        [A0, A1, B0],
        acts=acts(*told(A0, A1), *kept(A0)),
        letters=[Letter(A1, "told", "in_doubt", "w"), Letter(B0, "kept", "refused", "w")],
    )
    due = [(told(A0)[0], "delivered"), (told(A1)[0], "rejected"), (kept(B0)[0], "rejected")]
    assert len(without_receipt(done)) == 3
    assert without_receipt(replace(done, receipts=due)) == []


def whole(seed: int) -> Story:
    """A sound history: every event made in log order, all committed."""
    marks = list(History(seed, customers=3, each=4, topics=(WORKSPACE, SEEN.topic)).marks())
    made = [one for each in marks for one in deliveries_of(each, FLOWS)]
    receipts = [(one, "delivered") for one in made if one.flow == "told"]
    return story(marks, flows=FLOWS, acts=acts(*made), receipts=receipts)


@given(st.integers(0, 1000))
def test_a_sound_history_is_not_complained_about(seed: int) -> None:
    """By no checker."""
    assert complaints(whole(seed)) == {}
    assert len(CHECKS) == 16


@given(st.integers(0, 1000), st.data())
def test_a_missing_delivery_is_always_found(seed: int, data: st.DataObject) -> None:
    """Whichever one of a history is taken away."""
    sound = whole(seed)
    gone = data.draw(st.sampled_from(sound.acts))
    assert len(lost(replace(sound, acts=[act for act in sound.acts if act != gone]))) == 1


@given(st.integers(0, 1000), st.data())
def test_two_swapped_events_of_a_customer_are_always_found(seed: int, data: st.DataObject) -> None:
    """Wherever in a history they stand."""
    sound = whole(seed)
    lanes = sorted({(act.delivery.mark.topic, act.delivery.mark.customer) for act in sound.acts})
    topic, customer = data.draw(st.sampled_from(lanes))
    places = [n for n, act in enumerate(sound.acts) if act.delivery.mark[:2] == (topic, customer)]
    first, second = sorted(data.draw(st.lists(st.sampled_from(places), min_size=2, max_size=2, unique=True)))
    swapped = list(sound.acts)
    swapped[first], swapped[second] = swapped[second], swapped[first]
    assert out_of_order(replace(sound, acts=swapped)) != []


@given(st.integers(0, 1000), st.data())
def test_a_repeated_delivery_is_always_found(seed: int, data: st.DataObject) -> None:
    """A once-action as made twice, a repeatable one as an unexplained repeat."""
    sound = whole(seed)
    again = data.draw(st.sampled_from(sound.acts))
    twice = replace(sound, acts=[*sound.acts, again])
    assert once_twice(twice) or too_many_repeats(twice)
