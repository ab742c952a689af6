"""What a journey worker is made of, and what it shows of itself."""

from dataclasses import dataclass

from common.kafka.consumer import GroupConsumer
from common.kafka.transactions import TransactionalProducer
from common.meters import JourneyMeter
from common.store.database import Database
from workers.journeys.applier import Applier
from workers.journeys.asking import Ends
from workers.journeys.firing import Firing
from workers.journeys.outbox import Outbox
from workers.journeys.reading import Reading


@dataclass(frozen=True, slots=True)
class Parts:
    """What the worker works with; it closes the clients of Kafka."""

    consumer: GroupConsumer
    transactions: TransactionalProducer
    ends: Ends
    database: Database
    applier: Applier
    reading: Reading
    outbox: Outbox
    firing: Firing
    meter: JourneyMeter


@dataclass(frozen=True, slots=True)
class Status:
    """What health checks see; replaced as a whole. `holds` is (partition number, cause, detail); `at` is monotonic."""

    is_ready: bool = False
    holds: tuple[tuple[int, str, str], ...] = ()
    at: float = 0.0
