"""Purchases, Canvases, messages and consent against the sandbox, under each switch of what is not known."""

from collections.abc import Iterator
from typing import Any

import pytest

from common.reasons import Cause, Reason
from tests.support.braze import NEWS, ONBOARDING, RECEIPT, RETENTION, SMS, SandboxBraze, event, of, sandbox_braze
from tests.support.braze_sink import batch, closing, deliver, item, kinds, verdicts
from tests.support.clock import ManualClock
from workers.sinks.api import Answered, Deferred, Delivered, Hold, Outcome, Refused, Rejected, Scope, Unsure
from workers.sinks.braze.sink import BrazeSink


@pytest.fixture
def braze() -> Iterator[SandboxBraze]:
    with sandbox_braze() as one:
        yield one


@pytest.fixture
def sink(braze: SandboxBraze) -> Iterator[BrazeSink]:
    with closing(braze.sink(consent_spacing_s=0)) as one:
        yield one


def held(outcome: Outcome, cause: Cause = Cause.CONFIGURATION) -> None:
    """The action waits, and nobody has a verdict."""
    assert isinstance(outcome, Hold), outcome
    assert (outcome.cause, outcome.scope) == (cause, Scope.ACTION)


# -- purchases ----------------------------------------------------------------------------------


def test_a_purchase_arrives(braze: SandboxBraze, sink: BrazeSink) -> None:
    """§2.1: one object of the purchases array, kept with our id."""
    assert kinds(deliver(sink, "record_purchase", event(event_id="e-7"), quantity=2)) == [Delivered]

    (body,) = braze.bodies()
    assert set(body) == {"purchases"}
    (bought,) = braze.user("u1")["purchases"]
    assert (bought["price"], bought["quantity"], bought["properties"]) == (12.5, 2, {"event_uuid": "e-7"})


@pytest.mark.parametrize("style", ["sentence", "code"])
@pytest.mark.parametrize("contract", ["combined", "per_array"])
@pytest.mark.parametrize("status", [201, 200])
def test_a_bad_purchase_is_rejected_alone(style: str, contract: str, status: int) -> None:
    """§2.1: by input_array and index; purchases of one user travel together, each is counted."""
    options: dict[str, Any] = {"error_style": style, "contract": contract, "success_status": status}
    with sandbox_braze(**options) as braze, closing(braze.sink()) as sink:
        items = [
            item(sink, "record_purchase", of("u1", f"e-{n}"), currency=currency)
            for n, currency in enumerate(["EUR", "ZZZ", "USD"])
        ]
        outcome = sink.deliver(batch(sink, "record_purchase", items))

        assert kinds(outcome) == [Delivered, Rejected, Delivered]
        assert verdicts(outcome)[1].vendor_code == "BAD_CURRENCY"
        assert len(braze.user("u1")["purchases"]) == 2


# -- Canvases -----------------------------------------------------------------------------------


def test_a_canvas_is_entered(braze: SandboxBraze, sink: BrazeSink) -> None:
    """§2.5: context, broadcast false, the dispatch_id in the receipt."""
    (verdict,) = verdicts(deliver(sink, "trigger_canvas", context={"order_id": "A2"}))

    (sent,) = braze.state()["triggers"]
    assert (sent["user"], sent["canvas_id"], sent["context"]) == ("u1", RETENTION, {"order_id": "A2"})
    assert verdict.vendor_ids["dispatch_id"] == sent["dispatch_id"]
    assert braze.bodies()[0]["broadcast"] is False


@pytest.mark.parametrize("state", ["paused", "archived"])
def test_a_canvas_that_does_not_run_holds_the_action(state: str) -> None:
    """§2.5: success with a notice is none: nobody entered, everybody waits."""
    with sandbox_braze(stopped={RETENTION: state}) as braze, closing(braze.sink()) as sink:
        held(deliver(sink, "trigger_canvas"))

        assert braze.state()["triggers"] == []
        assert kinds(deliver(sink, "trigger_campaign")) == [Delivered]


def test_a_user_enters_a_canvas_once_in_two_seconds(braze: SandboxBraze, sink: BrazeSink) -> None:
    """§2.5: once in a second at most; what comes too early is deferred and not sent, others pass."""
    deliver(sink, "trigger_canvas", of("u1"))
    items = [item(sink, "trigger_canvas", of(user)) for user in ("u1", "u2")]

    outcome = sink.deliver(batch(sink, "trigger_canvas", items))

    early, passed = verdicts(outcome)
    assert isinstance(early, Deferred)
    assert 0 < (early.retry_after_s or 0) <= 2
    assert isinstance(passed, Delivered)
    assert [sent["user"] for sent in braze.state()["triggers"]] == ["u1", "u2"]


def test_when_all_come_too_early_nothing_is_sent(braze: SandboxBraze, sink: BrazeSink) -> None:
    """A request without recipients could be a broadcast (§2.4)."""
    deliver(sink, "trigger_canvas", of("u1"))

    assert kinds(deliver(sink, "trigger_canvas", of("u1"))) == [Deferred]
    assert len(braze.bodies()) == 1


@pytest.mark.parametrize("says", ["silent", "refused", "notice"])
def test_a_campaign_that_does_not_run(says: str) -> None:
    """§2.4 does not say what a paused campaign answers: words hold the action, silence cannot be told."""
    with sandbox_braze(stopped={ONBOARDING: "paused"}, stopped_campaign=says) as braze, closing(braze.sink()) as sink:
        outcome = deliver(sink, "trigger_campaign")

        if says == "silent":
            assert kinds(outcome) == [Delivered]
        else:
            held(outcome)
        assert braze.state()["triggers"] == []


# -- transactional ------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [201, 200, 202])
def test_a_message_is_sent(status: int) -> None:
    """§2.7: whatever the success status; both ids are in the receipt, and the user was made."""
    with sandbox_braze(transactional_status=status) as braze, closing(braze.sink()) as sink:
        (verdict,) = verdicts(deliver(sink, "send_transactional", trigger_properties={"k": "v"}))

        (sent,) = braze.state()["triggers"]
        assert (sent["user"], sent["campaign_id"], sent["trigger_properties"]) == ("u1", RECEIPT, {"k": "v"})
        ids = verdict.vendor_ids
        assert (ids["dispatch_id"], ids["external_send_id"]) == (sent["dispatch_id"], sent["external_send_id"])


@pytest.mark.parametrize("repeat_says", ["same", "queued"])
@pytest.mark.parametrize("error_status", [400, 403])
def test_a_repeat_is_one_message(repeat_says: str, error_status: int) -> None:
    """§2.7: after a lost answer the same id is sent again; the customer hears once, the repeat is accepted."""
    options: dict[str, Any] = {"repeat_says": repeat_says, "transactional_error_status": error_status}
    with sandbox_braze(**options) as braze, closing(braze.sink()) as sink:
        braze.set_clock(now="2026-03-01T10:00:00Z", frozen=True)
        braze.fault(kind="reset", act=True, count=1)
        first, second = (deliver(sink, "send_transactional") for _ in range(2))

        assert (kinds(first), kinds(second)) == ([Unsure], [Delivered])
        assert verdicts(second)[0].vendor_ids["external_send_id"]
        assert len(braze.state()["triggers"]) == 1


def test_braze_forgets_an_id_after_a_day(braze: SandboxBraze, sink: BrazeSink) -> None:
    """§2.7: 24 hours; why a repeat is not made later than that."""
    braze.set_clock(now="2026-03-01T10:00:00Z", frozen=True)
    for _ in range(2):
        deliver(sink, "send_transactional")
        braze.set_clock(advance_s=86_400)

    assert len(braze.state()["triggers"]) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404])
@pytest.mark.parametrize("trouble", ["paused", "archived", "unknown", "another_kind"])
def test_a_transactional_campaign_that_cannot_be_sent_holds(status: int, trouble: str) -> None:
    """§2.7: by its words, since the status is not documented."""
    options: dict[str, Any] = {"transactional_error_status": status}
    if trouble in ("paused", "archived"):
        options["stopped"] = {RECEIPT: trouble}
    else:
        options["transactional_campaigns"] = {}
        options["campaigns"] = {RECEIPT: "Not one of these"} if trouble == "another_kind" else {}
    with sandbox_braze(**options) as braze, closing(braze.sink()) as sink:
        held(deliver(sink, "send_transactional"))

        assert braze.state()["triggers"] == []


# -- consent ------------------------------------------------------------------------------------


def test_a_user_s_subscription_is_set(braze: SandboxBraze, sink: BrazeSink) -> None:
    """§2.8: by external_id, in one group."""
    deliver(sink, "update_attributes")
    assert kinds(deliver(sink, "set_subscription", email=None, state="SUBSCRIBED")) == [Delivered]
    assert braze.user("u1")["subscriptions"] == {NEWS: "subscribed"}

    assert kinds(deliver(sink, "set_subscription", email=None, state="OPTED_OUT")) == [Delivered]
    assert braze.user("u1")["subscriptions"] == {NEWS: "unsubscribed"}


def test_an_address_s_subscription_is_set_for_all_who_share_it(braze: SandboxBraze, sink: BrazeSink) -> None:
    """§2.8: profiles of one address change together."""
    for user in ("u1", "u2"):
        deliver(sink, "update_attributes", of(user), attributes={"email": "a@example.com"})

    deliver(sink, "set_subscription", email="a@example.com")

    assert [braze.user(user)["subscriptions"] for user in ("u1", "u2")] == [{NEWS: "unsubscribed"}] * 2


def test_an_opt_out_waits_for_its_profile(braze: SandboxBraze, sink: BrazeSink) -> None:
    """§2.8: the state of an unknown address is kept, and inherited by the profile that gets it."""
    deliver(sink, "update_email_status", email="a@example.com")
    deliver(sink, "set_subscription", subscription_group="sms", email=None, phone="+12223334444")
    assert len(braze.state()["kept_states"]) == 2

    deliver(sink, "update_attributes", attributes={"email": "a@example.com", "phone": "+12223334444"})

    user = braze.user("u1")
    assert user["attributes"]["email_subscribe"] == "unsubscribed"
    assert user["subscriptions"] == {SMS: "unsubscribed"}


def test_states_and_groups_do_not_share_a_request(sink: BrazeSink) -> None:
    """§2.8: one group and one state a call; e-mail addresses and numbers never together."""
    variants: list[dict[str, Any]] = [
        {},
        {"state": "OPTED_IN"},
        {"subscription_group": "sms"},
        {"email": None},
        {"email": None, "phone": "+12223334444"},
    ]
    assert len({item(sink, "set_subscription", **variant).shared_by for variant in variants}) == len(variants)
    assert item(sink, "update_email_status").shared_by != item(sink, "update_email_status", state="ON").shared_by


@pytest.mark.parametrize("errors", ["fatal", "unnamed"])
def test_a_refused_address_is_found_by_halving(errors: str) -> None:
    """§2.8 documents no error that names an entry: the request is bisected at once, the culprit rejected alone."""
    refused = frozenset({"u2@example.com"})
    with sandbox_braze(subscription_errors=errors, refused_addresses=refused) as braze, closing(braze.sink()) as sink:
        assert isinstance(deliver(sink, "set_subscription", of("u1"), of("u2")), Refused)

        good, bad = (deliver(sink, "set_subscription", of(user)) for user in ("u1", "u2"))
        assert kinds(good) == [Delivered]
        assert isinstance(bad, Refused) or kinds(bad) == [Rejected]
        assert [kept["address"] for kept in braze.state()["kept_states"]] == ["u1@example.com"]


@pytest.mark.parametrize("action", ["set_subscription", "update_email_status"])
def test_two_writes_for_one_address_keep_a_distance(braze: SandboxBraze, action: str) -> None:
    """§6: Braze may process the first one last, and undo an opt-out; another address does not wait."""
    with closing(braze.sink(consent_spacing_s=5)) as sink:
        deliver(sink, action, of("u1"), state="OPTED_IN")
        soon = deliver(sink, action, of("u1"), of("u2"), state="OPTED_OUT")

    assert kinds(soon) == [Deferred, Delivered]
    assert len(braze.bodies()) == 2


@pytest.mark.parametrize(("spacing_s", "is_kept"), [(5, True), (0, False)])
def test_an_opt_out_stands_although_requests_overtake(spacing_s: float, is_kept: bool) -> None:
    """§6: with the distance no opt-in that Braze applies late undoes an opt-out; without, some do."""
    clock, users = ManualClock(), [of(f"u{n}") for n in range(30)]
    with sandbox_braze(lag_s=(0.0, 5.0)) as braze, closing(braze.sink(clock, consent_spacing_s=spacing_s)) as sink:
        braze.set_clock(now="2026-03-01T12:00:00Z", frozen=True)
        for user in users:
            deliver(sink, "update_email_status", user, state="OPTED_IN")
        if kinds(deliver(sink, "update_email_status", *users, state="OPTED_OUT")) != [Delivered] * len(users):
            clock.advance(5)
            braze.set_clock(advance_s=5)
            assert kinds(deliver(sink, "update_email_status", *users, state="OPTED_OUT")) == [Delivered] * len(users)
        braze.set_clock(advance_s=5)

        states = {kept["state"] for kept in braze.state()["kept_states"]}

    assert (states == {"unsubscribed"}) is is_kept


def test_two_groups_of_one_address_do_not_wait_for_each_other(braze: SandboxBraze) -> None:
    """§6: it is the same state that must not be written twice soon."""
    with closing(braze.sink(consent_spacing_s=5)) as sink:
        outcomes = [deliver(sink, "set_subscription", subscription_group=group) for group in ("news", "sms")]
        outcomes.append(deliver(sink, "update_email_status"))

    assert [kinds(outcome) for outcome in outcomes] == [[Delivered]] * 3


def test_a_wrong_group_holds_the_action() -> None:
    """§2.8: the whole call fails, and the id comes from our settings."""
    with sandbox_braze(groups={}) as braze, closing(braze.sink()) as sink:
        held(deliver(sink, "set_subscription"))

        assert kinds(deliver(sink, "update_email_status")) == [Delivered]


def test_subscriptions_have_a_limit_of_their_own(braze: SandboxBraze, sink: BrazeSink) -> None:
    """§4: 5,000 a minute; e-mail states share the hourly pool with sends."""
    braze.set_clock(now="2026-03-01T10:00:10Z", frozen=True)
    braze.quota("/v2/subscription/status/set", limit=1, window_s=60)
    last, refused = (deliver(sink, "set_subscription", of(user)) for user in ("u1", "u2"))

    assert isinstance(last, Answered)
    assert last.hold is not None
    held(refused, Cause.THROTTLED)
    assert kinds(deliver(sink, "update_email_status")) == [Delivered]


# -- settings -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "parameter", "known", "setting"),
    [
        ("trigger_canvas", "canvas", "retention", "canvases"),
        ("send_transactional", "campaign", "receipt", "transactional_campaigns"),
        ("set_subscription", "subscription_group", "news", "subscription_groups"),
    ],
)
def test_a_name_without_an_id_is_found_at_start(
    sink: BrazeSink, action: str, parameter: str, known: str, setting: str
) -> None:
    """A flow's constant, or whatever its template can become."""
    named: dict[str, tuple[str, ...]] = {parameter: (known, "other")}

    (problem,) = sink.problems(sink.actions[action], named.get)

    assert "'other'" in problem
    assert f"sinks.braze.{setting}" in problem


def test_maintenance_counts_as_accepted(braze: SandboxBraze, sink: BrazeSink) -> None:
    """§2.0, §9 #6: 202 queued may still be said."""
    braze.fault(status=202, body={"message": "queued"}, act=True)

    for action in ("record_purchase", "trigger_canvas", "set_subscription", "update_email_status"):
        assert kinds(deliver(sink, action)) == [Delivered]


def test_a_message_that_braze_cannot_mail_is_rejected(braze: SandboxBraze, sink: BrazeSink) -> None:
    """§2.7: aborted in the answer itself."""
    braze.fault(status=201, body={"dispatch_id": "acf4", "status": "aborted", "metadata": {}})

    (verdict,) = verdicts(deliver(sink, "send_transactional"))

    assert isinstance(verdict, Rejected)
    assert (verdict.reason, verdict.vendor_code) == (Reason.REFUSED, "ABORTED")
