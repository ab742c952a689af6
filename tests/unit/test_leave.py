"""Leave to send: what the store's answer means for a delivery, and for how long an answer may be used."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import inf
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.event import Event
from common.reasons import Reason
from common.store.look_ups import Answer, Decided, Known, Who
from common.store.times import micros
from common.store.values import Evidence
from tests.support.flows import COMMUNICATION, load
from workers.consent.config import ConsentSettings
from workers.flows.flow import Flow
from workers.sinks.api import Rejected, Suppressed
from workers.sinks.leave import Leave, Leaves, Stale, question_of
from workers.sinks.told import Cache, Question, Told, told

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVENT = Event(COMMUNICATION, b"C-1", {"type": "SENT", "customer": {"customer_id": "C-1", "email": "a@b.example"}})
NOBODY = Event(COMMUNICATION, None, {"type": "SENT", "customer": None})
LEAVES = Leaves(ConsentSettings(max_age_s=30))
WANTS = "consent: {purpose: SERVICE, channels: ['${consent.preferred_channel|EMAIL}', PRINT]}"


def flow(folder: Path, more: str = WANTS) -> Flow:
    """A flow that asks."""
    title = "" if "with:" in more else "with: {title: all}, "
    text = f"- {{name: one, on: {COMMUNICATION}, do: paper.write, {title}{more}}}"
    (found,) = load(folder, text, has_store=True)
    return found


def report(kind: str, state: str, channel: str = "", purpose: str = "") -> Evidence:
    """Something that was said about C-1."""
    return Evidence("c:C-1", kind, channel, purpose, "", "EXPLICIT", state, micros(NOW), "braze", "e-1")


def answer(*reports: Evidence, age_s: float = 1, **known: Any) -> Told:
    """What the store said just now."""
    found = Known(Who("C-1"), **{"is_known": True, "reports": reports, **known})
    said = Answer({"C-1": found}, NOW - timedelta(seconds=age_s))
    return told(Question(found.who), said, 100.0, NOW.timestamp() * 1000)


def judged(one: Flow, told_: Told, event: Event = EVENT) -> object:
    """What becomes of a delivery now."""
    return LEAVES.judge(one, event, told_, 100.0)


def test_the_first_allowed_channel_is_taken(tmp_path: Path) -> None:
    """It stands in the event that the flow reads, beside profile and preferred channel."""
    said = (report("PREFERRED_CHANNEL", "EMAIL"), report("CONSENT", "OPTED_OUT", "EMAIL"))

    leave = judged(flow(tmp_path), answer(*said, profile={"risk_level": "low"}, customer={"first_name": "Ada"}))

    assert isinstance(leave, Leave)
    assert leave.value(EVENT)["consent"] == {"preferred_channel": "EMAIL", "channel": "PRINT"}
    assert leave.value(EVENT)["profile"] == {"risk_level": "low", "first_name": "Ada", "engaged_at": None}
    assert leave.value(EVENT)["type"] == "SENT"


def test_leave_ends_when_the_knowledge_is_too_old(tmp_path: Path) -> None:
    """What was 12 s old when it was asked may be used for 18 more."""
    leave = judged(flow(tmp_path), answer(age_s=12))

    assert isinstance(leave, Leave)
    assert leave.until == pytest.approx(118.0)


def test_leave_for_a_channel_that_stands_in_the_flow_serves_all_its_events_until_it_ends(tmp_path: Path) -> None:
    """It is found out once; past its time the knowledge is too old, as for any other."""
    found, said = flow(tmp_path, "consent: {purpose: SERVICE, channels: [EMAIL]}"), answer(age_s=12)

    first = judged(found, said)

    assert isinstance(first, Leave)
    assert first.value(EVENT) is EVENT.value
    assert LEAVES.judge(found, EVENT, said, 117.0) is first
    assert isinstance(LEAVES.judge(found, EVENT, said, 119.0), Stale)


@pytest.mark.parametrize("age_s", [31, 3600])
def test_old_knowledge_is_stale(tmp_path: Path, age_s: float) -> None:
    """Neither sent nor suppressed: to be asked again."""
    assert isinstance(judged(flow(tmp_path), answer(report("CONSENT", "OPTED_OUT"), age_s=age_s)), Stale)


def test_nobody_knows_how_fresh_it_is(tmp_path: Path) -> None:
    """A partition without a journey worker: an objection may still wait there."""
    assert isinstance(judged(flow(tmp_path), replace(answer(), fresh_s=None)), Stale)


def test_no_channel_is_allowed(tmp_path: Path) -> None:
    """The customer said so."""
    assert judged(flow(tmp_path), answer(report("CONSENT", "OPTED_OUT"))) == Suppressed(Reason.CONSENT)


@pytest.mark.parametrize("more", [WANTS, "with: {title: '${profile.risk_level|none}'}"])
def test_the_erased_are_left_alone(tmp_path: Path, more: str) -> None:
    """By every flow that asks about them."""
    gone = answer(is_known=False, erased_at=NOW)

    assert judged(flow(tmp_path, more), gone) == Suppressed(Reason.CONSENT)


def test_somebody_who_is_unknown_is_asked_about_like_anybody(tmp_path: Path) -> None:
    """A fact, not an error: nobody objected, and there is no profile."""
    leave = judged(flow(tmp_path), answer(is_known=False))

    assert isinstance(leave, Leave)
    assert leave.value(EVENT)["profile"] is None
    assert leave.value(EVENT)["consent"]["channel"] == "EMAIL"


def test_an_event_about_nobody_cannot_ask_for_consent(tmp_path: Path) -> None:
    """It needs a person: an event that contacts somebody without saying whom."""
    verdict = judged(flow(tmp_path), Told(None, None, 99.0, 0.0, 0.0), NOBODY)

    assert isinstance(verdict, Rejected)
    assert verdict.reason is Reason.MISSING_CUSTOMER


def test_a_profile_alone_may_be_old(tmp_path: Path) -> None:
    """Only leave has an age: what is read of a profile is the best that is known."""
    found = flow(tmp_path, "choice: c, when: {type: [SENT]}, with: {title: '${profile.risk_level|none}'}")

    leave = judged(found, answer(age_s=9999, profile={"risk_level": "high"}))

    assert isinstance(leave, Leave)
    assert leave.until == inf
    assert found.parameters(leave.value(EVENT)).title == "high"  # type: ignore[attr-defined]


def test_what_is_asked(tmp_path: Path) -> None:
    """About the customer, with the addresses that the event names."""
    assert question_of(flow(tmp_path), EVENT) == Question(Who("C-1", "a@b.example"))
    assert question_of(flow(tmp_path), NOBODY) == Question(None)


def test_an_answer_to_many_is_told_to_each() -> None:
    """By customer and by wish."""
    wish = ("C-1", "CONSENT", "EMAIL", "MARKETING", "")
    known = Known(Who("C-1"))

    found = told(Question(Who("C-1"), wish), Answer({"C-1": known}, NOW, {wish: Decided("OPTED_IN", 7)}), 1.0, 2.0)

    assert (found.known, found.decided) == (known, Decided("OPTED_IN", 7))
    assert found.fresh_s == pytest.approx(1.0 - (0.002 - NOW.timestamp()))


@given(
    asked_s=st.floats(0, 100),
    appended_s=st.floats(0, 100),
    now_s=st.floats(0, 200),
)
def test_a_kept_answer_is_never_older_than_the_record(asked_s: float, appended_s: float, now_s: float) -> None:
    """It was asked for after the record was written, by more than clocks differ, and lately."""
    cache, question = Cache(), Question(Who("C-1"))
    cache.put({question: Told(None, None, 0.0, asked_s, asked_s * 1000)})

    found = cache.find(question, int(appended_s * 1000), now_s)

    if found is not None:
        assert asked_s >= appended_s + 1.9
        assert now_s - asked_s <= 5.0
    elif asked_s >= appended_s + 2.1:
        assert now_s - asked_s > 5.0


def test_the_cache_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest answer goes."""
    monkeypatch.setattr("workers.sinks.told._MOST", 3)
    cache = Cache()
    for number in range(5):
        cache.put({Question(Who(f"C-{number}")): Told(None, None, 0.0, 0.0, 10_000.0)})

    assert len(cache) == 3
    assert cache.find(Question(Who("C-1")), 0, 0.0) is None
    assert cache.find(Question(Who("C-4")), 0, 0.0) is not None
