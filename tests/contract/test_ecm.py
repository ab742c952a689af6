"""The ECM sink against the sandbox over a real socket: verdict, what was sent, what is true in the end."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from threading import Barrier, Thread
from typing import Any

import pytest
from pydantic import SecretStr

from common.errors import BudgetGoneError, GateClosedError, UnusableEventError
from common.event import Event
from common.reasons import Cause, Reason
from sandbox.ecm.options import COMMUNICATION, CONSENT
from tests.support.ecm import ACME, SandboxEcm, config, event, sandbox_ecm, sink_at
from tests.support.poll import eventually
from tests.support.ports import free_ports
from workers.sinks.api import (
    Answered,
    Batch,
    Contacts,
    Deferred,
    Delivered,
    Hold,
    Item,
    Outcome,
    Rejected,
    Repeat,
    Scope,
    Sink,
    Unsure,
)
from workers.sinks.ecm.actions import actions
from workers.sinks.ecm.config import ConsentHistory
from workers.sinks.ecm.sink import EcmSink

ACTIONS = sorted(actions())
ONCE = sorted(name for name, action in actions().items() if action.repeat is Repeat.ONCE)
WHERE = {"business_object": {"system": ACME[0], "type": ACME[1], "id": ACME[2]}}
DUE = datetime(2026, 5, 28, 13, tzinfo=UTC)
GOOD: dict[str, dict[str, Any]] = {
    "update_category": {**WHERE, "category": "communication", "attributes": {"status": "Sent", "tags": ["a", "b"]}},
    "record_consent": {**WHERE, "kind": "CONSENT", "channel": "EMAIL", "state": "OPTED_OUT", "effective_at": DUE},
    "upload_document": {**WHERE, "folder": "Letters", "name": "offer.txt", "content": "Grüße"},
    "add_version": {**WHERE, "folder": "Letters", "name": "there.txt", "content": "second"},
    "create_task": {**WHERE, "name": "Call back", "assignee": "service", "due_at": DUE},
    "create_reminder": {**WHERE, "description": "SLA breached", "due_at": DUE, "recipients": ["service"]},
    "create_workspace": {"workspace_type": "customer", "business_object_id": "new-1", "name": "New one"},
}
WRITES = {
    "update_category": "/categories",
    "record_consent": "/categories",
    "upload_document": "/otcs/cs/api/v2/nodes",
    "add_version": "/versions",
    "create_task": "/otcs/cs/api/v2/nodes",
    "create_reminder": "/addreminder",
    "create_workspace": "/otcs/cs/api/v2/businessworkspaces",
}


@pytest.fixture(scope="module")
def served() -> Iterator[SandboxEcm]:
    with sandbox_ecm() as one:
        yield one


@pytest.fixture
def ecm(served: SandboxEcm) -> SandboxEcm:
    """The shared sandbox, as it was in the beginning."""
    served.reset()
    return served


@pytest.fixture
def sink(ecm: SandboxEcm) -> Iterator[EcmSink]:
    with closing(ecm.sink()) as one:
        yield one


@pytest.fixture
def impatient(ecm: SandboxEcm) -> Iterator[EcmSink]:
    """A sink whose time-outs a test can wait for."""
    with closing(ecm.sink(read_timeout_s=0.4, create_timeout_s=0.4)) as one:
        yield one


@contextmanager
def closing(one: EcmSink) -> Iterator[EcmSink]:
    try:
        yield one
    finally:
        one.close()


@contextmanager
def allowed() -> Iterator[None]:
    yield


def forbidden() -> AbstractContextManager[None]:
    raise GateClosedError("closed")


def item(sink: EcmSink, action: str, about: Event | None = None, **parameters: Any) -> Item:
    made = sink.actions[action]
    return sink.prepare(made, about or event(), made.parameters(**(GOOD[action] | parameters)))


def deliver(sink: EcmSink, action: str, about: Event | None = None, **parameters: Any) -> Outcome:
    return sink.deliver(Batch(sink.actions[action], None, [item(sink, action, about, **parameters)], allowed))


def verdict(outcome: Outcome) -> Any:
    assert isinstance(outcome, Answered), outcome
    (one,) = outcome.verdicts
    return one


def look_up(sink: EcmSink, action: str, about: Event | None = None, **parameters: Any) -> Any:
    (one,) = sink.look_up(sink.actions[action], [item(sink, action, about, **parameters)])
    return one


def ready(ecm: SandboxEcm, sink: EcmSink, action: str) -> None:
    """What an action needs to be there: a document to add a version to; and a ticket."""
    assert sink.probe(sink.actions[action]) is None
    if action == "add_version":
        made = deliver(sink, "upload_document", event("e-0"), name="there.txt", content="first")
        assert isinstance(verdict(made), Delivered)


def effects(ecm: SandboxEcm, action: str) -> int:
    """How often the action's effect is true at the vendor."""
    match action:
        case "update_category":
            return int(ecm.workspace()["categories"].get(str(COMMUNICATION), {}).get(f"{COMMUNICATION}_2") == "Sent")
        case "record_consent":
            return len([row for row in consent_rows(ecm) if row.get(1) == "e-1"])
        case "upload_document":
            return len([node for node in ecm.nodes(144) if node["name"] == "offer.txt"])
        case "add_version":
            return len([node for node in ecm.nodes(144) if len(node["versions"]) == 2])
        case "create_task":
            return len(ecm.nodes(206))
        case "create_reminder":
            return len(ecm.workspace()["reminders"])
        case _:
            return len([node for node in ecm.nodes(848) if node["business_object"][2] == "new-1"])


def consent_rows(ecm: SandboxEcm) -> list[dict[int, Any]]:
    """The history of ACME's workspace, row by row."""
    values = ecm.workspace()["categories"].get(str(CONSENT), {})
    rows: dict[int, dict[int, Any]] = {}
    for key, value in values.items():
        _, _, row, attribute = map(int, key.split("_"))
        rows.setdefault(row, {})[attribute] = value
    return [rows[number] for number in sorted(rows)]


# -- what a sink is -----------------------------------------------------------------------------


def test_it_is_a_sink(sink: EcmSink) -> None:
    """The contract of workers/sinks/api.py: kinds, contacts and groups."""
    one: Sink = sink

    described = {
        name: (action.repeat.value, action.contacts, action.group, action.can_look_up)
        for name, action in one.actions.items()
    }
    assert described == {
        "update_category": ("repeatable", Contacts.NOBODY, "main", False),
        "record_consent": ("repeatable", Contacts.NOBODY, "consent", False),
        "upload_document": ("once", Contacts.NOBODY, "main", True),
        "add_version": ("once", Contacts.NOBODY, "main", True),
        "create_task": ("once", Contacts.STAFF, "main", True),
        "create_reminder": ("once", Contacts.STAFF, "main", True),
        "create_workspace": ("once", Contacts.NOBODY, "main", True),
    }
    assert one.counted(lambda: None) is None
    assert {action.max_items for action in one.actions.values()} == {1}


# -- accepted -----------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ACTIONS)
def test_it_is_done_once(ecm: SandboxEcm, sink: EcmSink, action: str) -> None:
    """One effect, and what a receipt needs."""
    ready(ecm, sink, action)

    done = verdict(deliver(sink, action))

    assert isinstance(done, Delivered)
    assert all(value and isinstance(value, str) for value in done.vendor_ids.values())
    assert effects(ecm, action) == 1


@pytest.mark.parametrize("action", sorted(set(ACTIONS) - {"add_version", "create_reminder"}))
def test_a_repeat_changes_nothing(ecm: SandboxEcm, sink: EcmSink, action: str) -> None:
    """§15: each has a natural key by which a second request finds the first."""
    ready(ecm, sink, action)
    first = verdict(deliver(sink, action))

    second = verdict(deliver(sink, action))

    assert isinstance(second, Delivered)
    assert second.vendor_ids == first.vendor_ids
    assert effects(ecm, action) == 1


def test_a_category_is_applied_then_changed(ecm: SandboxEcm, sink: EcmSink) -> None:
    """§7: POST where it is not applied, PUT where it is; what is not named keeps its value, null clears."""
    deliver(sink, "update_category", attributes={"status": "Draft", "channel": "EMAIL"})
    deliver(sink, "update_category", attributes={"status": None, "tags": ["x"]})

    values = ecm.workspace()["categories"][str(COMMUNICATION)]
    assert (values["9830_2"], values["9830_3"], values["9830_5"]) == ("", "EMAIL", ["x"])
    node = ecm.workspace()["id"]
    assert ecm.writes() == [f"POST v2/nodes/{node}/categories", f"PUT v2/nodes/{node}/categories/9830"]


def test_equal_values_are_not_written(ecm: SandboxEcm, sink: EcmSink) -> None:
    """A repeat reads, and leaves the audit of the server alone."""
    for _ in range(2):
        assert isinstance(verdict(deliver(sink, "update_category")), Delivered)

    assert len(ecm.writes()) == 1


def test_consent_rows_are_history(ecm: SandboxEcm, sink: EcmSink) -> None:
    """Each decision is a row of its own: who, what, when, proof; the first row of a fresh set is used."""
    deliver(sink, "record_consent", event("e-1"), origin="braze", proof="https://proof.example")
    deliver(sink, "record_consent", event("e-2"), state="OPTED_IN")

    first, second = consent_rows(ecm)
    assert [first[n] for n in (1, 2, 6, 7, 8)] == ["e-1", "u1", "OPTED_OUT", "2026-05-28T13:00:00", "braze"]
    assert (second[1], second[6]) == ("e-2", "OPTED_IN")


def test_a_document_carries_its_correlation(ecm: SandboxEcm, sink: EcmSink) -> None:
    """§8.2: bytes, category and the event's id arrive with the one request."""
    deliver(sink, "upload_document", category="communication", attributes={"status": "Filed"}, description="to u1")

    (node,) = ecm.nodes(144)
    assert node["versions"][0]["content"] == "Grüße"
    assert (node["external_identity"], node["external_source"], node["description"]) == ("e-1", "file_stream", "to u1")
    assert node["categories"]["9830"]["9830_2"] == "Filed"


def test_base64_content_arrives_as_bytes(ecm: SandboxEcm, sink: EcmSink) -> None:
    """Line ends and boundaries inside the content do not matter."""
    deliver(sink, "upload_document", content="LS1iDQotLQ==", encoding="base64", media_type="application/pdf")

    (node,) = ecm.nodes(144)
    assert (node["versions"][0]["content"], node["mime_type"]) == ("--b\r\n--", "application/pdf")


def test_a_changed_document_gets_a_version_an_equal_one_nothing(ecm: SandboxEcm, sink: EcmSink) -> None:
    """§15: conflict policy new_version; equal content is kept, equal length or not."""
    for number, content in enumerate(["one", "one", "two"]):
        done = verdict(deliver(sink, "upload_document", event(f"e-{number}"), content=content))
        assert isinstance(done, Delivered)

    (node,) = ecm.nodes(144)
    assert [version["content"] for version in node["versions"]] == ["one", "two"]
    assert node["versions"][1]["description"].endswith("[evt:e-2]")


def test_a_new_version_s_category_is_written_first(ecm: SandboxEcm, sink: EcmSink) -> None:
    """What may be repeated comes before what may not."""
    deliver(sink, "upload_document", event("e-0"), content="old")
    deliver(sink, "upload_document", category="communication", attributes={"status": "Approved"})

    assert [write.rpartition("/")[2] for write in ecm.writes()] == ["nodes", "nodes", "categories", "versions"]
    (node,) = ecm.nodes(144)
    assert node["categories"]["9830"]["9830_2"] == "Approved"


@pytest.mark.parametrize(("policy", "count"), [("rename", 2), ("skip", 1), ("fail", 1)])
def test_other_policies_for_a_taken_name(ecm: SandboxEcm, sink: EcmSink, policy: str, count: int) -> None:
    """§15: rename, skip, fail; a renamed one keeps its extension and is found again."""
    deliver(sink, "upload_document", event("e-0"), content="old")

    outcomes = [verdict(deliver(sink, "upload_document", if_exists=policy)) for _ in range(2)]

    assert {type(each) for each in outcomes} == {Rejected if policy == "fail" else Delivered}
    assert len(ecm.nodes(144)) == count
    assert all(node["name"].endswith(".txt") for node in ecm.nodes(144))


def test_a_task_and_its_fields(ecm: SandboxEcm, sink: EcmSink) -> None:
    """§11.3: in the workspace's task list, without a priority whose code nobody knows."""
    deliver(sink, "create_task", instructions="by noon", priority="high")

    (task,) = ecm.nodes(206)
    assert task["name"] == "Call back [evt e-1]"
    assert (task["assigned_member_id"], task["due_date"]) == (7240, "2026-05-28T13:00:00")
    assert "priority" not in task


def test_a_reminder_escalates(ecm: SandboxEcm, sink: EcmSink) -> None:
    """§11.1: RSDATE in its own syntax, member ids, the event's id at the end of the text."""
    deliver(sink, "create_reminder", priority="high", escalate_to=["lead"])

    data = ecm.workspace()["reminders"][0]["data"]
    assert (data["RSDATE"], data["PRIORITY"], data["recipients"]) == ("D/2026/5/28:13:0:0", "100", [7240])
    assert (data["RSDESCRIPTION"], data["escalationrecipient_list"]) == ("SLA breached [evt:e-1]", [1000])


def test_a_workspace_is_made_from_its_template(ecm: SandboxEcm, sink: EcmSink) -> None:
    """§6: with its business object, and categories in the nested form."""
    deliver(sink, "create_workspace", category="communication", attributes={"status": "New"})

    node = ecm.workspace(("SF", "Account", "new-1"))
    assert (node["name"], node["categories"]["9830"]["9830_2"]) == ("New one", "New")


@pytest.mark.parametrize("policy", ["reject", "create"])
def test_what_happens_without_a_workspace_is_a_setting(ecm: SandboxEcm, policy: str) -> None:
    """B4: a dead letter that says so, or a workspace of the type of its business object."""
    stranger: dict[str, Any] = {"business_object": {"system": "SF", "type": "Account", "id": "stranger"}}
    with closing(ecm.sink(missing_workspace=policy)) as sink:
        answered = verdict(deliver(sink, "record_consent", **stranger))

    if policy == "create":
        assert isinstance(answered, Delivered)
        assert str(CONSENT) in ecm.workspace(("SF", "Account", "stranger"))["categories"]
    else:
        assert isinstance(answered, Rejected)
        assert answered.reason is Reason.MISSING_TARGET
        assert ecm.writes() == []


def test_whoever_is_named_hears_of_a_missing_workspace(ecm: SandboxEcm) -> None:
    """B4: the alert goes with the dead letter; where there is a workspace nobody is told of anything."""
    stranger: dict[str, Any] = {"business_object": {"system": "SF", "type": "Account", "id": "stranger"}}
    about = event()
    about = Event(about.topic, about.key, {**about.value, "source": "braze", "ingested_at": DUE})
    history = {**config().consent.model_dump(), "alert": ["role:records"]}  # type: ignore[union-attr]
    with closing(ecm.sink(consent=ConsentHistory(**history))) as sink:
        missing = verdict(deliver(sink, "record_consent", about, **stranger))
        there = verdict(deliver(sink, "record_consent", about))

    assert isinstance(missing, Rejected)
    (alert,) = missing.events
    assert (alert.topic, alert.value["alert_key"]) == ("comms.alert.v1", "no-workspace:SF/Account/stranger")
    assert isinstance(there, Delivered)
    assert there.events == ()


# -- finding ------------------------------------------------------------------------------------


def test_a_found_workspace_is_remembered(ecm: SandboxEcm, sink: EcmSink) -> None:
    """One look-up for many deliveries."""
    for number in range(3):
        deliver(sink, "create_reminder", event(f"e-{number}"))

    assert len([one for one in ecm.received() if "boids" in one["path"]]) == 1


def test_a_remembered_workspace_that_is_gone_is_looked_for_again(ecm: SandboxEcm, sink: EcmSink) -> None:
    """A workspace replaced behind our back costs one more look, not a dead letter."""
    deliver(sink, "create_reminder")
    old = ecm.workspace()["id"]
    ecm.account(hidden=[old])
    with closing(ecm.sink()) as another:
        made = verdict(deliver(another, "create_workspace", business_object_id=ACME[2], name="Replaced"))

    done = verdict(deliver(sink, "create_reminder"))

    assert isinstance(done, Delivered)
    assert done.vendor_ids["node_id"] == made.vendor_ids["workspace_id"] != str(old)


@pytest.mark.parametrize("status", [400, 404, 500])
def test_not_found_is_what_the_list_says(status: int) -> None:
    """§5.1: whatever the direct way answers (not known), zero in the list is the only no."""
    with sandbox_ecm(bo_not_found_status=status) as ecm, closing(ecm.sink()) as sink:
        assert isinstance(verdict(deliver(sink, "create_workspace")), Delivered)
        assert effects(ecm, "create_workspace") == 1


def test_two_workspaces_for_one_key_are_nobody_s_choice(ecm: SandboxEcm, sink: EcmSink) -> None:
    """§16 #25: never picked silently."""
    rows = [{"data": {"properties": {"id": number, "type": 848}}} for number in (1, 2)]
    ecm.fault(path="/otcs/cs/api/v2/externalsystems", status=200, body={"paging": {"total_count": 2}, "results": rows})

    answered = verdict(deliver(sink, "update_category"))

    assert isinstance(answered, Rejected)
    assert answered.vendor_code == "DUPLICATE_WORKSPACE"


# -- what the page leaves open -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "settings"),
    [
        ({"category_style": "plain"}, {}),
        ({"category_style": "body"}, {"category_style": "body"}),
        ({"metadata_tokens": False}, {"category_lock": "none"}),
        ({"reminder_ids": False}, {}),
        ({"lean_children": True}, {}),
        ({"lean_children": True}, {"correlate_by": "description"}),
        ({"unique_business_objects": True}, {}),
        ({"roll_tickets": True}, {}),
        ({"empty_list": "blank"}, {"empty_list": "blank"}),
        ({"empty_list": "none"}, {}),
    ],
    ids=str,
)
def test_every_action_under_every_switch(options: dict[str, Any], settings: dict[str, Any]) -> None:
    """§3, §6, §7, §8.2, §11.1: where the page is unsure, the setting meets the server that it is for."""
    with sandbox_ecm(**options) as ecm, closing(ecm.sink(**settings)) as sink:
        for action in ACTIONS:
            ready(ecm, sink, action)
            assert isinstance(verdict(deliver(sink, action)), Delivered)
            assert effects(ecm, action) == 1, action
        for action in ONCE:
            assert isinstance(look_up(sink, action), Delivered), action
        assert isinstance(verdict(deliver(sink, "update_category", attributes={"tags": []})), Delivered)


def test_without_tokens_a_locked_write_is_held() -> None:
    """§7: a write that may undo somebody else's is not made until the setting says so."""
    with sandbox_ecm(metadata_tokens=False) as ecm, closing(ecm.sink()) as sink:
        assert isinstance(verdict(deliver(sink, "update_category")), Delivered)  # applying needs no token
        held = deliver(sink, "update_category", attributes={"status": "Other"})

        assert isinstance(held, Hold)
        assert (held.cause, held.scope) == (Cause.CONFIGURATION, Scope.ACTION)


def test_texts_in_another_language_can_be_told() -> None:
    """§16: localised texts; with the setting they mean what they mean in English."""
    german = {"An item with the name": "Ein Element dieses Namens ist vorhanden."}
    with (
        sandbox_ecm(texts=german) as ecm,
        closing(ecm.sink()) as deaf,
        closing(ecm.sink(error_texts={"taken": "ist vorhanden"})) as sink,
    ):
        deliver(sink, "upload_document", event("e-0"))

        assert isinstance(verdict(deliver(deaf, "upload_document", content="new")), Unsure)
        assert isinstance(verdict(deliver(sink, "upload_document", content="new")), Delivered)


# -- concurrency --------------------------------------------------------------------------------


def test_a_stale_token_is_read_again(ecm: SandboxEcm, sink: EcmSink) -> None:
    """§7, §16 #14: 409, re-read, merged, written."""
    deliver(sink, "record_consent", event("e-0"))
    ecm.fault(path="/otcs/cs/api/v2/nodes", match="e-1", status=409, body={"error": "edit conflict"}, count=2)

    assert isinstance(verdict(deliver(sink, "record_consent")), Delivered)
    assert [row[1] for row in consent_rows(ecm)] == ["e-0", "e-1"]


def test_an_endless_conflict_is_deferred(ecm: SandboxEcm, sink: EcmSink) -> None:
    """§16 #14: three times again, then with backoff."""
    ecm.fault(path="/otcs/cs/api/v2/nodes", match="e-1", status=409, body={"error": "edit conflict"})

    assert verdict(deliver(sink, "record_consent")) == Deferred(Reason.CONFLICT)
    assert len(ecm.writes()) == 4


def test_two_writers_of_one_history_lose_no_row(ecm: SandboxEcm, sink: EcmSink) -> None:
    """The token: whoever was slower reads again, so both rows are there."""
    deliver(sink, "record_consent", event("e-0"))
    together = Barrier(4)

    def write(number: int) -> None:
        together.wait()
        while not isinstance(verdict(deliver(sink, "record_consent", event(f"e-{number}"))), Delivered):
            pass

    threads = [Thread(target=write, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(row[1] for row in consent_rows(ecm)) == [f"e-{number}" for number in range(5)]


# -- who we are ---------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ACTIONS)
def test_an_expired_ticket_is_renewed(ecm: SandboxEcm, sink: EcmSink, action: str) -> None:
    """§2.3: 401, one log-in, the same request again."""
    ready(ecm, sink, action)
    ecm.account(expire_tickets=True)

    assert isinstance(verdict(deliver(sink, action)), Delivered)
    assert ecm.state()["logins"] == 2
    assert effects(ecm, action) == 1


def test_a_bearer_token_is_renewed_too(ecm: SandboxEcm) -> None:
    """§2.2: OTDS, a token on every call."""
    with closing(ecm.otds_sink()) as sink:
        deliver(sink, "update_category")
        ecm.account(expire_tickets=True)

        assert isinstance(verdict(deliver(sink, "upload_document")), Delivered)
        assert all("authorization" not in request["headers"] for request in ecm.received())


@pytest.mark.parametrize("action", ACTIONS)
def test_a_revoked_account_holds_the_sink_and_is_not_hammered(ecm: SandboxEcm, sink: EcmSink, action: str) -> None:
    """§2.1: an account that is tried too often is locked; the hold waits, and repeats do not log in."""
    ready(ecm, sink, action)
    ecm.account(expire_tickets=True, revoked=["commfleet"])
    before = ecm.state()["logins"]

    for _ in range(3):
        held = deliver(sink, action)
        assert isinstance(held, Hold)
        assert (held.cause, held.scope, held.retry_after_s) == (Cause.CREDENTIALS, Scope.SINK, 300)

    assert ecm.state()["logins"] == before + 1
    assert sink.probe(sink.actions[action]) is not None


def test_a_wrong_password_is_said_without_it(ecm: SandboxEcm) -> None:
    """§16 #2, and no secret in what an operator reads."""
    with closing(ecm.sink(password=SecretStr("wrong-secret"))) as sink:
        held = deliver(sink, "update_category")

    assert isinstance(held, Hold)
    assert "wrong-secret" not in repr(held)


def test_a_log_in_without_an_answer_is_no_unsure_write(ecm: SandboxEcm, impatient: EcmSink) -> None:
    """§16 #22: nothing was asked of the server yet."""
    ecm.fault(path="/otcs/cs/api/v1/auth", kind="hang")

    assert verdict(deliver(impatient, "create_task")) == Deferred(Reason.TIME_OUT)
    assert ecm.writes() == []


# -- refused ------------------------------------------------------------------------------------


def test_hidden_is_a_missing_target(ecm: SandboxEcm, sink: EcmSink) -> None:
    """§16 #5: deleted or without permission, indistinguishable."""
    node = ecm.workspace()["id"]
    ecm.account(hidden=[node])

    for action in ("update_category", "create_reminder"):
        answered = verdict(deliver(sink, action, business_object=None, workspace_id=node))
        assert isinstance(answered, Rejected)
        assert answered.reason is Reason.MISSING_TARGET


def test_read_only_is_refused(ecm: SandboxEcm, sink: EcmSink) -> None:
    """§16 #8."""
    ecm.account(read_only=[ecm.workspace()["id"]])

    answered = verdict(deliver(sink, "update_category"))

    assert isinstance(answered, Rejected)
    assert answered.vendor_code == "NOT_ALLOWED"


def test_a_bad_attribute_s_500_is_the_record_s(ecm: SandboxEcm, sink: EcmSink) -> None:
    """§7: "Invalid specification", permanent despite the 5xx; nothing is held."""
    outcome = deliver(sink, "update_category", attributes={"tags": ["a"], "status": ["not", "a", "list"]})

    answered = verdict(outcome)
    assert isinstance(answered, Rejected)
    assert answered.vendor_code == "BAD_ATTRIBUTE"
    assert isinstance(outcome, Answered)
    assert outcome.hold is None


def test_a_missing_folder_or_document_is_said(ecm: SandboxEcm, sink: EcmSink) -> None:
    """No folder is invented; no version without a document."""
    assert verdict(deliver(sink, "upload_document", folder="Nowhere")).reason is Reason.MISSING_TARGET
    assert verdict(deliver(sink, "add_version", name="nothing.txt")).reason is Reason.MISSING_TARGET
    assert verdict(deliver(sink, "create_reminder", recipients=["424242"])).vendor_code == "BAD_ASSIGNEE"


def test_an_oversized_document_is_rejected_alone(ecm: SandboxEcm) -> None:
    """Before anything is sent; and a proxy's 413 after."""
    with closing(ecm.sink(max_document_bytes=10)) as sink, pytest.raises(UnusableEventError) as raised:
        item(sink, "upload_document", content="x" * 11)
    assert raised.value.reason is Reason.OVERSIZED

    with sandbox_ecm(max_body_bytes=500) as small, closing(small.sink()) as sink:
        answered = verdict(deliver(sink, "upload_document", content="x" * 1000))
    assert (answered.reason, answered.vendor_code) == (Reason.OVERSIZED, "TOO_LARGE")


# -- held ---------------------------------------------------------------------------------------


def test_a_throttling_proxy_holds_the_sink(ecm: SandboxEcm, sink: EcmSink) -> None:
    """§16 #19: 429 with Retry-After, counted by its own Date; nothing was done."""
    ecm.set_clock(now="2026-03-01T10:00:10Z", frozen=True)
    ecm.quota(limit=1, window_s=60)
    try:
        held = deliver(sink, "create_task")
    finally:
        ecm.quota(limit=1_000_000, window_s=60)
        ecm.set_clock(now=datetime.now(UTC).isoformat())

    assert isinstance(held, Hold)
    assert (held.cause, held.scope, held.retry_after_s) == (Cause.THROTTLED, Scope.SINK, 50)


@pytest.mark.parametrize("status", [502, 503])
@pytest.mark.parametrize("action", ACTIONS)
def test_a_broken_server_holds_the_sink(ecm: SandboxEcm, sink: EcmSink, action: str, status: int) -> None:
    """§16 #19, #20: while reading, nothing was done, so the route waits; the probe fails until it is well."""
    ready(ecm, sink, action)
    ecm.fault(path="/otcs", status=status, body="<html>", content_type="text/html")

    held = deliver(sink, action)

    assert isinstance(held, Hold) or (isinstance(held, Answered) and held.hold is not None)
    assert sink.probe(sink.actions[action]) is not None
    ecm.forgive()
    assert sink.probe(sink.actions[action]) is None


@pytest.mark.parametrize("action", ACTIONS)
def test_html_under_200_is_a_restart(ecm: SandboxEcm, sink: EcmSink, action: str) -> None:
    """§1: 2xx that is not JSON is never success."""
    ready(ecm, sink, action)
    ecm.fault(path="/otcs", status=200, body="<html>starting</html>", content_type="text/html")

    outcome = deliver(sink, action)

    held = outcome.hold if isinstance(outcome, Answered) else outcome
    assert isinstance(held, Hold)
    assert held.cause is Cause.VENDOR_DOWN
    assert effects(ecm, action) == 0


def test_a_vendor_that_is_away_holds_and_nothing_was_sent() -> None:
    """§16 #23: connection refused is nobody's verdict."""
    with closing(sink_at(f"http://127.0.0.1:{free_ports(1)[0]}")) as sink:
        outcome = deliver(sink, "create_task")
        probed = sink.probe(sink.actions["create_task"])

    for hold in (outcome, probed):
        assert isinstance(hold, Hold)
        assert (hold.cause, hold.scope) == (Cause.VENDOR_DOWN, Scope.SINK)


@pytest.mark.parametrize(
    ("spec", "scope"),
    [
        ({"status": 404, "body": "<html>", "content_type": "text/html"}, Scope.SINK),
        ({"status": 405}, Scope.SINK),
        ({"status": 302, "headers": {"Location": "http://127.0.0.1:9/"}}, Scope.SINK),
        (
            {"status": 400, "body": {"error": "The REST API URL could not be found in the mappings registry"}},
            Scope.ACTION,
        ),
        ({"status": 400, "body": {"error": "External source not found"}}, Scope.ACTION),
    ],
    ids=str,
)
def test_a_wrong_configuration_holds(ecm: SandboxEcm, sink: EcmSink, spec: dict[str, Any], scope: Scope) -> None:
    """§16 #4, #7, #17: no record pays for it; redirects are not followed."""
    ecm.fault(path="/otcs/cs/api/v2/resubmission", **spec)

    held = deliver(sink, "create_reminder")

    assert isinstance(held, Hold)
    assert (held.cause, held.scope) == (Cause.CONFIGURATION, scope)


def test_an_unknown_500_of_one_record_ends_as_its_own(ecm: SandboxEcm, sink: EcmSink) -> None:
    """§16: five tries, then a dead letter; the route is never held for it."""
    ecm.fault(path="/otcs/cs/api/v2/nodes", match="9830", status=500, body={"error": "Odd"})

    outcomes = [deliver(sink, "update_category") for _ in range(5)]

    assert [type(verdict(outcome)) for outcome in outcomes] == [Unsure] * 4 + [Rejected]
    assert all(isinstance(outcome, Answered) and outcome.hold is None for outcome in outcomes)
    assert verdict(outcomes[-1]).vendor_code == "UNKNOWN_500"


def test_an_unknown_500_of_several_records_is_the_server_s(ecm: SandboxEcm, sink: EcmSink) -> None:
    """§16: the third record in a row holds the action, and nobody is dead-lettered."""
    ecm.fault(path="/otcs/cs/api/v2/nodes", match="9830", status=500, body={"error": "Odd"})

    outcomes = [deliver(sink, "update_category", attributes={"status": f"s{number}"}) for number in range(3)]

    holds = [outcome.hold for outcome in outcomes if isinstance(outcome, Answered)]
    assert [hold is not None for hold in holds] == [False, False, True]


# -- unsure -------------------------------------------------------------------------------------


def _write_fault(action: str) -> dict[str, Any]:
    """Only the action's own writing request, by a text that only it carries."""
    if action == "add_version":
        return {"match": "second"}
    needle = {"upload_document": "offer.txt", "create_task": "assigned_member_id", "create_workspace": "template_id"}
    needle |= {"update_category": "Sent", "record_consent": "OPTED_OUT", "create_reminder": "RSDATE"}
    return {"match": needle[action]}


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize(
    ("spec", "reason", "acts"),
    [
        ({"kind": "hang"}, Reason.TIME_OUT, True),
        ({"kind": "hang", "act": False}, Reason.TIME_OUT, False),
        ({"kind": "late", "delay_s": 0.6}, Reason.TIME_OUT, True),
        ({"kind": "reset"}, Reason.CONNECTION, False),
        ({"kind": "reset", "act": True}, Reason.CONNECTION, True),
        ({"kind": "truncate"}, Reason.CONNECTION, True),
        ({"status": 502, "act": True, "body": "<html>"}, Reason.VENDOR_ERROR, True),
        ({"status": 200, "body": "garbage \x00", "act": True}, Reason.VENDOR_ERROR, True),
    ],
    ids=str,
)
def test_a_write_without_an_answer_is_unsure_and_can_be_told_later(
    ecm: SandboxEcm,
    sink: EcmSink,
    impatient: EcmSink,
    action: str,
    spec: dict[str, Any],
    reason: Reason,
    acts: bool,
) -> None:
    """§15, §16 #20-#22: never called failed; the look-up (or the repeat) finds out, and the effect is there once."""
    ready(ecm, sink, action)
    ecm.fault(**_write_fault(action), **spec, count=1)

    unsure = verdict(deliver(impatient if reason is Reason.TIME_OUT else sink, action))

    assert isinstance(unsure, Unsure)
    assert unsure.reason is reason
    if acts:
        eventually(lambda: effects(ecm, action) == 1)
    if action in ONCE:
        assert isinstance(look_up(sink, action), Delivered if acts else type(None))
    if action not in ONCE or not acts:
        assert isinstance(verdict(deliver(sink, action)), Delivered)
    assert effects(ecm, action) == 1


@pytest.mark.parametrize("action", ONCE)
def test_a_look_up_without_an_answer_stays_unsure(ecm: SandboxEcm, sink: EcmSink, action: str) -> None:
    """Nobody can tell: it is neither done nor repeated."""
    ready(ecm, sink, action)
    ecm.fault(path="/otcs", status=503)

    assert isinstance(look_up(sink, action), Unsure)


def test_a_new_version_is_found_by_its_description(ecm: SandboxEcm, sink: EcmSink) -> None:
    """§8.3: the upload of a taken name is a version; its tag tells."""
    deliver(sink, "upload_document", event("e-0"), content="old")
    assert look_up(sink, "upload_document") is None

    deliver(sink, "upload_document")

    assert look_up(sink, "upload_document").vendor_ids["version"] == "2"


def test_a_relabelled_answer_is_still_json(ecm: SandboxEcm, sink: EcmSink) -> None:
    """§1: what counts is that the body is JSON."""
    ecm.fault(kind="relabel", content_type="text/plain")

    assert isinstance(verdict(deliver(sink, "create_task")), Delivered)


# -- budget and gate ----------------------------------------------------------------------------


@pytest.mark.parametrize("action", ACTIONS)
def test_a_closed_gate_writes_nothing(ecm: SandboxEcm, sink: EcmSink, action: str) -> None:
    """The permit is asked at the first byte of each request that writes."""
    ready(ecm, sink, action)
    before = ecm.writes()
    one = item(sink, action)

    with pytest.raises(GateClosedError):
        sink.deliver(Batch(sink.actions[action], None, [one], forbidden))

    assert ecm.writes() == before
    assert effects(ecm, action) == 0


@pytest.mark.parametrize("action", ACTIONS)
def test_each_further_request_is_paid_for(ecm: SandboxEcm, sink: EcmSink, action: str) -> None:
    """Batch.spend, once for every request beyond the first, log-ins included."""
    spent: list[int] = []
    ready(ecm, sink, action)
    ecm.account(expire_tickets=True)
    before = len(ecm.received())

    sink.deliver(Batch(sink.actions[action], None, [item(sink, action)], allowed, lambda: spent.append(1)))

    assert len(spent) == len(ecm.received()) - before - 1


def test_a_budget_that_is_gone_stops_before_the_write(ecm: SandboxEcm, sink: EcmSink) -> None:
    """BudgetGoneError passes, nothing was written, and a later try goes through with its ticket lock free."""

    def gone() -> None:
        raise BudgetGoneError("used up")

    with pytest.raises(BudgetGoneError):
        sink.deliver(Batch(sink.actions["create_task"], None, [item(sink, "create_task")], allowed, gone))

    assert ecm.writes() == []
    assert isinstance(verdict(deliver(sink, "create_task")), Delivered)


def test_the_probe_only_reads(ecm: SandboxEcm, sink: EcmSink) -> None:
    """§1, §2.1: ping, then who am I."""
    for action in sink.actions.values():
        assert sink.probe(action) is None

    assert ecm.writes() == []


def test_credentials_travel_where_they_must_only(ecm: SandboxEcm, sink: EcmSink) -> None:
    """Not in a URL, nor in a repr."""
    deliver(sink, "create_task")

    assert all("sandbox-only-password" not in one["path"] + one["query"] for one in ecm.received())
    assert "sandbox-only-password" not in repr(sink) + repr(vars(sink)["_config"])


# -- start-up -----------------------------------------------------------------------------------


def test_what_settings_lack_is_found_at_start(ecm: SandboxEcm) -> None:
    """Names that a flow may make are checked before an event is seen."""
    with closing(ecm.sink(consent=None)) as sink:
        assert sink.problems(sink.actions["update_category"], lambda _: ("communication",)) == []
        assert sink.problems(sink.actions["update_category"], lambda _: None) == []
        (problem,) = sink.problems(sink.actions["update_category"], lambda _: ("nothing",))
        assert "'nothing'" in problem
        (problem,) = sink.problems(sink.actions["record_consent"], lambda _: None)
        assert "sinks.ecm.consent" in problem
        told = {"recipients": ("service", "7240"), "escalate_to": ("nobody",)}
        (problem,) = sink.problems(sink.actions["create_reminder"], told.get)
        assert problem == "escalate_to 'nobody' is no member id and not in sinks.ecm.members; add it"
