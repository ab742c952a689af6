"""The Exstream sink in the engine, on the embedded broker, against its sandbox: what the promises come to."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from common.kafka.embedded import EmbeddedBroker
from schemas.catalogue import catalogue
from tests.support.exstream import SandboxExstream, sandbox_exstream
from tests.support.poll import eventually
from tests.support.sink_rig import SinkRig, workspace_event
from workers.flows.catalogue import load_flows

INPUTS = "/orchestration/api/v1/inputs"
FLOW = """
- name: letter
  on: comms.workspace.v1
  when: {type: [CREATED]}
  do: braze.start_service
  with: {communication: COMMUNICATION, channel: EMAIL, data: {offer: premium}}
  consent: none
"""
Begin = Callable[[str], SinkRig]


@pytest.fixture
def vendor() -> Iterator[SandboxExstream]:
    with sandbox_exstream() as one:
        yield one


@pytest.fixture
def begin(vendor: SandboxExstream, embedded: EmbeddedBroker, tmp_path: Path, prefix: str) -> Iterator[Begin]:
    """A rig whose one flow starts this communication; the rig's own group is called braze, whoever the vendor is."""
    with ExitStack() as stack:

        def make(communication: str) -> SinkRig:
            sink = vendor.sink(read_timeout_s=1.0)
            stack.callback(sink.close)
            file = tmp_path / "flows.yaml"
            file.write_text(FLOW.replace("COMMUNICATION", communication))
            named = {f"braze.{name}": action for name, action in sink.actions.items()}
            flows = load_flows([file], named, {}, catalogue(), default=())
            rig = stack.enter_context(closing(SinkRig(embedded.bootstrap, flows, prefix)))
            rig.sink = sink  # type: ignore[assignment]
            return rig

        yield make


def told(vendor: SandboxExstream) -> list[str]:
    """Whose jobs were started, in order."""
    return [json.loads(job["input"])["CustomerId"] for job in vendor.jobs()]


def receipt(rig: SinkRig) -> dict[str, Any]:
    (only,) = eventually(rig.receipts, 20)
    return dict(only)


def test_the_receipt_names_the_job(vendor: SandboxExstream, begin: Begin) -> None:
    """§3: nobody waits for it: a poller follows the ids."""
    rig = begin("onboarding_letter")
    rig.write(workspace_event(1))

    with rig.running():
        found = receipt(rig)

    (job,) = vendor.jobs()
    assert found["verdict"] == "DELIVERED"
    assert found["vendor_ids"] == {"job_id": job["id"], "flow_instance_id": job["flow_instances"][0]["id"]}


def test_a_job_whose_answer_was_lost_is_adopted(vendor: SandboxExstream, begin: Begin) -> None:
    """§8: looked up by what its input holds: one job, one receipt, no letter."""
    rig = begin("onboarding_letter")
    vendor.fault(path=INPUTS, count=1, status=504, act=True)
    rig.write(workspace_event(1))

    with rig.running():
        found = receipt(rig)

    (job,) = vendor.jobs()
    assert found["vendor_ids"]["job_id"] == job["id"]
    assert rig.letters() == []


def test_a_job_that_was_never_started_is_started_again(vendor: SandboxExstream, begin: Begin) -> None:
    """§8: not found three times: certainly not done."""
    rig = begin("onboarding_letter")
    vendor.fault(path=INPUTS, count=1, status=504)
    rig.write(workspace_event(1))

    with rig.running():
        found = receipt(rig)

    assert found["verdict"] == "DELIVERED"
    assert told(vendor) == ["c1"]
    assert len(vendor.received(INPUTS)) == 2


def test_a_document_that_may_have_been_sent_is_a_person_s(vendor: SandboxExstream, begin: Begin) -> None:
    """§8: generating leaves nothing to be looked up, so nobody is contacted twice."""
    rig = begin("product_brochure")
    vendor.fault(path=INPUTS, count=1, kind="reset")
    rig.write(workspace_event(1))

    with rig.running():
        (letter,) = eventually(rig.letters, 30)

    assert letter["dlq.reason"] == "in_doubt"
    assert len(vendor.received(INPUTS)) == 1


def test_a_template_that_is_not_approved_keeps_everything_back(vendor: SandboxExstream, begin: Begin) -> None:
    """§5.2: a hold, no letter; approved, what waited is sent in order."""
    rig = begin("product_brochure")
    vendor.templates(product_brochure="REVIEW")
    rig.write(workspace_event(1), workspace_event(2))

    with rig.running():
        eventually(lambda: vendor.received("/design"), 20)
        assert vendor.received(INPUTS) == []
        vendor.templates(product_brochure="APPROVED")
        eventually(lambda: len(vendor.state()["sent"]) == 2, 30)

    assert rig.letters() == []
    asked = [each["headers"]["x-request-id"] for each in vendor.received(INPUTS)]
    assert asked == [workspace_event(number)["event_id"] for number in (1, 2)]


def test_a_bad_record_is_a_letter_and_its_neighbour_is_sent(vendor: SandboxExstream, begin: Begin) -> None:
    """§9 #5: refused alone."""
    rig = begin("onboarding_letter")
    vendor.fault(path=INPUTS, match='"bad"', status=400)
    rig.write(workspace_event(1, "bad"), workspace_event(1, "good"))

    with rig.running():
        (letter,) = eventually(rig.letters, 30)
        eventually(lambda: told(vendor) == ["good"], 20)

    assert letter["dlq.reason"] == "invalid_field"
