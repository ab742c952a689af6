"""The Marketo sink against the sandbox over a real socket: verdict, what was sent, what is true in the end."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from common.errors import BudgetGoneError, GateClosedError
from common.event import Event
from common.reasons import Cause, Reason
from sandbox.marketo.options import DEFAULT_CLIENT, DEFAULT_SECRET, PERMISSIONS, Campaign, Service
from tests.support.marketo import SandboxMarketo, event, of, sandbox_marketo, sink_at
from tests.support.poll import eventually
from tests.support.ports import free_ports
from workers.sinks.api import (
    Answered,
    Batch,
    Contacts,
    Count,
    Deferred,
    Delivered,
    Hold,
    Item,
    Limit,
    Outcome,
    Refused,
    Rejected,
    Repeat,
    Scope,
    Sink,
    Suppressed,
    Unsure,
    WindowKind,
)
from workers.sinks.marketo.actions import actions
from workers.sinks.marketo.sink import MarketoSink

ACTIONS = sorted(actions())
BY_NUMBER = ["add_activity", "add_to_list", "remove_from_list", "trigger_campaign"]
GOOD: dict[str, dict[str, Any]] = {
    "upsert_lead": {"fields": {"stage": "signed"}},
    "add_activity": {"activity": "document_sent", "primary": "welcome", "attributes": {"channel": "EMAIL"}},
    "trigger_campaign": {"campaign": "onboarding", "tokens": {"product": "loan"}},
    "add_to_list": {"list": "save"},
    "remove_from_list": {"list": "save"},
    "upsert_object": {"object": "communication", "fields": {"documentId": "D-1", "status": "SENT"}},
    "update_consent": {"kind": "CONSENT", "channel": "EMAIL", "purpose": "MARKETING", "state": "OPTED_OUT"},
}


@pytest.fixture(scope="module")
def shared() -> Iterator[SandboxMarketo]:
    with sandbox_marketo() as one:
        yield one


@pytest.fixture
def marketo(shared: SandboxMarketo) -> SandboxMarketo:
    """A sandbox with the leads C-1, C-2, C-3, one of which is on the list."""
    shared.clear()
    shared.quota("rate", 100)
    shared.quota("daily", 50_000)
    shared.quota("concurrency", 10)
    furnish(shared)
    return shared


def furnish(marketo: SandboxMarketo) -> None:
    numbers = marketo.put("C-1", "C-2", "C-3")
    marketo.call("POST", "/rest/v1/lists/1001/leads.json", json={"input": [{"id": each} for each in numbers]})


@pytest.fixture
def sink(marketo: SandboxMarketo) -> Iterator[MarketoSink]:
    with closing(marketo.sink()) as one:
        yield one


@contextmanager
def closing(one: MarketoSink) -> Iterator[MarketoSink]:
    try:
        yield one
    finally:
        one.close()


@contextmanager
def allowed() -> Iterator[None]:
    yield


def forbidden() -> AbstractContextManager[None]:
    raise GateClosedError("closed")


def item(sink: MarketoSink, action: str, about: Event | None = None, **parameters: Any) -> Item:
    """An item of an action with parameters that are good enough."""
    made, about = sink.actions[action], about or event()
    good = GOOD[action] | parameters
    if action == "upsert_object" and "fields" not in parameters:
        customer = about.value.get("customer") or {}
        good = {**good, "fields": {**good["fields"], "documentId": f"D-{customer.get('customer_id')}"}}
    return sink.prepare(made, about, made.parameters(**good))


def batch(sink: MarketoSink, action: str, items: Sequence[Item], spend: Callable[[], None] = lambda: None) -> Batch:
    return Batch(sink.actions[action], items[0].shared_by, items, allowed, spend)


def deliver(sink: MarketoSink, action: str, *abouts: Event, **parameters: Any) -> Outcome:
    items = [item(sink, action, about, **parameters) for about in abouts or (event(),)]
    return sink.deliver(batch(sink, action, items))


def verdicts(outcome: Outcome) -> list[Any]:
    assert isinstance(outcome, Answered), outcome
    return list(outcome.verdicts)


def kinds(outcome: Outcome) -> list[type]:
    return [type(verdict) for verdict in verdicts(outcome)]


def hold_of(outcome: Outcome) -> Hold:
    assert isinstance(outcome, Hold), outcome
    return outcome


def writes(marketo: SandboxMarketo) -> list[dict[str, Any]]:
    """The requests that were not reads, those of the furniture left out."""
    found = [each for each in marketo.received() if "_method=GET" not in each["query"] and each["method"] != "GET"]
    return found[2:]


def is_done(marketo: SandboxMarketo, action: str, customer: str = "C-1") -> bool:
    """Whether an action has had its effect."""
    state = marketo.state()
    number = marketo.lead(customer)["id"]
    checks: dict[str, Callable[[], bool]] = {
        "upsert_lead": lambda: marketo.lead(customer).get("stage") == "signed",
        "add_activity": lambda: number in [each["leadId"] for each in state["activities"]],
        "trigger_campaign": lambda: number in [each["lead"] for each in state["runs"]],
        "add_to_list": lambda: number in state["lists"]["1001"],
        "remove_from_list": lambda: number not in state["lists"]["1001"],
        "upsert_object": lambda: bool(state["objects"].get("communication_c")),
        "update_consent": lambda: marketo.lead(customer)["unsubscribed"] is True,
    }
    return checks[action]()


# -- what a sink is -----------------------------------------------------------------------------


def test_it_is_a_sink(sink: MarketoSink) -> None:
    """The contract of workers/sinks/api.py, with the page's limits and kinds (§2, §5)."""
    one: Sink = sink
    once, again, nobody = Repeat.ONCE, Repeat.REPEATABLE, Contacts.NOBODY

    described = {
        name: (action.repeat, action.contacts, action.max_items, action.group) for name, action in one.actions.items()
    }
    assert described == {
        "upsert_lead": (again, nobody, 300, "main"),
        "add_activity": (once, nobody, 300, "main"),
        "trigger_campaign": (once, Contacts.CUSTOMER, 100, "main"),
        "add_to_list": (again, nobody, 300, "main"),
        "remove_from_list": (again, nobody, 300, "main"),
        "upsert_object": (again, nobody, 300, "main"),
        "update_consent": (again, nobody, 300, "consent"),
    }
    assert list(one.limits) == [
        Limit(50, 20, WindowKind.SLIDING),
        Limit(40_000, 86_400, WindowKind.DAY, "America/Chicago", is_counted=True),
    ]
    assert one.at_once == 5


# -- accepted -----------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ACTIONS)
def test_every_action_has_its_effect(marketo: SandboxMarketo, sink: MarketoSink, action: str) -> None:
    """Delivered with the number for the vendor's support, in one write, and true in the end."""
    if action == "add_to_list":
        deliver(sink, "remove_from_list")
    before = len(writes(marketo))

    (verdict,) = verdicts(deliver(sink, action))

    assert isinstance(verdict, Delivered)
    assert "#" in verdict.vendor_ids["request_id"]
    assert len(writes(marketo)) == before + 1
    assert is_done(marketo, action)


@pytest.mark.parametrize("action", ACTIONS)
def test_a_full_batch_is_one_request(action: str) -> None:
    """As many as the page allows in one write; their leads are looked up by 300 (§2.2)."""
    with sandbox_marketo() as marketo, closing(marketo.sink(max_records=300, verify_consent=False)) as sink:
        count = sink.actions[action].max_items
        names = [f"C-{n}" for n in range(count)]
        marketo.put(*names)
        before = len(marketo.received())
        if action == "remove_from_list":
            deliver(sink, "add_to_list", *(of(name) for name in names))
            before = len(marketo.received())

        outcome = deliver(sink, action, *(of(name) for name in names))

        assert kinds(outcome) == [Delivered] * count
        sent = marketo.received()[before:]
        looks_up = action in BY_NUMBER and action != "remove_from_list"
        assert len([each for each in sent if "_method=GET" in each["query"]]) == int(looks_up)
        assert len([each for each in sent if "_method=GET" not in each["query"]]) == 1


def test_a_new_lead_is_made_in_its_partition() -> None:
    """§2.1: createOrUpdate by the site's customer id, in the partition that the flow names."""
    with sandbox_marketo(partitions=frozenset({"Default", "EMEA"})) as marketo, closing(marketo.sink()) as sink:
        fields = {"email": "Ada@Example.com", "firstName": "Ada"}
        (verdict,) = verdicts(deliver(sink, "upsert_lead", of("C-9"), fields=fields, partition="EMEA"))

        lead = marketo.lead("C-9")
        assert (lead["email"], lead["partition"]) == ("ada@example.com", "EMEA")
        assert verdict.vendor_ids["lead_id"] == str(lead["id"])


def test_a_site_may_find_leads_by_another_field(marketo: SandboxMarketo, sink: MarketoSink) -> None:
    """§2.1: a lead that Marketo knows by e-mail only is found, and linked to its customer id."""
    rows = [{"email": "bob@example.com"}]
    marketo.call("POST", "/rest/v1/leads.json", json={"input": rows})

    about = of("C-77", email="BOB@example.com")
    assert kinds(deliver(sink, "upsert_lead", about, lookup_field="email")) == [Delivered]

    assert marketo.lead("C-77")["email"] == "bob@example.com"


def test_a_lead_without_a_customer_id_is_updated_by_its_number(marketo: SandboxMarketo, sink: MarketoSink) -> None:
    """§2.1: a substitute names the lead; updateOnly with lookupField id."""
    number = marketo.lead("C-2")["id"]
    about = event({"customer_id": f"marketo:123-ABC-456:{number}", "resolved": False})

    assert kinds(deliver(sink, "upsert_lead", about)) == [Delivered]

    assert writes(marketo)[0]["body"]["action"] == "updateOnly"
    assert marketo.lead("C-2")["stage"] == "signed"


def test_tokens_are_shared_by_a_call(marketo: SandboxMarketo, sink: MarketoSink) -> None:
    """§2.5: equal campaign and equal tokens travel together, whatever the order of the tokens; others do not."""
    first = item(sink, "trigger_campaign", tokens={"a": 1, "b": "x"})
    same = item(sink, "trigger_campaign", of("C-2"), tokens={"my.b": "x", "{{my.a}}": "1"})
    others = [
        item(sink, "trigger_campaign", tokens={"a": 2, "b": "x"}),
        item(sink, "trigger_campaign", campaign="renewal", tokens={"a": 1, "b": "x"}),
    ]

    assert first.shared_by == same.shared_by
    assert len({first.shared_by, *(each.shared_by for each in others)}) == 3
    assert kinds(sink.deliver(batch(sink, "trigger_campaign", [first, same]))) == [Delivered, Delivered]
    assert [run["tokens"] for run in marketo.state()["runs"]] == [{"{{my.a}}": "1", "{{my.b}}": "x"}] * 2


def test_an_activity_carries_the_event_s_id(marketo: SandboxMarketo, sink: MarketoSink) -> None:
    """§2.4: Marketo does not recognise a repeat, so people and campaigns must be able to."""
    deliver(sink, "add_activity", event(event_id="e-7"))

    (added,) = marketo.state()["activities"]
    assert added["attributes"] == {"channel": "EMAIL", "eventId": "e-7"}
    assert added["activityDate"] == "2026-11-20T09:15:00Z"


def test_who_is_not_on_the_list_is_off_it(marketo: SandboxMarketo, sink: MarketoSink) -> None:
    """§2.8: 1015 is what was wanted; so is `added` for a member."""
    assert kinds(deliver(sink, "remove_from_list")) == [Delivered]
    assert kinds(deliver(sink, "remove_from_list")) == [Delivered]
    assert kinds(deliver(sink, "add_to_list", of("C-2"))) == [Delivered]


# -- lead numbers -------------------------------------------------------------------------------


def test_lead_numbers_are_remembered(marketo: SandboxMarketo, sink: MarketoSink) -> None:
    """§2.2: one look-up, paid from the budget, then none; a sync teaches them too."""
    spent: list[int] = []
    for _ in range(2):
        sink.deliver(batch(sink, "add_to_list", [item(sink, "add_to_list")], lambda: spent.append(1)))
    deliver(sink, "upsert_lead", of("C-2"))
    sink.deliver(batch(sink, "add_to_list", [item(sink, "add_to_list", of("C-2"))], lambda: spent.append(1)))

    assert len(spent) == 1


def test_without_budget_nothing_is_sent(marketo: SandboxMarketo, sink: MarketoSink) -> None:
    """The look-up's own request must be paid for, too."""

    def spend() -> None:
        raise BudgetGoneError("used up")

    with pytest.raises(BudgetGoneError):
        sink.deliver(batch(sink, "add_to_list", [item(sink, "add_to_list")], spend))

    assert writes(marketo) == []


def test_an_unknown_customer_is_rejected_alone(marketo: SandboxMarketo, sink: MarketoSink) -> None:
    """§2.4: the lead must exist; its neighbours are delivered."""
    outcome = deliver(sink, "add_activity", of("C-1"), of("C-404"), of("C-2"))

    assert kinds(outcome) == [Delivered, Rejected, Delivered]
    assert verdicts(outcome)[1].reason is Reason.MISSING_CUSTOMER


@pytest.mark.parametrize("action", [*BY_NUMBER, "update_consent"])
def test_an_unknown_customer_is_nobodys_business_where_the_site_says_so(marketo: SandboxMarketo, action: str) -> None:
    """Not every customer is in Marketo: counted, with a receipt, and no dead letter; its neighbours are delivered."""
    with closing(marketo.sink(without_lead="suppress")) as sink:
        outcome = deliver(sink, action, of("C-1"), of("C-404"), of("C-2"))

    assert kinds(outcome) == [Delivered, Suppressed, Delivered]
    assert verdicts(outcome)[1].reason is Reason.MISSING_CUSTOMER


def test_a_decision_that_marketo_has_no_field_for_is_suppressed(marketo: SandboxMarketo, sink: MarketoSink) -> None:
    """§6: it costs no request, and its neighbours are written."""
    lacking = item(sink, "update_consent", of("C-1"), kind="CONSENT", channel="SMS", state="OPTED_OUT")

    outcome = sink.deliver(batch(sink, "update_consent", [lacking]))

    assert verdicts(outcome) == [Suppressed(Reason.MISSING_TARGET)]
    assert writes(marketo) == []


def test_only_unknown_customers_cost_no_write(marketo: SandboxMarketo, sink: MarketoSink) -> None:
    """Nothing is left to send."""
    assert kinds(deliver(sink, "trigger_campaign", of("C-404"))) == [Rejected]
    assert writes(marketo) == []


def test_two_leads_of_one_customer_are_told_apart_by_nobody(marketo: SandboxMarketo, sink: MarketoSink) -> None:
    """§2.1: 1007 is a merge's work; the activity goes to neither."""
    marketo.call(
        "POST", "/rest/v1/leads.json", json={"action": "createDuplicate", "input": [{"customerNumber": "C-1"}]}
    )

    (looked_up,) = verdicts(deliver(sink, "add_activity"))
    (synced,) = verdicts(deliver(sink, "upsert_lead"))

    assert looked_up.vendor_code == synced.vendor_code == "1007"


@pytest.mark.parametrize("action", ["add_activity", "add_to_list", "trigger_campaign"])
def test_a_lead_that_was_merged_away_is_looked_up_anew(marketo: SandboxMarketo, sink: MarketoSink, action: str) -> None:
    """§2.3, §4.2: 1004 for a remembered number is deferred once; what is fresh is believed."""
    deliver(sink, "add_to_list", of("C-1"), of("C-2"))
    old, winner = marketo.lead("C-1")["id"], marketo.lead("C-3")["id"]
    marketo.call("POST", f"/rest/v1/leads/{winner}/merge.json?leadIds={old}", json={})
    marketo.call(
        "POST", "/rest/v1/leads.json", json={"action": "updateOnly", "lookupField": "id",
                                            "input": [{"id": winner, "customerNumber": "C-1"}]}
    )  # fmt: skip

    first = deliver(sink, action, of("C-1"))
    second = deliver(sink, action, of("C-1"))

    assert (kinds(first), kinds(second)) == ([Deferred], [Delivered])
    assert is_done(marketo, action, "C-1")


def test_a_number_from_the_event_is_doubted_once(marketo: SandboxMarketo, sink: MarketoSink) -> None:
    """An event may know a number that was merged away long ago."""
    about = of("C-1", marketo_lead_id="99")

    assert kinds(deliver(sink, "add_activity", about)) == [Deferred]
    assert kinds(deliver(sink, "add_activity", about)) == [Delivered]
    alone = event({"customer_id": "marketo:123-ABC-456:99", "resolved": False})
    assert kinds(deliver(sink, "add_activity", alone)) == [Rejected]


@pytest.mark.parametrize("action", [name for name in ACTIONS if name not in ("add_activity", "upsert_object")])
def test_a_lead_is_once_in_a_request(marketo: SandboxMarketo, sink: MarketoSink, action: str) -> None:
    """§2.1: what comes second is deferred, certainly unsent."""
    items = [item(sink, action, of(name)) for name in ("C-1", "C-2", "C-1")]

    assert kinds(sink.deliver(batch(sink, action, items))) == [Delivered, Delivered, Deferred]


def test_a_record_of_an_object_is_once_in_a_request(sink: MarketoSink) -> None:
    """§2.7: or both would be refused with 1036."""
    outcome = deliver(sink, "upsert_object", of("C-1"), of("C-2"), fields={"documentId": "D-1"})

    assert kinds(outcome) == [Delivered, Deferred]


def test_activities_of_one_lead_travel_together(marketo: SandboxMarketo, sink: MarketoSink) -> None:
    """§2.4: each is appended."""
    assert kinds(deliver(sink, "add_activity", of("C-1", "e-1"), of("C-1", "e-2"))) == [Delivered, Delivered]
    assert len(marketo.state()["activities"]) == 2


# -- refused ------------------------------------------------------------------------------------


def test_a_bad_row_is_rejected_alone(marketo: SandboxMarketo, sink: MarketoSink) -> None:
    """§2.1: rows by index, without an id where skipped; the vendor's echo of the value is not passed on."""
    items = [
        item(sink, "upsert_lead", of("C-1")),
        item(sink, "upsert_lead", of("C-2"), fields={"leadScore": "lots"}),
        item(sink, "upsert_lead", of("C-3")),
    ]
    outcome = sink.deliver(batch(sink, "upsert_lead", items))

    assert kinds(outcome) == [Delivered, Rejected, Delivered]
    assert verdicts(outcome)[1].vendor_code == "1003"
    assert "lots" not in repr(outcome)
    assert marketo.lead("C-3")["stage"] == "signed"


def test_a_bad_activity_is_rejected_alone() -> None:
    """§2.4: custom activities say `errors`, not `reasons`."""
    with sandbox_marketo() as marketo, closing(marketo.sink()) as sink:
        furnish(marketo)
        deliver(sink, "add_to_list", of("C-1"), of("C-2"))
        stray = event({"customer_id": "marketo:123-ABC-456:7", "resolved": False})

        outcome = deliver(sink, "add_activity", of("C-1"), stray, of("C-2"))

        assert kinds(outcome) == [Delivered, Rejected, Delivered]
        assert verdicts(outcome)[1].vendor_code == "1004"


def test_an_object_of_an_unknown_person_is_rejected_alone(sink: MarketoSink) -> None:
    """§2.7: the link must match a person."""
    outcome = deliver(sink, "upsert_object", of("C-1"), of("C-404"))

    assert kinds(outcome) == [Delivered, Rejected]


def test_a_decision_about_an_unknown_lead_is_rejected(sink: MarketoSink) -> None:
    """§2.1: updateOnly, since a consent write must not make people."""
    (verdict,) = verdicts(deliver(sink, "update_consent", of("C-404")))

    assert (type(verdict), verdict.reason) == (Rejected, Reason.MISSING_CUSTOMER)


def test_a_field_that_nobody_knows_holds_the_action(marketo: SandboxMarketo, sink: MarketoSink) -> None:
    """§4.3: more than half with 1006 is the mapping's fault: the records wait, and none is dead-lettered."""
    outcome = deliver(sink, "upsert_lead", of("C-1"), of("C-2"), fields={"renamedField": "x"})

    assert kinds(outcome) == [Deferred, Deferred]
    assert isinstance(outcome, Answered)
    assert outcome.hold is not None
    assert (outcome.hold.cause, outcome.hold.scope) == (Cause.CONFIGURATION, Scope.ACTION)
    assert kinds(deliver(sink, "add_to_list")) == [Delivered]


@pytest.mark.parametrize("action", ACTIONS)
def test_a_refusal_that_names_nobody_is_bisected(marketo: SandboxMarketo, sink: MarketoSink, action: str) -> None:
    """§4.0: a code about records for the whole request: the runner's to split."""
    items = [item(sink, action, of(name)) for name in ("C-1", "C-2")]
    marketo.refuse("1003", match='"input"')

    assert isinstance(sink.deliver(batch(sink, action, items)), Refused)


def test_too_large_a_body_is_refused_not_lost() -> None:
    """§4.1: 413 is split; a lone record is oversized."""
    with sandbox_marketo(max_body_bytes=400) as marketo, closing(marketo.sink()) as sink:
        fields = {"firstName": "x" * 200}
        outcome = deliver(sink, "upsert_lead", of("C-1"), of("C-2"), fields=fields)

        assert isinstance(outcome, Refused)
        assert outcome.reason is Reason.OVERSIZED
        assert kinds(deliver(sink, "upsert_lead", of("C-1"), fields=fields)) == [Delivered]


@pytest.mark.parametrize(
    ("options", "parameters"),
    [
        ({"campaigns": {}}, {}),
        ({"campaigns": {3712: Campaign(type="batch")}}, {}),
        ({"campaigns": {3712: Campaign(active=False)}}, {}),
    ],
)
def test_a_wrong_campaign_holds_the_action(options: dict[str, Any], parameters: dict[str, Any]) -> None:
    """§2.5: unknown, a batch campaign, not active: configuration; other actions go on."""
    with sandbox_marketo(**options) as marketo, closing(marketo.sink()) as sink:
        furnish(marketo)

        hold = hold_of(deliver(sink, "trigger_campaign", **parameters))

        assert (hold.cause, hold.scope) == (Cause.CONFIGURATION, Scope.ACTION)
        assert kinds(deliver(sink, "add_activity")) == [Delivered]


def test_names_that_settings_lack_are_found_at_start(sink: MarketoSink) -> None:
    """A flow's constant, or whatever its template can become, is checked before an event is seen."""
    for action, parameter, known in (
        ("trigger_campaign", "campaign", "onboarding"),
        ("add_activity", "activity", "document_sent"),
        ("add_to_list", "list", "save"),
        ("upsert_object", "object", "communication"),
    ):
        made = sink.actions[action]
        assert sink.problems(made, lambda _, known=known: (known,)) == []  # type: ignore[misc]
        assert sink.problems(made, lambda _: None) == []
        (problem,) = sink.problems(made, lambda name, known=known: (known, "winback"))  # type: ignore[misc]
        assert f"{parameter} 'winback' is not in sinks.marketo." in problem
    assert sink.problems(sink.actions["upsert_lead"], lambda _: ("winback",)) == []


# -- consent ------------------------------------------------------------------------------------


def test_an_opt_out_and_an_opt_in_are_written_with_their_reason(marketo: SandboxMarketo, sink: MarketoSink) -> None:
    """§6: `unsubscribed` is the inverse of a consent; only fields of the decision are written."""
    for state, unsubscribed in (("OPTED_OUT", True), ("OPTED_IN", False), ("UNKNOWN", True)):
        assert kinds(deliver(sink, "update_consent", state=state, reason="braze 2026-11-20")) == [Delivered]
        lead = marketo.lead("C-1")
        assert (lead["unsubscribed"], lead["unsubscribedReason"]) == (unsubscribed, "braze 2026-11-20")


@pytest.mark.parametrize("options", [{"blocked_fields": frozenset({"unsubscribed"})}])
def test_a_blocked_field_is_noticed(options: dict[str, Any]) -> None:
    """§6: Marketo says updated and keeps nothing: read back, and rejected where somebody sees it."""
    with sandbox_marketo(**options) as marketo:
        furnish(marketo)
        with closing(marketo.sink()) as sink, closing(marketo.sink(verify_consent=False)) as trusting:
            (verdict,) = verdicts(deliver(sink, "update_consent"))
            assert verdict.vendor_code == "NOT_KEPT"
            assert kinds(deliver(trusting, "update_consent")) == [Delivered]


@pytest.mark.parametrize("resubscribes", [True, False])
def test_a_durable_unsubscribe_is_noticed(resubscribes: bool) -> None:
    """§6: whether a REST write takes it back is not documented: both are run, and only the truth is delivered."""
    with sandbox_marketo(rest_resubscribes=resubscribes) as marketo, closing(marketo.sink()) as sink:
        marketo.put("C-1", email="ada@example.com", unsubscribed=True)

        outcome = deliver(sink, "update_consent", state="OPTED_IN")

        assert kinds(outcome) == [Delivered if resubscribes else Rejected]


def test_a_read_back_without_budget_or_answer_believes_the_write(marketo: SandboxMarketo, sink: MarketoSink) -> None:
    """The write was made: it must not look undone."""

    def spend() -> None:
        raise BudgetGoneError("used up")

    unpaid = sink.deliver(batch(sink, "update_consent", [item(sink, "update_consent")], spend))
    marketo.refuse("611", match="filterType")
    unread = deliver(sink, "update_consent")

    assert (kinds(unpaid), kinds(unread)) == ([Delivered], [Delivered])


# -- the token ----------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ACTIONS)
def test_an_expired_token_is_renewed_once(marketo: SandboxMarketo, sink: MarketoSink, action: str) -> None:
    """§1: 602 was not executed: renewed, and sent again; the effect is there once."""
    deliver(sink, "add_to_list")
    granted = marketo.state()["tokens_granted"]
    marketo.quota("token", 0)

    assert kinds(deliver(sink, action)) == [Delivered]

    assert marketo.state()["tokens_granted"] == granted + 1
    assert is_done(marketo, action)


def test_threads_share_one_renewal() -> None:
    """§1: five callers whose token has ended ask for one new token."""
    with sandbox_marketo(latency_s=0.05) as marketo, closing(marketo.sink(read_timeout_s=5)) as sink:
        names = [f"C-{n}" for n in range(5)]
        marketo.put(*names)
        deliver(sink, "upsert_lead", of("C-0"))
        marketo.quota("token", 0)
        before = len(marketo.received("/identity"))
        together = threading.Barrier(5)

        def send(name: str) -> Outcome:
            together.wait(10)
            return deliver(sink, "upsert_lead", of(name))

        with ThreadPoolExecutor(5) as pool:
            outcomes = list(pool.map(send, names))

        assert [kinds(outcome) for outcome in outcomes] == [[Delivered]] * 5
        assert len(marketo.received("/identity")) == before + 1


def test_a_token_that_stays_refused_holds(marketo: SandboxMarketo, sink: MarketoSink) -> None:
    """§1: a second refusal with a fresh token is the configuration's: asked twice, not for ever."""
    marketo.refuse("601")

    hold = hold_of(deliver(sink, "upsert_lead"))

    assert (hold.cause, hold.scope) == (Cause.CREDENTIALS, Scope.SINK)
    assert len(writes(marketo)) == 2


@pytest.mark.parametrize("action", ACTIONS)
def test_revoked_credentials_hold_the_sink(marketo: SandboxMarketo, action: str) -> None:
    """§1: 401 from the identity service; nothing was sent, and no secret is told."""
    with closing(marketo.sink(client_secret="s3cret-revoked")) as sink:
        for hold in (deliver(sink, action), sink.probe(sink.actions[action])):
            assert isinstance(hold, Hold)
            assert (hold.cause, hold.scope) == (Cause.CREDENTIALS, Scope.SINK)
            assert "s3cret" not in repr(hold)
        assert writes(marketo) == []
        assert sink.counted(lambda: None) is None


@pytest.mark.parametrize("action", ["trigger_campaign", "upsert_object"])
def test_a_missing_permission_holds_the_action(action: str) -> None:
    """§1: 603 is of one call; the probe cannot tell, and lets a trial pass."""
    permissions = PERMISSIONS - {"Execute Campaign", "Read-Write Custom Object"}
    services = {DEFAULT_CLIENT: Service(DEFAULT_SECRET, permissions)}
    with sandbox_marketo(services=services) as marketo, closing(marketo.sink()) as sink:
        furnish(marketo)

        hold = hold_of(deliver(sink, action))

        assert (hold.cause, hold.scope) == (Cause.CONFIGURATION, Scope.ACTION)
        assert sink.probe(sink.actions[action]) is None


def test_the_secret_travels_in_one_body_only(marketo: SandboxMarketo, sink: MarketoSink) -> None:
    """§1: neither in an address nor in a header, and the token in no address."""
    deliver(sink, "upsert_lead")

    for request in marketo.received(""):
        shown = {**request, "body": None}
        assert DEFAULT_SECRET not in str(shown)
        assert "access_token" not in request["query"]
    assert DEFAULT_SECRET not in repr(sink) + repr(vars(sink)["_config"])


# -- held ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize(
    ("quota", "cause", "between"),
    [
        ("rate", Cause.THROTTLED, (20, 25)),
        ("concurrency", Cause.THROTTLED, (0.5, 5)),
        ("daily", Cause.QUOTA, (1, 1800)),
    ],
)
def test_what_is_used_up_holds_the_sink(
    marketo: SandboxMarketo, sink: MarketoSink, action: str, quota: str, cause: Cause, between: tuple[float, float]
) -> None:
    """§3: 606, 615 and 607 with a wait of our own, since Marketo names none; nothing is true in the end."""
    items = [item(sink, action)]
    marketo.quota(quota, 0)

    hold = hold_of(sink.deliver(batch(sink, action, items)))

    assert (hold.cause, hold.scope) == (cause, Scope.SINK)
    assert hold.retry_after_s is not None
    assert between[0] <= hold.retry_after_s <= between[1]
    marketo.quota(quota, 1000)
    assert is_done(marketo, action) is (action == "add_to_list")


@pytest.mark.parametrize("code", ["608", "614"])
@pytest.mark.parametrize("action", ACTIONS)
def test_maintenance_holds_and_nobody_pays(marketo: SandboxMarketo, sink: MarketoSink, action: str, code: str) -> None:
    """§4.2: certainly not done; the probe fails until the vendor is well."""
    marketo.refuse(code)

    assert hold_of(deliver(sink, action)).cause is Cause.VENDOR_DOWN
    assert sink.probe(sink.actions[action]) is not None
    marketo.forgive()
    assert sink.probe(sink.actions[action]) is None


@pytest.mark.parametrize("spec", [{"status": 503}, {"status": 502, "body": "<html>", "content_type": "text/html"}])
@pytest.mark.parametrize("action", ACTIONS)
def test_a_server_error_is_unsure_and_holds(
    marketo: SandboxMarketo, sink: MarketoSink, action: str, spec: dict[str, Any]
) -> None:
    """§4.1: ambiguous for the write itself; a look-up before it did nothing."""
    deliver(sink, "add_to_list", of("C-1"), of("C-2"))
    items = [item(sink, action, of(name)) for name in ("C-1", "C-2")]
    marketo.fault(**spec)

    outcome = sink.deliver(batch(sink, action, items))

    assert kinds(outcome) == [Unsure, Unsure]
    assert isinstance(outcome, Answered)
    assert outcome.hold is not None
    assert outcome.hold.cause is Cause.VENDOR_DOWN


@pytest.mark.parametrize("action", BY_NUMBER)
@pytest.mark.parametrize("spec", [{"status": 503}, {"kind": "hang"}, {"kind": "truncate"}, {"kind": "reset"}])
def test_a_look_up_that_fails_leaves_nothing_in_doubt(
    marketo: SandboxMarketo, sink: MarketoSink, action: str, spec: dict[str, Any]
) -> None:
    """§4.1: it only reads: the route is held, no delivery was tried."""
    marketo.fault(**spec)

    assert hold_of(deliver(sink, action)).cause is Cause.VENDOR_DOWN
    assert writes(marketo) == []


def test_a_vendor_that_is_away_holds_and_nothing_was_sent() -> None:
    """§4.1: connection refused is nobody's verdict."""
    with closing(sink_at(f"http://127.0.0.1:{free_ports(1)[0]}")) as sink:
        for hold in (deliver(sink, "trigger_campaign"), sink.probe(sink.actions["trigger_campaign"])):
            assert isinstance(hold, Hold)
            assert (hold.cause, hold.scope) == (Cause.VENDOR_DOWN, Scope.SINK)


@pytest.mark.parametrize("status", [302, 404])
@pytest.mark.parametrize("action", ACTIONS)
def test_what_is_not_marketo_holds(marketo: SandboxMarketo, sink: MarketoSink, action: str, status: int) -> None:
    """§0: redirects are not followed, addresses come from settings only."""
    marketo.fault(status=status, headers={"Location": "http://127.0.0.1:9/"})

    assert hold_of(deliver(sink, action)).cause is Cause.CONFIGURATION


def test_a_redirect_of_the_identity_service_gets_no_secret(marketo: SandboxMarketo, sink: MarketoSink) -> None:
    """§1: the secret goes to the configured host only."""
    marketo.fault(path="/identity", status=307, headers={"Location": f"{marketo.url}/elsewhere"})

    assert hold_of(deliver(sink, "upsert_lead")).cause is Cause.CONFIGURATION
    assert marketo.received("/elsewhere") == []


# -- unsure -------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize(
    ("spec", "reason", "acts"),
    [
        ({"kind": "hang"}, Reason.TIME_OUT, True),
        ({"kind": "hang", "act": False}, Reason.TIME_OUT, False),
        ({"kind": "late", "delay_s": 0.35}, Reason.TIME_OUT, True),
        ({"kind": "reset"}, Reason.CONNECTION, False),
        ({"kind": "reset", "act": True}, Reason.CONNECTION, True),
        ({"kind": "truncate"}, Reason.CONNECTION, True),
    ],
)
def test_no_answer_is_unsure_whether_or_not_marketo_acted(
    marketo: SandboxMarketo, action: str, spec: dict[str, Any], reason: Reason, acts: bool
) -> None:
    """§4.1: never called failed; sent once, and true or not in the end."""
    with closing(marketo.sink(read_timeout_s=0.25)) as sink:
        number = marketo.lead("C-1")["id"]
        about = of("C-1", marketo_lead_id=str(number))
        if action == "add_to_list":
            deliver(sink, "remove_from_list", about)
        before = len(writes(marketo))
        marketo.fault(**spec, count=1)

        outcome = deliver(sink, action, about)

    assert kinds(outcome) == [Unsure]
    assert verdicts(outcome)[0].reason is reason
    assert len(writes(marketo)) == before + 1
    if acts:
        eventually(lambda: is_done(marketo, action))
    else:
        assert not is_done(marketo, action)


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize(
    "spec",
    [
        {"status": 200, "body": ""},
        {"status": 200, "body": "<html>ok</html>", "content_type": "text/html"},
        {"status": 200, "body": "garbage \x00"},
        {"status": 200, "body": {"requestId": "1#2"}},
        {"status": 200, "body": {"success": "yes", "result": []}},
        {"status": 408},
    ],
)
def test_an_answer_that_nobody_can_read_is_unsure(
    marketo: SandboxMarketo, sink: MarketoSink, action: str, spec: dict[str, Any]
) -> None:
    """§4.1: 200 is not success: only the body's word is."""
    deliver(sink, "add_to_list", of("C-1"), of("C-2"))
    items = [item(sink, action, of(name)) for name in ("C-1", "C-2")]
    marketo.fault(**spec)

    assert kinds(sink.deliver(batch(sink, action, items))) == [Unsure, Unsure]


def test_too_few_rows_are_nobody_s(marketo: SandboxMarketo, sink: MarketoSink) -> None:
    """§2.1: rows are by index, so a short result says nothing of anybody."""
    marketo.fault(status=200, body={"success": True, "result": [{"id": 1, "status": "updated"}]}, act=True)

    assert kinds(deliver(sink, "upsert_lead", of("C-1"), of("C-2"))) == [Unsure, Unsure]


def test_a_nested_program_s_tokens_are_a_system_error() -> None:
    """§2.5: 611 may mean anything: in doubt, and the action is held."""
    with (
        sandbox_marketo(campaigns={3712: Campaign(nested=True)}) as marketo,
        closing(marketo.sink()) as sink,
    ):
        furnish(marketo)
        outcome = deliver(sink, "trigger_campaign")

        assert kinds(outcome) == [Unsure]
        assert isinstance(outcome, Answered)
        assert outcome.hold is not None
        assert outcome.hold.scope is Scope.ACTION


# -- what the page leaves open ------------------------------------------------------------------


@pytest.mark.parametrize("ways", ["refuse", "ignore"])
def test_a_campaign_request_with_an_unknown_lead(ways: str) -> None:
    """§2.5, §8: undocumented. Refused with 1004 it is bisected; taken, nobody can tell, and all are delivered."""
    with sandbox_marketo(unknown_trigger_lead=ways) as marketo, closing(marketo.sink()) as sink:
        furnish(marketo)
        stray = event({"customer_id": "marketo:123-ABC-456:7", "resolved": False})
        good = event({"customer_id": f"marketo:123-ABC-456:{marketo.lead('C-1')['id']}", "resolved": False})

        outcome = deliver(sink, "trigger_campaign", good, stray)

        if ways == "refuse":
            assert isinstance(outcome, Refused)
            assert marketo.state()["runs"] == []
        else:
            assert kinds(outcome) == [Delivered, Delivered]
            assert len(marketo.state()["runs"]) == 1


def test_codes_may_be_numbers() -> None:
    """§0.1: text by the documentation, numbers by the specification."""
    with sandbox_marketo(numeric_codes=True) as marketo, closing(marketo.sink()) as sink:
        furnish(marketo)
        deliver(sink, "upsert_lead")
        marketo.quota("token", 0)

        assert kinds(deliver(sink, "upsert_lead")) == [Delivered]
        marketo.quota("daily", 0)
        assert hold_of(deliver(sink, "upsert_lead")).cause is Cause.QUOTA


@pytest.mark.parametrize("skew_s", [-90_000, 90_000])
def test_the_vendor_s_clock_may_be_wrong(skew_s: float) -> None:
    """§1: a token's life is counted by our own clock from what is left of it."""
    with sandbox_marketo() as marketo, closing(marketo.sink()) as sink:
        marketo.set_clock(advance_s=skew_s)
        furnish(marketo)

        assert [kinds(deliver(sink, action)) for action in ("upsert_lead", "add_activity")] == [[Delivered]] * 2
        assert sink.counted(lambda: None) is None  # another day's count is none of today's


# -- the gate, the probe, the quota -------------------------------------------------------------


@pytest.mark.parametrize("action", ACTIONS)
def test_a_closed_gate_sends_nothing(marketo: SandboxMarketo, sink: MarketoSink, action: str) -> None:
    """The permit is asked at the write's first byte."""
    one = item(sink, action)

    with pytest.raises(GateClosedError):
        sink.deliver(Batch(sink.actions[action], one.shared_by, [one], forbidden))

    assert writes(marketo) == []


def test_the_probe_is_a_read(marketo: SandboxMarketo, sink: MarketoSink) -> None:
    """§2.2: it finds nobody, and notices a customer id field that Marketo does not know."""
    before = marketo.state()["leads"]
    for action in sink.actions.values():
        assert sink.probe(action) is None
    with closing(marketo.sink(customer_id_field="renamedField")) as wrong:
        hold = wrong.probe(wrong.actions["upsert_lead"])

    assert hold is not None
    assert hold.cause is Cause.CONFIGURATION
    assert (writes(marketo), marketo.state()["leads"]) == ([], before)


def test_the_vendor_s_own_count_is_read(marketo: SandboxMarketo, sink: MarketoSink) -> None:
    """§3: other integrations use the quota too; an answer that cannot be read is no count."""
    used, paid = marketo.state()["used_today"], list[None]()

    assert sink.counted(lambda: paid.append(None)) == Count(used + 1)
    assert len(paid) == 1
    marketo.fault(status=503)
    assert sink.counted(lambda: None) is None
