"""Who we are to Content Server: a conversation without I/O, driven by hand (§2.3 of its vendor page)."""

import json
import threading
from typing import Any

import pytest

from common.errors import NotSentError
from common.http import Answer
from tests.support.clock import ManualClock
from tests.support.ecm import config
from tests.support.poll import eventually
from workers.sinks.ecm import asks
from workers.vendors.ecm.ask import Ask, Kind
from workers.vendors.ecm.reply import Reply
from workers.vendors.ecm.tickets import Conversation, Tickets

WANTED = asks.node("1")
REFUSED = Reply(Answer(401, {}, b'{"error":"Authentication Required"}'))
FINE = Reply(Answer(200, {}, b"{}"))


def ticket(name: str) -> Reply:
    return Reply(Answer(200, {}, json.dumps({"ticket": name}).encode()))


def run(conversation: Conversation, *replies: Reply) -> tuple[list[Ask], tuple[Ask, Reply] | None]:
    """What was asked, given these replies in order; and the end, if it came to one."""
    asked, waiting = [next(conversation)], list(replies)
    while waiting:
        try:
            asked.append(conversation.send(waiting.pop(0)))
        except StopIteration as end:
            return asked, end.value
    return asked, None


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def tickets(clock: ManualClock) -> Tickets:
    return Tickets(config(), clock.monotonic)


def used(asked: list[Ask]) -> list[str]:
    """The tickets of requests, `login` for a log-in."""
    return ["login" if ask.kind is Kind.LOGIN else ask.headers["otcsticket"] for ask in asked]


def test_the_first_request_logs_in_first(tickets: Tickets) -> None:
    """Then the ticket is kept."""
    asked, end = run(tickets.authenticated(WANTED), ticket("t1"), FINE)
    again, _ = run(tickets.authenticated(WANTED), FINE)

    assert used(asked + again) == ["login", "t1", "t1"]
    assert end == (WANTED, FINE)


def test_a_refused_ticket_is_renewed_once(tickets: Tickets) -> None:
    """A second 401 after a log-in is the answer."""
    run(tickets.authenticated(WANTED), ticket("t1"), FINE)

    asked, end = run(tickets.authenticated(WANTED), REFUSED, ticket("t2"), REFUSED)

    assert used(asked) == ["t1", "login", "t2"]
    assert end == (WANTED, REFUSED)


def test_who_finds_it_renewed_just_repeats(tickets: Tickets) -> None:
    """§2.3: if the ticket in use differs from the one that failed, somebody renewed already."""
    run(tickets.authenticated(WANTED), ticket("t1"), FINE)
    slow = tickets.authenticated(WANTED)
    next(slow)
    run(tickets.authenticated(WANTED), REFUSED, ticket("t2"), FINE)

    assert slow.send(REFUSED).headers["otcsticket"] == "t2"


def test_a_failed_log_in_is_shared_and_not_hammered(tickets: Tickets, clock: ManualClock) -> None:
    """§2.1: an account that is tried too often is locked; after its time it is tried again."""
    bad = Reply(Answer(401, {}, b'{"error":"Invalid username/password specified"}'))
    asked, end = run(tickets.authenticated(WANTED), bad)
    assert end is not None
    assert (end[0].kind, end[1]) == (Kind.LOGIN, bad)

    with pytest.raises(StopIteration) as told:
        next(tickets.authenticated(WANTED))
    assert told.value.value == end

    clock.advance(301)
    assert next(tickets.authenticated(WANTED)).kind is Kind.LOGIN
    assert used(asked) == ["login"]


def test_a_log_in_that_was_not_answered_may_be_tried_at_once(tickets: Tickets) -> None:
    """It locks no account."""
    run(tickets.authenticated(WANTED), Reply(NotSentError("refused")))

    assert next(tickets.authenticated(WANTED)).kind is Kind.LOGIN


def test_concurrent_callers_share_one_renewal(tickets: Tickets) -> None:
    """Three threads with a refused ticket make one log-in; the others wait for it."""
    run(tickets.authenticated(WANTED), ticket("t1"), FINE)
    logins: list[Ask] = []
    go, tried = threading.Event(), threading.Barrier(4)
    seen: list[Any] = []

    def drive() -> None:
        conversation = tickets.authenticated(WANTED)
        next(conversation)
        tried.wait()
        ask = conversation.send(REFUSED)
        if ask.kind is Kind.LOGIN:
            logins.append(ask)
            go.wait()
            ask = conversation.send(ticket("t2"))
        seen.append(ask.headers["otcsticket"])

    threads = [threading.Thread(target=drive) for _ in range(3)]
    for thread in threads:
        thread.start()
    tried.wait()
    eventually(lambda: logins)
    go.set()
    for thread in threads:
        thread.join()

    assert (len(logins), seen) == (1, ["t2"] * 3)


def test_a_caller_that_gives_up_leaves_the_lock_free(tickets: Tickets) -> None:
    """Its budget or its gate may end it in the middle of a log-in."""
    conversation = tickets.authenticated(WANTED)
    next(conversation)
    conversation.close()

    assert next(tickets.authenticated(WANTED)).kind is Kind.LOGIN


@pytest.mark.parametrize(("header", "expected"), [("t9", "t9"), ("not one\r\n", "t1"), ("", "t1")])
def test_a_rolled_ticket_takes_over(tickets: Tickets, header: str, expected: str) -> None:
    """§2.1: answers can carry a fresh one; what no header can carry is not one."""
    rolled = Reply(Answer(200, {"otcsticket": header}, b"{}"))
    run(tickets.authenticated(WANTED), ticket("t1"), rolled)

    assert next(tickets.authenticated(WANTED)).headers["otcsticket"] == expected


def test_a_token_travels_as_bearer(clock: ManualClock) -> None:
    """§2.2."""
    from pydantic import SecretStr

    otds = Tickets(
        config(
            auth="otds",
            otds_token_url="https://otds.example.com/otdsws/oauth2/token",
            client_id="c",
            client_secret=SecretStr("s"),
        ),
        clock.monotonic,
    )
    granted = Reply(Answer(200, {}, b'{"access_token":"a.b","expires_in":3600}'))

    asked, _ = run(otds.authenticated(WANTED), granted, FINE)

    assert asked[0].path == "https://otds.example.com/otdsws/oauth2/token"
    assert asked[0].form == {"grant_type": "client_credentials", "client_id": "c", "client_secret": "s"}
    assert asked[1].headers == {"authorization": "Bearer a.b"}
