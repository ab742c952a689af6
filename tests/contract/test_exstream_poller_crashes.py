"""An Exstream poller that dies at any point, on a broker: every end of every run in the committed log, once."""

import random
from collections import Counter
from collections.abc import Iterator

import pytest

from common.clock import SystemClock
from common.event import OutRecord
from common.kafka.admin import TopicAdmin
from common.kafka.embedded import EmbeddedBroker
from common.kafka.log_reader import LogReader
from sandbox.exstream.options import FLOW_MODEL
from tests.support.exstream import SandboxExstream, sandbox_exstream
from tests.support.exstream_poll import SINCE, config, start
from tests.support.marketo_poll import decoded
from tests.support.polling import Fate, live_once
from workers.ingest.pollers.cursor import TOPIC
from workers.ingest.pollers.exstream.source import ExstreamSource

RUNS = 12
BATCH, CONTENT = "comms.batch.v1", "comms.content.v1"


def people_do(exstream: SandboxExstream, rng: random.Random) -> Iterator[None]:
    """Runs begin, time passes, a communication goes through its states while lists are paged."""
    left, states = RUNS, iter(("DRAFT", "REVIEW", "APPROVED"))
    while left:
        for _ in range(some := min(left, rng.randint(1, 4))):
            start(exstream, rng.choice(("OnboardingLetters", "Statements")))
        left -= some
        exstream.set_clock(advance_s=1)
        if (state := next(states, None)) is not None:
            exstream.templates(product_brochure=state)
            exstream.publish(FLOW_MODEL)
        yield


@pytest.mark.parametrize("seed", range(5))
def test_every_end_is_committed_once(embedded: EmbeddedBroker, prefix: str, seed: int) -> None:
    """Whatever the moment: before or after the fence, the fetch, the details, the commit."""
    rng, kafka = random.Random(seed), {"bootstrap.servers": embedded.bootstrap}
    TopicAdmin(kafka).touch([prefix + TOPIC])
    with sandbox_exstream() as exstream:

        def live(fate: Fate, world: Iterator[None]) -> bool:
            source = ExstreamSource(config(exstream.url, interval_s=3600), SystemClock())
            return live_once(source, kafka, prefix, SINCE, fate, world)

        fate, world = Fate(rng, lives=10), people_do(exstream, rng)
        while not live(fate, world):
            pass
        for _ in world:
            pass
        exstream.set_clock(advance_s=60)
        assert live(Fate(rng, lives=0), iter(()))
        version = exstream.publish(FLOW_MODEL)
        assert live(Fate(rng, lives=0), iter(()))
        ended = {job["id"] for job in exstream.jobs()}

    def read(topic: str) -> list[dict[str, object]]:
        records = LogReader(kafka).records(prefix + topic)
        return [decoded(OutRecord(topic, record.key, record.value, ())) for record in records]

    found = read(BATCH)
    assert {event["job_id"] for event in found if event["type"] == "COMPLETED"} == ended
    assert set(Counter(event["event_id"] for event in found).values()) == {1}
    content = read(CONTENT)
    assert [event["type"] for event in content if event["content_type"] == "template"][-1] == "APPROVED"
    assert [event["version"] for event in content if event["type"] == "PUBLISHED"][-1] == version
    assert set(Counter(event["event_id"] for event in content).values()) == {1}
