"""An ECM poller that dies at any point, on a broker: every state of every workspace in the committed log, once."""

import random
from collections import Counter
from collections.abc import Iterator

import pytest

from common.clock import SystemClock
from common.event import OutRecord
from common.kafka.admin import TopicAdmin
from common.kafka.embedded import EmbeddedBroker
from common.kafka.log_reader import LogReader
from tests.support.ecm import SandboxEcm
from tests.support.ecm_poll import SINCE, Person, config, office
from tests.support.marketo_poll import decoded
from tests.support.polling import Fate, live_once
from workers.ingest.pollers.cursor import TOPIC
from workers.ingest.pollers.ecm.source import EcmSource

WORKSPACES = 12
WORKSPACE = "comms.workspace.v1"


def people_work(ecm: SandboxEcm, jdoe: Person, rng: random.Random, made: dict[str, int]) -> Iterator[None]:
    """Workspaces are made, get a document, reach milestones, while lists are paged; `made` has the last milestone."""
    while len(made) < WORKSPACES:
        for _ in range(rng.randint(1, 3)):
            node = jdoe.workspace(f"W{len(made)}", _2=f"C-{len(made)}", _3="0")
            jdoe.document(node, "c.pdf")
            made[node] = 0
        ecm.set_clock(advance_s=1)
        node = rng.choice(list(made))
        made[node] += 1
        jdoe.change(node, _3=str(made[node]))
        yield


@pytest.mark.parametrize("seed", range(5))
def test_every_state_is_committed_once(embedded: EmbeddedBroker, prefix: str, seed: int) -> None:
    """Whatever the moment: before or after the fence, the fetch, the details, the commit."""
    rng, kafka = random.Random(seed), {"bootstrap.servers": embedded.bootstrap}
    made: dict[str, int] = {}
    TopicAdmin(kafka).touch([prefix + TOPIC])
    with office() as (ecm, jdoe):

        def live(fate: Fate, world: Iterator[None]) -> bool:
            source = EcmSource(config(ecm.url, interval_s=3600), SystemClock())
            return live_once(source, kafka, prefix, SINCE, fate, world)

        fate, world = Fate(rng, lives=10), people_work(ecm, jdoe, rng, made)
        while not live(fate, world):
            pass
        for _ in world:
            pass
        ecm.set_clock(advance_s=60)
        assert live(Fate(rng, lives=0), iter(()))

    records = LogReader(kafka).records(prefix + WORKSPACE)
    found = [decoded(OutRecord(WORKSPACE, record.key, record.value, ())) for record in records]
    states = [event for event in found if event["document"] is None]
    assert set(Counter(event["event_id"] for event in found).values()) == {1}
    assert {event["workspace_id"]: int(str(event["milestone"])) for event in states} == made
    assert Counter(event["type"] for event in states)["CREATED"] == len(made)
    assert Counter(event["workspace_id"] for event in found if event["document"]) == dict.fromkeys(made, 1)
