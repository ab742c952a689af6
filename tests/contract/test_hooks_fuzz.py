"""Whatever a vendor's hook is sent, it answers with 2xx, 4xx or 503, and nothing of our code is seen.

A source that keeps what is bad never refuses a body that it has read: each is an event, a dead letter, or passed over.
"""

import copy
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contract.test_webhook_fuzz import BODIES, JSON, TEXT, Logged
from tests.contract.test_webhook_fuzz import log as log  # the fixture
from tests.support.asgi import AsgiClient
from tests.support.hooks import KEEPING, VENDORS, Vendors
from tests.support.ingest import KeptRecords, door, webhook_config
from tests.support.signals import (
    ACKNOWLEDGEMENT,
    BATCH,
    BRAZE_PREFERENCE,
    BRAZE_SURVEY,
    CURRENTS,
    ECM,
    MARKETO,
    STATUS,
)
from tests.unit.test_exstream_source import EMAIL_EVENT, FILE_EVENT

SOURCES = {
    name: {**source, **({} if name in ("exstream", "ecm", "notifications") else {"signals": None})}
    for name, source in VENDORS.items()
}
SEEDS: dict[str, list[Any]] = {
    "exstream": [EMAIL_EVENT, FILE_EVENT],
    "exstream-delivery": [BATCH, {**BATCH, "event_type": "exstream.delivery.status"}],
    "marketo": [MARKETO, {**MARKETO, "type": "preference_changed"}, {**MARKETO, "type": "profile_changed"}],
    "currents": list(CURRENTS),
    "braze": [BRAZE_SURVEY, BRAZE_PREFERENCE],
    "ecm": [ECM, {**ECM, "event_type": "category.changed"}],
    "notifications": [STATUS, ACKNOWLEDGEMENT],
}
NAMES = tuple(SOURCES)


@pytest.fixture(scope="module")
def vendors(log: Logged) -> Iterator[Vendors]:
    """A door for all examples; at the end its log holds no fault."""
    with AsgiClient(door(KeptRecords(), webhook_config(sources=SOURCES))) as client:
        yield Vendors(client)
    assert [line for line in log.lines if "Traceback" in line or "met a bug" in line] == []


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value of a signal, objects and lists included."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, each in inner:
        yield (*path, name)
        yield from places(each, (*path, name))


@st.composite
def mutated(draw: st.DrawFn, seeds: list[Any]) -> Any:
    """A good signal with up to three values, wherever they stand, replaced by something else or left out."""
    signal = copy.deepcopy(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(1, 3))):
        *way, name = draw(st.sampled_from(list(places(signal))))
        block = signal
        for step in way:
            block = block[step]
        if isinstance(block, dict) and draw(st.booleans()):
            del block[name]
        else:
            block[name] = draw(JSON | st.sampled_from(["", "1e999999999", "9" * 30, "0001-01-01T00:00:00+23:00", -1]))
        if not list(places(signal)):
            break
    return signal


def check(vendors: Vendors, name: str, body: Any, **headers: str) -> None:
    """An answer of the closed set, in JSON; a source that keeps what is bad answers all that it can read with 200."""
    answer = vendors.post(name, body, **headers)

    allowed = {200} if name in KEEPING else {200, 207, 400, 415}
    assert answer.status_code in allowed, answer.text
    assert isinstance(answer.json(), dict)
    assert "Traceback" not in answer.text


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=60)
@given(data=st.data())
def test_any_signal_is_answered_within_the_closed_set(vendors: Vendors, name: str, data: st.DataObject) -> None:
    """Alone, among others, and in the vendor's own envelope."""
    signal = data.draw(mutated(SEEDS[name]))
    good = SEEDS[name][0]
    check(vendors, name, {"events": [signal, good]} if name == "currents" else signal)
    check(vendors, name, data.draw(st.sampled_from([[signal], [signal, good], {"events": signal}])))


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40)
@given(body=BODIES, content_type=st.sampled_from(["application/json", "application/x-ndjson", "text/odd", ""]))
def test_any_body_is_answered_within_the_closed_set(
    vendors: Vendors, name: str, body: bytes, content_type: str
) -> None:
    """Whatever it is said to be. A body nested too deeply to be written again is the one that cannot be kept."""
    is_deep = body.count(b'{"a":') > 200
    if is_deep:
        assert vendors.post(name, body, content_type=content_type).status_code in (200, 400)
    else:
        check(vendors, name, body, content_type=content_type)


@given(fields=st.dictionaries(TEXT, TEXT, max_size=5))
def test_any_form_is_answered_within_the_closed_set(vendors: Vendors, fields: dict[str, str]) -> None:
    """As Marketo's form encoding writes it."""
    body = urlencode({**MARKETO, **fields}).encode()

    check(vendors, "marketo", body, content_type="application/x-www-form-urlencoded")


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@settings(max_examples=30)
def test_a_repeat_has_the_same_ids(vendors: Vendors, name: str, data: st.DataObject) -> None:
    """Whatever a signal says: whoever heard nothing may send again."""
    signal = json.loads(json.dumps(data.draw(mutated(SEEDS[name]))))
    body = {"events": [signal]} if name == "currents" else signal

    assert vendors.post(name, body).json() == vendors.post(name, body).json()
