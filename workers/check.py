"""`commfleet check`: everything that can be told without contacting anybody."""

from collections.abc import Iterator
from dataclasses import dataclass

from common.errors import CommfleetError, ConfigurationError
from common.kafka.verify import complaint
from schemas.catalogue import catalogue
from topics.catalogue import dead_letter_topic, flow_topics, retry_topic, topics
from workers.catalogue import all_flows, configured_sinks, sink_problems
from workers.files_catalogue import mapping_problems
from workers.flows.catalogue import Flows
from workers.flows.place import FaultyFlowsError
from workers.ingest.feeds import conflicts
from workers.ingest.sources.catalogue import hook_feeds
from workers.journeys_command import all_journeys
from workers.poller_catalogue import poller_feeds
from workers.schema_ids import schema_ids
from workers.schemas_command import schema_problems
from workers.settings import Settings
from workers.sinks.slices import slices

_MARKETO_PER_20_S = 100


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that cannot work.

    `part` is kafka, registry, schemas, topics, ingest, flows, journeys, budget, pollers or files.
    """

    part: str
    message: str


def check(settings: Settings, against: str | None = None, mode: str | None = None, workers: int = 1) -> list[Problem]:
    """Everything that is wrong with these settings, the flows that they name, the schemas and the topics.

    Schemas may follow the released ones, or those `against` which they are held (a folder or a git revision).
    `workers` is how many replicas a sink will have: each needs a part of what its vendor allows.
    (Wrong settings do not get this far: loading them tells all of theirs.)
    """
    return [
        *_kafka(settings),
        *_registry(settings),
        *_schemas(settings, against, mode),
        *_topics(),
        *_feeds(settings),
        *_flows(settings),
        *_journeys(settings),
        *_budgets(settings, workers),
        *_pollers(settings),
        *_files(settings),
    ]


def _kafka(settings: Settings) -> Iterator[Problem]:
    if refused := complaint(settings.kafka.client()):
        yield Problem("kafka", f"librdkafka refuses the kafka settings: {refused}")


def _registry(settings: Settings) -> Iterator[Problem]:
    try:
        schema_ids(settings)
    except ConfigurationError as error:
        yield Problem("registry", str(error))


def _schemas(settings: Settings, against: str | None, mode: str | None) -> Iterator[Problem]:
    try:
        yield from (Problem("schemas", problem) for problem in schema_problems(settings, against, mode))
    except ConfigurationError as error:
        yield Problem("schemas", str(error))


def _topics() -> Iterator[Problem]:
    try:
        found = topics()
    except CommfleetError as error:
        yield Problem("topics", str(error))
        return
    for topic in found.values():
        if topic.schema and topic.schema not in catalogue().topics:
            yield Problem("topics", f"{topic.name} has the schema {topic.schema}, which is not in schemas/")


def _feeds(settings: Settings) -> Iterator[Problem]:
    """One feed has the say in each signal; every way in adds its own here."""
    feeds = [*hook_feeds(settings.ingest.webhook.sources), *poller_feeds(settings)]
    yield from (Problem("ingest", problem) for problem in conflicts(feeds))


def _flows(settings: Settings) -> Iterator[Problem]:
    try:
        flows = all_flows(settings)
    except FaultyFlowsError as error:
        yield from (Problem("flows", str(fault)) for fault in error.errors)
        return
    yield from _missing_topics(flows)
    yield from _sinks(settings, flows)


def _journeys(settings: Settings) -> Iterator[Problem]:
    try:
        all_journeys(settings)
    except FaultyFlowsError as error:
        yield from (Problem("journeys", str(fault)) for fault in error.errors)


def _missing_topics(flows: Flows) -> Iterator[Problem]:
    """A sink's group reads its retry topic, and writes the sink's letters: both need a file."""
    needed = {
        topic for flow in flows for topic in (retry_topic(flow.sink, flow.action.group), dead_letter_topic(flow.sink))
    }
    for name in sorted(needed - topics().keys()):
        yield Problem("topics", f"{name} has no file in topics/, and flows need it")


def _sinks(settings: Settings, flows: Flows) -> Iterator[Problem]:
    """What the configured sinks lack for the flows that use them; connecting contacts nobody."""
    for sink in configured_sinks(settings).values():
        yield from (Problem("flows", problem) for problem in sink_problems(sink, flows))
        sink.close()


def _budgets(settings: Settings, workers: int) -> Iterator[Problem]:
    """Limits that are too small for a sink's groups, or for so many workers."""
    partitions = settings.topics.partitions or topics()[flow_topics()[0]].partitions
    for name, sink in configured_sinks(settings).items():
        try:
            parts = slices(sink, getattr(settings.sinks, name).consent_share)
        except ConfigurationError as error:
            yield Problem("budget", str(error))
            continue
        finally:
            sink.close()
        for group, part in parts.items():
            most, bound = part.most_workers(partitions)
            if workers > most:
                message = (
                    f"sink {name}, group {group}: {bound} on {partitions} partitions are enough for "
                    f"{most} workers, not for {workers}: the others could send nothing. Run fewer (of one group: "
                    f"`run sink {name} --group {group}`), or raise the limit in sinks.{name}"
                )
                yield Problem("budget", message)


def _files(settings: Settings) -> Iterator[Problem]:
    """Mappings against the schemas of their topics, by line."""
    yield from (Problem("files", problem) for problem in mapping_problems(settings))


def _pollers(settings: Settings) -> Iterator[Problem]:
    """Sink and poller of one subscription share what Marketo allows (marketo.md §3)."""
    sink, poller = settings.sinks.marketo, settings.ingest.pollers.marketo
    if sink is None or poller is None or sink.base_url != poller.base_url:
        return
    together = sink.requests_per_20_s + poller.requests_per_20_s
    if together > _MARKETO_PER_20_S:
        yield Problem(
            "pollers",
            f"sinks.marketo and ingest.pollers.marketo may make {together} requests in 20 s, and Marketo allows "
            f"{_MARKETO_PER_20_S} to everybody together: lower requests_per_20_s of one",
        )
