"""Waiting without sleeping and hoping."""

import pytest

from tests.support.poll import eventually


def test_it_returns_the_first_truthy_answer() -> None:
    """The condition may become true late."""
    answers = iter([[], [], ["here"]])

    assert eventually(lambda: next(answers), every_s=0) == ["here"]


def test_past_the_deadline_it_tells_the_last_answer() -> None:
    """A failure must say what was seen instead."""
    with pytest.raises(AssertionError, match=r"not within 0.01 s: a miracle; its last answer was 0"):
        eventually(lambda: 0, 0.01, every_s=0.001, what="a miracle")
