"""The Exstream poller against the sandbox: every state of every run once, whatever the domain does."""

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest

from common.clock import SystemClock
from sandbox.exstream.options import BROCHURE, DEFAULT_DOMAIN, FLOW_MODEL, Service
from tests.support.exstream import MovingClock, SandboxExstream, sandbox_exstream
from tests.support.exstream_poll import SINCE, config, start
from tests.support.marketo_poll import KeptLog, ids
from tests.support.polling import Polling
from workers.ingest.pollers.exstream.source import ExstreamSource

SERVICES = {
    "OnboardingLetters": Service(),
    "Statements": Service((FLOW_MODEL, "22222222-0000-4000-8000-000000000002"), volume=120_345),
    "Printed": Service(output_channel="Print", volume=7),
    "Broken": Service(outcome="error"),
    "Held": Service(stops_at="holding"),
}


@pytest.fixture
def exstream() -> Iterator[SandboxExstream]:
    """A domain in which nothing was started; its clock stands still."""
    with sandbox_exstream(services=SERVICES) as sandbox:
        sandbox.set_clock(now=datetime.now(UTC).isoformat(), frozen=True)
        yield sandbox


@pytest.fixture
def polling(exstream: SandboxExstream) -> Iterator[Polling]:
    """A poller of it."""
    with closing(poller(exstream)) as made:
        yield made


def poller(exstream: SandboxExstream, log: KeptLog | None = None, **settings: Any) -> Polling:
    """A poller of a domain, with these settings."""
    return Polling(ExstreamSource(config(exstream.url, **settings), SystemClock()), SINCE, log)


def told(polling: Polling, topic: str = "comms.batch.v1") -> list[dict[str, Any]]:
    """The events of a topic, in order."""
    return [event for event in polling.log.events() if event["topic"] == topic]


def test_a_run_is_told_from_its_start_to_its_end(exstream: SandboxExstream, polling: Polling) -> None:
    """§4.5: the states that are seen, each once; volume of both flow models' manifests, channel of their steps."""
    job = start(exstream, "Statements")
    polling.look().look()
    exstream.set_clock(advance_s=10)
    polling.look().look()

    started, generated, completed = told(polling)

    assert (started["type"], started["job_id"], started["volume"]) == ("STARTED", job, None)
    assert (generated["type"], completed["type"]) == ("OUTPUT_GENERATED", "COMPLETED")
    assert (completed["volume"], completed["succeeded"], completed["channel"]) == (240_690, 240_690, "EMAIL")
    assert (completed["document_type"], completed["source_instance"]) == ("Statements", "Dev")
    assert started["occurred_at"] < completed["occurred_at"]


def test_a_print_run_is_released(exstream: SandboxExstream, polling: Polling) -> None:
    """By the channel of its output step."""
    start(exstream, "Printed")
    exstream.set_clock(advance_s=10)

    found = [(event["type"], event["channel"], event["volume"]) for event in told(polling.look())]

    assert found == [("OUTPUT_GENERATED", "PRINT", 7), ("PRINT_RELEASED", "PRINT", 7), ("COMPLETED", "PRINT", 7)]


def test_a_failed_run_names_the_steps_that_failed(exstream: SandboxExstream, polling: Polling) -> None:
    """§9 #16: a business result; texts of the engine stay there."""
    start(exstream, "Broken")
    exstream.set_clock(advance_s=10)

    (event,) = told(polling.look())

    assert (event["type"], event["attributes"]["failed_steps"]) == ("FAILED", "Email")
    assert "Engine run failed" not in str(event)


def test_a_held_run_is_told_once(exstream: SandboxExstream, polling: Polling) -> None:
    """§4.5: it waits for a person, which is no failure."""
    start(exstream, "Held")
    exstream.set_clock(advance_s=10)

    assert [event["type"] for event in told(polling.look().look().look())] == ["HELD"]


def test_going_on_repeats_nothing_and_skips_nothing(exstream: SandboxExstream, polling: Polling) -> None:
    """A poller that begins behind another one's cursor."""
    start(exstream)
    polling.look()
    exstream.set_clock(advance_s=10)
    start(exstream)

    with closing(poller(exstream, polling.log)) as again:
        again.look()

    assert Counter(event["type"] for event in told(polling)) == {"STARTED": 2, "OUTPUT_GENERATED": 1, "COMPLETED": 1}


def test_what_was_seen_is_not_asked_about_again(exstream: SandboxExstream, polling: Polling) -> None:
    """Steps and manifests cost requests: they are made for new items only, after a restart too."""
    start(exstream)
    exstream.set_clock(advance_s=10)
    polling.look()
    asked = len(exstream.received("/orchestration/api/v1/runtime/Dev/flow-steps"))

    with closing(poller(exstream, polling.log)) as again:
        again.look()

    assert asked == 2
    assert len(exstream.received("/orchestration/api/v1/runtime/Dev/flow-steps")) == asked


def test_pages_are_read_to_the_end_while_runs_begin_and_end(exstream: SandboxExstream, polling: Polling) -> None:
    """Rows move between pages: what slips past one look is told by the next."""
    jobs = [start(exstream) for _ in range(35)]
    readings = polling.session.begin()
    polling.readings = readings
    for round_ in range(6):
        exstream.set_clock(advance_s=1)
        jobs += [start(exstream) for _ in range(2)]
        polling.session.turn(readings)
        for one in readings:
            one.due_at = 0.0 if round_ % 2 else one.due_at
    exstream.set_clock(advance_s=10)
    polling.look()

    done = [event["job_id"] for event in told(polling) if event["type"] == "COMPLETED"]
    assert sorted(done) == sorted(jobs)
    assert len(set(ids(told(polling)))) == len(told(polling))


def test_a_token_that_ends_in_mid_page_is_renewed(exstream: SandboxExstream, polling: Polling) -> None:
    """§9 #1: a 401 did nothing; the same page is asked for again."""
    jobs = {start(exstream) for _ in range(25)}
    feed = polling.source.feeds(polling.budget)[0]
    pages = [feed.fetch(feed.start(SINCE))]
    granted = exstream.account(end_tokens=True)["granted"]

    pages += [feed.fetch(pages[0].position)]
    pages += [feed.fetch(pages[1].position)]

    assert {item.signal["job"]["id"] for page in pages for item in page.items} == jobs
    assert exstream.account()["granted"] == granted + 1


def test_a_purged_run_is_told_without_its_volume(exstream: SandboxExstream, polling: Polling) -> None:
    """§4.4: administrators' tasks may be faster than we."""
    start(exstream)
    exstream.set_clock(advance_s=10)
    exstream.fault(status=404, path="/orchestration/api/v1/runtime/Dev/flow-instances")

    (event,) = told(polling.look())

    assert (event["type"], event["volume"]) == ("COMPLETED", None)


@pytest.mark.parametrize("status", [429, 503, 500, 502])
def test_a_source_that_says_no_is_not_asked_for_a_while(exstream: SandboxExstream, status: int) -> None:
    """§9 #10 to #12: all feeds wait, as long as it says where it does; nothing is lost afterwards."""
    start(exstream)
    clock = MovingClock()
    polling = Polling(ExstreamSource(config(exstream.url), clock), SINCE, clock=clock)
    readings = polling.session.begin()
    exstream.fault(status=status, headers={"retry-after": "77"}, path="/orchestration")

    before = clock.monotonic()
    polling.session.turn(readings)
    waits = {one.due_at - before for one in readings}
    exstream.forgive()
    polling.look()
    polling.close()

    assert min(waits) > 0
    assert status not in (429, 503) or all(77 <= each < 79 for each in waits)
    assert [event["type"] for event in told(polling)] == ["STARTED"]


def test_a_client_without_access_to_content_still_tells_runs(exstream: SandboxExstream, polling: Polling) -> None:
    """§9 #4: a permission stops the feed that needs it."""
    start(exstream)
    exstream.fault(status=403, path="/design")
    readings = polling.session.begin()

    polling.session.turn(readings)

    assert [(one.feed.name, bool(one.failures)) for one in readings] == [
        ("exstream.jobs", False),
        ("exstream.content", True),
        ("exstream.published", False),
    ]
    assert len(told(polling)) == 1


@pytest.mark.parametrize("counts", ["pages", "rows"])
def test_an_offset_that_counts_something_else_is_noticed(counts: str) -> None:
    """Which of both it is, nobody documents for jobs (§4.1): read wrongly, runs would slip past."""
    with sandbox_exstream(services=SERVICES, offset_counts=counts) as exstream:
        for _ in range(25):
            start(exstream)
        with closing(poller(exstream, offset_counts=counts)) as right:
            assert len(told(right.look())) >= 25
        wrong = poller(exstream, offset_counts="rows" if counts == "pages" else "pages", signals=["batch_status"])
        wrong.session.turn(readings := wrong.session.begin())
        wrong.close()

    assert [one.failures for one in readings] == [1]


def test_content_is_told_as_it_goes_through_review(exstream: SandboxExstream, polling: Polling) -> None:
    """§5.2: submitted, approved, and edited as a new version; what changed before polling began is not told."""
    polling.look()
    for state in ("DRAFT", "REVIEW", "APPROVED"):
        exstream.set_clock(advance_s=5)
        exstream.templates(product_brochure=state)
        polling.look().look()

    events = told(polling, "comms.content.v1")

    assert [(event["type"], event["version"]) for event in events] == [
        ("UPDATED", "2"),
        ("READY_FOR_REVIEW", "2"),
        ("APPROVED", "2"),
    ]
    assert {(event["content_id"], event["content_type"]) for event in events} == {(BROCHURE, "template")}
    assert [event["approved_by"] for event in events] == [None, None, "designer"]
    assert events[2]["approved_at"] == events[2]["occurred_at"]


def test_every_type_of_content_is_listed(exstream: SandboxExstream) -> None:
    """One type after the other, each to its end."""
    with closing(poller(exstream, content={"exstrapplication": "template", "samplefile": "sample"})) as polling:
        polling.look()

    asked = [parse_qs(each["query"])["filter.types"] for each in exstream.received("/design/api/v1/resources/Dev")]
    assert asked == [["exstrapplication"], ["samplefile"]]


def test_only_the_feeds_of_its_signals_are_polled(exstream: SandboxExstream) -> None:
    """The other one's signals come another way."""
    with closing(poller(exstream, signals=["content_status"])) as polling:
        names = [one.feed.name for one in polling.look().readings]
    assert names == ["exstream.content", "exstream.published"]
    assert exstream.received("/orchestration/api/v1/runtime") == []


def test_flow_models_are_not_asked_for_where_nobody_wants_them(exstream: SandboxExstream) -> None:
    """A client without orchestration still tells approvals."""
    with closing(poller(exstream, signals=["content_status"], flow_models=False)) as polling:
        polling.look()
    assert exstream.received("/orchestration") == []


def test_a_flow_model_is_told_when_it_is_published(exstream: SandboxExstream, polling: Polling) -> None:
    """§4.4: what was published before the first look is known; approving publishes nothing."""
    polling.look()
    exstream.http.post(f"/_sandbox/flow-models/{FLOW_MODEL}").raise_for_status()
    polling.look()
    before = told(polling, "comms.content.v1")
    exstream.publish(FLOW_MODEL)
    with closing(poller(exstream, polling.log)) as again:
        again.look().look()

    (event,) = told(polling, "comms.content.v1")

    assert before == []
    assert (event["type"], event["content_type"], event["content_id"]) == ("PUBLISHED", "flow_model", FLOW_MODEL)
    assert event["version"] == "3"


def test_a_flow_model_that_is_published_for_the_first_time_is_told(exstream: SandboxExstream, polling: Polling) -> None:
    """It was not in the list before, and starts nothing while it is not (§3)."""
    path = f"/orchestration/api/v1/flow-models/{DEFAULT_DOMAIN}/{FLOW_MODEL}"
    exstream.call("POST", f"{path}/unpublish").raise_for_status()
    polling.look()
    batch = f"/orchestration/api/v1/inputs/batch/{DEFAULT_DOMAIN}/OnboardingLetters"
    started = exstream.call("POST", batch, json={"n": 1}).json()["data"]
    exstream.call("POST", f"{path}/publish").raise_for_status()

    assert started == []
    assert [event["version"] for event in told(polling.look(), "comms.content.v1")] == ["1"]


def test_what_ended_before_polling_began_is_not_told(exstream: SandboxExstream) -> None:
    """Ended jobs are listed by day (§4.1): the rest of that day is left out here."""
    start(exstream)
    exstream.set_clock(advance_s=10)
    polling = Polling(ExstreamSource(config(exstream.url), SystemClock()), datetime.now(UTC) + timedelta(minutes=5))
    with closing(polling):
        assert told(polling.look()) == []
