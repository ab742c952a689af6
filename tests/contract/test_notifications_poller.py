"""The Notifications poller against the sandbox: what became of each message, each fact once."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest

from tests.support.notifications import MovingClock, SandboxNotifications, sandbox_notifications
from tests.support.notifications_poll import KeptReceipts, poller, send
from tests.support.polling import Polling

Event = dict[str, Any]


@pytest.fixture
def vendor() -> Iterator[SandboxNotifications]:
    """A platform on which a message is with its recipient after two seconds."""
    with sandbox_notifications() as one:
        yield one


@pytest.fixture
def clock() -> MovingClock:
    return MovingClock()


@pytest.fixture
def receipts() -> KeptReceipts:
    return KeptReceipts()


@pytest.fixture
def polling(vendor: SandboxNotifications, receipts: KeptReceipts, clock: MovingClock) -> Iterator[Polling]:
    with closing(poller(vendor, receipts, clock)) as made:
        yield made


def later(vendor: SandboxNotifications, clock: MovingClock, seconds: float) -> None:
    """Time passes, there and here."""
    vendor.set_clock(advance_s=seconds)
    clock.ahead_s += seconds


def told(polling: Polling) -> list[Event]:
    """All events, in order."""
    return list(polling.log.events())


def asked(vendor: SandboxNotifications) -> int:
    """How many times a status was asked for."""
    return len(vendor.received("/mra/v1/outbound/emails/status"))


def test_each_recipients_outcome_is_an_event(
    vendor: SandboxNotifications, receipts: KeptReceipts, clock: MovingClock, polling: Polling
) -> None:
    """§4: by the event and the alert that the job's reference names; sent first, then what became of it."""
    receipts.add(send(vendor, "jane", "bounce", "error"), clock.now())
    later(vendor, clock, 20)
    polling.look()

    events = told(polling)

    assert [(event["recipient_ref"], event["outcome"]) for event in events] == [
        ("u:jane", "sent"),
        ("u:bounce", "sent"),
        ("u:bounce", "bounced"),
        ("u:error", "failed"),
    ]
    assert {(event["type"], event["alert_key"], event["caused_by"]) for event in events} == {
        ("OUTCOME", "batch:4711", "9f2c")
    }


def test_a_fact_is_told_once_and_a_new_one_when_it_is_there(receipts: KeptReceipts, clock: MovingClock) -> None:
    """A status tells everything again and again."""
    with sandbox_notifications(step_s=4) as vendor, closing(poller(vendor, receipts, clock)) as polling:
        receipts.add(send(vendor, "slow", "jane"), clock.now())
        known = []
        for seconds in (20, 30, 60):
            later(vendor, clock, seconds)
            known.append([(event["recipient_ref"], event["outcome"]) for event in told(polling.look())])

    first = [("u:jane", "sent")]
    assert known == [first, [*first, ("u:slow", "sent")], [*first, ("u:slow", "sent")]]


def test_it_is_asked_often_at_first_and_then_hourly(
    vendor: SandboxNotifications, receipts: KeptReceipts, clock: MovingClock, polling: Polling
) -> None:
    """§4: after 15, 45, 105 and 405 seconds; one that has come to its end is asked about hourly, for a day."""
    receipts.add(send(vendor, "jane"), clock.now())
    counted = []
    for seconds in (14, 2, 10, 20, 1000, 3000, 3600, 90_000, 3600):
        later(vendor, clock, seconds)
        polling.look()
        counted.append(asked(vendor))

    assert counted == [0, 1, 1, 1, 1, 2, 3, 4, 4]


def test_one_that_hangs_is_asked_about_until_it_is_given_up(
    vendor: SandboxNotifications, receipts: KeptReceipts, clock: MovingClock, polling: Polling
) -> None:
    """§4: every quarter of an hour for a day, hourly to 72 hours."""
    receipts.add(send(vendor, "hold"), clock.now())
    later(vendor, clock, 500)
    polling.look()
    later(vendor, clock, 900)
    polling.look()
    later(vendor, clock, 48 * 3600)
    polling.look()
    later(vendor, clock, 24 * 3600)
    polling.look()

    assert (asked(vendor), told(polling)) == (3, [])


def test_a_job_that_is_purged_or_not_yet_there_is_passed_over(
    vendor: SandboxNotifications, receipts: KeptReceipts, clock: MovingClock, polling: Polling
) -> None:
    """§9 #6: nobody waits for it; the others are told."""
    receipts.add("xsi-0", clock.now())
    receipts.add(f"{send(vendor, 'jane')},xsi-1", clock.now())
    later(vendor, clock, 60)

    assert [event["recipient_ref"] for event in told(polling.look())] == ["u:jane"]


def test_what_is_not_ours_is_passed_over(
    vendor: SandboxNotifications, receipts: KeptReceipts, clock: MovingClock, polling: Polling
) -> None:
    """§5: Exstream sends by the same account; other sinks have receipts too."""
    receipts.add(send(vendor, "jane", reference="EXSTREAM-1"), clock.now())
    receipts.add(send(vendor, "bob"), clock.now(), sink="braze")
    later(vendor, clock, 60)

    assert told(polling.look()) == []


def test_many_jobs_are_asked_about_in_pages(
    vendor: SandboxNotifications, receipts: KeptReceipts, clock: MovingClock, polling: Polling
) -> None:
    """Each once in a round, whatever the number."""
    for number in range(45):
        receipts.add(send(vendor, f"p{number}"), clock.now())
    later(vendor, clock, 60)

    polling.look()

    assert (len(told(polling)), asked(vendor)) == (45, 45)


def test_going_on_repeats_nothing(
    vendor: SandboxNotifications, receipts: KeptReceipts, clock: MovingClock, polling: Polling
) -> None:
    """Another process reads the receipts of the last days again, and asks about what is due since."""
    receipts.add(send(vendor, "jane"), clock.now())
    later(vendor, clock, 60)
    polling.look()
    with closing(poller(vendor, receipts.again(), clock, polling.log)) as other:
        other.look()
        later(vendor, clock, 60)
        other.look()

    assert (len(told(polling)), asked(vendor)) == (1, 2)


def test_jobs_from_before_polling_began_are_not_told(
    vendor: SandboxNotifications, receipts: KeptReceipts, clock: MovingClock, polling: Polling
) -> None:
    """`--since` says where to begin."""
    receipts.add(send(vendor, "jane"), clock.now() - timedelta(hours=2))
    later(vendor, clock, 60)

    assert (told(polling.look()), asked(vendor)) == ([], 0)


@pytest.mark.parametrize("status", [429, 503, 500])
def test_a_platform_that_says_no_is_not_asked_for_a_while(
    vendor: SandboxNotifications, receipts: KeptReceipts, clock: MovingClock, status: int
) -> None:
    """§9 #11, #12: as long as it says where it does; nothing is lost afterwards."""
    receipts.add(send(vendor, "jane"), clock.now())
    later(vendor, clock, 60)
    with closing(poller(vendor, receipts, clock)) as polling:
        readings = polling.session.begin()
        vendor.fault(status=status, headers={"retry-after": "77"}, path="/mra")
        before = clock.monotonic()
        polling.session.turn(readings)
        wait_s = readings[0].due_at - before
        vendor.forgive()
        polling.look()

    assert wait_s > 0
    assert status == 500 or 77 <= wait_s < 79
    assert len(told(polling)) == 1


def test_a_token_that_ends_is_renewed(vendor: SandboxNotifications, receipts: KeptReceipts, clock: MovingClock) -> None:
    """§9 #1: once; a secret that is refused pauses."""
    with closing(poller(vendor, receipts, clock, bearer=True)) as polling:
        for name in ("jane", "bob"):
            receipts.add(send(vendor, name), clock.now())
            later(vendor, clock, 60)
            polling.look()
            vendor.account(end_tokens=True)
        assert len(told(polling)) == 2


def test_a_status_that_is_none_is_a_dead_letter_once(
    vendor: SandboxNotifications, receipts: KeptReceipts, clock: MovingClock, polling: Polling
) -> None:
    """It stops nobody, and is not kept again at each look."""
    receipts.add(send(vendor, "jane"), clock.now())
    vendor.fault(status=200, body='{"job_id": "x", "job_state": []}', path="/mra/v1/outbound/emails/status")
    for seconds in (20, 30, 70):
        later(vendor, clock, seconds)
        polling.look()

    assert len(polling.log.letters()) == 1
