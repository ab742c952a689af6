"""How the journey workers are, as the customer store and Kafka know it; no worker is asked."""

from dataclasses import dataclass
from datetime import datetime

from common.errors import ConfigurationError
from common.event import Commit, PartitionId
from common.kafka.admin import TopicAdmin
from common.store.state import StoreState, store_state
from workers.journeys.reading import read_topics
from workers.settings import Settings
from workers.status_command import TopicLag, lags
from workers.store_command import reader


@dataclass(frozen=True, slots=True)
class JourneysStatus:
    """What `commfleet status` shows of the journeys."""

    state: StoreState
    lags: list[TopicLag]


def journeys_status(settings: Settings, now: datetime) -> JourneysStatus:
    """Raises BrokerDownError, StoreDownError, and ConfigurationError where topics or tables are missing."""
    admin = TopicAdmin(settings.kafka.client())
    counts, names = admin.cluster().counts, [settings.prefix + name for name in read_topics()]
    if missing := [name for name in names if name not in counts]:
        raise ConfigurationError(f"missing topics: {', '.join(missing)}; create them: `commfleet topics apply`")
    here = [PartitionId(name, number) for name in names for number in range(counts[name])]
    with reader(settings) as database:
        state = store_state(database, counts[names[0]], now)
    stored = {one: _commit(state, one, settings.prefix) for one in here}
    return JourneysStatus(state, lags(f"{settings.prefix}commfleet.journeys", stored, admin.bounds(here)))


def _commit(state: StoreState, at: PartitionId, prefix: str) -> Commit | None:
    offset = state.offsets.get(at.partition, {}).get(at.topic.removeprefix(prefix))
    return None if offset is None else Commit(offset, "")
