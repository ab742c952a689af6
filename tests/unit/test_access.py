"""The access table: exactly what each worker needs, and the same as command lines."""

import shlex

import pytest
from click.testing import CliRunner

from common.errors import ConfigurationError
from topics.catalogue import Kind, topics
from workers.access import Grant, Resource, commands, grants, principals, workers
from workers.cli import main
from workers.ingest.sources.canonical import WRITTEN_BY_WORKERS


def _names(worker: str, operation: str, prefix: str = "") -> set[str]:
    found = grants(worker, prefix)
    return {grant.name for grant in found if grant.resource is Resource.TOPIC and grant.operation == operation}


def test_every_worker_has_its_grants() -> None:
    """A sink for each that has topics, and nothing is granted twice."""
    assert {"webhook", "sink-braze", "sink-ecm", "journeys", "tools", "topics", "upstream"} <= set(workers())
    for worker in workers():
        found = grants(worker)
        assert found, worker
        assert len(found) == len(set(found)), worker


def test_nobody_outside_writes_what_workers_decide() -> None:
    """Consent, journey steps and receipts: not the webhook, not an upstream system."""
    for worker in ("webhook", "upstream"):
        assert not _names(worker, "Write") & WRITTEN_BY_WORKERS
        assert not _names(worker, "Read")


def test_bad_signals_have_somewhere_to_go() -> None:
    """The webhook keeps them; whoever redrives them publishes their events; of what workers decide, cancels only."""
    assert "comms.dlq.ingest.v1" in _names("webhook", "Write")
    assert "comms.engagement.v1" in _names("tools", "Write")
    assert _names("tools", "Write") & WRITTEN_BY_WORKERS == {"comms.journey.v1"}  # journeys cancel


def test_a_sink_writes_its_own_topics_only() -> None:
    """Its letters, what it parks, and receipts: no event topic, and nothing of another sink."""
    assert _names("sink-braze", "Write") == {
        "comms.dlq.braze.v1",
        "comms.retry.braze.main.v1",
        "comms.retry.braze.consent.v1",
        "comms.receipt.v1",
    }


def test_a_sink_reads_every_flow_topic() -> None:
    """All members of a group subscribe to all of them: co-partitioning rests on it."""
    flow = {name for name, topic in topics().items() if topic.kind is Kind.FLOW}

    assert flow < _names("sink-braze", "Read")
    assert {name for name in _names("sink-braze", "Read") if "dlq" in name} == {"comms.dlq.braze.v1"}


def test_every_topic_is_a_topic_of_ours() -> None:
    """With the prefix in front; only those who make topics have a pattern."""
    for worker in workers():
        for grant in grants(worker, "acme."):
            if grant.resource is Resource.TOPIC and not grant.is_prefix:
                assert grant.name.removeprefix("acme.") in topics(), worker
            assert grant.name.startswith("acme."), f"{worker}: {grant}"


def test_groups_and_transactions_are_prefixed_patterns() -> None:
    """Their names end in a group's and a worker's own name."""
    own = [grant for grant in grants("sink-braze", "acme.") if grant.resource is not Resource.TOPIC]

    assert own == [
        Grant(Resource.GROUP, "acme.commfleet.braze.", "Read", "", is_prefix=True),
        Grant(Resource.TRANSACTIONAL_ID, "acme.commfleet.braze.", "Write", "", is_prefix=True),
    ]


@pytest.mark.parametrize("worker", workers())
def test_the_command_lines_grant_the_same(worker: str) -> None:
    """Read back as kafka-acls would."""
    granted = {grant for line in commands(worker, "User:me", "acme.") for grant in _granted(line)}

    assert granted == set(grants(worker, "acme."))


def _granted(line: str) -> list[Grant]:
    words = shlex.split(line)
    assert words[0] == "kafka-acls"
    assert words[words.index("--allow-principal") + 1] == "User:me"
    operation = words[words.index("--operation") + 1]
    is_prefix = words[-2:] == ["--resource-pattern-type", "prefixed"]
    return [
        Grant(resource, words[place + 1], operation, "", is_prefix)
        for resource in Resource
        for place, word in enumerate(words)
        if word == f"--{resource}"
    ]


def test_principals_are_named_by_hand() -> None:
    """A certificate's subject has equal signs of its own; a bare name is a user's."""
    named = principals(["sink-braze=User:CN=braze,O=acme", "webhook=door"])

    assert named["sink-braze"] == "User:CN=braze,O=acme"
    assert named["webhook"] == "User:door"
    assert named["tools"] == "User:commfleet-tools"


@pytest.mark.parametrize("text", ["webhook", "webhook=", "sink-fax=User:x", "=User:x"])
def test_a_principal_nobody_can_read_is_refused(text: str) -> None:
    """With the workers that there are."""
    with pytest.raises(ConfigurationError, match=r"is not WORKER=PRINCIPAL.*sink-braze"):
        principals([text])


def test_a_worker_nobody_knows_is_refused() -> None:
    """With the workers that there are."""
    with pytest.raises(ConfigurationError, match=r"no worker 'sink-fax'; there are: webhook, files, sink-braze"):
        grants("sink-fax")


def test_the_command_prints_a_table_or_lines() -> None:
    """With the prefix of the settings, for the workers that are asked about."""
    words = ["topics", "acls", "--worker", "webhook", "--principal", "webhook=door"]

    table = CliRunner().invoke(main, words, env={"COMMFLEET_PREFIX": "acme."})
    lines = CliRunner().invoke(main, [*words, "--commands"], env={"COMMFLEET_PREFIX": "acme."})

    assert table.exit_code == lines.exit_code == 0
    assert "acme.comms.alert.v1" in table.output
    assert "sink-braze" not in table.output
    assert lines.output.splitlines() == ["# webhook", *commands("webhook", "User:door", "acme.")]


def test_the_command_refuses_what_it_does_not_know() -> None:
    """In one line."""
    answer = CliRunner().invoke(main, ["topics", "acls", "--worker", "fax"])

    assert answer.exit_code == 1
    assert "there is no worker 'fax'" in answer.stderr
