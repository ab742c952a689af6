"""The Exstream sink against the sandbox over a real socket: verdict, what was sent, what is true in the end.

What the vendor page leaves open runs both ways: see the sandbox's options.
"""

import csv
import io
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from common.errors import BudgetGoneError, GateClosedError
from common.event import Event
from common.reasons import Cause, Reason
from sandbox.exstream.options import DEFAULT_CLIENT, FULFILMENT
from tests.support.exstream import (
    COMMUNICATIONS,
    PAGE_FULFIL,
    PAGE_TOKEN_REQUEST,
    MovingClock,
    SandboxExstream,
    api,
    event,
    sandbox_exstream,
)
from tests.support.ports import free_ports
from tests.support.raw_server import Connection, RawServer
from workers.explaining import explain_event
from workers.settings import FlowsSettings, Settings, SinksSettings
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
    Unsure,
)
from workers.sinks.exstream.config import ExstreamConfig
from workers.sinks.exstream.jobs import JobGone, JobSeen, JobState
from workers.sinks.exstream.sink import ExstreamSink, actions
from workers.sinks.slices import slices

START, PUBLISH = "start_service", "publish_preferences"
INPUTS = "/orchestration/api/v1/inputs"
EVERY = ["product_brochure", "renewal_reminder", "claim_letter", "onboarding_letter", "service_notification"]
SERVICES = ["onboarding_letter", "service_notification"]
SENDING = ["product_brochure", *SERVICES]


@pytest.fixture(scope="module")
def shared() -> Iterator[SandboxExstream]:
    with sandbox_exstream() as one:
        yield one


@pytest.fixture
def vendor(shared: SandboxExstream) -> SandboxExstream:
    shared.clear()
    return shared


@pytest.fixture
def sink(vendor: SandboxExstream) -> Iterator[ExstreamSink]:
    with closing(vendor.sink()) as one:
        yield one


@contextmanager
def closing(one: ExstreamSink) -> Iterator[ExstreamSink]:
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


def item(sink: ExstreamSink, communication: str = "product_brochure", about: Event | None = None, **more: Any) -> Item:
    """An item of start_service."""
    action = sink.actions[START]
    given = {"communication": communication, "channel": "EMAIL", "data": {"offer": "premium"}} | more
    return sink.prepare(action, about or event(), action.parameters(**given))


def batch(
    sink: ExstreamSink, items: Sequence[Item], action: str = START, spend: Callable[[], None] = nothing,
    permit: Callable[[], AbstractContextManager[None]] = allowed,
) -> Batch:  # fmt: skip
    return Batch(sink.actions[action], items[0].shared_by, items, permit, spend)


def deliver(sink: ExstreamSink, communication: str = "product_brochure", about: Event | None = None) -> Outcome:
    return sink.deliver(batch(sink, [item(sink, communication, about)]))


def verdict(outcome: Outcome) -> Any:
    assert isinstance(outcome, Answered), outcome
    (only,) = outcome.verdicts
    return only


def hold_of(outcome: Outcome) -> Hold:
    assert isinstance(outcome, Hold), outcome
    assert outcome.scope is Scope.ACTION
    return outcome


def is_done(vendor: SandboxExstream, communication: str) -> int:
    """How often it was sent, or its job started."""
    if communication in SERVICES:
        return len(vendor.jobs())
    return len(vendor.state()["sent"])


# -- what a sink is -----------------------------------------------------------------------------


def test_it_is_a_sink(sink: ExstreamSink) -> None:
    """The contract of workers/sinks/api.py: a customer is contacted once, a preference may be told again."""
    one: Sink = sink

    described = {name: (each.repeat, each.contacts, each.max_items, each.group) for name, each in one.actions.items()}

    assert described == {
        START: (Repeat.ONCE, Contacts.CUSTOMER, 1, "main"),
        PUBLISH: (Repeat.REPEATABLE, Contacts.NOBODY, 1000, "consent"),
    }
    assert list(one.limits) == [Limit(40, 20.0)]
    assert (one.at_once, one.counted(lambda: None)) == (None, None)
    assert [each.recognises_repeats for each in one.actions.values()] == [False, False]


def test_replicas_can_share_the_rate(sink: ExstreamSink) -> None:
    """§9: two requests a second, in a window that leaves each group of six workers something."""
    assert min(each.most_workers(12)[0] for each in slices(sink, 0.2).values()) == 6


def test_only_services_can_be_looked_up() -> None:
    """§8: jobs have an input that can be read; a generated document leaves nothing."""
    generating = ExstreamConfig.model_validate({"communications": {"c": COMMUNICATIONS["product_brochure"]}})
    starting = ExstreamConfig.model_validate({"communications": {"c": COMMUNICATIONS["onboarding_letter"]}})

    assert [actions(each)[START].can_look_up for each in (generating, starting)] == [False, True]


def test_what_a_flow_needs_and_the_settings_lack_is_told(tmp_path: Path) -> None:
    """Before any event is seen."""
    bare = ExstreamSink.connect(ExstreamConfig(), MovingClock())
    full = ExstreamSink.connect(
        ExstreamConfig.model_validate(
            {"api": api(), "communications": COMMUNICATIONS, "feed": {"directory": tmp_path}}
        ),
        MovingClock(),
    )
    with closing(bare), closing(full):
        for name, lacks in ((START, "sinks.exstream.api"), (PUBLISH, "sinks.exstream.feed")):
            assert lacks in bare.problems(bare.actions[name], lambda _: ())[0]
            assert full.problems(full.actions[name], lambda _: ("product_brochure",)) == []
        (unknown,) = full.problems(full.actions[START], lambda _: ("product_brochure", "offer"))
        assert full.problems(full.actions[START], lambda _: None) == []

    assert "'offer' is not in sinks.exstream.communications" in unknown


# -- accepted -----------------------------------------------------------------------------------


@pytest.mark.parametrize("style", ["json", "form", "form-basic"])
def test_a_communication_is_generated_and_sent(vendor: SandboxExstream, style: str) -> None:
    """§2: ids in headers, data in the body; §1: each way to ask for a token."""
    with closing(vendor.sink(account={"token_style": style, "scope": "otds:groups"})) as sink:
        told = verdict(deliver(sink))

    (request,) = vendor.received(INPUTS)
    (sent,) = vendor.state()["sent"]
    assert told.vendor_ids == {"queues": "PDF", "outputs": "1"}
    assert request["path"] == f"{INPUTS}/ondemand/Dev/generate"
    assert request["headers"]["driverdatasource"] == "brochure_json"
    assert request["headers"]["x-request-id"] == "9f2c"
    assert request["headers"]["content-type"] == "application/json"
    assert sent["data"]["DeliveryPreference"] == "EMAIL"
    assert sent["data"]["name"] == {"first": "Jane", "last": "O'Hara & <Sons>"}


def test_a_token_is_asked_for_in_the_page_s_words(vendor: SandboxExstream, sink: ExstreamSink) -> None:
    """§1: real JSON, these three fields."""
    deliver(sink)

    (request,) = vendor.received("/tenants")
    assert request["body"] == PAGE_TOKEN_REQUEST
    assert request["headers"]["content-type"] == "application/json"


def test_xml_driver_data_is_taken(vendor: SandboxExstream, sink: ExstreamSink) -> None:
    """§2: application/xml where the driver wants it; two queues are two outputs."""
    told = verdict(deliver(sink, "renewal_reminder"))

    assert told.vendor_ids == {"queues": "PDF,Email", "outputs": "2"}
    assert "Jane O'Hara &amp; &lt;Sons>" in vendor.state()["sent"][0]["data"].replace("&gt;", ">")


@pytest.mark.parametrize("preserve", [True, False])
def test_an_editable_document_is_generated_and_fulfilled(vendor: SandboxExstream, preserve: bool) -> None:
    """§2.1: two requests, one delivery; the document is kept or deleted, as the settings say."""
    fulfil = COMMUNICATIONS["claim_letter"]["fulfil"] | {"preserve_documents": preserve}
    communications = {"claim_letter": COMMUNICATIONS["claim_letter"] | {"fulfil": fulfil}}
    spent: list[int] = []
    with closing(vendor.sink(communications=communications)) as sink:
        told = verdict(sink.deliver(batch(sink, [item(sink, "claim_letter")], spend=lambda: spent.append(1))))

    first, second = vendor.received(INPUTS)
    assert first["headers"]["accept"] == "application/json"
    assert second["path"] == f"{INPUTS}/fulfillment/ondemand/Dev/fulfill"
    assert second["body"].keys() == json.loads(PAGE_FULFIL).keys()
    assert second["body"]["documents"] == [told.vendor_ids["document_id"]]
    assert second["headers"]["communicationid"] == FULFILMENT
    assert [each["by"] for each in vendor.state()["sent"]] == ["fulfil"]
    assert bool(vendor.state()["documents"]) is preserve
    assert len(spent) == 4  # beside the runner's own: a token, two approvals, two inputs


@pytest.mark.parametrize("communication", SERVICES)
def test_a_service_starts_a_job_and_nobody_waits_for_it(
    vendor: SandboxExstream, sink: ExstreamSink, communication: str
) -> None:
    """§3: 200 is started, not produced: both ids are in the receipt, for whoever follows them."""
    told = verdict(deliver(sink, communication))

    (job,) = vendor.jobs()
    assert told.vendor_ids == {"job_id": job["id"], "flow_instance_id": job["flow_instances"][0]["id"]}
    assert job["status"] == "started"


def test_a_service_may_start_several_flow_instances(vendor: SandboxExstream, sink: ExstreamSink) -> None:
    """§3: one for each published flow model."""
    told = verdict(deliver(sink, "statements"))

    assert told.vendor_ids["job_id"] == vendor.jobs()[0]["id"]
    assert len(told.vendor_ids["flow_instance_id"].split(",")) == 2


def test_a_named_service_may_answer_with_the_document() -> None:
    """§12: what it answers is not documented."""
    with sandbox_exstream(ondemand_says="document") as vendor, closing(vendor.sink()) as sink:
        assert verdict(deliver(sink, "service_notification")).vendor_ids["outputs"] == "1"


def test_more_headers_and_the_external_id_travel(vendor: SandboxExstream) -> None:
    """§3: their syntax is not documented, so it is configured."""
    given = COMMUNICATIONS["onboarding_letter"] | {"headers": {"X-Var": "a"}, "external_id_header": "externalId"}
    with closing(vendor.sink(communications={"onboarding_letter": given})) as sink:
        made = item(sink, "onboarding_letter")
        sink.deliver(batch(sink, [made]))

    (request,) = vendor.received(INPUTS)
    assert request["headers"]["x-var"] == "a"
    assert vendor.jobs()[0]["externalId"] == made.body.delivery_id


# -- a job is followed --------------------------------------------------------------------------


def test_a_poller_can_follow_a_job(vendor: SandboxExstream, sink: ExstreamSink) -> None:
    """§4.5: by the ids of the receipt: started, complete, and gone when it was wiped (§9 #18)."""
    ids = verdict(deliver(sink, "onboarding_letter")).vendor_ids

    began = sink.job_status(ids["job_id"])
    vendor.set_clock(advance_s=10)
    ended = sink.flow_instance_status(ids["flow_instance_id"])
    done = sink.job_status(ids["job_id"])
    vendor.wipe()

    assert isinstance(began, JobSeen)
    assert (began.state, began.triggered_by) == (JobState.STARTED, DEFAULT_CLIENT)
    assert isinstance(ended, JobSeen)
    assert (ended.job_id, ended.state) == (ids["job_id"], JobState.COMPLETE)
    assert isinstance(done, JobSeen)
    assert done.state.is_final
    assert done.ended_at is not None
    assert sink.job_status(ids["job_id"]) == JobGone()


# -- templates ----------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["DRAFT", "REVIEW", "REJECTED"])
def test_a_template_that_is_not_approved_holds_the_action(
    vendor: SandboxExstream, sink: ExstreamSink, state: str
) -> None:
    """§5.2, §5.3: nothing is sent, the hold says which; approved again, the probe opens it."""
    vendor.templates(product_brochure=state)

    hold = hold_of(deliver(sink))
    probed = sink.probe(sink.actions[START])
    vendor.templates(product_brochure="APPROVED")

    assert hold.cause is Cause.CONFIGURATION
    assert "product_brochure" in hold.detail
    assert state in hold.detail
    assert probed == hold
    assert vendor.received(INPUTS) == []
    assert sink.probe(sink.actions[START]) is None
    assert isinstance(verdict(deliver(sink)), Delivered)


def test_both_templates_of_a_fulfilled_communication_count(vendor: SandboxExstream, sink: ExstreamSink) -> None:
    """§2.1: the fulfilment communication is one of its own."""
    vendor.templates(claim_letter_fulfilment="DRAFT")

    assert "claim_letter" in hold_of(deliver(sink, "claim_letter")).detail
    assert vendor.received(INPUTS) == []


def test_a_template_that_was_taken_back_is_noticed(vendor: SandboxExstream, sink: ExstreamSink) -> None:
    """§9 #5: the same 400 as for bad data: the state is asked anew, and the record is not to blame."""
    deliver(sink)
    vendor.templates(product_brochure="DRAFT")

    assert "is DRAFT" in hold_of(deliver(sink, about=event("2"))).detail


def test_approval_is_asked_once_an_hour(vendor: SandboxExstream) -> None:
    """§5.3: revalidated hourly; a design service that is away does not stop what was approved."""
    clock = MovingClock()
    with closing(vendor.sink(clock=clock)) as sink:
        for number in range(3):
            deliver(sink, about=event(str(number)))
        asked = len(vendor.received("/design"))
        clock.ahead_s = 3700
        vendor.fault(path="/design", status=500)
        late = verdict(deliver(sink, about=event("late")))

    assert asked == 1
    assert isinstance(late, Delivered)
    assert len(vendor.received("/design")) == 2


def test_a_design_service_that_is_away_holds_what_was_never_seen(vendor: SandboxExstream, sink: ExstreamSink) -> None:
    """Nothing goes out on a guess."""
    vendor.fault(path="/design", status=500)

    assert hold_of(deliver(sink)).cause is Cause.VENDOR_DOWN


def test_a_site_may_leave_out_the_check(vendor: SandboxExstream) -> None:
    """Without access to the design service the vendor's own refusal decides."""
    vendor.templates(product_brochure="DRAFT")
    with closing(vendor.sink(account={"check_approval": False})) as sink:
        refused = deliver(sink)

    assert isinstance(refused, Refused)
    assert refused.reason is Reason.INVALID_FIELD
    assert vendor.received("/design") == []


# -- refused ------------------------------------------------------------------------------------


@pytest.mark.parametrize("communication", EVERY)
def test_a_refused_record_is_refused_alone(vendor: SandboxExstream, sink: ExstreamSink, communication: str) -> None:
    """§9 #5: 400."""
    vendor.fault(path=INPUTS, count=1, status=400, body={"status": 400, "error": "Bad Request", "message": "C-1"})

    refused = deliver(sink, communication)

    assert isinstance(refused, Refused)
    assert refused.reason is Reason.INVALID_FIELD
    assert isinstance(verdict(deliver(sink, communication)), Delivered)


@pytest.mark.parametrize(("wrong", "says"), [({"driver": "other"}, Refused), ({"empower_user": "nobody"}, Hold)])
def test_what_the_mapping_says_wrongly_is_told_apart(
    vendor: SandboxExstream, wrong: dict[str, str], says: type
) -> None:
    """§9 #5, #6: a wrong driver is a 400; a wrong empowerUser is an embedded 401, and no token is renewed for it."""
    given = COMMUNICATIONS["claim_letter"] | wrong
    before = vendor.account()["granted"]
    with closing(vendor.sink(communications={"claim_letter": given})) as sink:
        outcome = deliver(sink, "claim_letter")

    assert isinstance(outcome, says)
    assert vendor.account()["granted"] == before + 1
    assert vendor.state()["sent"] == []


@pytest.mark.parametrize("communication", EVERY)
def test_an_oversized_record_is_refused_alone(vendor: SandboxExstream, sink: ExstreamSink, communication: str) -> None:
    """§9 #19: 413, should the vendor's limit be lower than ours."""
    vendor.fault(path=INPUTS, count=1, status=413, body="<html>", content_type="text/html")

    outcome = deliver(sink, communication)

    assert isinstance(outcome, Refused)
    assert outcome.reason is Reason.OVERSIZED


def test_an_engine_that_rejects_the_data_of_a_draft_refuses_it(vendor: SandboxExstream, sink: ExstreamSink) -> None:
    """§9 #7: nothing was sent."""
    body = {"status": "error", "data": [{"errorMessage": "bad field", "statusCode": "400", "engineOutputContext": {}}]}
    vendor.fault(path=INPUTS, count=1, status=200, body=body)

    assert isinstance(deliver(sink, "claim_letter"), Refused)


@pytest.mark.parametrize("says", ["empty", "error"])
def test_a_service_without_a_published_flow_model(says: Any) -> None:
    """§9 #15, §12: empty data is a configuration; an error, for all we know, may have started something."""
    with sandbox_exstream(unpublished_says=says) as vendor, closing(vendor.sink()) as sink:
        outcome = deliver(sink, "unpublished")

    if says == "empty":
        assert hold_of(outcome).cause is Cause.CONFIGURATION
    else:
        assert isinstance(verdict(outcome), Unsure)


# -- nobody can proceed -------------------------------------------------------------------------


@pytest.mark.parametrize("communication", EVERY)
@pytest.mark.parametrize("status", [429, 503])
def test_the_vendor_asks_for_patience(
    vendor: SandboxExstream, sink: ExstreamSink, communication: str, status: int
) -> None:
    """§9 #12: a hold for Retry-After; nothing was started."""
    vendor.fault(path=INPUTS, status=status, headers={"retry-after": "7"})

    hold = hold_of(deliver(sink, communication))

    assert hold.cause is (Cause.THROTTLED if status == 429 else Cause.VENDOR_DOWN)
    assert hold.retry_after_s == 7
    assert is_done(vendor, communication) == 0


def test_a_rate_is_obeyed(vendor: SandboxExstream, sink: ExstreamSink) -> None:
    """§9: no rates are published; a gateway's 429 has its hint."""
    deliver(sink)
    vendor.set_clock(now="2030-01-01T00:00:10Z", frozen=True)
    try:
        vendor.quota(0, 60)
        hold = hold_of(deliver(sink, about=event("2")))
    finally:
        vendor.set_clock(advance_s=0)
        vendor.http.post("/_sandbox/clock", json={"now": MovingClock().now().isoformat()})

    assert (hold.cause, hold.retry_after_s) == (Cause.THROTTLED, 50)


def test_a_wrong_client_is_told_as_such(vendor: SandboxExstream) -> None:
    """§1: Invalid ApiKey, word for word."""
    with closing(vendor.sink(account={"client_secret": "wrong"})) as sink:
        hold = hold_of(deliver(sink))
        probed = sink.probe(sink.actions[START])

    assert hold.cause is Cause.CREDENTIALS
    assert probed is not None
    assert probed.cause is Cause.CREDENTIALS


def test_a_revoked_client_holds_the_action(vendor: SandboxExstream, sink: ExstreamSink) -> None:
    """§9 #1, #3: one renewal, then a hold; let in again, it goes on."""
    deliver(sink)
    vendor.account(revoked=[DEFAULT_CLIENT])

    assert hold_of(deliver(sink, about=event("2"))).cause is Cause.CREDENTIALS
    vendor.account(revoked=[])
    assert sink.probe(sink.actions[START]) is None
    assert isinstance(verdict(deliver(sink, about=event("2"))), Delivered)


@pytest.mark.parametrize("communication", EVERY)
def test_an_ended_token_is_renewed_once(vendor: SandboxExstream, sink: ExstreamSink, communication: str) -> None:
    """§9 #1: 401 is not ambiguous, so the same request goes again with a fresh token."""
    deliver(sink, communication)
    before = vendor.account(end_tokens=True)["granted"]

    told = verdict(deliver(sink, communication, event("2")))

    assert isinstance(told, Delivered)
    assert vendor.account()["granted"] == before + 1
    assert is_done(vendor, communication) == 2


def test_a_token_is_renewed_before_its_end(vendor: SandboxExstream) -> None:
    """§1: at 80 % of its life, without a refused request."""
    clock = MovingClock()
    with closing(vendor.sink(clock=clock)) as sink:
        deliver(sink)
        before = vendor.account()["granted"]
        clock.ahead_s = 0.81 * 900
        deliver(sink, about=event("2"))

    assert vendor.account()["granted"] == before + 1
    assert [each["status"] for each in vendor.received(INPUTS)] == [200, 200]


@pytest.mark.parametrize("communication", ["brochure_preview", "onboarding_letter"])
def test_an_expired_token_may_look_like_a_500(communication: str) -> None:
    """§1, §9 #2: renewed and sent again where a repeat is harmless; where it is not, that must be looked up first."""
    clock = MovingClock()
    with sandbox_exstream(expired_says=500) as vendor, closing(vendor.sink(clock=clock)) as sink:
        deliver(sink, communication)

        def end_while_it_is_under_way() -> AbstractContextManager[None]:
            vendor.account(end_tokens=True)
            clock.ahead_s = 0.9 * 900
            return allowed()

        made = item(sink, communication, event("2"))
        outcome = sink.deliver(batch(sink, [made], permit=end_while_it_is_under_way))
        calls = [each["status"] for each in vendor.received(INPUTS)]

    if communication == "onboarding_letter":
        assert isinstance(verdict(outcome), Unsure)
        assert calls == [200, 500]
    else:
        assert calls[:3] == [200, 500, 500]  # the permit ends the second one's token, too


def test_threads_share_one_token(vendor: SandboxExstream) -> None:
    """§1: concurrent callers share one renewal."""
    before = vendor.account()["granted"]
    everybody = threading.Barrier(4)
    with closing(vendor.sink()) as sink:

        def one(number: int) -> Outcome:
            everybody.wait(5)
            return deliver(sink, about=event(str(number)))

        with ThreadPoolExecutor(4) as pool:
            outcomes = list(pool.map(one, range(4)))

    assert all(isinstance(verdict(each), Delivered) for each in outcomes)
    assert vendor.account()["granted"] == before + 1


def test_no_access_to_the_domain_holds_the_action(vendor: SandboxExstream) -> None:
    """§9 #4, #8: 403 and a wrong domain are the configuration's."""
    with closing(vendor.sink(account={"domain": "Prod", "check_approval": False})) as elsewhere:
        wrong = hold_of(deliver(elsewhere))
    vendor.account(no_access=[DEFAULT_CLIENT])
    with closing(vendor.sink(account={"check_approval": False})) as sink:
        closed = hold_of(deliver(sink))

    assert [wrong.cause, closed.cause] == [Cause.CONFIGURATION] * 2


@pytest.mark.parametrize("communication", EVERY)
def test_csrf_is_sent_where_it_is_wanted(communication: str) -> None:
    """§1: a cookie and a header beside the token; fetched anew when the old one is refused."""
    csrf = {"csrf": {"get_path": "/orchestration/csrf"}}
    with sandbox_exstream(csrf=True) as vendor:
        with closing(vendor.sink()) as without:
            assert hold_of(deliver(without, communication)).cause is Cause.CONFIGURATION
        with closing(vendor.sink(account=csrf)) as sink:
            first = verdict(deliver(sink, communication))
            vendor.account(end_tokens=True)
            second = verdict(deliver(sink, communication, event("2")))
            fetched = len(vendor.received("/orchestration/csrf"))

    assert isinstance(first, Delivered)
    assert isinstance(second, Delivered)
    assert fetched == 2


@pytest.mark.parametrize("communication", EVERY)
def test_redirects_are_not_followed(vendor: SandboxExstream, sink: ExstreamSink, communication: str) -> None:
    """§1: outgoing hosts come from settings only."""
    vendor.fault(path=INPUTS, status=302, headers={"location": "https://elsewhere.example"})

    assert hold_of(deliver(sink, communication)).cause is Cause.CONFIGURATION


def test_a_host_that_is_away_holds_the_action() -> None:
    """§9 #14: nothing was sent."""
    (port,) = free_ports(1)
    away = SandboxExstream(f"http://127.0.0.1:{port}", None)  # type: ignore[arg-type]
    with closing(away.sink()) as sink:
        assert hold_of(deliver(sink)).cause is Cause.VENDOR_DOWN


def test_a_closed_gate_sends_nothing(vendor: SandboxExstream, sink: ExstreamSink) -> None:
    """The permit is asked for at the request's first byte."""
    with pytest.raises(GateClosedError):
        sink.deliver(batch(sink, [item(sink)], permit=forbidden))

    assert vendor.received(INPUTS) == []


def test_a_budget_that_is_gone_sends_nothing(vendor: SandboxExstream, sink: ExstreamSink) -> None:
    """What a delivery needs beside its own request is paid for first."""

    def gone() -> None:
        raise BudgetGoneError("used up")

    with pytest.raises(BudgetGoneError):
        sink.deliver(batch(sink, [item(sink)], spend=gone))

    assert vendor.received(INPUTS) == []


# -- nobody can tell ----------------------------------------------------------------------------

AMBIGUOUS: dict[str, dict[str, Any]] = {
    "a server error before acting": {"status": 500},
    "a dependency that is down": {"status": 500, "body": {"details": "org.apache.HttpHostConnectException"}},
    "a bad gateway after acting": {"status": 502, "act": True},
    "a time-out before acting": {"kind": "hang", "act": False, "delay_s": 3},
    "a time-out after acting": {"kind": "hang", "delay_s": 3},
    "acting late": {"kind": "late", "delay_s": 0.7},
    "a reset": {"kind": "reset"},
    "half an answer": {"kind": "truncate"},
    "a log-in page after acting": {"status": 200, "body": "<html>", "content_type": "text/html", "act": True},
}
DONE = ("a bad gateway after acting", "a time-out after acting", "half an answer", "a log-in page after acting")


@pytest.mark.parametrize("communication", SENDING)
@pytest.mark.parametrize("story", AMBIGUOUS)
def test_an_answer_that_nobody_can_read_is_unsure(
    vendor: SandboxExstream, sink: ExstreamSink, communication: str, story: str
) -> None:
    """§8, §9: what may have reached the vendor is never called failed, and not sent again by itself."""
    vendor.fault(path=INPUTS, count=1, **AMBIGUOUS[story])

    assert isinstance(verdict(deliver(sink, communication)), Unsure)

    assert len(vendor.received(INPUTS)) == 1


@pytest.mark.parametrize("communication", ["claim_letter", "brochure_preview"])
@pytest.mark.parametrize("story", sorted(AMBIGUOUS.keys() - {"a log-in page after acting"}))
def test_generating_alone_is_made_again(
    vendor: SandboxExstream, sink: ExstreamSink, communication: str, story: str
) -> None:
    """§8: side_effects none, or a document that nobody fulfilled: retry freely."""
    vendor.fault(path=f"{INPUTS}/ondemand", count=1, **AMBIGUOUS[story])

    assert isinstance(verdict(deliver(sink, communication)), Deferred)
    assert isinstance(verdict(deliver(sink, communication)), Delivered)

    assert [each["by"] for each in vendor.state()["sent"] if each["by"] == "fulfil"] == (
        ["fulfil"] if communication == "claim_letter" else []
    )


def test_a_log_in_page_is_the_configuration_s(vendor: SandboxExstream, sink: ExstreamSink) -> None:
    """§9 #20: renewed once, then a hold, where nothing is in doubt."""
    vendor.fault(path=INPUTS, status=200, body="<html>", content_type="text/html")

    assert hold_of(deliver(sink, "claim_letter")).cause is Cause.CONFIGURATION
    assert len(vendor.received(INPUTS)) == 2


@pytest.mark.parametrize("story", AMBIGUOUS)
def test_fulfilling_is_never_made_again(vendor: SandboxExstream, sink: ExstreamSink, story: str) -> None:
    """§8: what fulfils sends: probably done, for a person to see."""
    vendor.fault(path=f"{INPUTS}/fulfillment", count=1, **AMBIGUOUS[story])

    assert isinstance(verdict(deliver(sink, "claim_letter")), Unsure)
    assert len(vendor.received(f"{INPUTS}/fulfillment")) == 1


# -- looked up ----------------------------------------------------------------------------------


def looked_up(sink: ExstreamSink, made: Item, times: int = 1) -> Any:
    found: Any = None
    for _ in range(times):
        (found,) = sink.look_up(sink.actions[START], [made])
    return found


@pytest.mark.parametrize("offset_counts", ["pages", "rows"])
@pytest.mark.parametrize("communication", SERVICES)
@pytest.mark.parametrize("story", DONE)
def test_a_job_that_was_started_is_found_by_its_input(communication: str, story: str, offset_counts: Any) -> None:
    """§8: exactly one job holds the delivery's id: adopted, and nothing is sent again."""
    with sandbox_exstream(offset_counts=offset_counts) as vendor, closing(vendor.sink()) as sink:
        deliver(sink, communication, event("another"))
        vendor.fault(path=INPUTS, count=1, **AMBIGUOUS[story])
        made = item(sink, communication)
        assert isinstance(verdict(sink.deliver(batch(sink, [made]))), Unsure)

        found = looked_up(sink, made)
        jobs = vendor.jobs()

    assert found == Delivered({"job_id": jobs[1]["id"], "found": "looked_up"})
    assert len(jobs) == 2


@pytest.mark.parametrize("communication", SERVICES)
def test_a_job_that_was_not_started_is_not_found(
    vendor: SandboxExstream, sink: ExstreamSink, communication: str
) -> None:
    """§8: none after three checks, past the settling time: it may be sent again."""
    vendor.fault(path=INPUTS, count=1, status=502)
    made = item(sink, communication)
    sink.deliver(batch(sink, [made]))

    first, second, third = (looked_up(sink, made) for _ in range(3))

    assert isinstance(first, Unsure)
    assert isinstance(second, Unsure)
    assert third is None


def test_nothing_is_certain_before_the_settling_time(vendor: SandboxExstream) -> None:
    """§8: a start may show late."""
    clock = MovingClock()
    with closing(vendor.sink(clock=clock, settle_after_s=300)) as sink:
        vendor.fault(path=INPUTS, count=1, status=502)
        made = item(sink, "onboarding_letter")
        sink.deliver(batch(sink, [made]))

        early = looked_up(sink, made, times=4)
        clock.ahead_s = 301
        late = looked_up(sink, made)

    assert isinstance(early, Unsure)
    assert late is None


@pytest.mark.parametrize("skew_s", [-7200, 7200])
def test_clocks_that_differ_hide_no_job(skew_s: float) -> None:
    """Exstream's Date tells how far its clock is from ours: a job that was started is not started again."""
    with sandbox_exstream() as vendor:
        vendor.set_clock(advance_s=skew_s)
        with closing(vendor.sink()) as sink:
            vendor.fault(path=INPUTS, count=1, status=502, act=True)
            made = item(sink, "onboarding_letter")
            sink.deliver(batch(sink, [made]))

            assert isinstance(looked_up(sink, made), Delivered)


def test_another_process_finds_the_job_but_never_says_that_there_is_none(vendor: SandboxExstream) -> None:
    """It does not know when the request left."""
    vendor.fault(path=INPUTS, count=1, status=502, act=True)
    with closing(vendor.sink()) as dead:
        made = item(dead, "onboarding_letter")
        dead.deliver(batch(dead, [made]))
    with closing(vendor.sink()) as heir:
        found = looked_up(heir, made)
        other = looked_up(heir, item(heir, "onboarding_letter", event("never sent")), times=5)

    assert isinstance(found, Delivered)
    assert isinstance(other, Unsure)


def test_another_delivery_of_the_same_event_is_not_taken_for_it(vendor: SandboxExstream, sink: ExstreamSink) -> None:
    """Two flows on one event are two jobs."""
    deliver(sink, "statements")
    vendor.fault(path=INPUTS, count=1, status=502)
    made = item(sink, "onboarding_letter")
    sink.deliver(batch(sink, [made]))

    assert looked_up(sink, made, times=3) is None


def test_several_jobs_are_for_a_person(vendor: SandboxExstream, sink: ExstreamSink) -> None:
    """§8: several: park for a human."""
    made = item(sink, "onboarding_letter")
    for _ in range(2):
        sink.deliver(batch(sink, [made]))

    found = looked_up(sink, made)

    assert isinstance(found, Unsure)
    assert "2 jobs" in found.detail


def test_an_input_that_cannot_be_read_leaves_the_doubt() -> None:
    """§4.2: inputRetrievable may be false; that is not the same as none."""
    with sandbox_exstream(inputs_readable=False) as vendor, closing(vendor.sink()) as sink:
        vendor.fault(path=INPUTS, count=1, status=502, act=True)
        made = item(sink, "onboarding_letter")
        sink.deliver(batch(sink, [made]))

        found = looked_up(sink, made, times=4)

    assert isinstance(found, Unsure)
    assert "cannot be read" in found.detail


@pytest.mark.parametrize("fault", [{"status": 500}, {"status": 200, "body": "<html>"}, {"kind": "reset"}])
def test_a_look_up_that_fails_leaves_the_doubt(
    vendor: SandboxExstream, sink: ExstreamSink, fault: dict[str, Any]
) -> None:
    """What could not be listed was not looked through."""
    vendor.fault(path=INPUTS, count=1, status=502)
    made = item(sink, "onboarding_letter")
    sink.deliver(batch(sink, [made]))
    vendor.fault(path="/orchestration/api/v1/runtime", **fault)

    assert isinstance(looked_up(sink, made, times=4), Unsure)


@pytest.mark.parametrize("offset_counts", ["pages", "rows"])
def test_a_long_list_is_read_whole_or_the_doubt_stays(offset_counts: Any) -> None:
    """§4.1: whether offset counts pages or rows is not documented: what was not shown was not looked through."""
    with sandbox_exstream(offset_counts=offset_counts) as vendor, closing(vendor.sink()) as sink:
        token = {"authorization": f"Bearer {vendor.token()}"}
        for _ in range(120):
            vendor.http.post(f"{INPUTS}/batch/Dev/OnboardingLetters", json={}, headers=token).raise_for_status()
        vendor.fault(path=INPUTS, count=1, status=502, act=True)
        made = item(sink, "onboarding_letter")
        sink.deliver(batch(sink, [made]))

        found = looked_up(sink, made)

    assert isinstance(found, Unsure)


def test_a_generated_document_cannot_be_looked_up(vendor: SandboxExstream, sink: ExstreamSink) -> None:
    """§8: the page has a way for jobs only."""
    assert isinstance(looked_up(sink, item(sink, "product_brochure")), Unsure)


def test_a_repeat_is_a_second_job(vendor: SandboxExstream, sink: ExstreamSink) -> None:
    """§3: no idempotency mechanism: why the look-up is there."""
    made = item(sink, "onboarding_letter")
    for _ in range(2):
        sink.deliver(batch(sink, [made]))

    assert len(vendor.jobs()) == 2


# -- garbage ------------------------------------------------------------------------------------


@pytest.mark.parametrize("communication", SENDING)
def test_an_endless_answer_is_unsure(vendor: SandboxExstream, communication: str) -> None:
    """The answer's size is bounded."""
    grant = json.dumps({"access_token": "t", "expires_in": 900}).encode()

    def flood(connection: Connection) -> None:
        while request := connection.read_request():
            is_token = b"oauth2/token" in request.split(b"\r\n", 1)[0]
            connection.answer(grant if is_token else b"x" * 400_000)

    more: dict[str, Any] = {"read_timeout_s": 5.0, "max_answer_bytes": 100_000}
    with (
        RawServer(flood) as server,
        closing(SandboxExstream(server.url, vendor.http).sink(account={"check_approval": False}, **more)) as sink,
    ):
        assert isinstance(verdict(deliver(sink, communication)), Unsure)


def test_what_is_not_configured_is_well() -> None:
    """`check sink exstream` asks each action; a site may have only one of them."""
    with closing(ExstreamSink.connect(ExstreamConfig(), MovingClock())) as bare:
        assert [bare.probe(each) for each in bare.actions.values()] == [None, None]


def test_the_probe_sees_an_outage(vendor: SandboxExstream, sink: ExstreamSink) -> None:
    """A page, an error or silence is not the API; and nobody is contacted by asking."""
    for fault in ({"status": 503}, {"status": 200, "body": "<html>"}, {"kind": "reset"}):
        vendor.fault(path="/orchestration", count=2, **fault)
        assert sink.probe(sink.actions[START]) is not None
        vendor.forgive()

    assert sink.probe(sink.actions[START]) is None
    assert vendor.received(INPUTS) == []


# -- the feed -----------------------------------------------------------------------------------


def preference(sink: ExstreamSink, customer: str, **more: Any) -> Item:
    action = sink.actions[PUBLISH]
    given = {"customer_id": customer, "kind": "CONSENT", "channel": "EMAIL", "state": "OPTED_OUT"} | more
    return sink.prepare(action, event(f"e-{customer}"), action.parameters(**given))


@pytest.mark.parametrize("form", ["csv", "json"])
def test_preferences_are_dropped_as_one_file(tmp_path: Path, form: str) -> None:
    """§3: a directory channel picks up what is whole; many decisions are one file."""
    with (
        sandbox_exstream(input_directory=str(tmp_path)) as vendor,
        closing(vendor.sink(feed={"directory": tmp_path, "format": form})) as sink,
    ):
        items = [preference(sink, name) for name in ("C-1", 'C-"2",', "C-3\n")]
        outcome = sink.deliver(batch(sink, items, PUBLISH))
        ((name, content),) = vendor.state()["files"].items()

    assert outcome == Answered([Delivered({"file": name})] * 3)
    rows = (
        list(csv.DictReader(io.StringIO(content, newline="")))
        if form == "csv"
        else list(map(json.loads, content.splitlines()))
    )
    assert [row["customer_id"] for row in rows] == ["C-1", 'C-"2",', "C-3\n"]
    assert {row["state"] for row in rows} == {"OPTED_OUT"}


def test_the_feed_needs_no_exstream(tmp_path: Path) -> None:
    """A site without the API may have the files."""
    given = ExstreamConfig.model_validate({"feed": {"directory": tmp_path}})
    with closing(ExstreamSink.connect(given, MovingClock())) as sink:
        assert isinstance(verdict(sink.deliver(batch(sink, [preference(sink, "C-1")], PUBLISH))), Delivered)
        assert sink.probe(sink.actions[PUBLISH]) is None


def test_a_directory_that_is_away_holds_the_feed_alone(tmp_path: Path, vendor: SandboxExstream) -> None:
    """Nothing half-written is left, and when it is there again the feed goes on."""
    folder = tmp_path / "mount"
    with closing(vendor.sink(feed={"directory": folder})) as sink:
        one = batch(sink, [preference(sink, "C-1")], PUBLISH)
        hold, probed = hold_of(sink.deliver(one)), sink.probe(sink.actions[PUBLISH])
        folder.mkdir()
        again = verdict(sink.deliver(one))
        assert sink.probe(sink.actions[PUBLISH]) is None

    assert hold.cause is Cause.CONFIGURATION
    assert probed is not None
    assert isinstance(again, Delivered)
    assert len(list(folder.iterdir())) == 1


def test_a_disk_that_is_full_leaves_no_half_a_file(
    tmp_path: Path, vendor: SandboxExstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What Exstream would pick up is whole, or not there."""

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("workers.sinks.exstream.feed.os.fsync", full)
    with closing(vendor.sink(feed={"directory": tmp_path})) as sink:
        hold = hold_of(sink.deliver(batch(sink, [preference(sink, "C-1")], PUBLISH)))

    assert "No space left" in hold.detail
    assert list(tmp_path.iterdir()) == []


def test_a_closed_gate_writes_nothing(tmp_path: Path, vendor: SandboxExstream) -> None:
    """A file is sent, too."""
    with closing(vendor.sink(feed={"directory": tmp_path})) as sink, pytest.raises(GateClosedError):
        sink.deliver(batch(sink, [preference(sink, "C-1")], PUBLISH, permit=forbidden))

    assert list(tmp_path.iterdir()) == []


# -- shown --------------------------------------------------------------------------------------


@pytest.mark.parametrize("communication", ["onboarding_letter", "renewal_reminder"])
@pytest.mark.parametrize("reveal", [False, True])
def test_what_would_be_sent_can_be_seen(tmp_path: Path, communication: str, reveal: bool) -> None:
    """`flows explain`: the driver data, JSON or XML, with personal data masked however it is escaped."""
    flows = tmp_path / "flows.yaml"
    flows.write_text(
        "- {name: f, on: comms.communication.v1, when: {type: [REQUESTED]}, do: exstream.start_service, "
        f"with: {{communication: {communication}, data: {{offer: premium}}}}, consent: none}}"
    )
    exstream = ExstreamConfig.model_validate({"api": api(), "communications": COMMUNICATIONS})
    settings = Settings(sinks=SinksSettings(exstream=exstream), flows=FlowsSettings(defaults=False, files=(flows,)))
    customer = {"customer_id": "C-1", "first_name": "Janette", "last_name": "O'Hara & <Sons>"}
    asked = {"type": "REQUESTED", "occurred_at": "2026-03-01T10:00:00Z", "customer": customer}

    (explained,) = explain_event(settings, json.dumps(asked).encode(), "comms.communication.v1", reveal=reveal).verdicts

    assert explained.acts
    shown = json.dumps(explained.request["body"], ensure_ascii=False)
    assert "premium" in shown
    assert [name in shown for name in ("Janette", "O'Hara & <Sons>")] == [reveal, reveal]
