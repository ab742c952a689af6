"""A Notifications poller that dies at any point, on a broker: every outcome in the committed log, once."""

import random
from collections import Counter
from collections.abc import Iterator

import pytest

from common.event import OutRecord
from common.kafka.admin import TopicAdmin
from common.kafka.embedded import EmbeddedBroker
from common.kafka.log_reader import LogReader
from tests.support.marketo_poll import decoded
from tests.support.notifications import MovingClock, SandboxNotifications, sandbox_notifications
from tests.support.notifications_poll import SINCE, KeptReceipts, config, send
from tests.support.polling import Fate, live_once
from workers.ingest.pollers.cursor import TOPIC
from workers.ingest.pollers.notifications.source import NotificationsSource

MESSAGES = 30
ALERT = "comms.alert.v1"


def alerts_go_out(
    vendor: SandboxNotifications, receipts: KeptReceipts, clock: MovingClock, rng: random.Random
) -> Iterator[None]:
    """Messages are sent, and time passes, while status is asked for."""
    for number in range(MESSAGES):
        receipts.add(send(vendor, f"p{number}"), clock.now())
        if rng.random() < 0.4:
            seconds = rng.choice([5, 20, 60])
            vendor.set_clock(advance_s=seconds)
            clock.ahead_s += seconds
            yield


@pytest.mark.parametrize("seed", range(4))
def test_every_outcome_is_committed_once(embedded: EmbeddedBroker, prefix: str, seed: int) -> None:
    """Whatever the moment: before or after the fence, the fetch, the commit; each life reads the receipts anew."""
    rng, kafka = random.Random(seed), {"bootstrap.servers": embedded.bootstrap}
    receipts, clock = KeptReceipts(), MovingClock()
    TopicAdmin(kafka).touch([prefix + TOPIC])
    with sandbox_notifications() as vendor:

        def live(fate: Fate, world: Iterator[None]) -> bool:
            source = NotificationsSource(config(vendor.url, interval_s=3600), clock, None, receipts.again())
            return live_once(source, kafka, prefix, SINCE, fate, world)

        fate, world = Fate(rng, lives=10), alerts_go_out(vendor, receipts, clock, rng)
        while not live(fate, world):
            pass
        for _ in world:
            pass
        vendor.set_clock(advance_s=60)
        clock.ahead_s += 60
        assert live(Fate(rng, lives=0), iter(()))

    records = LogReader(kafka).records(prefix + ALERT)
    found = [decoded(OutRecord(ALERT, record.key, record.value, ())) for record in records]
    assert Counter(event["recipient_ref"] for event in found) == {f"u:p{number}": 1 for number in range(MESSAGES)}
