"""The scripted vendor of the fault tests."""

from collections.abc import Iterator
from http import HTTPStatus

import httpx
import pytest

from tests.faults.events import Mark
from tests.faults.vendor import Vendor


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    """A vendor that answers."""
    with Vendor() as one:
        yield one


def _track(vendor: Vendor, *numbers: int) -> httpx.Response:
    events = [{"external_id": "a", "name": "numbered", "properties": {"number": n}} for n in numbers]
    return httpx.post(vendor.url + "/users/track", json={"events": events})


def test_it_remembers_the_order(vendor: Vendor) -> None:
    """Of requests, and of the objects in them."""
    answers = [_track(vendor, 1, 0), _track(vendor, 2)]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == {"message": "success", "events_processed": 2}
    assert vendor.received() == [Mark("a", 1), Mark("a", 0), Mark("a", 2)]


def test_a_failing_one_accepts_nothing(vendor: Vendor) -> None:
    """What it answers 503 to, it does not have."""
    vendor.fail(HTTPStatus.SERVICE_UNAVAILABLE)
    answers = [_track(vendor, 0), httpx.get(vendor.url + "/campaigns/list")]
    vendor.recover()
    answers += [_track(vendor, 1), httpx.get(vendor.url + "/campaigns/list")]

    assert [answer.status_code for answer in answers] == [503, 503, 201, 200]
    assert (vendor.received(), vendor.refused("POST"), vendor.refused("GET")) == ([Mark("a", 1)], 1, 1)


def test_attribute_objects_are_kept_apart(vendor: Vendor) -> None:
    """They carry the number beside the id, whichever type it has."""
    httpx.post(vendor.url + "/users/track", json={"attributes": [{"external_id": "a", "number": "4"}]})

    assert (vendor.received("attributes"), vendor.received("events")) == ([Mark("a", 4)], [])
