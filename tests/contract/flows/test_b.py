"""Family B end to end: from what Extended ECM and Braze send to what the vendors hold in the end."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.signals_b import bounce, delivery, document, ecm, opening, state_change, survey
from tests.support.town import Town, running_town

CAMPAIGN, CANVAS, TRACK = "/campaigns/trigger/send", "/canvas/trigger/send", "/users/track"
JOURNEYS, ALERTS, RECEIPTS = "comms.journey.v1", "comms.alert.v1", "comms.receipt.v1"
DECISIONS, WORKSPACES = "comms.consent.v1", "comms.workspace.v1"
CONSENT, CONTENT = "9840", "9850"
WITH_WORKSPACE = 40
"""The first customers of this town have a workspace of their own in Extended ECM."""


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """The town of this file."""
    workspaces = tuple(("SF", "Account", f"C-{number:05}") for number in range(1, WITH_WORKSPACE))
    with running_town(tmp_path_factory.mktemp("town"), sandboxes={"ecm": {"workspaces": workspaces}}) as one:
        yield one


def sent(town: Town, customer: str, path: str, name: str) -> list[dict[str, Any]]:
    """The sends of one campaign or Canvas that a customer got."""
    braze = town.settings.sinks.braze
    assert braze is not None
    id_, known = ("campaign_id", braze.campaigns) if path == CAMPAIGN else ("canvas_id", braze.canvases)
    found = [one["body"] for one in town.sandbox("braze").received(customer, path) if one["body"][id_] == known[name]]
    return [who for body in found for who in body["recipients"] if who["external_user_id"] == customer]


def tracked(town: Town, customer: str, array: str) -> list[dict[str, Any]]:
    """The custom events, or the attributes, of a customer."""
    found = town.sandbox("braze").received(customer, TRACK)
    return [each for one in found for each in one["body"].get(array, []) if each["external_id"] == customer]


def workspace_of(town: Town, customer: str) -> dict[str, Any]:
    """The customer's own workspace at Extended ECM."""
    nodes = town.sandbox("ecm").state()["nodes"].values()
    (found,) = [node for node in nodes if node["business_object"] == ["SF", "Account", customer]]
    return dict(found)


def documents_in(town: Town, workspace: int) -> list[dict[str, Any]]:
    """The documents right in a workspace."""
    nodes = town.sandbox("ecm").state()["nodes"].values()
    return [node for node in nodes if node["parent_id"] == workspace and node["type"] == 144]


def suppressed(town: Town, customer: str) -> list[tuple[str, str]]:
    """The flows that were kept from contacting a customer, and why."""
    found = town.events(RECEIPTS, customer, verdict="SUPPRESSED")
    return [(one["flow"], one["reason"]) for one in found]


def agreed(town: Town, customer: str) -> None:
    """The customer subscribes to marketing by e-mail, and everybody knows."""
    town.post("currents", state_change(customer, "Opted In"))
    town.await_events(DECISIONS, customer)
    town.settle()


# -- B1


def milestone(customer: str, workspace: str, now: str, before: str | None = None) -> dict[str, Any]:
    """A changed category of an onboarding workspace; a snapshot where the bot does not know what was before."""
    previous = {"Milestone": before} if before else {}
    return ecm("category.changed", customer, workspace, attributes={"Milestone": now}, previous=previous)


def test_b1_a_stage_is_told_and_starts_its_campaign(town: Town) -> None:
    """The Braze user is created with the stage, gets the event and the stage's campaign."""
    customer = town.customer()

    town.post("ecm", ecm("workspace.created", customer, "51001"))
    town.post("ecm", milestone(customer, "51001", "kyc_completed", "started"))
    town.settle()

    assert [one["name"] for one in tracked(town, customer, "events")] == [
        "onboarding_started",
        "onboarding_milestone_reached",
    ]
    assert [one["stage"] for one in tracked(town, customer, "attributes")] == ["started", "kyc_completed"]
    (recipient,) = sent(town, customer, CAMPAIGN, "onboarding-kyc_completed")
    assert recipient["trigger_properties"] == {"milestone": "kyc_completed", "workspace_id": "51001"}
    assert recipient["attributes"]["stage"] == "kyc_completed"


def test_b1_an_old_milestone_contacts_nobody(town: Town) -> None:
    """What a first sight shows is no news, a change against it is, and seen again it is none."""
    customer = town.customer()
    for stage in ("contract_approved", "kyc_completed", "kyc_completed"):
        town.post("ecm", milestone(customer, "51002", stage))
        town.settle()

    assert sent(town, customer, CAMPAIGN, "onboarding-contract_approved") == []
    assert len(sent(town, customer, CAMPAIGN, "onboarding-kyc_completed")) == 1


def test_b1_nobody_is_written_to_whose_address_bounced(town: Town) -> None:
    """The stage is told, the campaign is suppressed."""
    customer = town.customer()
    town.post("currents", bounce(customer))
    town.await_events(DECISIONS, customer)
    town.settle()

    town.post("ecm", milestone(customer, "51003", "service_activated", "kyc_completed"))
    town.settle()

    assert [one["stage"] for one in tracked(town, customer, "attributes")] == ["service_activated"]
    assert sent(town, customer, CAMPAIGN, "onboarding-service_activated") == []
    assert ("B1-stage-campaign", "consent") in suppressed(town, customer)


# -- B2


def test_b2_the_customer_hears_of_the_case(town: Town) -> None:
    """Of a document that is meant for customers, and of each status; of an internal document nothing."""
    customer, case = town.customer(), "52001"
    town.post("ecm", ecm("workspace.created", customer, case, "Case", {"Status": "Open"}))
    town.post("ecm", document("document.created", customer, case, "Case", "claim_decision", "final"))
    town.post("ecm", document("document.created", customer, case, "Case", "fraud_check", "final"))
    town.post("ecm", ecm("category.changed", customer, case, "Case", {"Status": "Waiting"}, {"Status": "Open"}))
    town.settle()

    (told,) = sent(town, customer, CAMPAIGN, "service-document")
    assert told["trigger_properties"] == {"document_type": "claim_decision", "document_status": "final"}
    (status,) = sent(town, customer, CAMPAIGN, "service-status")
    assert status["trigger_properties"] == {"case_status": "Waiting", "previous": "Open"}
    assert [one["name"] for one in tracked(town, customer, "events")] == [
        "service_document_added",
        "service_status_changed",
    ]


def test_b2_a_status_that_only_a_snapshot_shows_is_told_once(town: Town) -> None:
    """The edge comes of the snapshot; the end of a case, too."""
    customer, case = town.customer(), "52002"
    for status in ("Open", "Waiting", "Waiting", "Complete"):
        town.post("ecm", ecm("workspace.updated", customer, case, "Case", {"Status": status}))
        town.settle()

    told = [one["trigger_properties"]["case_status"] for one in sent(town, customer, CAMPAIGN, "service-status")]
    assert told == ["Waiting", "Complete"]
    assert len(town.events(WORKSPACES, customer, type="COMPLETED")) == 1


# -- B3


def contract(town: Town, customer: str, workspace: str, in_days: float, before: float | None = None) -> dict[str, Any]:
    """A contract's end as a category says it."""
    previous = {"Expires": town.date(before)} if before is not None else {}
    return ecm("category.changed", customer, workspace, "Contract", {"Expires": town.date(in_days)}, previous)


def test_b3_an_expiry_comes_near(town: Town) -> None:
    """Thirty and seven days before the end; what was past at first sight is left out."""
    near, far = town.customer(), town.customer()
    town.post("ecm", contract(town, far, "53001", 60))
    town.post("ecm", contract(town, near, "53002", 20))

    town.days(70)

    assert [one["context"]["step"] for one in sent(town, far, CANVAS, "renewal")] == ["d30", "d7"]
    assert [one["context"]["step"] for one in sent(town, near, CANVAS, "renewal")] == ["d7"]


def test_b3_another_date_moves_it_and_a_renewal_takes_it_back(town: Town) -> None:
    """Nobody is reminded of a date that does not hold any more."""
    moved, renewed = town.customer(), town.customer()
    town.post("ecm", contract(town, moved, "53003", 60))
    town.post("ecm", contract(town, renewed, "53004", 60))
    town.settle()
    town.post("ecm", contract(town, moved, "53003", 400))
    town.post("ecm", contract(town, renewed, "53004", 450, before=60))

    town.days(65)

    assert sent(town, moved, CANVAS, "renewal") == []
    assert sent(town, renewed, CANVAS, "renewal") == []
    assert len(town.events(WORKSPACES, renewed, type="RENEWED")) == 1


def test_b3_a_renewed_contract_has_an_end_of_its_own(town: Town) -> None:
    """The date that the renewal says is the next one."""
    customer = town.customer()
    town.post("ecm", contract(town, customer, "53005", 20))
    town.settle()
    town.post("ecm", contract(town, customer, "53005", 60, before=20))

    town.days(70)

    steps = [one["context"]["step"] for one in sent(town, customer, CANVAS, "renewal")]
    assert steps[-2:] == ["d30", "d7"]


def test_b3_a_complete_project_leads_to_the_retention_canvas(town: Town) -> None:
    """For who agreed to marketing; who did not is left alone."""
    willing, other = town.customer(), town.customer()
    agreed(town, willing)
    for customer, workspace in ((willing, "53006"), (other, "53007")):
        town.post("ecm", ecm("workspace.completed", customer, workspace, "Project"))
    town.settle()

    assert len(sent(town, willing, CANVAS, "retention")) == 1
    assert sent(town, other, CANVAS, "retention") == []
    assert ("B3-completion-canvas", "consent") in suppressed(town, other)


def test_b3_silence_leads_to_the_re_engagement_canvas(town: Town) -> None:
    """Sixty days after the last thing that happened; not where the workspace is over."""
    quiet, over = town.customer(), town.customer()
    agreed(town, quiet)
    agreed(town, over)
    for customer, workspace in ((quiet, "53008"), (over, "53009")):
        town.post("ecm", ecm("workspace.created", customer, workspace, "Contract"))
    town.post("ecm", ecm("workspace.completed", over, "53009", "Contract"))

    town.days(65)

    (entered,) = sent(town, quiet, CANVAS, "re-engagement")
    assert entered["context"]["workspace_id"] == "53008"
    assert sent(town, over, CANVAS, "re-engagement") == []


# -- B4


def rows_of(town: Town, customer: str) -> list[dict[str, Any]]:
    """The consent history in the customer's workspace: a row a decision, by attribute number."""
    values = workspace_of(town, customer)["categories"].get(CONSENT, {})
    numbers = sorted({int(key.split("_")[2]) for key in values if key.startswith(f"{CONSENT}_3_")})
    found = [
        {key.split("_")[3]: value for key, value in values.items() if key.startswith(f"{CONSENT}_3_{number}_")}
        for number in numbers
    ]
    return [row for row in found if any(row.values())]


def test_b4_a_decision_becomes_a_row_of_the_history(town: Town) -> None:
    """Who, what, when and proof; one row a decision, however often it is reported."""
    customer = town.customer()
    town.post("currents", state_change(customer, "Unsubscribed"))
    town.eventually(lambda: rows_of(town, customer), "the first row")
    town.post("currents", state_change(customer, "Unsubscribed"))
    town.settle()

    (row,) = rows_of(town, customer)
    (decision,) = town.events(DECISIONS, customer)
    assert row["2"] == customer
    assert (row["3"], row["4"], row["5"], row["6"]) == ("CONSENT", "EMAIL", "MARKETING", "OPTED_OUT")
    assert row["7"] == decision["effective_at"].strftime("%Y-%m-%dT%H:%M:%S")
    assert (row["8"], row["9"], row["10"]) == ("braze", "CUSTOMER", "Preference Center")


def test_b4_what_was_decided_elsewhere_is_written_to_braze_and_goes_quiet(town: Town) -> None:
    """A no from another system takes the address out of Braze's mail; Braze's own report of that is an echo."""
    customer = town.customer()
    who = {"customer_id": customer, "email": f"{customer.lower()}@example.com"}
    now = datetime.now(UTC).isoformat()
    wish = {"kind": "CONSENT", "channel": "EMAIL", "purpose": "MARKETING", "state": "OPTED_OUT", "proof": "call 17"}
    town.publish(
        "comms.preference.v1",
        {"type": "CHANGED", "customer": who, "effective_at": now, "evidence": "EXPLICIT", **wish},
    )
    (written,) = town.await_received("braze", who["email"], "/email/status")
    town.settle()
    town.post("currents", state_change(customer, "Unsubscribed", by="REST API"))
    town.settle()

    assert written["body"]["subscription_state"] == "unsubscribed"
    assert len(town.events(DECISIONS, customer)) == 1
    (row,) = rows_of(town, customer)
    assert (row["8"], row["10"]) == ("upstream", "call 17")


def test_b4_without_a_workspace_records_are_told_of_it(town: Town) -> None:
    """The decision waits as a dead letter; one alert says which workspace is missing."""
    customer = "C-nowhere"
    town.post("currents", state_change(customer, "Unsubscribed"))

    (alert,) = town.await_events(ALERTS, customer, type="RAISED")
    town.settle()

    assert (alert["alert_key"], alert["audience"]) == (f"no-workspace:SF/Account/{customer}", ["role:records"])
    letters = [one for one in town.letters("ecm") if one["dlq.flow"] == "B4-consent-record"]
    assert [one["dlq.reason"] for one in letters] == ["missing_target"]


# -- B5


def approved(customer: str, workspace: str, kind: str, status: str = "Approved") -> dict[str, Any]:
    """The status of a document of a contract."""
    return document("document.status_changed", customer, workspace, "Contract", kind, status)


def test_b5_who_has_all_documents_approved_enters_the_campaign(town: Town) -> None:
    """And nobody before; the status of each is an attribute."""
    customer = town.customer()
    agreed(town, customer)
    town.post("ecm", approved(customer, "55001", "signed_agreement"))
    town.settle()
    assert sent(town, customer, CANVAS, "financing") == []

    town.post("ecm", approved(customer, "55001", "financing_approval"))
    town.post("ecm", approved(customer, "55001", "warranty_registration"))
    town.await_received("braze", customer, CANVAS, times=2)
    town.settle()

    assert len(sent(town, customer, CANVAS, "financing")) == 1
    assert len(sent(town, customer, CANVAS, "warranty")) == 1
    attributes = {name: value for one in tracked(town, customer, "attributes") for name, value in one.items()}
    assert (attributes["agreement_status"], attributes["financing_status"]) == ("Approved", "Approved")
    assert attributes["warranty_status"] == "Approved"


def test_b5_a_rejected_document_keeps_the_customer_out(town: Town) -> None:
    """Until it is approved again."""
    customer = town.customer()
    agreed(town, customer)
    for kind, status in (
        ("signed_agreement", "Approved"),
        ("signed_agreement", "Rejected"),
        ("financing_approval", "Approved"),
    ):
        town.post("ecm", approved(customer, "55002", kind, status))
    town.settle()
    assert sent(town, customer, CANVAS, "financing") == []

    town.post("ecm", approved(customer, "55002", "signed_agreement"))
    town.await_received("braze", customer, CANVAS)
    town.settle()
    assert len(sent(town, customer, CANVAS, "financing")) == 1


# -- B6


def test_b6_a_quiet_customer_with_an_open_case(town: Town) -> None:
    """One follow-up in the case and one alert; what the follow-up changes in ECM starts nothing."""
    customer = town.customer()
    case = str(workspace_of(town, customer)["id"])
    town.post("ecm", ecm("workspace.created", customer, case, "Case", {"Status": "Open"}))
    for _ in range(3):
        town.post("currents", delivery(customer))

    town.days(15)
    town.post("ecm", ecm("workspace.updated", customer, case, "Case", {"Status": "Open"}, login="commfleet"))
    town.days(45)

    (reminder,) = workspace_of(town, customer)["reminders"]
    assert reminder["data"]["recipients"] == [7240]
    assert reminder["data"]["escalationrecipient_list"] == [1000]
    assert reminder["data"]["RSDESCRIPTION"].startswith("Quiet customer, case Open")
    (alert,) = town.events(ALERTS, customer, type="RAISED")
    assert (alert["topic"], alert["audience"]) == ("customer-at-risk", ["role:service"])


def test_b6_a_customer_who_reads_is_left_alone(town: Town) -> None:
    """The same with an opening; and with a case that is over."""
    reader, done = town.customer(), town.customer()
    for customer in (reader, done):
        case = str(workspace_of(town, customer)["id"])
        town.post("ecm", ecm("workspace.created", customer, case, "Case", {"Status": "Open"}))
        for _ in range(3):
            town.post("currents", delivery(customer))
    town.post("ecm", ecm("workspace.completed", done, str(workspace_of(town, done)["id"]), "Case"))
    town.post("currents", opening(reader))

    town.days(15)

    assert town.events(JOURNEYS, reader, journey="B6-at-risk") == []
    assert town.events(JOURNEYS, done, journey="B6-at-risk") == []


# -- B7


def test_b7_a_complete_case_asks_for_feedback_and_files_the_answer(town: Town) -> None:
    """The campaign carries the workspace, and the answer comes back into it."""
    customer = town.customer()
    case = workspace_of(town, customer)["id"]
    town.post("ecm", ecm("workspace.completed", customer, str(case), "Case"))

    town.days(2)
    (asked,) = sent(town, customer, CAMPAIGN, "feedback")
    town.post("braze", survey(customer, asked["trigger_properties"]["workspace_id"], rating="9", comment="Grüße"))
    town.settle()

    (filed,) = documents_in(town, case)
    content = filed["versions"][0]["content"]
    assert '"rating": "9"' in content
    assert '"comment": "Grüße"' in content
    assert filed["name"].startswith("Feedback ")


def test_b7_a_case_that_is_reopened_within_a_day_asks_nothing(town: Town) -> None:
    """The request is taken back; both happen in a while, so that they are known before it is due."""
    customer, soon = town.customer(), datetime.now(UTC) + timedelta(seconds=3)
    within = soon + timedelta(milliseconds=50)  # half a day of the journeys
    town.post("ecm", ecm("workspace.completed", customer, "57001", "Case", at=soon))
    town.post("ecm", ecm("workspace.reopened", customer, "57001", "Case", at=within))

    town.days(40)

    assert sent(town, customer, CAMPAIGN, "feedback") == []


def test_b7_an_answer_without_a_case_is_filed_with_the_customer(town: Town) -> None:
    """In the customer's own workspace."""
    customer = town.customer()
    town.post("braze", survey(customer, None, rating="3"))
    town.settle()

    (filed,) = documents_in(town, workspace_of(town, customer)["id"])
    assert '"rating": "3"' in filed["versions"][0]["content"]


# -- B8


def block(id_: str, workspace: int, content: str, tag: str = "approved", name: str = "") -> dict[str, Any]:
    """A content block with its tags (§2.11)."""
    tags = [tag, f"workspace:{workspace}"]
    return {"id": f"cb-{id_}", "name": name or id_, "tags": tags, "fields": {"content": content}}


def test_b8_approved_material_is_a_document_with_versions(town: Town) -> None:
    """Stored with its category; a changed text is a version, an unchanged one nothing, a draft neither."""
    workspace = workspace_of(town, town.customer())["id"]
    braze = town.sandbox("braze")

    def shown(content: str, name: str = "footer") -> dict[str, Any]:
        approved = block("footer", workspace, content, name=name)
        braze.control("rows", content_blocks=[approved, block("draft", workspace, "x", "wip")])
        town.poll("braze")
        town.settle()
        (found,) = documents_in(town, workspace)
        return found

    first, again = shown("<p>one</p>"), shown("<p>one</p>")
    renamed, changed = shown("<p>one</p>", "footer of 2027"), shown("<p>two</p>", "footer of 2027")

    def category(found: dict[str, Any], attribute: int) -> Any:
        return found["categories"][CONTENT][f"{CONTENT}_{attribute}"]

    assert [one["content"] for one in first["versions"]] == ["<p>one</p>"]
    assert again == first
    assert len(renamed["versions"]) == 1  # its name is in the category, its text is the same
    assert [one["content"] for one in changed["versions"]] == ["<p>one</p>", "<p>two</p>"]
    assert [category(first, number) for number in (2, 3, 5)] == ["cb-footer", "footer", "retail-eu"]
    assert category(renamed, 3) == "footer of 2027"
    assert len({category(one, 4) for one in (first, renamed, changed)}) == 3  # the version that was approved


def test_b8_a_campaign_is_filed_as_its_messages(town: Town) -> None:
    """As JSON, addresses of images left as they are."""
    workspace = workspace_of(town, town.customer())["id"]
    messages = {"m-1": {"channel": "email", "subject": "Hi", "body": "<img src='https://img.example/a.png'>"}}
    tags = ["approved", f"workspace:{workspace}"]
    town.sandbox("braze").control(
        "rows", campaigns=[{"id": "ca-spring", "name": "Spring", "tags": tags, "fields": {"messages": messages}}]
    )
    town.poll("braze")
    town.settle()

    (filed,) = documents_in(town, workspace)
    assert (filed["name"], filed["mime_type"]) == ("campaign_asset ca-spring.json", "application/json")
    assert "https://img.example/a.png" in filed["versions"][0]["content"]


def test_b8_material_that_is_too_large_is_told_of(town: Town) -> None:
    """It does not travel in the event; somebody files it by hand."""
    workspace = workspace_of(town, town.customer())["id"]
    town.sandbox("braze").control("rows", content_blocks=[block("huge", workspace, "x" * 300_000)])
    town.poll("braze")
    town.settle()

    assert documents_in(town, workspace) == []
    filing = [one["alert_key"] for one in town.events(ALERTS, type="RAISED") if one["topic"] == "content-filing"]
    assert [key.split(":")[1] for key in filing] == ["cb-huge"]
