"""Purchases, Canvas entries, transactional messages and consent writes become what Braze documents, or are refused."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from common.errors import UnusableEventError
from common.event import Event
from common.reasons import Reason
from tests.support.braze import NEWS, RECEIPT, RETENTION, SMS, config, event, of
from workers.sinks.api import Deferred, Item
from workers.sinks.braze import consent, purchases, sends
from workers.sinks.braze.client import group_body, status_body, trigger_body
from workers.sinks.braze.consent import GroupWrite, StatusWrite
from workers.sinks.braze.parameters import (
    RecordPurchase,
    SendTransactional,
    SetSubscription,
    TriggerCanvas,
    UpdateEmailStatus,
)
from workers.sinks.braze.spacing import Spacing

SUBSTITUTE = {"customer_id": "marketo:123-ABC-456:42", "resolved": False, "email": "a@example.com"}


def body(item: Item) -> Any:
    return orjson.loads(item.body.data)


def buy(about: Event | None = None, **parameters: Any) -> Item:
    given = {"product_id": "sku-1", "currency": "EUR", "price": 12.5, **parameters}
    return purchases.record_purchase(about or event(), RecordPurchase(**given), config())


def enter(about: Event | None = None, **parameters: Any) -> Item:
    return sends.trigger_canvas(about or event(), TriggerCanvas(**{"canvas": "retention", **parameters}), config())


def mail(about: Event | None = None, **parameters: Any) -> Item:
    given = SendTransactional(**{"campaign": "receipt", **parameters})
    return sends.send_transactional(about or event(), given, config())


def subscribe(about: Event | None = None, **parameters: Any) -> Item:
    given = SetSubscription(**{"subscription_group": "news", "state": "SUBSCRIBED", **parameters})
    return consent.set_subscription(about or event(), given, config())


def opt(about: Event | None = None, **parameters: Any) -> Item:
    return consent.update_email_status(about or event(), UpdateEmailStatus(**parameters))


def refusal(make: Any, *args: Any, **more: Any) -> UnusableEventError:
    with pytest.raises(UnusableEventError) as caught:
        make(*args, **more)
    return caught.value


# -- purchases ----------------------------------------------------------------------------------


def test_a_purchase_is_the_object_of_the_page() -> None:
    """§2.1: beside our own stable id (§5)."""
    assert body(buy(quantity=1, properties={"color": "red"})) == {
        "external_id": "u1",
        "product_id": "sku-1",
        "currency": "EUR",
        "price": 12.5,
        "quantity": 1,
        "time": "2026-03-01T10:00:00.123Z",
        "properties": {"color": "red", "event_uuid": "e-1"},
    }


@pytest.mark.parametrize(("given", "sent"), [("12.50", 12.5), (12, 12.0), (Decimal("0.10"), 0.1), ("-3", -3.0)])
def test_a_price_is_a_number_whatever_the_event_has(given: Any, sent: float) -> None:
    """Maps of an event hold texts only."""
    assert body(buy(price=given))["price"] == sent


def test_a_product_id_is_a_text() -> None:
    """§2.1: numbers were accepted once; always send strings."""
    assert body(buy(product_id=4711))["product_id"] == "4711"


@pytest.mark.parametrize(
    "change",
    [
        {"currency": "euro"},
        {"currency": "EURO"},
        {"price": "free"},
        {"price": "NaN"},
        {"price": "Infinity"},
        {"quantity": 0},
        {"quantity": 101},
        {"product_id": ""},
        {"product_id": "x" * 256},
        {"properties": {"price": 1}},
        {"properties": {"event_uuid": 1}},
    ],
)
def test_what_braze_refuses_in_a_purchase_is_refused_here(change: dict[str, Any]) -> None:
    """§2.1, §7: quantity to 100, product to 255 characters, an ISO 4217 code, reserved property keys."""
    with pytest.raises(ValidationError):
        buy(**change)


def test_properties_of_a_purchase_have_half_the_room() -> None:
    """§7: 50 KB."""
    properties = {f"p{n}": "x" * 250 for n in range(210)}

    assert refusal(buy, properties=properties).reason is Reason.OVERSIZED


# -- Canvases -----------------------------------------------------------------------------------


def test_a_canvas_entry_is_a_recipient_of_the_page() -> None:
    """§2.5: `context` instead of trigger_properties; the Canvas is shared by the request."""
    item = enter(context={"order_id": "A2"})

    assert body(item) == {"external_user_id": "u1", "context": {"order_id": "A2"}, "send_to_existing_only": True}
    assert item.shared_by == RETENTION


def test_a_canvas_entry_with_attributes_creates_the_user() -> None:
    """§2.4: as with campaigns."""
    recipient = body(enter(attributes={"stage": "signed"}))

    assert (recipient["send_to_existing_only"], recipient["attributes"]) == (False, {"stage": "signed"})


def test_a_canvas_request_never_broadcasts() -> None:
    """§2.4, §2.5: broadcast is said to be false, and recipients are there."""
    assert orjson.loads(trigger_body(RETENTION, [b'{"c":3}'], "canvas_id")) == {
        "canvas_id": RETENTION,
        "broadcast": False,
        "recipients": [{"c": 3}],
    }


# -- transactional ------------------------------------------------------------------------------


def test_a_message_is_the_request_of_the_page() -> None:
    """§2.7: one recipient, and an id in the alphabet that Braze takes."""
    item = mail(trigger_properties={"k": "v"}, attributes={"email": "a@example.com"})

    sent = body(item)
    send_id = sent.pop("external_send_id")
    assert sent == {
        "trigger_properties": {"k": "v"},
        "recipient": {"external_user_id": "u1", "attributes": {"email": "a@example.com"}},
    }
    assert send_id == item.body.send_id
    assert item.shared_by == RECEIPT


def test_a_repeat_has_the_same_id_whatever_it_says() -> None:
    """§2.7: a template that changed between two tries does not send twice."""
    assert mail(trigger_properties={"k": 1}).body.send_id == mail(trigger_properties={"k": 2}).body.send_id


def test_other_messages_have_other_ids() -> None:
    """Another event, user or key: another message."""
    items = [mail(), mail(event(event_id="e-2")), mail(of("u2")), mail(send_key="copy")]

    assert len({item.body.send_id for item in items}) == len(items)


@given(st.lists(st.text(), min_size=4, max_size=4))
def test_any_event_has_an_id_that_braze_takes(parts: list[str]) -> None:
    """§2.7: letters, digits and -_+/= only, whatever ids upstream chooses."""
    assert re.fullmatch(r"[a-zA-Z0-9\-_+/=]+", sends.external_send_id(*parts))


# -- consent ------------------------------------------------------------------------------------


def test_a_subscription_names_the_user() -> None:
    """§2.8: one group and one state a call; an event's ids travel as they are."""
    item = subscribe()

    assert item.shared_by == GroupWrite(NEWS, "subscribed", "external_ids")
    assert orjson.loads(group_body(item.shared_by, [item.body.data, b'"u2"'])) == {
        "subscription_groups": [
            {"subscription_group_id": NEWS, "subscription_state": "subscribed", "external_ids": ["u1", "u2"]}
        ]
    }


def test_a_subscription_may_name_an_address() -> None:
    """§2.8: emails or phones, never both in one request."""
    by_email = subscribe(event(SUBSTITUTE), email="a@example.com", state="OPTED_OUT")
    by_phone = subscribe(subscription_group="sms", phone="+1 (222) 333-4444", double_opt_in=True)

    assert (by_email.shared_by, body(by_email)) == (GroupWrite(NEWS, "unsubscribed", "emails"), "a@example.com")
    assert (by_phone.shared_by, body(by_phone)) == (GroupWrite(SMS, "subscribed", "phones", True), "+12223334444")


def test_double_opt_in_is_for_a_yes() -> None:
    """§2.8: an opt-out needs no second word."""
    write = subscribe(state="OFF", double_opt_in=True).shared_by

    assert isinstance(write, GroupWrite)
    assert not write.double_opt_in


@pytest.mark.parametrize(
    ("state", "group_state", "email_state"),
    [
        ("OPTED_IN", "subscribed", "opted_in"),
        ("SUBSCRIBED", "subscribed", "subscribed"),
        ("ON", "subscribed", "subscribed"),
        ("subscribed", "subscribed", "subscribed"),
        ("OPTED_OUT", "unsubscribed", "unsubscribed"),
        ("SUSPENDED", "unsubscribed", "unsubscribed"),
        ("OFF", "unsubscribed", "unsubscribed"),
        ("UNKNOWN", "unsubscribed", "unsubscribed"),
        ("", "unsubscribed", "unsubscribed"),
        (None, "unsubscribed", "unsubscribed"),
    ],
)
def test_only_a_plain_yes_is_a_yes(state: str | None, group_state: str, email_state: str) -> None:
    """Design §4: an unknown consent state counts as opted out."""
    write, status = subscribe(state=state).shared_by, opt(email="a@example.com", state=state).shared_by

    assert isinstance(write, GroupWrite)
    assert (write.state, status) == (group_state, StatusWrite(email_state))


def test_an_email_status_is_of_the_customer_s_address() -> None:
    """§2.8: always an array; a substitute's address will do, nobody is looked up by it."""
    item = opt(event(SUBSTITUTE), state="OPTED_OUT")

    assert orjson.loads(status_body(StatusWrite("unsubscribed"), [item.body.data])) == {
        "email": ["a@example.com"],
        "subscription_state": "unsubscribed",
    }


def test_addresses_are_one_whatever_their_case() -> None:
    """Two spellings of one address are kept out of one request."""
    assert opt(email="A@Example.com").body.user == opt(email="a@example.com").body.user


@pytest.mark.parametrize(
    "address", ["nobody", "a@b", "a b@example.com", "a@@example.com", "a@example.com,b@example.com"]
)
def test_what_is_no_address_is_refused(address: str) -> None:
    """The refusal does not quote it."""
    for make in (opt, subscribe):
        error = refusal(make, email=address)
        assert error.reason is Reason.INVALID_PARAMETER
        assert address not in error.detail


@pytest.mark.parametrize("number", ["2223334444", "+0123456789", "+1222333444455667", "+1-abc"])
def test_what_is_no_number_is_refused(number: str) -> None:
    """§2.8: E.164, otherwise rejected."""
    assert refusal(subscribe, phone=number).reason is Reason.INVALID_PARAMETER


def test_two_addresses_are_refused() -> None:
    """§2.8: not both."""
    with pytest.raises(ValidationError, match="both"):
        SetSubscription(subscription_group="news", email="a@example.com", phone="+12223334444")


def test_a_customer_without_an_address_is_missing() -> None:
    """Nobody could tell whose status it is."""
    assert refusal(opt, event({})).reason is Reason.MISSING_CUSTOMER
    assert refusal(subscribe, event(SUBSTITUTE)).reason is Reason.MISSING_CUSTOMER


@pytest.mark.parametrize(
    ("make", "parameter", "setting"),
    [
        (enter, "canvas", "canvases"),
        (mail, "campaign", "transactional_campaigns"),
        (subscribe, "subscription_group", "subscription_groups"),
    ],
)
def test_a_name_of_the_record_that_no_setting_has_is_its_fault(make: Any, parameter: str, setting: str) -> None:
    """§5: an id that comes from the record; constants are found at start-up."""
    error = refusal(make, **{parameter: "other"})

    assert error.reason is Reason.INVALID_PARAMETER
    assert f"'other' is not in sinks.braze.{setting}" in error.detail


@pytest.mark.parametrize("make", [buy, enter, mail])
def test_a_substitute_is_nobody_that_can_be_reached(make: Any) -> None:
    """§2.1, §2.4: Braze drops them for an unknown alias and says success."""
    assert refusal(make, event(SUBSTITUTE)).reason is Reason.MISSING_CUSTOMER


@pytest.mark.parametrize(("make", "parameter"), [(enter, "context"), (mail, "trigger_properties")])
def test_what_a_send_carries_has_a_limit(make: Any, parameter: str) -> None:
    """§2.5, §7: 51,200 bytes."""
    assert refusal(make, **{parameter: {f"p{n}": "x" * 250 for n in range(210)}}).reason is Reason.OVERSIZED


# -- time between requests ----------------------------------------------------------------------


class Clock:
    def __init__(self) -> None:
        self.s = 100.0

    def __call__(self) -> float:
        return self.s


def test_what_was_sent_lately_waits_for_the_rest_of_the_time() -> None:
    """§6: positions of the keys, with what is left of their time."""
    clock = Clock()
    spacing = Spacing(5, clock)
    spacing.sent(["a"])
    clock.s += 2

    assert spacing.take(["b", "a"]) == {1: Deferred(Reason.THROTTLED, 3)}
    clock.s += 3
    assert spacing.take(["c", "a"]) == {}


def test_what_is_taken_is_taken_once() -> None:
    """Of two threads, or two entries of a batch, one goes."""
    spacing = Spacing(5, Clock())

    assert list(spacing.take(["a", "a"])) == [1]
    assert list(spacing.take(["a"])) == [0]


def test_what_was_certainly_not_processed_may_go_at_once() -> None:
    """A refused batch is sent again in parts: parts that waited would come together again, for ever."""
    spacing = Spacing(5, Clock())
    spacing.take(["a"])
    spacing.give_back(["a", "b"])

    assert spacing.take(["a"]) == {}


@given(st.lists(st.tuples(st.integers(0, 5), st.floats(0, 4)), max_size=40))
def test_no_key_is_let_through_twice_within_the_time(tries: list[tuple[int, float]]) -> None:
    """Whatever is tried when; and nothing is remembered for longer than it counts."""
    clock, last = Clock(), dict[int, float]()
    spacing = Spacing(5, clock)
    for key, pause_s in tries:
        clock.s += pause_s
        if not spacing.take([key]):
            assert clock.s - last.get(key, 0) >= 5
            spacing.sent([key])
            last[key] = clock.s
    clock.s += 5
    spacing.take([])
    assert not spacing._last


def test_no_distance_is_no_wait() -> None:
    """A setting of 0 switches it off."""
    spacing = Spacing(0, Clock())
    spacing.sent(["a"])

    assert spacing.take(["a", "a"]) == {}


def test_times_of_a_purchase_are_utc() -> None:
    """§2.1: as events."""
    assert body(buy(time=datetime(2026, 7, 1, tzinfo=UTC)))["time"] == "2026-07-01T00:00:00.000Z"
