"""Family M, Exstream and Marketo: from the source's own signal to what the vendors hold in the end."""

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from sandbox.exstream.options import BROCHURE
from tests.support.family_m import (
    CANCELLATION,
    EMAIL_OPEN,
    POLICY_NOTICE,
    PREMIUM,
    SCORE,
    STATEMENT,
    WELCOME,
    Marketo,
    form,
    mail,
    printed,
)
from tests.support.town import Town, running_town
from workers import consent_command, customers
from workers.consent.export import Format
from workers.store_command import reader

CONSENT, ALERT, RECEIPT = "comms.consent.v1", "comms.alert.v1", "comms.receipt.v1"
NOTICE = "comms.communication.v1"

pytestmark = pytest.mark.xdist_group("town-m")  # one town for the file


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """The whole site, and a directory channel of Exstream."""
    folder, channel = tmp_path_factory.mktemp("town"), tmp_path_factory.mktemp("channel")
    more = {"sinks": {"exstream": {"feed": {"directory": str(channel), "format": "json"}}}}
    with running_town(folder, more, {"exstream": {"input_directory": str(channel)}}) as one:
        yield one


@pytest.fixture
def marketo(town: Town) -> Marketo:
    """The town's subscription."""
    return Marketo(town)


@pytest.fixture
def customer(town: Town) -> str:
    """A customer of one's own, who agreed to everything, with a name and an address."""
    return agreeing(town)


def agreeing(town: Town, **profile: Any) -> str:
    """A customer who agreed to everything; `profile` is what is known of them."""
    one = town.customer()
    address = {"first_name": "Ada", "last_name": "Moreno", "email": f"{one}@example.com"}
    known = {"customer_id": one, **address, "postal_address": "1 Main Street\nSpringfield"}
    town.publish("comms.profile.v1", {"type": "CHANGED", "source": "crm", "customer": known, **profile})
    wish(town, one, kind="CONSENT", state="OPTED_IN")
    town.settle()
    return one


def wish(town: Town, customer: str, **fields: Any) -> None:
    """What a customer said at the site's preference centre."""
    at = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    told = {"type": "CHANGED", "source": "preference-centre", "effective_at": at, "evidence": "EXPLICIT"}
    town.publish("comms.preference.v1", {**told, "customer": {"customer_id": customer}, **fields})


def letters(town: Town, customer: str) -> list[dict[str, Any]]:
    """The driver data of what Exstream generated for a customer, in order; XML as its text."""
    state = town.sandbox("exstream").state()
    started = [job["input"] for job in state["jobs"].values()]
    found = [{"communication": each["communication"], "data": each["data"]} for each in state["sent"]]
    found += [{"communication": "service", "data": json.loads(text)} for text in started]
    return [each for each in found if customer in json.dumps(each["data"])]


def suppressed(town: Town, customer: str) -> list[tuple[str, str]]:
    """The flows that did not act for a customer, and why."""
    receipts = town.events(RECEIPT, customer, verdict="SUPPRESSED")
    return [(each["flow"], each["reason"]) for each in receipts]


# M1


def test_m1_a_form_brings_a_brochure(town: Town, customer: str) -> None:
    """Generated from the approved template, with name, address and the channel that consent allows."""
    town.post("marketo", form(customer, "brochure-request"))

    (letter,) = town.eventually(lambda: letters(town, customer), "a brochure")

    assert letter["communication"] == "product_brochure"
    assert letter["data"]["Name"] == {"First": "Ada", "Last": "Moreno"}
    assert letter["data"]["Address"] == "1 Main Street\nSpringfield"
    assert (letter["data"]["DeliveryPreference"], letter["data"]["Offer"]) == ("EMAIL", "standard")


@pytest.mark.parametrize(
    ("name", "kind"),
    [("renewal-question", "renewal_reminder"), ("onboarding-start", "service"), ("service-question", "service")],
)
def test_m1_each_form_brings_its_own_communication(town: Town, customer: str, name: str, kind: str) -> None:
    """Which form asks for which is a setting; a renewal is generated, a letter is started as a service."""
    town.post("marketo", form(customer, name))

    (letter,) = town.eventually(lambda: letters(town, customer), f"what {name} asks for")

    assert letter["communication"] == kind


def test_m1_a_template_that_is_not_approved_is_waited_for(town: Town, customer: str) -> None:
    """The action is held, nobody is dead-lettered, and the letter goes out once somebody approves it."""
    exstream = town.sandbox("exstream")
    exstream.control("templates", **{BROCHURE: "DRAFT"})
    try:
        town.post("marketo", form(customer, "brochure-request"))
        town.eventually(lambda: exstream.received(customer, accepted=False), "a first try")
        assert letters(town, customer) == []
    finally:
        exstream.control("templates", **{BROCHURE: "APPROVED"})

    town.eventually(lambda: letters(town, customer), "the letter, approved")
    assert town.letters("exstream") == []


def test_m1_an_opened_mail_and_a_score_that_gets_there_bring_one_brochure(
    town: Town, marketo: Marketo, customer: str
) -> None:
    """Both are read from the activity log; nobody gets two within the time that is set."""
    marketo.lead(customer)
    marketo.did(customer, EMAIL_OPEN, "Spring-offer")
    marketo.did(customer, SCORE, "Lead Score", **{"New Value": "85", "Old Value": "70"})
    town.poll("marketo")

    town.eventually(lambda: letters(town, customer), "a brochure")
    town.settle()

    assert len(letters(town, customer)) == 1


def test_m1_what_a_machine_opens_or_nobody_listed_brings_nothing(town: Town, marketo: Marketo, customer: str) -> None:
    """The list and the machine's mark keep our own letters from answering themselves."""
    marketo.lead(customer)
    marketo.did(customer, EMAIL_OPEN, "Spring-offer", **{"Is Bot Activity": "true"})
    marketo.did(customer, EMAIL_OPEN, "A-campaign-of-M2")
    town.poll("marketo")
    town.settle()

    assert letters(town, customer) == []


def test_m1_our_own_letter_comes_back_and_nothing_follows(town: Town, marketo: Marketo, customer: str) -> None:
    """Exstream tells what became of it, Marketo of what is not listed; the form counts again after a month."""
    lead = marketo.lead(customer)
    once, again = form(customer, "brochure-request"), form(customer, "brochure-request", later_s=0.5)
    town.post("marketo", once)
    town.eventually(lambda: letters(town, customer), "a brochure")

    for kind in ("Submit", "POST", "OPEN"):
        town.post("exstream", mail(kind, customer, BROCHURE, f"D-{customer}", DeliveryPreference="EMAIL"))
    marketo.did(customer, EMAIL_OPEN, "What-a-campaign-sent")
    town.poll("marketo")
    town.post("marketo", again)
    town.settle()
    assert (len(letters(town, customer)), marketo.runs(lead)) == (1, [])

    town.days(31)
    town.post("marketo", form(customer, "brochure-request"))
    town.eventually(lambda: len(letters(town, customer)) == 2, "another brochure, a month later")


def test_m1_nobody_is_written_to_who_forbids_every_channel(town: Town, customer: str) -> None:
    """Suppressed, and said so in a receipt."""
    wish(town, customer, kind="SUPPRESSION", state="ON")
    town.settle()

    town.post("marketo", form(customer, "brochure-request"))
    town.settle()

    assert ("M1-brochure", "consent") in suppressed(town, customer)
    assert letters(town, customer) == []


# M2


def test_m2_a_delivered_statement_is_an_activity_and_a_campaign(town: Town, marketo: Marketo, customer: str) -> None:
    """Details travel in the activity, tokens are the same for many leads."""
    lead = marketo.lead(customer)

    town.post("exstream", mail("POST", customer, STATEMENT, "D-m2"))
    town.eventually(lambda: marketo.activities(lead) and marketo.runs(lead), "an activity and a campaign")

    (activity,) = marketo.activities(lead)
    assert activity.items() >= {"status": "DELIVERED", "channel": "EMAIL", "documentId": "D-m2"}.items()
    assert activity["eventId"]
    assert marketo.runs(lead) == [3720]
    assert marketo.tokens(lead) == [{"{{my.document_type}}": "statement", "{{my.channel}}": "EMAIL"}]


def test_m2_a_policy_notice_that_is_declined_asks_for_retention(town: Town, marketo: Marketo, customer: str) -> None:
    """The answer comes from upstream; a document type may have a campaign of its own."""
    lead = marketo.lead(customer)
    town.post("exstream", mail("POST", customer, POLICY_NOTICE, "D-m2b"))
    town.eventually(lambda: marketo.runs(lead), "the campaign of the notice")

    answer = {"type": "RESPONDED", "source": "call-centre", "customer": {"customer_id": customer}}
    document = {"document_id": "D-m2b", "document_type": "policy_notice", "response": {"kind": "declined"}}
    town.publish(NOTICE, {**answer, **document})
    town.eventually(lambda: len(marketo.runs(lead)) > 1, "the retention campaign")

    assert marketo.runs(lead) == [3721, 3722]
    assert [each.get("response") for each in marketo.activities(lead)] == [None, "declined"]


# M3


def test_m3_a_wish_is_written_to_marketo_and_into_the_feed(town: Town, marketo: Marketo, customer: str) -> None:
    """The lead's fields change where they differ, and each decision is a record for runs that we do not start."""
    marketo.lead(customer)
    wish(town, customer, kind="PAPERLESS", state="ON")
    wish(town, customer, kind="PREFERRED_CHANNEL", preferred_channel="WEB")

    town.eventually(lambda: marketo.now(customer).get("preferredChannel") == "WEB", "the preferred channel")
    town.eventually(lambda: marketo.now(customer).get("paperless"), "paperless")
    town.settle()

    files = town.sandbox("exstream").state()["files"]
    records = [json.loads(line) for name in sorted(files) for line in files[name].splitlines()]
    mine = [each for each in records if each["customer_id"] == customer]
    assert {"PAPERLESS", "PREFERRED_CHANNEL", "CONSENT"} == {each["kind"] for each in mine}


def test_m3_later_letters_go_by_the_channel_that_is_wanted(town: Town, customer: str) -> None:
    """And say so in their driver data."""
    wish(town, customer, kind="PREFERRED_CHANNEL", preferred_channel="PRINT")
    town.settle()

    town.post("marketo", form(customer, "service-question"))
    (letter,) = town.eventually(lambda: letters(town, customer), "a letter")

    assert letter["data"]["DeliveryPreference"] == "PRINT"


def test_m3_an_unsubscription_at_marketo_counts_everywhere(town: Town, marketo: Marketo, customer: str) -> None:
    """Read from the lead's changes, decided, and kept at the next letter."""
    marketo.lead(customer)
    marketo.lead(customer, unsubscribed=True)
    town.poll("marketo")
    town.await_events(CONSENT, customer, channel="EMAIL", purpose="MARKETING", state="OPTED_OUT")
    town.settle()

    town.post("marketo", form(customer, "brochure-request"))
    (letter,) = town.eventually(lambda: letters(town, customer), "a letter by another channel")

    assert letter["data"]["DeliveryPreference"] == "PRINT"


def test_m3_our_own_write_comes_back_and_nothing_follows(town: Town, marketo: Marketo, customer: str) -> None:
    """Marketo reports what we wrote, Exstream repeats the channel in each event: no decision, no write, no letter."""
    lead = marketo.lead(customer)
    wish(town, customer, kind="CONSENT", channel="EMAIL", purpose="MARKETING", state="OPTED_OUT")
    town.eventually(lambda: marketo.now(customer)["unsubscribed"], "the lead is unsubscribed")
    town.settle()
    decided = len(town.events(CONSENT, customer))

    for _ in range(3):
        town.poll("marketo")
        town.settle()

    reports = town.events("comms.preference.v1", customer, source="marketo")
    assert reports, "the poller has seen our own write"
    assert len(town.events(CONSENT, customer)) == decided
    assert marketo.runs(lead) == []


def test_m3_an_observed_preference_never_overrides_an_explicit_one(town: Town, customer: str) -> None:
    """`DeliveryPreference` stands in every event of Exstream."""
    wish(town, customer, kind="PREFERRED_CHANNEL", preferred_channel="PRINT")
    town.settle()

    town.post("exstream", mail("POST", customer, STATEMENT, "D-m3", DeliveryPreference="email"))
    town.settle()

    assert [each["preferred_channel"] for each in town.events(CONSENT, customer, kind="PREFERRED_CHANNEL")] == ["PRINT"]


def test_m3_everybodys_consent_is_exported(town: Town, customer: str) -> None:
    """A line a customer, for runs that we do not start."""
    wish(town, customer, kind="PAPERLESS", state="ON")
    town.settle()
    out = io.BytesIO()

    consent_command.export(town.settings, Format.CSV, out)

    lines = out.getvalue().decode().splitlines()
    assert f'"{customer}","","EMAIL WEB SMS PUSH","EMAIL WEB SMS PUSH","EMAIL WEB SMS PUSH"' in lines


# M4


def test_m4_a_completed_welcome_letter_starts_the_onboarding_of_type_and_product(town: Town, marketo: Marketo) -> None:
    """Once for the document, whatever its channels; the type is the profile's, the product the event's."""
    customer = agreeing(town, customer_type="business")
    lead = marketo.lead(customer)

    town.post("exstream", mail("POST", customer, WELCOME, f"D-{customer}", Product="loan"))
    town.post("exstream", printed(customer, WELCOME, f"D-{customer}"))
    town.eventually(lambda: marketo.runs(lead), "an onboarding campaign")
    town.settle()

    assert marketo.runs(lead) == [3714]


def test_m4_who_has_no_campaign_of_their_own_gets_the_general_one(town: Town, marketo: Marketo, customer: str) -> None:
    """Neither type nor product is known."""
    lead = marketo.lead(customer)

    town.post("exstream", mail("POST", customer, WELCOME, f"D-{customer}"))
    town.eventually(lambda: marketo.runs(lead), "an onboarding campaign")

    assert marketo.runs(lead) == [3712]


# M5


def test_m5_a_premium_notice_that_nobody_answers_is_escalated(town: Town, marketo: Marketo) -> None:
    """Retention workflow at once, reminder, offer, then an alert; an open is no answer."""
    customer = agreeing(town, account_manager="jane")
    lead = marketo.lead(customer)
    document = f"D-{customer}"

    told = [mail("POST", customer, PREMIUM, document), printed(customer, PREMIUM, document)]
    for each in (*told, mail("OPEN", customer, PREMIUM, document)):
        town.post("exstream", each)
    town.days(14.5)

    assert marketo.runs(lead) == [3730, 3732, 3733]
    (alert,) = town.events(ALERT, alert_key=f"no-response:{document}", type="RAISED")
    assert (alert["severity"], sorted(alert["audience"])) == ("HIGH", ["role:retention", "user:jane"])


def test_m5_an_answer_ends_it(town: Town, marketo: Marketo, customer: str) -> None:
    """Nobody is reminded of what they answered; sources are out of order, and here the answer is read first."""
    lead = marketo.lead(customer)
    who, document = {"customer_id": customer}, {"document_id": f"D-{customer}", "document_type": "premium_notice"}
    soon = (datetime.now(UTC) + timedelta(seconds=10)).isoformat()

    answer = {"type": "RESPONDED", "source": "billing", "customer": who, "occurred_at": soon}
    town.publish(NOTICE, {**answer, **document, "response": {"kind": "paid"}})
    town.settle()
    town.post("exstream", mail("POST", customer, PREMIUM, f"D-{customer}"))
    town.days(15)

    assert marketo.runs(lead) == [3730]
    assert town.events(ALERT, alert_key=f"no-response:D-{customer}") == []


# M6


def test_m6_a_prospect_of_high_value_gets_the_premium_offer_and_nothing_else(town: Town, marketo: Marketo) -> None:
    """Stage, interest and score are the lead's; one choice, so nobody gets two."""
    customer = agreeing(town)
    marketo.lead(customer)
    marketo.lead(customer, lifecycleStage="prospect", productInterest="savings")
    town.poll("marketo")
    town.settle()

    marketo.did(customer, SCORE, "Lead Score", **{"New Value": "92", "Old Value": "70"})
    town.poll("marketo")

    town.eventually(lambda: letters(town, customer), "an offer")
    town.settle()

    (letter,) = letters(town, customer)
    assert (letter["data"]["Offer"], letter["data"]["Tone"]) == ("premium", "personal")
    assert (letter["data"]["Stage"], letter["data"]["Product"]) == ("prospect", "savings")


def test_m6_who_is_a_customer_gets_a_message_about_service(town: Town) -> None:
    """Instead of a brochure."""
    customer = agreeing(town, lifecycle_stage="customer")

    town.post("marketo", form(customer, "brochure-request"))
    (letter,) = town.eventually(lambda: letters(town, customer), "a message")

    assert (letter["communication"], letter["data"]["Offer"]) == ("service", "service")


# M7


def test_m7_a_cancellation_is_followed_up_by_its_risk(town: Town, marketo: Marketo) -> None:
    """Campaign, save list and an urgent alert, once for the document; the event's level counts first."""
    customer = agreeing(town, risk_level="low", account_manager="bob")
    lead = marketo.lead(customer)
    document = f"D-{customer}"

    town.post("exstream", mail("Submit", customer, CANCELLATION, document, RiskLevel="high"))
    town.post("exstream", printed(customer, CANCELLATION, document))
    town.await_events(ALERT, alert_key=f"at-risk:{document}", type="RAISED")
    town.settle()

    assert marketo.runs(lead) == [3741]
    assert lead in marketo.members(1001)
    (alert,) = town.events(ALERT, alert_key=f"at-risk:{document}", type="RAISED")
    assert (alert["severity"], sorted(alert["audience"])) == ("HIGH", ["role:retention", "role:service", "user:bob"])


def test_m7_without_a_level_of_its_own_the_profiles_counts(town: Town, marketo: Marketo) -> None:
    """The alert is not urgent then."""
    customer = agreeing(town, risk_level="low")
    lead = marketo.lead(customer)
    document = f"D-{customer}"

    town.post("exstream", mail("Submit", customer, CANCELLATION, document))
    town.await_events(ALERT, alert_key=f"at-risk:{document}", type="RAISED")
    town.settle()

    assert marketo.runs(lead) == [3742]
    assert town.events(ALERT, alert_key=f"at-risk:{document}")[0]["severity"] == "MEDIUM"


# M8


def test_m8_marketo_keeps_the_life_of_a_document(town: Town, marketo: Marketo, customer: str) -> None:
    """One record a document, a field a status, in whatever order they come."""
    marketo.lead(customer)
    document = f"D-{customer}"

    for kind in ("OPEN", "POST", "Submit"):
        town.post("exstream", mail(kind, customer, STATEMENT, document))
    town.settle()

    (record,) = marketo.documents(customer)
    assert (record["documentId"], record["documentType"], record["channel"]) == (document, "statement", "EMAIL")
    assert {"sentAt", "deliveredAt", "openedAt"} <= {name for name, value in record.items() if value}


def test_m8_what_a_customer_was_sent_and_how_they_answered_can_be_asked(town: Town, customer: str) -> None:
    """`show customer`, `show report` and the view: which message drove the answer, and how that is known."""
    document = f"D-{customer}"
    town.post("exstream", mail("POST", customer, PREMIUM, document))
    town.post("marketo", form(customer, "unlisted"))
    town.settle()

    found = customers.everything(town.settings, customer, reveal=False)
    report = customers.report(town.settings, datetime.now(UTC) - timedelta(days=1))

    with reader(town.settings) as database, database.reading() as connection:
        by_hand = text("SELECT * FROM communication_outcomes WHERE customer_id = :customer AND message = :message")
        (row,) = connection.execute(by_hand, {"customer": customer, "message": f"document:{document}"}).mappings()

    (outcome,) = [each for each in found["outcomes"] if each["message"] == f"document:{document}"]
    assert outcome["delivered_at"]
    assert (row["document_type"], row["delivered_at"] is None) == ("premium_notice", False)
    assert any(each.get("how") == "last_touch" for each in found["responses"])
    assert "premium_notice" in {each["document_type"] for each in report}
