"""The token's conversation, the shared token, the remembered lead numbers, and the waits."""

from datetime import UTC, datetime
from typing import Any

import pytest

from common.http import Answer
from common.reasons import Cause
from tests.support.clock import ManualClock
from workers.sinks.marketo.leads import LeadCache
from workers.vendors.marketo.auth import Granted, NoToken, Renew, Send, Tokens, conversation
from workers.vendors.marketo.reply import Reply
from workers.vendors.marketo.waits import Waits

GOOD = Reply(Answer(200, {}, b'{"success":true}'))
EXPIRED = Reply(Answer(200, {}, b'{"success":false,"errors":[{"code":"602"}]}'))
REFUSED = NoToken(Cause.CREDENTIALS, "refused")


def talk(*told: Any) -> tuple[list[Any], Any]:
    """The steps of a conversation that is told these, and what it ends with."""
    one = conversation()
    steps: list[Any] = [next(one)]
    try:
        steps.extend(one.send(each) for each in told[:-1])
        one.send(told[-1])
    except StopIteration as end:
        return steps, end.value
    raise AssertionError("it goes on")


def test_a_good_token_is_used() -> None:
    """§1: ask, send, done."""
    assert talk("a", GOOD) == ([Renew(None), Send("a")], GOOD)


def test_an_expired_token_is_renewed_once() -> None:
    """§1: 602 was not executed: the same request, with another token."""
    assert talk("a", EXPIRED, "b", GOOD) == ([Renew(None), Send("a"), Renew("a"), Send("b")], GOOD)


def test_a_second_refusal_is_an_answer() -> None:
    """§1: no amount of asking helps."""
    assert talk("a", EXPIRED, "b", EXPIRED) == ([Renew(None), Send("a"), Renew("a"), Send("b")], EXPIRED)


def test_without_a_token_nothing_is_sent() -> None:
    """§1: a hold instead of a token ends it, at once or after a refusal."""
    assert talk(REFUSED) == ([Renew(None)], REFUSED)
    assert talk("a", EXPIRED, REFUSED)[1] is REFUSED


class Identity:
    """Grants what a test says, and counts."""

    def __init__(self, *grants: Granted | NoToken) -> None:
        self._grants, self.asked = list(grants), 0

    def ask(self) -> Granted | NoToken:
        self.asked += 1
        return self._grants.pop(0)


def test_a_token_is_kept_until_shortly_before_its_end() -> None:
    """§1: 60 seconds before."""
    clock, identity = ManualClock(), Identity(Granted("a", 3599), Granted("b", 3599))
    tokens = Tokens(identity.ask, 60, clock.monotonic)

    assert tokens.other_than(None) == "a"
    clock.advance(3538)
    assert tokens.other_than(None) == "a"
    clock.advance(2)
    assert tokens.other_than(None) == "b"
    assert identity.asked == 2


def test_the_same_token_again_is_not_asked_for_at_every_call() -> None:
    """§1: asking before its end gives the same token with what is left: halves of that."""
    clock, identity = ManualClock(), Identity(Granted("a", 40), Granted("a", 20), Granted("b", 3599))
    tokens = Tokens(identity.ask, 60, clock.monotonic)

    for seconds in (0, 19, 2):
        clock.advance(seconds)
        assert tokens.other_than(None) == "a"
    assert identity.asked == 2


def test_a_fresh_token_survives_an_old_one_s_refusal() -> None:
    """§1: only the token at hand is dropped: a stampede cannot clear a fresh one."""
    clock, identity = ManualClock(), Identity(Granted("a", 3599), Granted("b", 3599))
    tokens = Tokens(identity.ask, 60, clock.monotonic)
    tokens.other_than(None)

    assert [tokens.other_than("a"), tokens.other_than("a"), tokens.other_than(None)] == ["b", "b", "b"]
    assert identity.asked == 2


def test_a_refusal_is_not_remembered() -> None:
    """A corrected secret at the vendor helps at the next try."""
    identity = Identity(REFUSED, Granted("a", 3599))
    tokens = Tokens(identity.ask, 60, ManualClock().monotonic)

    assert tokens.other_than(None) is REFUSED
    assert tokens.other_than(None) == "a"


def test_tokens_are_not_shown() -> None:
    """A repr may end up in a log."""
    assert "s3cret" not in repr(Granted("s3cret", 1)) + repr(Send("s3cret"))


# -- remembered lead numbers --------------------------------------------------------------------


def test_the_latest_used_numbers_are_kept() -> None:
    """Bounded: the one that was unused for longest makes room."""
    cache = LeadCache(2, 60, ManualClock().monotonic)
    cache.put("a", 1)
    cache.put("b", 2)
    cache.get("a")
    cache.put("c", 3)

    assert [cache.get(name) for name in "abc"] == [1, None, 3]
    assert len(cache) == 2


def test_a_number_is_believed_for_a_while() -> None:
    """Leads are merged."""
    clock = ManualClock()
    cache = LeadCache(2, 60, clock.monotonic)
    cache.put("a", 1)
    clock.advance(60)

    assert cache.get("a") is None


def test_a_memory_of_none_remembers_nothing() -> None:
    """A site may switch it off."""
    cache = LeadCache(0, 60, ManualClock().monotonic)
    cache.put("a", 1)

    assert cache.get("a") is None


# -- waits --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "hours", "day"),
    [
        (datetime(2026, 11, 20, 9, 0, tzinfo=UTC), 21, "2026-11-20"),  # CST: midnight is 06:00 UTC
        (datetime(2026, 7, 1, 4, 0, tzinfo=UTC), 1, "2026-06-30"),  # CDT: midnight is 05:00 UTC
        (datetime(2026, 3, 8, 6, 0, tzinfo=UTC), 23, "2026-03-08"),  # the day on which an hour is skipped
        (datetime(2026, 11, 1, 5, 0, tzinfo=UTC), 25, "2026-11-01"),  # the day on which an hour comes twice
    ],
)
def test_the_quota_s_day_ends_at_midnight_in_its_zone(now: datetime, hours: float, day: str) -> None:
    """§3: Central Time, daylight saving included; asked again every half hour in case it was raised."""
    waits = Waits(lambda: now, lambda: 0.0, "America/Chicago", 1800)

    assert waits.until_midnight_s() == hours * 3600
    assert waits.quota_s() == 1800
    assert waits.today() == day


def test_shortly_before_midnight_the_wait_is_short() -> None:
    """§3: and each worker's a little different."""
    now = datetime(2026, 11, 20, 5, 50, tzinfo=UTC)

    def wait_s(jitter: float) -> float:
        return Waits(lambda: now, lambda: jitter, "America/Chicago", 1800).quota_s()

    assert [wait_s(0.0), wait_s(1.0)] == [600, 660]
