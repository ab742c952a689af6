"""The checkers notice broken histories; a fault test that leans on them can fail."""

from hypothesis import given
from hypothesis import strategies as st

from tests.faults.checks import invented, lost, out_of_order, repeated, stale
from tests.faults.events import History, Mark, event, mark_of

A0, A1, A2, B0 = Mark("a", 0), Mark("a", 1), Mark("a", 2), Mark("b", 0)


def test_an_event_that_nobody_has_is_lost() -> None:
    """Neither at the vendor nor among the dead letters."""
    assert lost([A0, A1, B0], received=[A0], dead=[A1]) == [B0]


def test_a_dead_letter_is_not_lost() -> None:
    """A person can still see it and send it again."""
    assert lost([A0, A1], received=[A0], dead=[A1]) == []


def test_an_event_nobody_sent_is_noticed() -> None:
    """It would mean that the harness compares two different histories."""
    assert invented([A0], received=[A0, A2]) == [A2]


def test_a_later_event_first_is_out_of_order() -> None:
    """Both halves of the pair are named."""
    assert out_of_order([A0, A2, B0, A1]) == [(A2, A1)]


def test_customers_do_not_order_each_other() -> None:
    """Order is promised per key only."""
    assert out_of_order([A0, A1, B0, A2]) == []


def test_a_repeat_of_an_older_event_is_no_disorder() -> None:
    """After a crash a repeatable action may be made again; it is counted instead."""
    received = [A0, A1, A0, A1, A2]

    assert out_of_order(received) == []
    assert repeated(received) == {A0: 1, A1: 1}


def test_an_old_value_that_stays_is_stale() -> None:
    """A repeat after the newest value must itself be followed by the newest value."""
    assert stale([A0, A1, A0]) == [(A1, A0)]
    assert stale([A0, A1, A0, A1]) == []


def test_a_history_is_reproducible() -> None:
    """The seed is all that a failure report needs."""
    assert list(History(seed=3).marks()) == list(History(seed=3).marks())
    assert list(History(seed=3).marks()) != list(History(seed=4).marks())


def test_an_event_carries_its_mark() -> None:
    """What comes back can be told apart."""
    assert mark_of(event(A1)) == A1


@given(st.integers(0, 1000), st.data())
def test_a_missing_event_is_always_found(seed: int, data: st.DataObject) -> None:
    """Whichever one of a history is taken away."""
    marks = list(History(seed, customers=3, each=4).marks())
    gone = data.draw(st.sampled_from(marks))

    assert lost(marks, [mark for mark in marks if mark != gone], dead=[]) == [gone]


@given(st.integers(0, 1000), st.data())
def test_two_swapped_events_of_a_customer_are_always_found(seed: int, data: st.DataObject) -> None:
    """Wherever in a history they stand; and a history as made is in order."""
    marks = list(History(seed, customers=2, each=4).marks())
    customer = data.draw(st.sampled_from(sorted({mark.customer for mark in marks})))
    places = [place for place, mark in enumerate(marks) if mark.customer == customer]
    first, second = sorted(data.draw(st.lists(st.sampled_from(places), min_size=2, max_size=2, unique=True)))
    swapped = list(marks)
    swapped[first], swapped[second] = marks[second], marks[first]

    assert out_of_order(marks) == []
    assert out_of_order(swapped) != []
