"""What an operator does on a real broker: accept offsets, and have dealt-with letters deleted."""

from collections.abc import Callable

import pytest

from common.errors import ConfigurationError, FatalError
from common.kafka.log_reader import LogReader
from common.reasons import Reason
from common.settings import KafkaSettings
from tests.kafka.test_engine import SEND, make_rig
from tests.support.poll import eventually
from tests.support.sink_rig import DEAD, SinkRig, workspace_event
from workers.letters_command import dead_letters, discard
from workers.offsets_command import Start, accept, groups, plan
from workers.settings import Settings
from workers.sinks.api import Answered, Rejected

__all__ = ["make_rig"]

MakeRig = Callable[..., SinkRig]


def settings_of(rig: SinkRig) -> Settings:
    """The operator's, on the rig's broker."""
    return Settings(prefix=rig.prefix, kafka=KafkaSettings(rig.kafka))


def accept_all(rig: SinkRig, start: Start = "committed") -> list[str]:
    """Plan and carry it out for the rig's group; the partitions that were accepted."""
    settings = settings_of(rig)
    (group,) = groups(settings, "braze", "main")
    found = plan(settings, group, start)
    accept(settings, found)
    return [str(change.partition) for change in found.changes]


def test_a_reset_that_was_accepted_is_read_from_there(make_rig: MakeRig) -> None:
    """Only the foreign commits are rewritten; the worker starts, and sends what the reset asks for."""
    rig = make_rig()
    rig.write(workspace_event(0, "c1"))
    with rig.running():
        eventually(lambda: rig.committed() == 1, 30)
    rig.reset_offsets(0)

    accepted = accept_all(rig)

    assert accepted == [f"{rig.prefix}comms.workspace.v1/{number}" for number in range(4)]
    with rig.running():
        eventually(lambda: len(rig.sink.got) == 2, 30)
        eventually(lambda: rig.committed() == 1, 30)
    assert accept_all(rig) == []


def test_a_group_without_commits_starts_where_the_operator_says(make_rig: MakeRig) -> None:
    """`end`: what was there is left; what comes later is sent. Its start is marked, as a worker would."""
    rig = make_rig()
    rig.write(workspace_event(0, "c1"))
    with pytest.raises(ConfigurationError, match="say --from"):
        accept_all(rig)

    accepted = accept_all(rig, "end")

    assert len(accepted) == 11 * 4
    rig.write(workspace_event(1, "c1"))
    with rig.running():
        eventually(lambda: len(rig.sink.got) == 1, 30)
    assert rig.sink.got[0].event_id == workspace_event(1, "c1")["event_id"]


def test_expired_offsets_stop_the_worker_until_accepted(make_rig: MakeRig) -> None:
    """The message is the command's own line."""
    rig = make_rig()
    accept_all(rig, "end")
    settings = settings_of(rig)
    (group,) = groups(settings, "braze", "main")
    rig.rename_group(".expired")

    with pytest.raises(FatalError, match="commfleet offsets accept braze --group main --from"), rig.running():
        eventually(lambda: rig.has_ended, 30)

    assert plan(settings, group, "committed").changes == []


def test_a_running_group_is_refused(make_rig: MakeRig) -> None:
    """A worker would not notice that its offsets are others now."""
    rig = make_rig()
    with rig.running() as runner:
        eventually(lambda: runner.status.is_ready, 30)
        with pytest.raises(ConfigurationError, match=r"1 members of .* are running: stop the sink's workers"):
            accept_all(rig)


def test_discarded_letters_are_deleted(make_rig: MakeRig) -> None:
    """The topic's retention is for ever: what is closed leaves when nothing open is below it."""
    rig = make_rig(SEND)
    rig.sink.script = lambda *_: Answered([Rejected(Reason.REFUSED, "never")])
    rig.write(workspace_event(1), workspace_event(2))
    with rig.running():
        eventually(lambda: len(rig.letters()) == 2, 30)
    settings = settings_of(rig)
    letters = dead_letters(settings, "braze").open()

    assert discard(settings, "braze", letters[:1], lambda _: None) == 1
    assert [letter.address for letter in dead_letters(settings, "braze").open()] == [letters[1].address]
    assert letters[0].offset not in [row.offset for row in LogReader(rig.kafka).records(rig.prefix + DEAD)]

    assert discard(settings, "braze", letters[1:], lambda _: None) == 1
    assert rig.letters() == []
