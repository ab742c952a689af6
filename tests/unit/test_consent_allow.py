"""Whether somebody may be contacted: purposes, channels, addresses, the stricter of two."""

from datetime import UTC, datetime

import pytest

from common.store.look_ups import Known, Who
from common.store.times import SECOND_US
from common.store.values import Evidence, Scope
from workers.consent.allow import Consent
from workers.consent.config import Basis, ConsentSettings, PurposeRule, PurposesSettings
from workers.consent.freshness import stale_because

HOUR_US = 3600 * SECOND_US
CONSENT = Consent(ConsentSettings())
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def said(
    state: str, *, kind: str = "CONSENT", channel: str = "", purpose: str = "", at_h: int = 0, subject: str = "c:C"
) -> Evidence:
    """An explicit report."""
    return Evidence(
        subject, *Scope(kind, channel, purpose), "EXPLICIT", state, at_h * HOUR_US, "braze", f"{state}{at_h}"
    )


def known(*reports: Evidence, email: str = "") -> Known:
    """A customer of whom this is known."""
    return Known(Who("C"), True, reports=reports, subjects={"EMAIL": email} if email else {})


def allowed(customer: Known, purpose: str = "MARKETING", channel: str = "EMAIL") -> bool:
    """Whether the defaults allow it."""
    return CONSENT.refusal(customer, purpose, channel) is None


@pytest.mark.parametrize(
    ("purpose", "is_allowed"), [("MARKETING", False), ("SERVICE", True), ("REGULATORY", True), ("UNKNOWN", False)]
)
def test_somebody_who_said_nothing(purpose: str, is_allowed: bool) -> None:
    """Marketing needs a yes, and so does a purpose that nobody knows."""
    assert allowed(known(), purpose) is is_allowed


@pytest.mark.parametrize("state", ["OPTED_OUT", "SUSPENDED", "UNKNOWN", "a new word"])
@pytest.mark.parametrize(("purpose", "is_allowed"), [("MARKETING", False), ("SERVICE", False), ("REGULATORY", True)])
def test_an_objection_to_everything(state: str, purpose: str, is_allowed: bool) -> None:
    """Stops all but what must be sent, in whatever words."""
    assert allowed(known(said("OPTED_IN", at_h=-9), said(state)), purpose) is is_allowed


def test_leave_for_one_channel_answers_an_objection_to_all_for_this_channel() -> None:
    """And for no other."""
    customer = known(said("OPTED_OUT"), said("OPTED_IN", channel="EMAIL", at_h=1))

    assert allowed(customer, channel="EMAIL")
    assert not allowed(customer, channel="SMS")


def test_leave_for_all_never_lifts_an_objection_to_one() -> None:
    """Who said no to e-mail has to say yes to e-mail."""
    customer = known(said("OPTED_OUT", channel="EMAIL"), said("OPTED_IN", at_h=1))

    assert not allowed(customer, channel="EMAIL")
    assert allowed(customer, channel="SMS")


def test_an_objection_by_the_address_is_not_lifted_by_the_customer() -> None:
    """The stricter wins; only news of the address itself lifts it."""
    objection, yes = said("OPTED_OUT", subject="a:1"), said("OPTED_IN", at_h=1)

    assert not allowed(known(objection, yes, email="a:1"))
    assert allowed(known(objection, yes, said("OPTED_IN", at_h=1, subject="a:1"), email="a:1"))


def test_an_address_that_is_not_used_does_not_count() -> None:
    """A bounced mailbox keeps no letter from going."""
    customer = known(said("ON", kind="SUPPRESSION", subject="a:1"), email="a:1")

    assert not allowed(customer, "SERVICE", "EMAIL")
    assert allowed(customer, "SERVICE", "PRINT")


def test_paperless_keeps_paper_away_only() -> None:
    """Whoever enrolled reads on screen, what must be sent included."""
    customer = known(said("ON", kind="PAPERLESS"))

    assert CONSENT.first_allowed(customer, "REGULATORY", ["PRINT", "EMAIL"]) == "EMAIL"


def test_no_channel_is_left() -> None:
    """Then nothing is sent."""
    assert CONSENT.first_allowed(known(said("OPTED_OUT")), "SERVICE", ["EMAIL", "PRINT"]) is None


def test_a_site_may_ask_for_an_explicit_yes() -> None:
    """SUBSCRIBED is merely not opted out."""
    rules = PurposesSettings(marketing=PurposeRule(basis=Basis.OPTED_IN))
    strict = Consent(ConsentSettings(purposes=rules))

    assert allowed(known(said("SUBSCRIBED")))
    assert strict.refusal(known(said("SUBSCRIBED")), "MARKETING", "EMAIL") is not None
    assert strict.refusal(known(said("OPTED_IN")), "MARKETING", "EMAIL") is None


def test_the_preferred_channel_is_the_newest_word() -> None:
    """It is a wish, and forbids nothing."""
    customer = known(said("PRINT", kind="PREFERRED_CHANNEL"), said("SMS", kind="PREFERRED_CHANNEL", at_h=1))

    assert CONSENT.preferred_channel(customer) == "SMS"
    assert allowed(customer, "SERVICE", "EMAIL")


def test_a_forgotten_customer_is_not_contacted() -> None:
    """By nothing at all, until they are a customer anew."""
    gone = Known(Who("C"), erased_at=NOW)

    assert not allowed(gone, "REGULATORY", "PRINT")


def test_old_knowledge_is_not_acted_on() -> None:
    """And neither is knowledge of which nobody knows how old it is."""
    assert stale_because(None, NOW, 30)
    assert stale_because(datetime(2026, 3, 1, 11, 59, 29, tzinfo=UTC), NOW, 30)
    assert stale_because(datetime(2026, 3, 1, 11, 59, 31, tzinfo=UTC), NOW, 30) == ""
