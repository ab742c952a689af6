"""The town itself: what goes in at the door arrives at a vendor, time passes, and quiet is quiet."""

from collections.abc import Iterator

import pytest

from tests.support.town import Town, running_town


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """The town of this file."""
    with running_town(tmp_path_factory.mktemp("town")) as one:
        yield one


def test_a_milestone_reaches_braze(town: Town) -> None:
    """An upstream milestone becomes a custom event of the Braze user, once."""
    customer = town.customer()
    town.publish(
        "comms.workspace.v1",
        {
            "type": "MILESTONE_REACHED",
            "customer": {"customer_id": customer},
            "workspace_id": f"w-{customer}",
            "workspace_type": "onboarding",
            "milestone": "contract_approved",
        },
    )
    town.await_received("braze", customer, "/users/track")
    town.settle()
    tracked = [one["body"].get("events", []) for one in town.sandbox("braze").received(customer, "/users/track")]
    assert [one["external_id"] for events in tracked for one in events] == [customer]


def test_days_pass_for_journeys(town: Town) -> None:
    """A letter that nobody answers leads to a reminder after a week, and to the next steps in their time."""
    customer = town.customer()
    town.publish(
        "comms.communication.v1",
        {
            "type": "DELIVERED",
            "customer": {"customer_id": customer},
            "document_id": f"d-{customer}",
            "document_type": "renewal_letter",
        },
    )
    town.days(15)
    steps = [one["step"] for one in town.events("comms.journey.v1", customer, journey="M5-no-response")]
    assert steps == ["reminder", "offer", "escalation"]
