"""Exstream: driver data, records of the feed, and settings that cannot work."""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from pydantic import ValidationError

from common.errors import UnusableEventError
from common.reasons import Reason
from tests.support.exstream import COMMUNICATIONS, NOW, api, config, event
from workers.sinks.exstream import mapping
from workers.sinks.exstream.communications import CommunicationConfig
from workers.sinks.exstream.config import ExstreamConfig, FeedConfig
from workers.sinks.exstream.driver_data import Format, compiled
from workers.sinks.exstream.feed import name_of
from workers.sinks.exstream.order import Order
from workers.sinks.exstream.parameters import PublishPreferences, StartService

KNOWN = {name: (made, compiled(made.driver_data, made.format)) for name, made in config().communications.items()}


def order(event_id: str = "9f2c", about: Any = None, **parameters: Any) -> Order:
    given = {"communication": "product_brochure", "channel": "EMAIL", "data": {"offer": "premium", "score": 82}}
    made = mapping.start_service(about or event(event_id), StartService(**(given | parameters)), KNOWN, 1_000_000)
    assert isinstance(made.body, Order)
    return made.body


# -- driver data --------------------------------------------------------------------------------


def test_driver_data_is_the_template_with_the_delivery_in_it() -> None:
    """§2: exactly the sample's schema; §7: the channel is injected as DeliveryPreference; numbers stay numbers."""
    made = order()

    assert json.loads(made.body) == {
        "_evt": made.delivery_id,
        "CustomerId": "C-1",
        "name": {"first": "Jane", "last": "O'Hara & <Sons>"},
        "DeliveryPreference": "EMAIL",
        "offer": "premium",
        "score": 82,
    }


def test_xml_driver_data_is_escaped() -> None:
    """§2: JSON or XML, whatever the driver expects."""
    root = ElementTree.fromstring(order(communication="renewal_reminder").body)

    assert root.attrib == {"id": "C-1", "ref": "run-7"}
    assert root.findtext("name") == "Jane O'Hara & <Sons>"


def test_what_is_not_known_is_left_out() -> None:
    """A default stands for it; else its key, attribute or element is not there."""
    nobody = event(customer={"customer_id": "C-1"}, correlation_id=None)

    made = json.loads(order(about=nobody, channel=None, data={}).body)
    root = ElementTree.fromstring(order(about=nobody, communication="renewal_reminder", data={}).body)

    assert sorted(made) == ["CustomerId", "_evt", "name"]
    assert made["name"] == {"last": "Customer"}
    assert (root.attrib, [each.tag for each in root]) == ({"id": "C-1"}, ["evt"])


def test_times_are_told_in_utc() -> None:
    """RFC 3339 with milliseconds, in JSON and in XML."""
    text = compiled('{"at": "${event.occurred_at}", "also": "at ${event.occurred_at}"}', Format.JSON)

    made = json.loads(text.render({"event": event().value}))

    assert made["at"] == NOW.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert made["also"] == f"at {made['at']}"


def test_attributes_of_an_event_can_be_read() -> None:
    """What a site adds, dots in the name included."""
    text = compiled('{"tier": "${event.attributes.tier}", "x": "${event.attributes.a.b}"}', Format.JSON)

    assert json.loads(text.render({"event": {"attributes": {"tier": "gold", "a.b": "1"}}})) == {
        "tier": "gold",
        "x": "1",
    }


# -- what a delivery is called ------------------------------------------------------------------


def test_a_repeat_has_the_same_id() -> None:
    """§8: a lost job is found by it, so it is made of the delivery alone."""
    assert order().delivery_id == order().delivery_id


@pytest.mark.parametrize(
    "other",
    [
        {"event_id": "9f2d"},
        {"communication": "brochure_preview"},
        {"channel": "PRINT"},
        {"channel": None},
        {"data": {"offer": "standard", "score": 82}},
        {"data": {"offer": "premium"}},
    ],
)
def test_another_delivery_has_another_id(other: dict[str, Any]) -> None:
    """Two flows on one event are two jobs: neither is taken for the other."""
    assert order(**other).delivery_id != order().delivery_id


@pytest.mark.parametrize("strange", ["é", "a\r\nb", "", "x" * 500, " a"])
def test_the_request_id_fits_a_header(strange: str) -> None:
    """§8: X-Request-Id is the event's id, for logs; what no header takes is hashed."""
    assert order("9f2c").request_id == "9f2c"
    assert order(strange).request_id.isalnum()
    assert len(order(strange).request_id) == 64


# -- events that can never become one -----------------------------------------------------------


@pytest.mark.parametrize(
    ("about", "parameters", "most", "reason"),
    [
        (event(), {"communication": "nothing_of_ours"}, 1000, Reason.MISSING_TARGET),
        (event(customer=None), {}, 1000, Reason.MISSING_CUSTOMER),
        (event(), {"data": {"offer": "x" * 2000}}, 1000, Reason.OVERSIZED),
        (event(), {"communication": "renewal_reminder", "data": {"offer": "\x07"}}, 1000, Reason.INVALID_PARAMETER),
    ],
    ids=["unknown-communication", "no-customer", "oversized", "not-xml"],
)
def test_what_cannot_be_sent_is_refused_alone(
    about: Any, parameters: dict[str, Any], most: int, reason: Reason
) -> None:
    """Before anything is sent, with its reason."""
    given = {"communication": "product_brochure"} | parameters

    with pytest.raises(UnusableEventError) as refused:
        mapping.start_service(about, StartService(**given), KNOWN, most)

    assert refused.value.reason is reason


@pytest.mark.parametrize(
    "wrong", [{}, {"communication": ""}, {"communication": "c", "data": {"a b": 1}}, {"communication": "c", "way": "x"}]
)
def test_wrong_parameters_are_told(wrong: dict[str, Any]) -> None:
    """A flow that cannot work is an error at its line."""
    with pytest.raises(ValidationError):
        StartService(**wrong)


# -- the feed -----------------------------------------------------------------------------------


def test_a_record_has_the_site_s_own_columns() -> None:
    """§7: names are configurable; what is not known is empty."""
    feed = FeedConfig(
        directory=Path("."), columns={"customer_id": "CustomerId", "preferred_channel": "DeliveryPreference"}
    )

    made = mapping.preference(event(), PublishPreferences(preferred_channel="EMAIL"), feed, 1000)
    other = mapping.preference(event(), PublishPreferences(customer_id="C-9"), feed, 1000)

    assert made.body == {"CustomerId": "C-1", "DeliveryPreference": "EMAIL"}
    assert other.body == {"CustomerId": "C-9", "DeliveryPreference": ""}
    assert made.size > 0


def test_a_record_needs_a_customer() -> None:
    """Without one nobody's preference is told."""
    with pytest.raises(UnusableEventError, match="missing_customer"):
        mapping.preference(event(customer=None), PublishPreferences(), FeedConfig(directory=Path(".")), 1000)


def test_an_oversized_record_is_refused_alone() -> None:
    """It never holds back a file."""
    with pytest.raises(UnusableEventError, match="oversized"):
        mapping.preference(event("x" * 2000), PublishPreferences(), FeedConfig(directory=Path(".")), 1000)


def test_files_sort_by_time() -> None:
    """§3: a name that fits the channel's pattern; equal files of one moment are one file."""
    feed = FeedConfig(directory=Path("."))

    name = name_of(b"a", feed, NOW)

    assert name.startswith(f"preferences-{NOW:%Y%m%dT%H%M%S}")
    assert name.endswith(".csv")
    assert name_of(b"a", feed, NOW) == name != name_of(b"b", feed, NOW)


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"kind": "Kind"}, "customer_id must be"),
        ({"customer_id": "a", "colour": "b"}, "takes event_id"),
        ({"customer_id": "a", "kind": "a"}, "same column"),
    ],
)
def test_columns_that_cannot_work_are_told(columns: dict[str, str], says: str) -> None:
    """Before anything is written."""
    with pytest.raises(ValidationError, match=says):
        FeedConfig(directory=Path("."), columns=columns)


# -- settings -----------------------------------------------------------------------------------

GOOD = COMMUNICATIONS["product_brochure"]
BATCH = COMMUNICATIONS["onboarding_letter"]
FULFIL = COMMUNICATIONS["claim_letter"]["fulfil"]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (GOOD | {"driver": None}, "generate needs communication_id and driver"),
        (GOOD | {"communication_id": "brochure"}, "communication_id"),
        (BATCH | {"service": None}, "batch needs service"),
        (BATCH | {"service": "a/../b"}, "service"),
        (BATCH | {"fulfil": FULFIL}, "belong to generate"),
        (BATCH | {"side_effects": "none"}, "belong to generate"),
        (GOOD | {"driver_data": "{"}, "is not JSON"),
        (GOOD | {"driver_data": "<a>", "format": "xml"}, "is not XML"),
        (GOOD | {"driver_data": '<!DOCTYPE a [<!ENTITY b "c">]><a/>', "format": "xml"}, "takes no DOCTYPE"),
        (GOOD | {"driver_data": "{}"}, "must hold"),
        (GOOD | {"driver_data": '{"a": "${delivery_id", "b": 1}'}, "is not closed"),
        (GOOD | {"driver_data": '{"a": "${delivery_id}", "b": "${event.customer.shoe_size}"}'}, "cannot be read"),
        (GOOD | {"driver_data": '{"a": "${delivery_id}", "b": "${data.a.b}"}'}, "cannot be read"),
        (GOOD | {"headers": {"Authorization": "x"}}, "set by the sink itself"),
        (GOOD | {"headers": {"x-a": "line\nbreak"}}, "headers"),
        (GOOD | {"headers": {"x a": "b"}}, "headers"),
    ],
)
def test_a_communication_that_cannot_work_is_told(given: dict[str, Any], says: str) -> None:
    """Before anything is consumed."""
    with pytest.raises(ValidationError, match=says):
        CommunicationConfig.model_validate(given)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"base_url": "http://exstream.example.com"}, "must be https"),
        ({"token_url": "http://otds.example.com/otdsws/oauth2/token"}, "must be https"),
        ({"base_url": "https://exstream.example.com/orchestration"}, "is a host only"),
        ({"base_url": "https://u:p@exstream.example.com"}, "is a host only"),
        ({"token_url": "https://u:p@exstream.example.com/token"}, "takes no password"),
        ({"domain": "a/b"}, "domain"),
        ({"csrf": {"get_path": "https://elsewhere.example"}}, "get_path"),
    ],
)
def test_an_address_that_cannot_work_is_told(given: dict[str, str], says: str) -> None:
    """§1: three settings, host, token address, domain; secrets do not travel readable."""
    with pytest.raises(ValidationError, match=says):
        api(**given)


def test_the_defaults_are_the_page_s_recommendations() -> None:
    """§9: max_in_flight 4, backoff 5 s to 5 min, 2 requests a second; §2: 120 s for an answer."""
    found = ExstreamConfig()

    assert (found.max_in_flight, found.base_backoff_s, found.max_backoff_s) == (4, 5, 300)
    assert (found.requests_per_second, found.read_timeout_s, found.settle_after_s) == (2, 120, 300)
    assert found.http_limits().answer_bytes == found.max_answer_bytes


def test_a_lost_job_can_be_looked_for_three_times_before_its_key_is_parked() -> None:
    """What comes back from the retry topic is never sent again."""
    found = ExstreamConfig()

    assert found.patience_s > found.settle_after_s + 3 * 60


def test_secrets_do_not_show() -> None:
    """Neither in a repr nor in an order."""
    assert "sandbox-only-secret" not in repr(config())
    assert "Jane" not in repr(order())
