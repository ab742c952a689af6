"""The Braze sink against the sandbox over a real socket: verdict, what was sent, what is true in the end."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

import pytest

from common.errors import GateClosedError
from common.reasons import Cause, Reason
from sandbox.braze.options import DEFAULT_KEY
from tests.support.braze import ONBOARDING, SandboxBraze, event, of, sandbox_braze, sink_at
from tests.support.braze_sink import acted_on, batch, closing, deliver, item, kinds, two_of, verdicts
from tests.support.poll import eventually
from tests.support.ports import free_ports
from workers.sinks.api import (
    Answered,
    Batch,
    Contacts,
    Deferred,
    Delivered,
    Hold,
    Refused,
    Rejected,
    Repeat,
    Scope,
    Sink,
    Unsure,
)
from workers.sinks.braze.actions import actions
from workers.sinks.braze.sink import BrazeSink

ACTIONS = sorted(actions())


@pytest.fixture
def braze() -> Iterator[SandboxBraze]:
    with sandbox_braze() as one:
        yield one


@pytest.fixture
def sink(braze: SandboxBraze) -> Iterator[BrazeSink]:
    with closing(braze.sink()) as one:
        yield one


def forbidden() -> AbstractContextManager[None]:
    raise GateClosedError("closed")


# -- what a sink is -----------------------------------------------------------------------------


def test_it_is_a_sink(sink: BrazeSink) -> None:
    """The contract of workers/sinks/api.py, with the page's limits and kinds (§2.1, §2.4, §6)."""
    one: Sink = sink

    described = {
        name: (action.repeat, action.contacts, action.max_items, action.group) for name, action in one.actions.items()
    }
    assert described == {
        "track_event": (Repeat.ONCE, Contacts.NOBODY, 75, "main"),
        "update_attributes": (Repeat.REPEATABLE, Contacts.NOBODY, 75, "main"),
        "record_purchase": (Repeat.ONCE, Contacts.NOBODY, 75, "main"),
        "trigger_campaign": (Repeat.ONCE, Contacts.CUSTOMER, 50, "main"),
        "trigger_canvas": (Repeat.ONCE, Contacts.CUSTOMER, 50, "main"),
        "send_transactional": (Repeat.ONCE, Contacts.CUSTOMER, 1, "main"),
        "set_subscription": (Repeat.REPEATABLE, Contacts.NOBODY, 50, "consent"),
        "update_email_status": (Repeat.REPEATABLE, Contacts.NOBODY, 50, "consent"),
    }
    assert [name for name, action in one.actions.items() if action.recognises_repeats] == ["send_transactional"]
    assert all(action.settle_after_s == 60 for action in one.actions.values())


def test_the_contract_s_limits_can_be_lowered(braze: SandboxBraze) -> None:
    """§9.3: which contract a customer has is a setting."""
    with closing(braze.sink(max_objects=50, max_recipients=10, settle_after_s=1)) as sink:
        most = {name: action.max_items for name, action in sink.actions.items()}
        assert (most["track_event"], most["record_purchase"], most["update_attributes"]) == (50, 50, 50)
        assert (most["trigger_campaign"], most["trigger_canvas"], most["set_subscription"]) == (10, 10, 10)
        assert {action.settle_after_s for action in sink.actions.values()} == {1}


# -- accepted -----------------------------------------------------------------------------------


def test_an_event_arrives(braze: SandboxBraze, sink: BrazeSink) -> None:
    """One POST with the golden body (§2.1)."""
    assert kinds(deliver(sink, "track_event", event(event_id="e-7"))) == [Delivered]

    assert braze.bodies() == [
        {
            "events": [
                {
                    "external_id": "u1",
                    "name": "order_shipped",
                    "time": "2026-03-01T10:00:00.123Z",
                    "properties": {"order_id": "A1", "event_uuid": "e-7"},
                }
            ]
        }
    ]


def test_attributes_arrive(braze: SandboxBraze, sink: BrazeSink) -> None:
    """The user is created, the values are true."""
    assert kinds(deliver(sink, "update_attributes")) == [Delivered]

    assert braze.user("u1")["attributes"] == {"plan": "gold"}


def test_attributes_of_a_substitute_arrive_under_an_alias(braze: SandboxBraze, sink: BrazeSink) -> None:
    """§2.1: an alias-only profile is created."""
    about = event({"customer_id": "marketo:123:42", "resolved": False})
    assert kinds(deliver(sink, "update_attributes", about)) == [Delivered]

    assert braze.user("alias:marketo:123:42")["attributes"] == {"plan": "gold"}


def test_a_campaign_is_triggered(braze: SandboxBraze, sink: BrazeSink) -> None:
    """§2.4: the unknown user is created first, broadcast is false, and the dispatch_id comes back."""
    (verdict,) = verdicts(deliver(sink, "trigger_campaign", trigger_properties={"order_id": "A2"}))

    (sent,) = braze.state()["triggers"]
    assert (sent["user"], sent["campaign_id"], sent["trigger_properties"]) == ("u1", ONBOARDING, {"order_id": "A2"})
    assert verdict.vendor_ids["dispatch_id"] == sent["dispatch_id"]
    assert braze.bodies()[0]["broadcast"] is False


@pytest.mark.parametrize("action", ACTIONS)
def test_a_full_batch_is_one_request(braze: SandboxBraze, sink: BrazeSink, action: str) -> None:
    """As many as the page allows, in one POST."""
    count = sink.actions[action].max_items

    outcome = deliver(sink, action, *(of(f"u{n}", f"e-{n}") for n in range(count)))

    assert kinds(outcome) == [Delivered] * count
    assert len(braze.bodies()) == 1
    assert acted_on(braze) == count


def test_two_campaigns_do_not_share_a_request(sink: BrazeSink) -> None:
    """Only recipients of one campaign may travel together; events and attributes always may."""
    shared = [item(sink, "trigger_campaign", campaign=name).shared_by for name in ("onboarding", "renewal")]

    assert len(set(shared)) == 2
    assert item(sink, "track_event").shared_by is item(sink, "update_attributes").shared_by is None


# -- one user, several objects ------------------------------------------------------------------


@pytest.mark.parametrize(
    "action", [n for n in ACTIONS if n not in ("track_event", "record_purchase", "send_transactional")]
)
def test_a_user_is_once_in_a_request(braze: SandboxBraze, sink: BrazeSink, action: str) -> None:
    """§2.4, §6: Braze would use the last entry only, or in any order: the second is deferred, unsent."""
    items = [item(sink, action, of(user, user)) for user in ("u1", "u2", "u1")]

    outcome = sink.deliver(batch(sink, action, items))

    assert kinds(outcome) == [Delivered, Delivered, Deferred]
    assert len(braze.bodies()) == 1
    assert acted_on(braze) == 2


def test_events_of_one_user_travel_together(braze: SandboxBraze, sink: BrazeSink) -> None:
    """§6: each is counted."""
    assert kinds(deliver(sink, "track_event", of("u1", "e-1"), of("u1", "e-2"))) == [Delivered, Delivered]

    assert [each["properties"]["event_uuid"] for each in braze.user("u1")["events"]] == ["e-1", "e-2"]


def test_verdicts_keep_their_places_around_a_deferred_one(braze: SandboxBraze, sink: BrazeSink) -> None:
    """The index in an error counts what was sent, not what was asked for."""
    users = ("u1", "u1", "bad", "u2")
    attributes = [{"email": "nonsense"} if user == "bad" else {"plan": "gold"} for user in users]
    items = [item(sink, "update_attributes", of(u), attributes=a) for u, a in zip(users, attributes, strict=True)]

    assert kinds(sink.deliver(batch(sink, "update_attributes", items))) == [Delivered, Deferred, Rejected, Delivered]


# -- refused ------------------------------------------------------------------------------------


@pytest.mark.parametrize("style", ["sentence", "code"])
def test_a_bad_row_is_rejected_alone(style: str) -> None:
    """§2.1: by input_array and index, in either style; its neighbours are delivered."""
    with sandbox_braze(error_style=style) as braze, closing(braze.sink()) as sink:
        items = [
            item(sink, "update_attributes", of("u1")),
            item(sink, "update_attributes", of("u2"), attributes={"email": "nonsense"}),
            item(sink, "update_attributes", of("u3")),
        ]
        outcome = sink.deliver(batch(sink, "update_attributes", items))

        assert kinds(outcome) == [Delivered, Rejected, Delivered]
        assert verdicts(outcome)[1].vendor_code == "EMAIL_BAD_FORMAT"
        assert set(braze.state()["users"]) == {"u1", "u3"}


def test_only_bad_rows_are_each_rejected(braze: SandboxBraze, sink: BrazeSink) -> None:
    """§2.1: the fatal form of the same errors."""
    outcome = deliver(sink, "update_attributes", of("u1"), of("u2"), attributes={"email": "nonsense"})

    assert [verdict.vendor_code for verdict in verdicts(outcome)] == ["EMAIL_BAD_FORMAT"] * 2


def test_a_refusal_that_names_nobody_is_bisected(braze: SandboxBraze, sink: BrazeSink) -> None:
    """§5: 400 for the whole request: the runner's to split."""
    braze.fault(status=400, body={"message": "Bad Request"})

    outcome = deliver(sink, "track_event", of("u1"), of("u2"))

    assert isinstance(outcome, Refused)
    assert outcome.reason is Reason.REFUSED


def test_a_lower_contract_limit_is_found_by_halving(braze: SandboxBraze, sink: BrazeSink) -> None:
    """§5: too many objects is a refusal of the request, not of a record."""
    items = [item(sink, "track_event", of(f"u{n}")) for n in range(76)]

    assert isinstance(sink.deliver(batch(sink, "track_event", items)), Refused)
    assert kinds(sink.deliver(batch(sink, "track_event", items[:38]))) == [Delivered] * 38


def test_too_large_a_body_is_refused_not_lost() -> None:
    """§5: 413."""
    with sandbox_braze(max_body_bytes=200) as braze, closing(braze.sink()) as sink:
        outcome = deliver(sink, "track_event", of("u1"), of("u2"))

        assert isinstance(outcome, Refused)
        assert outcome.reason is Reason.OVERSIZED


def test_a_wrong_campaign_id_holds_the_action() -> None:
    """§5: configuration: other actions go on, no record pays."""
    with sandbox_braze(campaigns={}) as braze, closing(braze.sink()) as sink:
        outcome = deliver(sink, "trigger_campaign")

        assert isinstance(outcome, Hold)
        assert (outcome.cause, outcome.scope) == (Cause.CONFIGURATION, Scope.ACTION)
        assert kinds(deliver(sink, "track_event")) == [Delivered]


def test_a_campaign_without_an_id_is_found_at_start(sink: BrazeSink) -> None:
    """A flow's constant, or whatever its template can become, is checked before an event is seen."""
    action = sink.actions["trigger_campaign"]

    assert sink.problems(action, lambda _: ("onboarding",)) == []
    assert sink.problems(action, lambda _: None) == []
    (problem,) = sink.problems(action, lambda _: ("onboarding", "winback"))
    assert "'winback'" in problem
    assert sink.problems(sink.actions["track_event"], lambda _: ("winback",)) == []


# -- held ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ACTIONS)
def test_a_revoked_key_holds_the_sink(braze: SandboxBraze, action: str) -> None:
    """§1.2: 401; nothing is true in the end."""
    with closing(braze.sink(api_key="revoked")) as sink:
        outcome = deliver(sink, action)

        assert isinstance(outcome, Hold)
        assert (outcome.cause, outcome.scope) == (Cause.CREDENTIALS, Scope.SINK)
        assert "revoked" not in repr(outcome)
        probed = sink.probe(sink.actions[action])
        assert probed is not None
        assert probed.cause is Cause.CREDENTIALS


@pytest.mark.parametrize(("status", "cause"), [(403, Cause.CONFIGURATION), (401, Cause.CREDENTIALS)])
def test_a_missing_permission_holds(status: int, cause: Cause) -> None:
    """§1.2: 403 or 401: configuration; the probe cannot tell and lets a trial pass."""
    keys = {DEFAULT_KEY: frozenset({"users.track"})}
    with sandbox_braze(keys=keys, permission_status=status) as braze, closing(braze.sink()) as sink:
        outcome = deliver(sink, "trigger_campaign")

        assert isinstance(outcome, Hold)
        assert outcome.cause is cause
        assert sink.probe(sink.actions["trigger_campaign"]) is None


@pytest.mark.parametrize("dialect", ["epoch", "mau"])
def test_a_used_up_window_throttles_in_both_dialects(dialect: str) -> None:
    """§4: the last request of a window brings a hold along, the next gets 429; neither waits past the window."""
    with sandbox_braze(dialect=dialect) as braze, closing(braze.sink()) as sink:
        braze.set_clock(now="2026-03-01T10:00:10Z", frozen=True)  # skewed: the wait is counted by its Date
        braze.quota("/users/track", limit=1, window_s=60)
        last, refused = (deliver(sink, "track_event") for _ in range(2))

        assert kinds(last) == [Delivered]
        assert isinstance(last, Answered)
        assert isinstance(refused, Hold)
        for hold in (last.hold, refused):
            assert hold is not None
            assert (hold.cause, hold.scope) == (Cause.THROTTLED, Scope.ACTION)
            assert hold.retry_after_s is not None
            assert 50 <= hold.retry_after_s <= 55
        assert len(braze.user("u1")["events"]) == 1


@pytest.mark.parametrize("status", [500, 502, 503, 504, 522])
@pytest.mark.parametrize("action", ACTIONS)
def test_a_server_error_is_unsure_and_holds(braze: SandboxBraze, sink: BrazeSink, action: str, status: int) -> None:
    """§5: ambiguous; the probe fails until the vendor is well."""
    braze.fault(status=status)

    abouts = two_of(action)

    outcome = deliver(sink, action, *abouts)

    assert kinds(outcome) == [Unsure] * len(abouts)
    assert isinstance(outcome, Answered)
    assert outcome.hold is not None
    assert outcome.hold.cause is Cause.VENDOR_DOWN
    assert sink.probe(sink.actions[action]) is not None
    braze.forgive()
    assert sink.probe(sink.actions[action]) is None


def test_a_vendor_that_is_away_holds_and_nothing_was_sent() -> None:
    """§5: connection refused is nobody's verdict."""
    with closing(sink_at(f"http://127.0.0.1:{free_ports(1)[0]}")) as sink:
        outcome = deliver(sink, "trigger_campaign")
        probed = sink.probe(sink.actions["trigger_campaign"])

    for hold in (outcome, probed):
        assert isinstance(hold, Hold)
        assert (hold.cause, hold.scope) == (Cause.VENDOR_DOWN, Scope.SINK)


@pytest.mark.parametrize(
    ("spec", "cause"),
    [
        ({"status": 403, "body": "<html>", "content_type": "text/html"}, Cause.VENDOR_DOWN),
        ({"status": 301, "headers": {"Location": "http://127.0.0.1:9/"}}, Cause.CONFIGURATION),
        ({"status": 404}, Cause.CONFIGURATION),
        ({"status": 415}, Cause.CONFIGURATION),
    ],
)
def test_what_is_not_braze_holds(braze: SandboxBraze, sink: BrazeSink, spec: dict[str, Any], cause: Cause) -> None:
    """§5: an edge's page, a redirect, a wrong address: no delivery was tried."""
    braze.fault(**spec)

    outcome = deliver(sink, "track_event")

    assert isinstance(outcome, Hold)
    assert outcome.cause is cause


# -- unsure -------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize(
    ("spec", "reason", "acts"),
    [
        ({"kind": "hang"}, Reason.TIME_OUT, True),
        ({"kind": "hang", "act": False}, Reason.TIME_OUT, False),
        ({"kind": "late", "delay_s": 0.7}, Reason.TIME_OUT, True),
        ({"kind": "reset"}, Reason.CONNECTION, False),
        ({"kind": "reset", "act": True}, Reason.CONNECTION, True),
        ({"kind": "truncate"}, Reason.CONNECTION, True),
    ],
)
def test_no_answer_is_unsure_whether_or_not_braze_acted(
    braze: SandboxBraze, action: str, spec: dict[str, Any], reason: Reason, acts: bool
) -> None:
    """§5: never called failed; sent once, and true or not in the end."""
    braze.fault(**spec, count=1)

    with closing(braze.sink(read_timeout_s=0.5)) as hasty:
        outcome = deliver(hasty, action)

    assert kinds(outcome) == [Unsure]
    assert verdicts(outcome)[0].reason is reason
    assert len(braze.bodies()) == 1
    if acts:
        eventually(lambda: acted_on(braze) == 1)
    else:
        assert acted_on(braze) == 0


@pytest.mark.parametrize(
    "spec",
    [
        {"status": 200, "body": {"message": "fatal error message"}},
        {"status": 200, "body": ""},
        {"status": 201, "body": "<html>ok</html>", "content_type": "text/html"},
        {"status": 201, "body": "garbage \x00"},
        {"status": 408},
    ],
)
def test_an_answer_that_nobody_can_read_is_unsure(braze: SandboxBraze, sink: BrazeSink, spec: dict[str, Any]) -> None:
    """§5: 2xx without the word."""
    braze.fault(**spec)

    assert kinds(deliver(sink, "track_event", of("u1"), of("u2"))) == [Unsure, Unsure]


def test_a_mislabelled_success_is_a_success(braze: SandboxBraze, sink: BrazeSink) -> None:
    """§2.0: the body decides, not its content type."""
    braze.fault(kind="relabel", content_type="text/html")

    assert kinds(deliver(sink, "track_event")) == [Delivered]


@pytest.mark.parametrize("errors", [None, [], ["odd"], [{"type": "odd"}]])
def test_errors_that_name_nobody_do_not_repeat_events(braze: SandboxBraze, sink: BrazeSink, errors: Any) -> None:
    """§5: all five forms of errors; events count as accepted."""
    braze.fault(status=201, body={"message": "success", "errors": errors}, act=True)

    assert kinds(deliver(sink, "track_event", of("u1"), of("u2"))) == [Delivered, Delivered]


def test_errors_that_name_nobody_are_said(
    braze: SandboxBraze, sink: BrazeSink, caplog: pytest.LogCaptureFixture
) -> None:
    """§5: a warning, without what was answered."""
    braze.fault(status=201, body={"message": "success", "errors": ["a@example.com is odd"]}, act=True)

    deliver(sink, "track_event", of("u1"), of("u2"))

    assert "name no object" in caplog.text
    assert "a@example.com" not in caplog.text


# -- the gate -----------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ACTIONS)
def test_a_closed_gate_sends_nothing(braze: SandboxBraze, sink: BrazeSink, action: str) -> None:
    """The permit is asked at the first byte; the vendor has received nothing."""
    one = item(sink, action)

    with pytest.raises(GateClosedError):
        sink.deliver(Batch(sink.actions[action], one.shared_by, [one], forbidden))

    assert braze.bodies() == []


def test_the_probe_is_a_read(braze: SandboxBraze, sink: BrazeSink) -> None:
    """§2.11: it contacts nobody and changes nothing."""
    for action in sink.actions.values():
        assert sink.probe(action) is None

    assert set(braze.received()["counters"]) == {"GET /campaigns/list", "GET /campaigns/list 200"}


def test_the_key_travels_in_one_header_only(braze: SandboxBraze, sink: BrazeSink) -> None:
    """§1.2: not in a body, a URL or a repr."""
    deliver(sink, "track_event", event(event_id=str(datetime(2026, 1, 1, tzinfo=UTC))))

    (request,) = braze.received()["requests"]
    assert DEFAULT_KEY not in str(request)
    assert DEFAULT_KEY not in repr(sink) + repr(vars(sink)["_config"])
