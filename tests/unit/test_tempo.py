"""The journeys' fast clock: it shortens what a file says, and moves nothing else."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from common.store.times import SECOND_US, micros, moment_of
from tests.support.journeys import DAY, defaults, lines, steps
from tests.support.store import START, START_US, Events
from workers.journeys.config import JourneysSettings
from workers.journeys.definition import Journey
from workers.journeys.tempo import REAL, Tempo

FAST = Tempo(START_US, DAY)
moments = st.integers(-10 * DAY * SECOND_US, 10 * DAY * SECOND_US).map(lambda length: START_US + length)
tempos = st.builds(Tempo, moments, st.integers(1, 10_000_000))


def fast(*names: str, **values: Any) -> tuple[Journey, ...]:
    """Default journeys for which a day lasts a second."""
    return tuple(replace(one, tempo=FAST) for one in defaults(*names, **values))


@given(tempos, moments)
def test_a_moment_comes_back(tempo: Tempo, moment: int) -> None:
    """What is converted to journey time and back is the same to the microsecond."""
    assert tempo.real(tempo.journey(moment)) == moment


@given(tempos, moments)
def test_a_journey_time_has_come(tempo: Tempo, wanted: int) -> None:
    """At the real moment of a journey time it is that time, and just before it is not."""
    real = tempo.real(wanted)

    assert tempo.journey(real - 1) < wanted <= tempo.journey(real)


@given(moments)
def test_the_real_clock_changes_nothing(moment: int) -> None:
    """Without a fast clock, journey time is real time."""
    assert (REAL.journey(moment), REAL.real(moment), REAL.lasts(moment)) == (moment, moment, moment)


def test_a_week_is_seven_seconds() -> None:
    """Steps come after so many seconds as the file says days, counted from the real time of the start."""
    events = Events()
    letter = events.make("communication", 5, type="DELIVERED", document_id="D-1", document_type="renewal_letter")

    assert steps(lines(fast("M5-no-response"), letter)) == [("reminder", 12), ("offer", 15), ("escalation", 19)]


def test_a_date_is_on_the_fast_clock() -> None:
    """A contract that ends in 40 journey days is told of when 30 and 7 of them are left, at the day's hour."""
    events = Events()
    end = moment_of(START_US) + timedelta(days=40)
    contract = events.make(
        "workspace", 0, type="UPDATED", workspace_id="W-1", workspace_type="contract", expires_at=end.isoformat()
    )
    due = {one.step: one.due_at for one in lines(fast("B3-expiring"), contract) if one.what == "fired"}

    nine_o_clock = timedelta(hours=9) - timedelta(hours=START.hour, minutes=START.minute)
    days = {step: (FAST.journey(at or 0) - START_US) / SECOND_US / DAY for step, at in due.items()}
    early = nine_o_clock / timedelta(days=1)
    assert days == pytest.approx({"d30": 10 + early, "d7": 33 + early}, abs=1e-4)


def test_again_is_on_the_fast_clock() -> None:
    """What may happen once in 30 days may happen once in 30 seconds."""
    events, emails = Events(), {"m1.brochure.emails": ["spring"]}
    opened = [events.make("engagement", at, type="EMAIL_OPENED", asset="spring", automated=False) for at in (0, 29, 31)]

    assert [at for _, at in steps(lines(fast("M1-follow-up", **emails), *opened))] == [0, 31]


def test_past_the_calendar() -> None:
    """A clock that ran past the year 9999 has no time of day, and no trouble either."""
    late = Tempo(START_US - 3650 * DAY * SECOND_US, 100_000)
    (journey,) = defaults("B3-expiring")
    events = Events()
    contract = events.make(
        "workspace", 0, type="UPDATED", workspace_id="W-1", workspace_type="contract",
        expires_at=(START + timedelta(days=40)).isoformat(),
    )  # fmt: skip

    assert steps(lines((replace(journey, tempo=late),), contract)) == []


@pytest.mark.parametrize("factor", [0, -5, 0.5])
def test_no_clock_runs_slower(factor: float) -> None:
    """A factor under one is refused."""
    with pytest.raises(ValidationError, match="factor"):
        JourneysSettings.model_validate({"clock": {"epoch": "2026-03-01T12:00:00Z", "factor": factor}})


def test_settings_make_the_clock() -> None:
    """Epoch and factor of the settings are the clock; without them it is the real one."""
    given = JourneysSettings.model_validate({"clock": {"epoch": START.isoformat(), "factor": 60}})

    assert given.tempo == Tempo(micros(START), 60)
    assert JourneysSettings().tempo == REAL
