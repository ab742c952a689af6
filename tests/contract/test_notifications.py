"""The Notifications sink against the sandbox over a real socket: verdict, what was sent, what is true in the end.

What the vendor page leaves open runs both ways: with and without the vendor's recognition of repeats.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from common.codec import Encoder
from common.errors import BudgetGoneError, GateClosedError
from common.event import Event
from common.reasons import Cause, Reason
from common.schema_source import LocalSchemas
from sandbox.notifications.options import DEFAULT_ACCOUNT, OTHER_ACCOUNT, OTHER_PASSWORD
from schemas.catalogue import catalogue
from tests.support.notifications import GOOD, MovingClock, SandboxNotifications, event, messaging, sandbox_notifications
from tests.support.ports import free_ports
from tests.support.raw_server import Connection, RawServer
from workers.sinks.api import (
    Answered,
    Batch,
    Contacts,
    Deferred,
    Delivered,
    Hold,
    Item,
    Limit,
    Outcome,
    Refused,
    Repeat,
    Scope,
    Sink,
    Suppressed,
    Unsure,
)
from workers.sinks.notifications.actions import actions
from workers.sinks.notifications.sink import NotificationsSink

REQUESTING = ["http_alert", "notify"]
PATHS = {"notify": "/mra/v1/outbound", "http_alert": "/api/v1/notifications"}


@pytest.fixture(scope="module")
def shared() -> Iterator[SandboxNotifications]:
    with sandbox_notifications() as one:
        yield one


@pytest.fixture
def vendor(shared: SandboxNotifications) -> SandboxNotifications:
    shared.clear()
    return shared


@pytest.fixture
def sink(vendor: SandboxNotifications) -> Iterator[NotificationsSink]:
    with closing(vendor.sink()) as one:
        yield one


@contextmanager
def closing(one: NotificationsSink) -> Iterator[NotificationsSink]:
    try:
        yield one
    finally:
        one.close()


@contextmanager
def allowed() -> Iterator[None]:
    yield


def forbidden() -> AbstractContextManager[None]:
    raise GateClosedError("closed")


def nothing() -> None:
    """A request that nobody counts."""


def item(sink: NotificationsSink, action: str, about: Event | None = None, **parameters: Any) -> Item:
    """An item of an action with parameters that are good enough."""
    made = sink.actions[action]
    return sink.prepare(made, about or event(), made.parameters(**(GOOD[action] | parameters)))


def batch(
    sink: NotificationsSink, action: str, items: Sequence[Item], spend: Callable[[], None] = nothing,
    permit: Callable[[], AbstractContextManager[None]] = allowed,
) -> Batch:  # fmt: skip
    return Batch(sink.actions[action], items[0].shared_by, items, permit, spend)


def deliver(sink: NotificationsSink, action: str, about: Event | None = None, **parameters: Any) -> Outcome:
    return sink.deliver(batch(sink, action, [item(sink, action, about, **parameters)]))


def verdicts(outcome: Outcome) -> list[Any]:
    assert isinstance(outcome, Answered), outcome
    return list(outcome.verdicts)


def verdict(outcome: Outcome) -> Any:
    (only,) = verdicts(outcome)
    return only


def hold_of(outcome: Outcome) -> Hold:
    assert isinstance(outcome, Hold), outcome
    return outcome


def is_done(vendor: SandboxNotifications, action: str) -> bool:
    """Whether somebody was told."""
    state = vendor.state()
    return bool(state["inbox"] if action == "notify" else state["alerts"])


# -- what a sink is -----------------------------------------------------------------------------


def test_it_is_a_sink(sink: NotificationsSink) -> None:
    """The contract of workers/sinks/api.py: people are told once, an alert may be raised again."""
    one: Sink = sink

    described = {name: (each.repeat, each.contacts, each.max_items, each.group) for name, each in one.actions.items()}

    assert described == {
        "notify": (Repeat.ONCE, Contacts.STAFF, 1, "main"),
        "http_alert": (Repeat.ONCE, Contacts.STAFF, 1, "main"),
        "raise_alert": (Repeat.REPEATABLE, Contacts.NOBODY, 100, "main"),
    }
    assert list(one.limits) == [Limit(5, 1.0)]
    assert one.counted(lambda: None) is None


def test_repeats_are_recognised_where_the_site_has_verified_it(vendor: SandboxNotifications) -> None:
    """§3: documented for SOAP only, so it is off; and a digest is never the same message twice."""
    assert [each.recognises_repeats for each in actions().values()] == [False] * 3
    with closing(vendor.sink(account={"repeats_recognised": True})) as verified:
        assert verified.actions["notify"].recognises_repeats
    with closing(vendor.sink(account={"repeats_recognised": True}, digest=5)) as digesting:
        assert not digesting.actions["notify"].recognises_repeats


# -- accepted -----------------------------------------------------------------------------------


@pytest.mark.parametrize("bearer", [False, True])
def test_everybody_of_the_audience_is_told_in_one_job(vendor: SandboxNotifications, bearer: bool) -> None:
    """§2.1: one job with all addresses; 200 and job_id is accepted. By password and by token."""
    with closing(vendor.sink(bearer=bearer)) as sink:
        told = verdict(deliver(sink, "notify", audience=["group:claims"]))

    assert told.vendor_ids["email_id"] == "xsi-1234567"
    subject = "[MEDIUM] Batch 4711 failed"
    assert vendor.inbox() == {f"{name}@acme.example": [subject] for name in ("bob", "eve", "jane")}
    assert len(vendor.received("/mra/v1/outbound/emails")) == 1


def test_a_high_alert_goes_out_by_sms_too(vendor: SandboxNotifications, sink: NotificationsSink) -> None:
    """§7.2: SMS from HIGH on, to whoever has a number; the second request is paid for beforehand."""
    spent: list[int] = []
    made = item(sink, "notify", severity="HIGH", links=[{"url": "https://ops.example/4711"}])

    told = verdict(sink.deliver(batch(sink, "notify", [made], lambda: spent.append(1))))

    assert set(told.vendor_ids) == {"email_id", "sms_id", "message_id"}
    assert spent == [1]
    assert vendor.inbox()["0034666999999"] == ["[HIGH] Batch 4711 failed\nhttps://ops.example/4711"]


def test_the_site_s_own_alert_system_is_told(vendor: SandboxNotifications, sink: NotificationsSink) -> None:
    """§7.3: signed JSON with our id as the idempotency key; the endpoint checks the signature."""
    told = verdict(deliver(sink, "http_alert", severity="HIGH", alert_key="batch:4711"))

    (alert,) = vendor.state()["alerts"]
    assert told.vendor_ids["alert_id"] == "al-1"
    assert (alert["severity"], alert["dedupe_key"], alert["source_event_id"]) == ("high", "batch:4711", "9f2c")
    assert alert["targets"] == [{"kind": "role", "value": "operations"}]


def test_raising_an_alert_asks_nobody(vendor: SandboxNotifications, sink: NotificationsSink) -> None:
    """The verdict carries a whole event of comms.alert.v1, which its schema takes."""
    raised = sink.deliver(batch(sink, "raise_alert", [item(sink, "raise_alert")], permit=forbidden))

    (told,) = verdicts(raised)
    (yielded,) = told.events
    assert yielded.topic == "comms.alert.v1"
    assert (yielded.value["type"], yielded.value["alert_key"]) == ("RAISED", "batch:4711:failed")
    assert yielded.value["caused_by"] == "9f2c"
    assert Encoder(LocalSchemas(catalogue())).encode(yielded.topic, yielded.value)
    assert vendor.received("/mra") == []


def test_alerts_with_one_key_are_one_alert(sink: NotificationsSink) -> None:
    """The id is made of the key; what another event raised is suppressed, the same event may come again."""
    items = [item(sink, "raise_alert", event(name)) for name in ("e-1", "e-2", "e-1")]

    first, second, again = verdicts(sink.deliver(batch(sink, "raise_alert", items)))

    assert second == Suppressed(Reason.DUPLICATE)
    assert first.events[0].value["event_id"] == again.events[0].value["event_id"]


def raised(event_id: str, key: str = "batch:4711:failed", kind: str = "RAISED") -> Event:
    """An alert event of somebody's."""
    about = event(event_id, type=kind, alert_key=key)
    return Event("comms.alert.v1", key.encode(), about.value)


@pytest.mark.parametrize("action", REQUESTING)
def test_an_alert_that_two_events_raise_is_told_once(
    vendor: SandboxNotifications, sink: NotificationsSink, action: str
) -> None:
    """§7.1 dedupe_key: any service may raise alerts; another key is another alert, the first one may be repeated."""
    told = [
        verdict(deliver(sink, action, raised(event_id, key)))
        for event_id, key in (("a", "k"), ("b", "k"), ("c", "other"), ("a", "k"))
    ]

    kinds = [type(each) for each in told]
    assert kinds == [Delivered, Suppressed, Delivered, Delivered]
    assert told[1] == Suppressed(Reason.DUPLICATE)


def test_what_became_of_an_alert_is_not_the_alert_again(vendor: SandboxNotifications, sink: NotificationsSink) -> None:
    """A site's own flow may tell of an acknowledgement."""
    told = [deliver(sink, "notify", raised(name, kind=kind)) for name, kind in (("a", "RAISED"), ("b", "ACKNOWLEDGED"))]

    assert [type(verdict(each)) for each in told] == [Delivered, Delivered]


def test_a_large_audience_is_several_jobs() -> None:
    """§8: jobs of at most so many addresses, in an order that a repeat has too."""
    people = {f"u{n:03}": {"email": f"u{n:03}@acme.example"} for n in range(250)}
    audiences = {"role:all": tuple(f"user:{name}" for name in people)}
    with (
        sandbox_notifications(max_destinations=100) as vendor,
        closing(vendor.sink(people=people, audiences=audiences)) as sink,
    ):
        assert verdict(deliver(sink, "notify", audience=["role:all"])).vendor_ids["email_id"].count("xsi-") == 3
        assert len(vendor.inbox()) == 250


def test_alerts_of_one_topic_and_audience_travel_as_a_digest(vendor: SandboxNotifications) -> None:
    """§7.2: where the site wants it, one message tells of several."""
    with closing(vendor.sink(digest=10)) as sink:
        items = [item(sink, "notify", event(f"e-{n}"), title=f"Batch {n} failed") for n in range(3)]
        other = item(sink, "notify", audience=["region:DE"])

        assert [type(each) for each in verdicts(sink.deliver(batch(sink, "notify", items)))] == [Delivered] * 3

    assert len({each.shared_by for each in items}) == 1
    assert other.shared_by != items[0].shared_by
    assert vendor.inbox()["bob@acme.example"] == ["[MEDIUM] 3 alerts: batch.failed"]


# -- deliberately not, or not now ---------------------------------------------------------------


@pytest.mark.parametrize("action", REQUESTING)
def test_nobody_is_told_too_late(vendor: SandboxNotifications, action: str) -> None:
    """§9: a late alert is worse than none: suppressed as expired, nothing is sent."""
    clock = MovingClock()
    with closing(vendor.sink(clock=clock)) as sink:
        made = item(sink, action)
        clock.ahead_s = 24 * 3600

        assert verdict(sink.deliver(batch(sink, action, [made]))) == Suppressed(Reason.EXPIRED)

    assert not is_done(vendor, action)


def test_what_is_not_expired_goes_out_beside_what_is(vendor: SandboxNotifications) -> None:
    """Each alert of a digest has its own time."""
    with closing(vendor.sink(digest=10)) as sink:
        old = item(sink, "notify", event("old"), expires_at="2020-01-01T00:00:00Z")
        outcome = sink.deliver(batch(sink, "notify", [old, item(sink, "notify", event("new"))]))

    assert [type(each) for each in verdicts(outcome)] == [Suppressed, Delivered]
    assert vendor.inbox()["bob@acme.example"] == ["[MEDIUM] Batch 4711 failed"]


@pytest.mark.parametrize("action", REQUESTING)
def test_a_person_is_told_so_often_in_an_hour(action: str) -> None:
    """§7.2: what is more waits until there is room again; a critical alert does not."""
    clock = MovingClock()
    with sandbox_notifications() as vendor, closing(vendor.sink(clock=clock, per_hour=2)) as sink:
        for n in range(2):
            assert isinstance(verdict(deliver(sink, action, event(f"e-{n}"))), Delivered)

        waits = verdict(deliver(sink, action, event("e-3")))
        critical = verdict(deliver(sink, action, event("e-4"), severity="CRITICAL"))
        clock.ahead_s = 3601
        vendor.set_clock(advance_s=3601)
        later = verdict(deliver(sink, action, event("e-3")))

    assert isinstance(waits, Deferred)
    assert waits.retry_after_s is not None
    assert 3590 < waits.retry_after_s <= 3600
    assert isinstance(critical, Delivered)
    assert isinstance(later, Delivered)


@pytest.mark.parametrize("action", REQUESTING)
def test_a_closed_gate_sends_nothing(vendor: SandboxNotifications, sink: NotificationsSink, action: str) -> None:
    """The permit is asked at the first byte; what was not sent is not counted against anybody."""
    with pytest.raises(GateClosedError):
        sink.deliver(batch(sink, action, [item(sink, action)], permit=forbidden))

    assert vendor.received(PATHS[action]) == []


def test_without_budget_for_all_nothing_goes_out(vendor: SandboxNotifications, sink: NotificationsSink) -> None:
    """Half a message is worse than a later one: every request is paid for before the first."""

    def spend() -> None:
        raise BudgetGoneError("used up")

    with pytest.raises(BudgetGoneError):
        sink.deliver(batch(sink, "notify", [item(sink, "notify", severity="HIGH")], spend))

    assert vendor.inbox() == {}


# -- refused ------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", REQUESTING)
def test_a_refused_request_is_the_delivery_s(
    vendor: SandboxNotifications, sink: NotificationsSink, action: str
) -> None:
    """§9 #4: 400 was certainly not accepted; a lone address is not split any further."""
    vendor.fault(path=PATHS[action], status=400, body={"errors": [{"code": "E7", "message": "jane@acme.example"}]})

    outcome = deliver(sink, action, audience=["region:DE"])

    assert outcome == Refused(Reason.INVALID_FIELD, outcome.detail, "E7")  # type: ignore[union-attr]
    assert "jane" not in repr(outcome)


def test_a_bad_address_does_not_cost_the_others(vendor: SandboxNotifications) -> None:
    """§9 #4: the job is split, each half under an id of its own, and the receipt says how many were refused."""
    people = {"a": {"email": "a@x.example"}, "b": {"email": "b@broken"}, "c": {"email": "c@x.example"}}
    audiences = {"role:all": ("user:a", "user:b", "user:c")}
    with closing(vendor.sink(people=people, audiences=audiences)) as sink:
        told = verdict(deliver(sink, "notify", audience=["role:all"]))

    assert told.vendor_ids["refused_addresses"] == "1"
    assert set(vendor.inbox()) == {"a@x.example", "c@x.example"}
    ids = [each["body"]["options"]["message_id"] for each in vendor.received("/mra")]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("action", REQUESTING)
def test_an_oversized_request_is_refused_alone(
    vendor: SandboxNotifications, sink: NotificationsSink, action: str
) -> None:
    """§9 #10: 413 names its reason."""
    vendor.fault(path=PATHS[action], status=413)

    outcome = deliver(sink, action, audience=["user:bob"])

    assert isinstance(outcome, Refused)
    assert outcome.reason is Reason.OVERSIZED


def test_an_id_of_another_company_is_renamed_once(vendor: SandboxNotifications, sink: NotificationsSink) -> None:
    """§9 #8: 2051 did nothing; once more under a longer id. Twice is a prefix to correct."""
    made = item(sink, "notify")
    vendor.fault(path="/mra", count=1, status=400, body={"StatusCode": 1, "ErrorCode": 2051})

    assert isinstance(verdict(sink.deliver(batch(sink, "notify", [made]))), Delivered)
    vendor.fault(path="/mra", status=400, body={"StatusCode": 1, "ErrorCode": 2051})
    held = hold_of(deliver(sink, "notify", event("other")))

    lengths = [len(each["body"]["options"]["message_id"]) for each in vendor.received("/mra")]
    assert lengths[0] < lengths[1] <= 80
    assert (held.cause, held.scope) == (Cause.CONFIGURATION, Scope.ACTION)


def test_two_companies_with_one_prefix_collide(vendor: SandboxNotifications, sink: NotificationsSink) -> None:
    """§3: ids are one namespace for all customers; the sandbox says 2051, and the message still gets out."""
    other = messaging(vendor.url, username=OTHER_ACCOUNT, password=OTHER_PASSWORD)
    with closing(vendor.sink(messaging=other)) as theirs:
        assert isinstance(verdict(deliver(theirs, "notify")), Delivered)

    assert isinstance(verdict(deliver(sink, "notify")), Delivered)
    assert [each["account"] for each in vendor.state()["inbox"]["bob@acme.example"]] == [OTHER_ACCOUNT, DEFAULT_ACCOUNT]


# -- nobody can proceed -------------------------------------------------------------------------


def test_throttled_is_a_hold(vendor: SandboxNotifications, sink: NotificationsSink) -> None:
    """§9 #11: not accepted; the route waits as long as Retry-After says, and goes on."""
    vendor.quota(0, 3600)

    held = hold_of(deliver(sink, "notify"))
    vendor.quota(10, 1)

    assert (held.cause, held.scope) == (Cause.THROTTLED, Scope.ACTION)
    assert held.retry_after_s is not None
    assert held.retry_after_s >= 1
    assert isinstance(verdict(deliver(sink, "notify")), Delivered)


@pytest.mark.parametrize("action", REQUESTING)
@pytest.mark.parametrize(("status", "cause"), [(429, Cause.THROTTLED), (503, Cause.VENDOR_DOWN)])
def test_no_capacity_is_a_hold(
    vendor: SandboxNotifications, sink: NotificationsSink, action: str, status: int, cause: Cause
) -> None:
    """§9 #11: with a hint."""
    vendor.fault(path=PATHS[action], status=status, headers={"retry-after": "7"})

    held = hold_of(deliver(sink, action))

    assert (held.cause, held.scope, held.retry_after_s) == (cause, Scope.ACTION, 7)
    assert not is_done(vendor, action)


@pytest.mark.parametrize("bearer", [False, True])
def test_revoked_credentials_hold_the_action(vendor: SandboxNotifications, bearer: bool) -> None:
    """§9 #2: nothing was sent; the probe says so too, until they are good again."""
    with closing(vendor.sink(bearer=bearer)) as sink:
        vendor.account(revoked=[DEFAULT_ACCOUNT], end_tokens=True)
        held = hold_of(deliver(sink, "notify"))
        probed = sink.probe(sink.actions["notify"])
        vendor.account(revoked=[])

        assert held.cause is Cause.CREDENTIALS
        assert probed is not None
        assert probed.cause is Cause.CREDENTIALS
        assert sink.probe(sink.actions["notify"]) is None
        assert isinstance(verdict(deliver(sink, "notify")), Delivered)


def test_an_expired_token_is_renewed_once(vendor: SandboxNotifications) -> None:
    """§9 #1: a 401 was not accepted; once more with another token, paid for like any request."""
    spent: list[int] = []
    with closing(vendor.sink(bearer=True)) as sink:
        deliver(sink, "notify", event("e-1"))
        before = vendor.account()["granted"]
        vendor.account(end_tokens=True)
        made = item(sink, "notify", event("e-2"))

        assert isinstance(verdict(sink.deliver(batch(sink, "notify", [made], lambda: spent.append(1)))), Delivered)

    assert vendor.account()["granted"] == before + 1
    assert len(spent) == 2


def test_a_token_is_renewed_before_its_end(vendor: SandboxNotifications) -> None:
    """§8: at 80 % of its life, without a refused request."""
    clock = MovingClock()
    with closing(vendor.sink(bearer=True, clock=clock)) as sink:
        deliver(sink, "notify", event("e-1"))
        before = vendor.account()["granted"]
        clock.ahead_s = 0.81 * 900
        deliver(sink, "notify", event("e-2"))

    assert vendor.account()["granted"] == before + 1
    assert [each["status"] for each in vendor.received("/mra")] == [200, 200]


def test_a_wrong_oauth_client_is_told_as_such(vendor: SandboxNotifications) -> None:
    """§1: Invalid ApiKey, word for word."""
    with closing(vendor.sink(bearer=True, account={"client_id": "nobody"})) as sink:
        assert hold_of(deliver(sink, "notify")).cause is Cause.CREDENTIALS


def test_a_wrong_signing_secret_holds_the_action(vendor: SandboxNotifications) -> None:
    """§7.3: the endpoint trusts the signature only."""
    with closing(vendor.sink(alerts={"signing_secret": "another-secret-altogether"})) as sink:
        assert hold_of(deliver(sink, "http_alert")).cause is Cause.CREDENTIALS

    assert not is_done(vendor, "http_alert")


def test_a_clock_that_is_off_holds_what_is_signed(vendor: SandboxNotifications) -> None:
    """§7.3: a signature is fresh for minutes; §4: the platform's own times are trusted for nothing."""
    clock = MovingClock()
    clock.ahead_s = 3600
    with closing(vendor.sink(clock=clock)) as sink:
        held = hold_of(deliver(sink, "http_alert"))
        told = verdict(deliver(sink, "notify"))

    assert held.cause is Cause.CREDENTIALS
    assert "clock" in held.detail
    assert isinstance(told, Delivered)


def test_a_channel_that_the_account_lacks_holds_the_action() -> None:
    """§9 #3: 403 is the account's, not the alert's; without recognition a person must see the half-sent one."""
    with (
        sandbox_notifications(channels=frozenset({"emails"})) as vendor,
        closing(vendor.sink()) as sink,
    ):
        outcome = deliver(sink, "notify", severity="HIGH")
        alone = hold_of(deliver(sink, "notify", severity="HIGH", channels=["sms"]))

        assert isinstance(outcome, Answered)
        assert isinstance(outcome.verdicts[0], Unsure)
        assert outcome.hold is not None
        assert outcome.hold.cause is Cause.CONFIGURATION
        assert alone.cause is Cause.CONFIGURATION


@pytest.mark.parametrize("action", REQUESTING)
def test_redirects_are_not_followed(vendor: SandboxNotifications, sink: NotificationsSink, action: str) -> None:
    """§1: outgoing hosts come from settings only."""
    vendor.fault(path=PATHS[action], status=302, headers={"location": "https://elsewhere.example"})

    assert hold_of(deliver(sink, action)).cause is Cause.CONFIGURATION


@pytest.mark.parametrize("action", REQUESTING)
def test_a_host_that_is_away_holds_the_action(action: str) -> None:
    """§9 #18: nothing was sent."""
    (port,) = free_ports(1)
    away = SandboxNotifications(f"http://127.0.0.1:{port}", None)  # type: ignore[arg-type]
    with closing(away.sink()) as sink:
        assert hold_of(deliver(sink, action)).cause is Cause.VENDOR_DOWN


# -- nobody can tell ----------------------------------------------------------------------------

AMBIGUOUS: dict[str, dict[str, Any]] = {
    "a server error before acting": {"status": 500},
    "a server error after acting": {"status": 502, "act": True},
    "a time-out before acting": {"kind": "hang", "act": False, "delay_s": 3},
    "a time-out after acting": {"kind": "hang", "delay_s": 3},
    "acting late": {"kind": "late", "delay_s": 0.6},
    "a reset": {"kind": "reset"},
    "half an answer": {"kind": "truncate"},
}


@pytest.mark.parametrize("action", REQUESTING)
@pytest.mark.parametrize("story", AMBIGUOUS)
def test_an_answer_that_nobody_can_read_is_unsure(
    vendor: SandboxNotifications, sink: NotificationsSink, action: str, story: str
) -> None:
    """§9 #12, #13: it left, so it is never called failed, and it is not sent again by itself."""
    vendor.fault(path=PATHS[action], count=1, **AMBIGUOUS[story])

    assert isinstance(verdict(deliver(sink, action)), Unsure)

    assert len(vendor.received(PATHS[action])) == 1


@pytest.mark.parametrize("action", REQUESTING)
@pytest.mark.parametrize("story", sorted(AMBIGUOUS.keys() - {"acting late"}))
def test_a_repeat_is_recognised(vendor: SandboxNotifications, action: str, story: str) -> None:
    """§3: sent again under its id, by another process even, it arrives once."""
    verified: dict[str, Any] = {"account": {"repeats_recognised": True}, "alerts": {"repeats_recognised": True}}
    vendor.fault(path=PATHS[action], count=1, **AMBIGUOUS[story])
    with closing(vendor.sink(**verified)) as dead:
        assert isinstance(verdict(deliver(dead, action)), Unsure)
    with closing(vendor.sink(**verified)) as heir:
        assert isinstance(verdict(deliver(heir, action)), Delivered)

    state = vendor.state()
    assert all(len(sent) == 1 for sent in state["inbox"].values())
    assert len(state["alerts"]) == (1 if action == "http_alert" else 0)


@pytest.mark.parametrize("repeat_says", ["job_id", "code"])
def test_a_repeat_names_the_first_job(repeat_says: str) -> None:
    """§9 #7: 2050, or just the same job_id, is success."""
    with sandbox_notifications(repeat_says=repeat_says) as vendor:
        ids = []
        for _ in range(2):
            with closing(vendor.sink()) as sink:
                ids.append(verdict(deliver(sink, "notify")).vendor_ids["email_id"])

        assert ids == ["xsi-1234567"] * 2
        assert vendor.state()["repeats"] == 1


def test_a_platform_that_recognises_nothing_sends_twice() -> None:
    """§3: why `repeats_recognised` is off until somebody has tried it."""
    with sandbox_notifications(deduplicates=False) as vendor:
        for _ in range(2):
            with closing(vendor.sink()) as sink:
                deliver(sink, "notify")

        assert len(vendor.inbox()["bob@acme.example"]) == 2


def test_an_alert_system_may_say_that_it_had_it_already() -> None:
    """§7.3: already_done is success."""
    with sandbox_notifications(alert_repeat="conflict") as vendor:
        for _ in range(2):
            with closing(vendor.sink()) as sink:
                assert verdict(deliver(sink, "http_alert")).vendor_ids["alert_id"] == "al-1"

        assert len(vendor.state()["alerts"]) == 1


@pytest.mark.parametrize("recognised", [False, True])
def test_half_a_message_is_finished_or_shown_to_a_person(vendor: SandboxNotifications, recognised: bool) -> None:
    """The e-mail is out, the SMS is throttled: again where a repeat is recognised, else a person decides."""
    vendor.fault(path="/mra/v1/outbound/sms", count=1, status=429)
    with closing(vendor.sink(account={"repeats_recognised": recognised})) as sink:
        outcome = deliver(sink, "notify", severity="HIGH")
        assert isinstance(outcome, Answered)
        assert isinstance(outcome.verdicts[0], Deferred if recognised else Unsure)
        assert outcome.hold is not None
        assert outcome.hold.cause is Cause.THROTTLED

        again = verdict(deliver(sink, "notify", severity="HIGH"))

    assert set(again.vendor_ids) == {"email_id", "sms_id", "message_id"}
    assert len(vendor.received("/mra/v1/outbound/emails")) == 1
    assert len(vendor.inbox()["0034666999999"]) == 1


GARBAGE = {
    "no job_id": (200, "{}", "application/json"),
    "a page": (200, "<html>fine</html>", "text/html"),
    "nothing": (200, "", "application/json"),
    "a list": (200, "[1]", "application/json"),
}


@pytest.mark.parametrize("story", GARBAGE)
def test_garbage_is_unsure(vendor: SandboxNotifications, sink: NotificationsSink, story: str) -> None:
    """§9 #13: 200 without job_id."""
    status, body, content_type = GARBAGE[story]
    vendor.fault(path="/mra", status=status, body=body, content_type=content_type)

    assert isinstance(verdict(deliver(sink, "notify")), Unsure)


@pytest.mark.parametrize("action", REQUESTING)
def test_an_endless_answer_is_unsure(vendor: SandboxNotifications, action: str) -> None:
    """The answer's size is bounded."""

    def flood(connection: Connection) -> None:
        if connection.read_request():
            connection.answer(b"x" * (5 * 1024 * 1024))

    with (
        RawServer(flood) as server,
        closing(SandboxNotifications(server.url, vendor.http).sink(read_timeout_s=5.0)) as sink,
    ):
        assert isinstance(verdict(deliver(sink, action)), Unsure)


# -- probes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("unknown_job_status", [404, 400])
def test_the_probe_reads_and_tells_nobody(unknown_job_status: Any) -> None:
    """§4: whatever status an unknown job has, the API answered."""
    with sandbox_notifications(unknown_job_status=unknown_job_status) as vendor, closing(vendor.sink()) as sink:
        assert [sink.probe(each) for each in sink.actions.values()] == [None] * 3
        assert vendor.inbox() == {}


def test_the_probe_sees_an_outage(vendor: SandboxNotifications) -> None:
    """A page, an error or silence is not the API."""
    health = {"health_url": f"{vendor.url}/api/v1/health"}
    with closing(vendor.sink(alerts=health)) as sink:
        assert sink.probe(sink.actions["http_alert"]) is None
        for fault in ({"status": 503}, {"status": 200, "body": "<html>"}, {"kind": "reset"}):
            vendor.fault(path="/mra", count=1, **fault)
            assert sink.probe(sink.actions["notify"]) is not None
        vendor.fault(path="/api/v1/health", status=500)
        held = sink.probe(sink.actions["http_alert"])

    assert held is not None
    assert held.cause is Cause.VENDOR_DOWN
