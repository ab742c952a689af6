"""Family N end to end: from what Exstream, upstream systems and Notifications send to what staff is told."""

from base64 import b64decode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from common.kafka.log_reader import LogReader
from sandbox.exstream.options import BROCHURE, FLOW_MODEL
from tests.support.exstream import SandboxExstream
from tests.support.exstream_poll import start
from tests.support.town import Town, running_town
from workers import customers
from workers.demo.site import secrets

BATCH, COMMUNICATION, CONTENT = "comms.batch.v1", "comms.communication.v1", "comms.content.v1"
ALERT, RECEIPT = "comms.alert.v1", "comms.receipt.v1"
REGULATORY, OVERDUE, LAPSE = (f"7d0e8f0a-58b5-4c0e-9f43-0c6a5c0f3b0{n}" for n in (1, 2, 3))
"""Communication ids of the demo's site (workers/demo/site/names/n.yaml)."""

PER_HOUR = 50
OPERATIONS = {"jane@acme.example", "bob@acme.example"}


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """The town of this file; what becomes of a message is known at once, and nobody is told of more than 50 an hour."""
    calm = {"sinks": {"notifications": {"per_hour": PER_HOUR}}}
    with running_town(tmp_path_factory.mktemp("town"), calm, {"notifications": {"step_s": 0.01}}) as one:
        yield one


@dataclass(frozen=True)
class Mail:
    """What one job told: its subject, its plain text, and whom."""

    subject: str
    text: str
    to: set[str]


def mails(town: Town, about: str, jobs: int = 1) -> list[Mail]:
    """The e-mails whose subject or reference holds a text, once there are so many."""
    return [_mail(one) for one in town.await_received("notifications", about, "/mra/v1/outbound/emails", jobs)]


def mailed(town: Town, about: str) -> list[Mail]:
    """The same, as it is now that everything is quiet."""
    town.settle()
    return [_mail(one) for one in town.sandbox("notifications").received(about, "/mra/v1/outbound/emails")]


def texted(town: Town, about: str) -> set[str]:
    """The numbers that got an SMS about something."""
    sent = town.sandbox("notifications").received(about, "/mra/v1/outbound/sms")
    return {each["sms"] for one in sent for each in one["body"]["destinations"]}


def _mail(request: Mapping[str, Any]) -> Mail:
    body = request["body"]
    (text,) = (b64decode(part["data"]).decode() for part in body["body"] if part["type"] == "text")
    to = {each["email"] for each in body["destinations"]}
    return Mail(body["options"]["email_options"]["subject"], text, to)


def now() -> str:
    """As senders write it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def told(town: Town, kind: str, **blocks: Any) -> None:
    """Exstream's page §6.4: what a site's output management posts beside Exstream's own events."""
    town.post("exstream-delivery", {"event_type": f"exstream.{kind}", "occurred_at": now(), **blocks})


def run(job: str, **more: Any) -> dict[str, Any]:
    """A run of statements."""
    return {"job_id": job, "doc_type": "statement", "volume": 120345, "channel": "email", "errors": 0, **more}


def cxi_mail(kind: str, communication: str, customer: str, document: str) -> dict[str, Any]:
    """Exstream's e-mail event of §6.1; it has no id of its own."""
    address = f"{customer.lower()}@example.com"
    heading = {"schemaVersion": "1.0", "schemaType": kind, "schemaSource": "Mail", "tenant": "5e2f8f6e"}
    user = {"CustomerId": customer, "CustomerEmail": address, "DocumentId": document}
    statistics = {
        "creationTime": now(),
        "emailProvider": "OpenText Notifications",
        "customerEmailId": address,
        "campaignId": "Mail",
        "domain": "letters",
        "communicationId": communication,
        "eventType": kind.rpartition("-")[2],
    }
    return {"expctr": heading, "user": user, "exstreamEmailStatistics": statistics}


def cxi_file(kind: str, communication: str, customer: str, document: str) -> dict[str, Any]:
    """Exstream's file-channel event of §6.1."""
    heading = {"schemaVersion": "1.0", "schemaType": kind, "schemaSource": "File", "tenant": "5e2f8f6e"}
    job = {
        "campaignId": "File",
        "communicationId": communication,
        "contentType": "application/pdf",
        "creationTime": now(),
        "domain": "letters",
        "status": "failed" if kind.endswith("-Failed") else "success",
    }
    return {
        "expctr": {**heading, "eventId": f"{document}:{kind}", "eventDate": now()},
        "exstreamJob": job,
        "user": {"CustomerId": customer, "DocumentId": document, "SYS_Title": "Letter"},
    }


def exstream(town: Town) -> SandboxExstream:
    """The sandbox with what people do there."""
    box = town.sandbox("exstream")
    return SandboxExstream(box.url, box.http)


# -- N1 -----------------------------------------------------------------------------------------


def test_n1_a_run_that_is_complete_is_told(town: Town) -> None:
    """Batch id, document type, volume, channel and status, to operations, print production and communications."""
    job = f"run-{town.customer()}"

    told(town, "batch.completed", batch=run(job))

    (mail,) = [one for one in mails(town, f"{job} of statement") if "complete" in one.subject]
    assert mail.subject == f"[INFO] Run {job} of statement is complete"
    assert mail.to == OPERATIONS | {"printer@acme.example", "writer@acme.example"}
    for fact in (f"Batch: {job}", "Document type: statement", "Volume: 120345", "Channel: EMAIL", "Status: completed"):
        assert fact in mail.text


def test_n1_a_run_that_failed_is_urgent(town: Town) -> None:
    """It goes by SMS, too, and again only as another run."""
    job = f"run-{town.customer()}"

    for _ in range(2):
        told(town, "batch.failed", batch=run(job, errors=7), event_id=f"{job}-{now()}")
    (mail,) = mailed(town, f"{job} of statement")

    assert mail.subject == f"[HIGH] Run {job} of statement has failed"
    assert "Documents that failed: 7" in mail.text
    assert texted(town, job) == {"0034666999999"}


def test_n1_exstream_itself_is_asked(town: Town) -> None:
    """The poller's run: volume of the manifests, channel of the output steps."""
    job = start(exstream(town), "Statements")
    exstream(town).set_clock(advance_s=10)

    town.poll("exstream")

    (mail,) = mails(town, f"{job} of statement")
    assert {"Volume: 240690", "Channel: EMAIL"} <= set(mail.text.splitlines())


def test_n1_other_runs_are_not_told(town: Town) -> None:
    """Statements, policies, invoices, regulatory letters: what else there is stands in the settings."""
    job = f"run-{town.customer()}"

    told(town, "batch.completed", batch=run(job, doc_type="newsletter"))

    assert [one.subject for one in mailed(town, job)] == [f"[INFO] Run {job}: delivery completed"]


# -- N2 -----------------------------------------------------------------------------------------


def test_n2_a_mail_that_was_not_delivered_needs_somebody(town: Town) -> None:
    """Customer, communication, reason, and what to do next by the settings' table; once for a document."""
    customer = town.customer()

    for kind in ("Exstream-Email-NDLV", "Exstream-Email-Failed"):
        town.post("exstream", cxi_mail(kind, REGULATORY, customer, f"d-{customer}"))
    (mail,) = mailed(town, customer)

    assert mail.subject == f"[MEDIUM] regulatory_letter did not reach customer {customer}"
    assert mail.to == {"service@acme.example"}
    lines = mail.text.splitlines()
    assert {f"Customer: {customer}", f"Communication: regulatory_letter (d-{customer})", "Reason: NDLV"} <= set(lines)
    assert lines[-1] == "Next: Ask the customer for an e-mail address that works, and send it by post meanwhile."
    assert f"{customer.lower()}@example.com" not in mail.text


def test_n2_the_back_office_hears_of_invoices(town: Town) -> None:
    """Who hears is a table, too; a next action that the source names comes first."""
    customer = town.customer()

    delivery = {"channel": "sms", "reason": "no such number", "next_action": "Reprint it."}
    about = {"communication": {"id": "c-1", "doc_type": "invoice"}, "recipient": {"customer_id": customer}}
    told(town, "delivery.failed", delivery=delivery, **about)

    (mail,) = mails(town, customer)
    assert mail.to == {"ops@acme.example"}
    assert mail.text.rstrip().endswith("Next: Reprint it.")


def test_n2_the_portal_fails_as_mail_does_and_print_is_not_told(town: Town) -> None:
    """E-mail, web and mobile: a letter that was not printed is the run's trouble (N1)."""
    web, printed = town.customer(), town.customer()

    town.post("exstream", cxi_file("Exstream-CustomerPortal-Failed", REGULATORY, web, f"d-{web}"))
    town.post("exstream", cxi_file("Exstream-LetterShop-Failed", REGULATORY, printed, f"d-{printed}"))

    (mail,) = mails(town, web)
    assert "Channel: WEB" in mail.text
    assert mailed(town, printed) == []


# -- N3 -----------------------------------------------------------------------------------------


def test_n3_reviewers_get_a_task_with_a_link(town: Town) -> None:
    """Legal by the document type, and the reviewers that the source names; each submission is a task of its own."""
    design = f"design-{town.customer()}"
    communication = {
        "id": design, "name": "Cancellation terms", "version": "3", "type": "clause_library", "doc_type": "policy",
        "reviewers": ["eve"],
    }  # fmt: skip

    told(town, "content.submitted", communication=communication)
    (mail,) = mails(town, design)
    told(town, "content.submitted", communication=communication)

    assert mail.subject == f"[MEDIUM] For review: Cancellation terms (clause_library {design})"
    assert mail.to == {"lawyer@acme.example", "eve@acme.example"}
    assert mail.text.rstrip().endswith(f"Review it: https://exstream.example.com/design/resources/{design}")
    assert len(mails(town, design, jobs=2)) == 2


def test_n3_n6_exstreams_own_approval_is_followed(town: Town) -> None:
    """The poller sees REVIEW, then APPROVED: the business owner reviews, business users hear of the approval."""
    town.poll("exstream")
    for state in ("REVIEW", "APPROVED"):
        exstream(town).set_clock(advance_s=2)
        exstream(town).templates(product_brochure=state)
        town.poll("exstream")

    (review,), (approved,) = mails(town, "For review: product_brochure"), mails(town, "Approved: product_brochure")
    assert (review.to, approved.to) == ({"owner@acme.example"}, {"owner@acme.example"})
    assert f"/resources/{BROCHURE}" in review.text
    assert "Approved by: designer" in approved.text


# -- N4 -----------------------------------------------------------------------------------------


def test_n4_an_overdue_reminder_goes_to_collections(town: Town) -> None:
    """When the letter was made, with the priority of its type; once, whatever its channels."""
    customer = town.customer()

    generated = cxi_file("Exstream-Generated", OVERDUE, customer, f"d-{customer}")
    for number in range(2):
        again = {**generated, "expctr": {**generated["expctr"], "eventId": f"{customer}-{number}"}}
        town.post("exstream", again)
    (mail,) = mailed(town, customer)

    assert mail.subject == f"[MEDIUM] overdue_reminder for customer {customer}"
    assert mail.to == {"collector@acme.example", "supervisor@acme.example"}
    assert texted(town, customer) == set()


def test_n4_the_account_manager_hears_of_a_lapse(town: Town) -> None:
    """As the customer store knows them; a lapse warning is urgent."""
    customer = town.customer()
    profile = {"type": "CHANGED", "customer": {"customer_id": customer}, "account_manager": "manager"}
    town.publish("comms.profile.v1", profile)
    town.settle()

    town.post("exstream", cxi_file("Exstream-Generated", LAPSE, customer, f"d-{customer}"))
    (mail,) = mailed(town, customer)

    assert mail.subject == f"[HIGH] lapse_warning for customer {customer}"
    assert mail.to == {"manager@acme.example", "supervisor@acme.example"}
    assert texted(town, customer) == {"00491701234569", "00491701234570"}


def test_n4_other_letters_alarm_nobody(town: Town) -> None:
    """A regulatory letter is made without any alert."""
    customer = town.customer()

    town.post("exstream", cxi_file("Exstream-Generated", REGULATORY, customer, f"d-{customer}"))

    assert mailed(town, customer) == []


# -- N5 -----------------------------------------------------------------------------------------


def test_n5_an_update_is_told_in_its_regions(town: Town) -> None:
    """Marketing, compliance, operations, one audience for each region; a version once, however often saved."""
    design = f"design-{town.customer()}"
    communication = {
        "id": design, "name": "Data clauses", "version": "4", "type": "clause_library", "regions": ["DE", "AT", "FR"],
    }  # fmt: skip

    for _ in range(3):
        told(town, "content.draft_created", communication=communication)
    (mail,) = mailed(town, design)

    staff = {"writer@acme.example", "lawyer@acme.example"} | OPERATIONS
    assert mail.subject == f"[INFO] Updated: Data clauses (clause_library {design})"
    assert mail.to == staff | {"eve@acme.example", "berlin@acme.example", "vienna@acme.example"}
    (alert,) = [one for one in town.events(ALERT, type="RAISED") if design in one["title"]]
    (receipt,) = town.events(RECEIPT, delivery_event_id=alert["event_id"], flow="N7-notify")
    assert receipt["vendor_ids"]["unknown"] == "region:FR"


def test_n5_a_flow_model_that_is_published_is_told(town: Town) -> None:
    """From then on runs are made by it; what was published before is no news."""
    town.poll("exstream")
    version = exstream(town).publish(FLOW_MODEL)

    town.poll("exstream")

    (mail,) = mails(town, f"Published: flow-{FLOW_MODEL[-4:]}")
    assert f"Version: {version}" in mail.text


def test_n5_braze_content_is_not_exstreams(town: Town) -> None:
    """The topic has material of other systems, which N5 and N6 leave to their flows."""
    block = f"block-{town.customer()}"
    for kind in ("UPDATED", "APPROVED"):
        event = {"type": kind, "content_id": block, "content_name": block, "content_type": "content_block"}
        town.publish(CONTENT, {**event, "version": "1"})

    assert mailed(town, block) == []


# -- N6 -----------------------------------------------------------------------------------------


def test_n6_each_status_of_a_run_goes_to_its_people(town: Town) -> None:
    """Production support while it is made, the service desk and business users from its release on."""
    job = f"run-{town.customer()}"

    for kind in ("queued", "output_generated", "print_released", "completed"):
        told(town, f"batch.{kind}", batch=run(job, doc_type="newsletter", channel="print"))
    found = mailed(town, job)

    desk = {"desk@acme.example", "owner@acme.example"}
    assert {one.subject: one.to for one in found} == {
        f"[INFO] Run {job} is queued": {"ops@acme.example"},
        f"[INFO] Run {job}: output generated": {"ops@acme.example"},
        f"[INFO] Run {job}: print file released": desk,
        f"[INFO] Run {job}: delivery completed": desk,
    }


def test_n6_a_million_documents_are_not_a_million_mails(town: Town) -> None:
    """Delivery completed is told of the run; its documents' deliveries are not."""
    job, customer = f"run-{town.customer()}", town.customer()

    for number in range(20):
        delivered = {"id": f"{job}-{number}"}
        communication = {"id": "c-1", "doc_type": "invoice"}
        recipient = {"customer_id": f"{customer}-{number}"}
        told(
            town, "delivery.delivered", batch={"job_id": job}, document=delivered, communication=communication,
            recipient=recipient, delivery={"channel": "email"},
        )  # fmt: skip
    told(town, "batch.completed", batch=run(job, doc_type="newsletter"))

    assert len(mailed(town, job)) == 1
    assert len([one for one in town.events(COMMUNICATION, type="DELIVERED") if one["job_id"] == job]) == 20


# -- N7 -----------------------------------------------------------------------------------------


def raised(key: str, audience: str = "user:desk", **more: Any) -> dict[str, Any]:
    """An alert of any service."""
    return {"type": "RAISED", "alert_key": key, "topic": "disk", "title": f"Disk {key}", "audience": [audience], **more}


def test_n7_one_key_is_one_alert_whoever_raises_it(town: Town) -> None:
    """Two services see the same disk: one mail, and one hand-over to the site's own system."""
    key = f"disk-{town.customer()}"

    for service in ("a", "b"):
        town.publish(ALERT, raised(key, attributes={"service": service}))
    (mail,) = mailed(town, f"Disk {key}")

    assert (mail.subject, mail.to) == (f"[MEDIUM] Disk {key}", {"desk@acme.example"})
    (handed,) = town.sandbox("notifications").received(key, "/api/v1/notifications")
    assert handed["body"]["dedupe_key"] == key
    told_twice = [one["reason"] for one in town.events(RECEIPT, flow="N7-notify", verdict="SUPPRESSED")]
    assert "DUPLICATE" in [each.upper() for each in told_twice]


@pytest.mark.parametrize(
    ("severity", "texts"),
    [("INFO", set()), ("MEDIUM", set()), ("HIGH", {"00491701234567"}), ("CRITICAL", {"00491701234567"})],
)
def test_n7_severity_chooses_the_way(town: Town, severity: str, texts: set[str]) -> None:
    """SMS from HIGH on, and the severity stands in front."""
    key = f"disk-{town.customer()}"

    town.publish(ALERT, raised(key, "user:eve", severity=severity))
    (mail,) = mailed(town, f"Disk {key}")

    assert mail.subject == f"[{severity}] Disk {key}"
    assert texted(town, f"Disk {key}") == texts


def test_n7_an_alert_that_is_over_is_not_told(town: Town) -> None:
    """Suppressed as expired, with a receipt of each way."""
    key = f"disk-{town.customer()}"
    over = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()

    answer = town.publish(ALERT, raised(key, expires_at=over))

    assert mailed(town, key) == []
    receipts = town.events(RECEIPT, delivery_event_id=answer["event_id"])
    assert {(one["flow"], one["verdict"], one["reason"]) for one in receipts} == {
        ("N7-notify", "SUPPRESSED", "expired"),
        ("N7-hand-over", "SUPPRESSED", "expired"),
    }


def alert_of(town: Town, key: str, **state: Any) -> dict[str, Any]:
    """The alert as `show alerts` lists it, once it is so."""

    def found() -> dict[str, Any] | None:
        rows = customers.alerts(town.settings, False, 1000)
        return next((row for row in rows if row["alert_key"] == key and state.items() <= row.items()), None)

    row = town.eventually(found, f"the alert {key} with {state}")
    assert row is not None
    return row


def status_of(town: Town, about: str) -> dict[str, Any]:
    """What the platform says of the e-mail job about something: the payload that it posts, too (§4, §5)."""
    box = town.sandbox("notifications")
    (request,) = box.received(about, "/mra/v1/outbound/emails")
    message_id = request["body"]["options"]["message_id"]
    jobs = {one["message_id"]: one["job_id"] for sent in box.state()["inbox"].values() for one in sent}
    address = f"/mra/v1/outbound/emails/status?job_id={jobs[message_id]}"
    answer = box.http.get(address, auth=(secrets.MESSAGING_USER, secrets.MESSAGING_PASSWORD))
    return dict(answer.raise_for_status().json())


def test_n7_what_became_of_an_alert_comes_back_to_it(town: Town) -> None:
    """Sent and bounced are facts of the alert, told once; they are no failed communication, and raise nothing."""
    key = f"disk-{town.customer()}"
    town.publish(ALERT, raised(key, "user:bounce"))
    mails(town, f"Disk {key}")
    status = town.eventually(lambda: _ended(status_of(town, f"Disk {key}")), "the job has ended")

    for _ in range(3):
        town.post("notifications", status)
    row = alert_of(town, key, outcomes={"sent": 1, "bounced": 1})
    town.settle()

    assert (row["state"], row["severity"]) == ("RAISED", None)
    outcomes = town.events(ALERT, alert_key=key, type="OUTCOME")
    assert {one["recipient_ref"] for one in outcomes} == {"u:bounce"}
    assert [one for one in town.events(COMMUNICATION) if key in str(one)] == []
    assert len(mailed(town, key)) == 1


def _ended(status: dict[str, Any]) -> dict[str, Any] | None:
    return status if status["deliveries"][0]["delivery_attempts"] else None


def test_n7_acknowledged_and_resolved(town: Town) -> None:
    """Who dealt with it, in the site's own system; nobody is mailed of that, and `show alerts --open` forgets it."""
    key = f"disk-{town.customer()}"
    town.publish(ALERT, raised(key))
    mails(town, f"Disk {key}")

    acknowledged = {"event_id": key, "externalId": "n-1", "action": "acknowledged", "actor": "jdoe", "dedupe_key": key}
    town.post("notifications", {**acknowledged, "at": now()})
    alert_of(town, key, state="ACKNOWLEDGED")
    town.publish(ALERT, {"type": "RESOLVED", "alert_key": key})
    alert_of(town, key, state="RESOLVED")

    assert key not in {row["alert_key"] for row in customers.alerts(town.settings, True, 1000)}
    assert len(mailed(town, f"Disk {key}")) == 1


def test_n1_n7_a_run_and_what_became_of_its_alert_are_one_line(town: Town) -> None:
    """The alert that commfleet raised itself carries its key to the platform and back."""
    job = f"run-{town.customer()}"
    told(town, "batch.failed", batch=run(job))
    mails(town, f"{job} of statement")
    status = town.eventually(lambda: _ended(status_of(town, f"{job} of statement")), "the job has ended")

    town.post("notifications", status)

    row = alert_of(town, f"batch:{job}:{job}:failed", outcomes={"sent": 4})
    assert (row["topic"], row["severity"]) == ("batch.failed", "HIGH")


def test_no_alert_of_the_town_needed_a_person(town: Town) -> None:
    """Every audience was somebody, every message could be made."""
    town.settle()

    assert town.letters("notifications") == []


def test_n7_who_was_told_too_often_waits_but_for_what_is_critical(town: Town) -> None:
    """The last test: what waits for an hour is parked, and the town is not quiet any more."""
    flood = f"flood-{town.customer()}-"
    for number in range(PER_HOUR):
        town.publish(ALERT, raised(f"{flood}{number}", "user:night"))
    mails(town, flood, PER_HOUR)

    town.publish(ALERT, raised(f"{flood}late", "user:night"))
    parked = town.eventually(lambda: _parked(town, f"{flood}late"), "the alert is parked")
    town.publish(ALERT, raised(f"{flood}critical", "user:night", severity="CRITICAL"))

    (critical,) = mails(town, f"Disk {flood}critical")
    assert critical.to == {"night@acme.example"}
    assert "N7-notify" in parked
    assert town.sandbox("notifications").received(f"Disk {flood}late", "/mra/v1/outbound/emails") == []


def _parked(town: Town, key: str) -> set[str]:
    """The flows of which a delivery of this key waits on the retry topic."""
    records = LogReader(town.settings.kafka.client()).records("comms.retry.notifications.main.v1")
    here = [dict(record.headers) for record in records if record.key == key.encode()]
    return {(headers.get("retry.flow") or b"").decode() for headers in here}
