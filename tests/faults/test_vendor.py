"""The scripted vendor of the fault tests."""

import time
from collections.abc import Iterator

import httpx
import pytest

from tests.faults.events import COMMUNICATION, TRACK, UPDATE, WORKSPACE, Delivery, Mark
from tests.faults.script import Accept, Fail, Hang, Reset, Slow, Throttle
from tests.faults.story import PROBE
from tests.faults.vendor import Vendor, about, anything, of
from tests.support.poll import eventually

ME = {"authorization": "Bearer w0.1"}


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    """A vendor that answers."""
    with Vendor() as one:
        yield one


def mark(number: int, customer: str = "a") -> Mark:
    return Mark(WORKSPACE, customer, number)


def track(vendor: Vendor, *numbers: int, customer: str = "a", timeout_s: float = 5.0) -> httpx.Response:
    events = [{"external_id": customer, "name": "told", "properties": {"number": str(n)}} for n in numbers]
    return httpx.post(vendor.url + "/users/track", json={"events": events}, headers=ME, timeout=timeout_s)


def probe(vendor: Vendor) -> httpx.Response:
    return httpx.get(vendor.url + "/campaigns/list?page=0", headers=ME)


def test_it_remembers_who_asked_for_what_in_order(vendor: Vendor) -> None:
    """Requests, and the objects in them."""
    answers = [track(vendor, 1, 0), track(vendor, 2)]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == {"message": "success", "events_processed": 2}
    assert vendor.made("told") == [mark(1), mark(0), mark(2)]
    first = vendor.requests[0]
    assert (first.by, first.action, first.status) == ("w0.1", TRACK, 201)
    assert first.arrived_at <= vendor.acts[0].at <= (first.ended_at or 0)


def test_attributes_and_campaigns_are_told_apart(vendor: Vendor) -> None:
    """By path, array, and the flow's name in the object."""
    attributes = {"attributes": [{"external_id": "a", "kept": "4"}]}
    recipient = {"external_user_id": "a", "trigger_properties": {"flow": "sent", "number": "5"}}
    httpx.post(vendor.url + "/users/track", json=attributes, headers=ME)
    httpx.post(vendor.url + "/campaigns/trigger/send", json={"recipients": [recipient]}, headers=ME)

    assert vendor.made("kept") == [mark(4)]
    assert vendor.made("sent") == [Mark(COMMUNICATION, "a", 5)]


def test_a_failing_one_accepts_nothing(vendor: Vendor) -> None:
    """Probes fail with it, where it is said of everything; a rule that is taken back is over."""
    rule = vendor.script(Fail(503), anything)
    answers = [track(vendor, 0), probe(vendor)]
    vendor.calm(rule)
    answers += [track(vendor, 1), probe(vendor)]

    assert [answer.status_code for answer in answers] == [503, 503, 201, 200]
    assert vendor.made("told") == [mark(1)]
    assert [one.action for one in vendor.requests] == [TRACK, PROBE, TRACK, PROBE]


def test_a_failure_may_hide_that_it_acted(vendor: Vendor) -> None:
    """So many times, and then no more."""
    vendor.script(Fail(500, acts=True), times=1)
    assert [track(vendor, n).status_code for n in range(2)] == [500, 201]
    assert vendor.made("told") == [mark(0), mark(1)]


def test_a_throttle_says_for_how_long(vendor: Vendor) -> None:
    """To requests of its action only."""
    vendor.script(Throttle(7.0), of(UPDATE), times=1)
    attributes = {"attributes": [{"external_id": "a", "kept": "4"}]}
    answer = httpx.post(vendor.url + "/users/track", json=attributes, headers=ME)

    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
    assert vendor.requests[0].retry_after_s == 7.0
    assert track(vendor, 0).status_code == 201


def test_poison_is_refused_by_its_index(vendor: Vendor) -> None:
    """Its neighbours are taken."""
    vendor.poison[Delivery("told", mark(1))] = "named"
    answer = track(vendor, 0, 1, 2).json()

    assert [error["index"] for error in answer["errors"]] == [1]
    assert vendor.made("told") == [mark(0), mark(2)]


def test_nameless_poison_refuses_everything(vendor: Vendor) -> None:
    """Nobody is named and nothing done."""
    vendor.poison[Delivery("told", mark(1))] = "nameless"
    assert track(vendor, 0, 1).status_code == 400
    assert vendor.acts == []


@pytest.mark.parametrize("acts", [False, True])
def test_a_reset_may_hide_that_it_acted(vendor: Vendor, acts: bool) -> None:
    """No answer at all."""
    vendor.script(Reset(acts), about("a"), times=1)
    with pytest.raises(httpx.TransportError):
        track(vendor, 0)
    assert len(vendor.acts) == acts
    assert vendor.requests[0].is_ambiguous(3.0)


def test_it_may_act_after_the_client_gave_up(vendor: Vendor) -> None:
    """Late, and without an answer."""
    vendor.script(Hang(0.4, acts_after_s=0.3), times=1)
    with pytest.raises(httpx.ReadTimeout):
        track(vendor, 0, timeout_s=0.1)
    gave_up = time.monotonic()
    eventually(lambda: vendor.is_idle, 5)
    assert vendor.acts[0].at > gave_up
    assert vendor.requests[0].status is None


def test_a_slow_one_acts_at_the_end(vendor: Vendor) -> None:
    """As `Accept` acts at the beginning: a client that is killed meanwhile cannot know either way."""
    vendor.script(Slow(0.2), times=1)
    vendor.usual = Accept(0.2)
    for number in (0, 1):
        track(vendor, number)
    slow, usual = vendor.requests
    assert vendor.acts[0].at - slow.arrived_at >= 0.2
    assert vendor.acts[1].at - usual.arrived_at < 0.2
    assert not slow.is_ambiguous(3.0)
    assert slow.is_ambiguous(0.1)


def test_an_hour_has_an_end(vendor: Vendor) -> None:
    """What is left is told with every answer; past it 429."""
    vendor.an_hour = 2
    answers = [track(vendor, number) for number in range(3)]

    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["1", "0", "0"]
