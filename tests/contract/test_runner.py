"""The sink path on the embedded broker: what becomes of each delivery, and of its offset."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from common.codec import Decoder, LocalSchemas, checked
from common.event import Position
from common.kafka.embedded import EmbeddedBroker
from common.kafka.log_reader import LogReader
from common.reasons import Cause, Reason
from schemas.catalogue import catalogue
from tests.support.poll import eventually
from tests.support.sink_rig import WORKSPACE, Got, SinkRig, rig_flows, workspace_event
from tests.support.wire import written
from workers.sinks.api import Answered, Deferred, Delivered, Hold, Outcome, Refused, Rejected, Scope, Unsure, Yielded
from workers.sinks.headers import Origin

SEND = "- {name: send-created, on: comms.workspace.v1, when: {type: [CREATED]}, do: braze.send, consent: none}"
PUT = "- {name: put-created, on: comms.workspace.v1, when: {type: [CREATED]}, do: braze.put, consent: none}"

MakeRig = Callable[..., SinkRig]


@pytest.fixture
def make_rig(embedded: EmbeddedBroker, tmp_path: Path, prefix: str) -> Iterator[MakeRig]:
    """A rig with topics of its own."""
    with ExitStack() as rigs:

        def make(*flows: str) -> SinkRig:
            return rigs.enter_context(closing(SinkRig(embedded.bootstrap, rig_flows(tmp_path, *flows), prefix)))

        yield make


def ids(got: list[Got], key: str) -> list[str]:
    return [item.event_id for item in got if item.key == key]


def test_every_event_arrives_in_order_and_is_committed(make_rig: MakeRig) -> None:
    """Each key is served in log order; then nothing of it is left to read."""
    rig = make_rig()
    events = [workspace_event(number, f"c{number % 7}") for number in range(100)]
    rig.write(*events)
    with rig.running():
        eventually(lambda: len(rig.sink.got) == 100, 30)
        eventually(lambda: rig.committed() == 100, 10)
    for key in {f"c{number}" for number in range(7)}:
        assert ids(rig.sink.got, key) == [e["event_id"] for e in events if e["customer"]["customer_id"] == key]


def test_what_no_flow_wants_is_committed_unread(make_rig: MakeRig) -> None:
    """An event without a flow costs nothing and holds nothing up."""
    rig = make_rig()
    rig.write(*(workspace_event(number, type_="UPDATED") for number in range(5)))
    with rig.running():
        eventually(lambda: rig.committed() == 5, 30)
    assert rig.sink.got == []


def test_a_restart_sends_nothing_again(make_rig: MakeRig) -> None:
    """What was settled before a calm stop is not read again."""
    rig = make_rig(SEND)
    rig.write(*(workspace_event(number, f"c{number}") for number in range(20)))
    with rig.running():
        eventually(lambda: len(rig.sink.got) == 20, 30)
    rig.write(workspace_event(21))
    with rig.running():
        eventually(lambda: len(rig.sink.got) == 21, 30)
    assert len({item.event_id for item in rig.sink.got}) == 21


def test_a_refused_record_is_a_dead_letter_alone(make_rig: MakeRig) -> None:
    """Its neighbours are delivered, once; the letter says why; the offset goes with the letter."""
    rig = make_rig(SEND)
    bad = workspace_event(3, "c3")["event_id"]

    def script(_: object, items: list[Got]) -> Outcome:
        return Answered(
            [Rejected(Reason.INVALID_FIELD, "no such field", "E1") if i.event_id == bad else Delivered() for i in items]
        )

    rig.sink.script = script  # type: ignore[assignment]
    rig.write(*(workspace_event(number, f"c{number}") for number in range(6)))
    with rig.running():
        eventually(lambda: rig.committed() == 6, 30)
    letters = rig.letters()
    assert [(x["dlq.reason"], x["dlq.vendor_code"], x["dlq.flow"]) for x in letters] == [
        ("invalid_field", "E1", "send-created")
    ]
    assert len(rig.sink.got) == 5


def test_a_rejection_may_tell_people_of_itself(make_rig: MakeRig) -> None:
    """The event stands beside the letter; of one that cannot be written the letter says so, and stands all the same."""
    rig = make_rig(SEND)
    told = workspace_event(1, "told", "WORKFLOW_LATE")
    unfit = {**told, "workspace_id": None}
    events = {"c1": Yielded(WORKSPACE, told), "c2": Yielded(WORKSPACE, unfit)}

    def script(_: object, items: list[Got]) -> Outcome:
        return Answered([Rejected(Reason.REFUSED, "not there", "", (events[item.key],)) for item in items])

    rig.sink.script = script  # type: ignore[assignment]
    rig.write(workspace_event(1, "c1"), workspace_event(2, "c2"))
    with rig.running():
        eventually(lambda: len(rig.letters()) == 2, 30)

    details = sorted(letter["dlq.detail"] for letter in rig.letters())
    assert details[0] == "not there"
    assert details[1].startswith("not there; nobody was told: ")
    written = [record.value for record in LogReader(rig.kafka).records(rig.prefix + WORKSPACE)]
    assert [one["type"] for one in map(decoded, written)].count("WORKFLOW_LATE") == 1


def decoded(payload: bytes | None) -> dict[str, Any]:
    """A workspace event."""
    return Decoder(LocalSchemas()).decode(WORKSPACE, payload)


def test_a_request_refused_for_nobody_is_bisected(make_rig: MakeRig) -> None:
    """The culprit alone is rejected; nobody who was not isolated is."""
    rig = make_rig()
    bad = workspace_event(4, "c4")["event_id"]

    def script(_: object, items: list[Got]) -> Outcome | None:
        return Refused(Reason.REFUSED, "bad request", "400") if bad in {item.event_id for item in items} else None

    rig.sink.script = script  # type: ignore[assignment]
    rig.write(*(workspace_event(number, f"c{number}") for number in range(8)))
    with rig.running(linger_s=0.3):
        eventually(lambda: rig.committed() == 8, 30)
    assert [x["dlq.reason"] for x in rig.letters()] == ["refused"]
    assert len(rig.sink.got) == 7
    assert max(rig.sink.requests) > 1


def test_a_deferred_delivery_holds_its_own_lane_only(make_rig: MakeRig) -> None:
    """The key waits with all behind it, in order; other keys flow past."""
    rig = make_rig()
    first = workspace_event(0, "slow")
    tries: list[str] = []

    def script(_: object, items: list[Got]) -> Outcome:
        verdicts: list[Delivered | Deferred] = []
        for item in items:
            tries.extend([item.event_id] * (item.event_id == first["event_id"]))
            is_early = item.event_id == first["event_id"] and len(tries) < 4
            verdicts.append(Deferred(Reason.THROTTLED) if is_early else Delivered())
        return Answered(verdicts)

    rig.sink.script = script  # type: ignore[assignment]
    events = [
        first,
        *(workspace_event(n, "slow") for n in range(1, 4)),
        *(workspace_event(n, "fast") for n in range(5)),
    ]
    rig.write(*events)
    with rig.running():
        eventually(lambda: rig.committed() == 9, 30)
    assert ids(rig.sink.got, "slow") == [e["event_id"] for e in events[:4]]
    assert rig.sink.got.index(next(g for g in rig.sink.got if g.key == "fast")) < rig.sink.got.index(
        next(g for g in rig.sink.got if g.key == "slow")
    )


def test_an_unsure_repeatable_is_sent_again(make_rig: MakeRig) -> None:
    """After the action's settling time the same delivery goes once more."""
    rig = make_rig(PUT)
    answers: list[Outcome] = [Answered([Unsure(Reason.TIME_OUT)])]
    rig.sink.script = lambda *_: answers.pop() if answers else None
    rig.write(workspace_event(1))
    with rig.running():
        eventually(lambda: rig.committed() == 1, 30)
    assert len(rig.sink.got) == 1
    assert rig.sink.requests == [1, 1]


def test_an_unsure_once_action_is_in_doubt_and_its_route_is_probed(make_rig: MakeRig) -> None:
    """Nobody is contacted twice: a dead letter says in_doubt, and nothing else goes before a probe was well."""
    rig = make_rig(SEND)
    answers: list[Outcome] = [Answered([Unsure(Reason.TIME_OUT, "no answer")])]
    rig.sink.script = lambda *_: answers.pop() if answers else None
    rig.write(workspace_event(1, "a"))
    with rig.running():
        eventually(lambda: rig.committed() == 1, 30)
        rig.write(workspace_event(2, "b"))
        eventually(lambda: len(rig.sink.got) == 1, 30)
    assert [x["dlq.reason"] for x in rig.letters()] == ["in_doubt"]
    assert rig.sink.probes >= 1


def test_a_hold_spends_no_attempt_and_ends_by_a_probe(make_rig: MakeRig) -> None:
    """While the credentials are refused nothing is sent; afterwards everything arrives, no letter is written."""
    rig = make_rig()
    is_well = False
    hold = Hold(Cause.CREDENTIALS, Scope.SINK, "the key is refused")
    rig.sink.script = lambda *_: None if is_well else hold
    rig.sink.on_probe = lambda: None if is_well else hold
    rig.write(*(workspace_event(number, f"c{number}") for number in range(30)))
    with rig.running() as runner:
        eventually(lambda: rig.sink.probes >= 2, 30)
        eventually(lambda: [one.cause for one in runner.status.holds] == [Cause.CREDENTIALS], 5)
        assert runner.status.is_ready
        assert len(rig.sink.requests) <= 4
        is_well = True
        eventually(lambda: rig.committed() == 30, 30)
    assert rig.letters() == []
    assert len(rig.sink.got) == 30


def test_a_full_window_pauses_and_goes_on(make_rig: MakeRig) -> None:
    """A vendor that is away fills the window, not the memory; the backlog stays in Kafka."""
    rig = make_rig()
    is_well = False
    rig.sink.script = lambda *_: None if is_well else Hold(Cause.VENDOR_DOWN, Scope.SINK, "away")
    rig.sink.on_probe = lambda: None if is_well else Hold(Cause.VENDOR_DOWN, Scope.SINK, "away")
    rig.write(*(workspace_event(number, "one-key") for number in range(1200)))
    with rig.running(window_records=100, linger_s=0.0) as runner:
        ownership = runner._ownership
        eventually(lambda: any(window.is_paused for window in ownership.windows.values()), 30)
        assert max(window.progress.span for window in ownership.windows.values()) <= 600
        is_well = True
        eventually(lambda: rig.committed() == 1200, 60)
    assert ids(rig.sink.got, "one-key") == [workspace_event(n, "one-key")["event_id"] for n in range(1200)]


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        (b"c1", b"not avro at all", "not_avro"),
        (b"c1", b"\0\0\0\0\x07" + b"x" * 20, "unknown_schema"),
        (b"c1", None, "tombstone"),
    ],
)
def test_an_unusable_record_is_one_dead_letter(make_rig: MakeRig, key: bytes, value: bytes | None, reason: str) -> None:
    """Key and value stay as they were; what follows on the same key is delivered."""
    rig = make_rig()
    rig.write_raw("comms.workspace.v1", key, value)
    rig.write(workspace_event(1, "c1"))
    with rig.running():
        eventually(lambda: rig.committed() == 2, 30)
    assert [(x["dlq.reason"], x["dlq.flow"], x["dlq.stage"]) for x in rig.letters()] == [(reason, "-", "decode")]
    assert len(rig.sink.got) == 1


def test_a_key_that_the_topic_does_not_prescribe_is_a_dead_letter(make_rig: MakeRig) -> None:
    """Somebody else's key would put one customer's events into two lanes."""
    rig = make_rig()
    value = rig._encoder.encode("comms.workspace.v1", workspace_event(1, "c1"))
    rig.write_raw("comms.workspace.v1", b"another", value)
    with rig.running():
        eventually(lambda: rig.committed() == 1, 30)
    assert [x["dlq.reason"] for x in rig.letters()] == ["wrong_key"]


def test_two_flows_of_one_event_are_two_deliveries_in_order(make_rig: MakeRig) -> None:
    """Catalogue order; a rejected one does not stop the next."""
    rig = make_rig(SEND, PUT)

    def script(batch: object, items: list[Got]) -> Outcome | None:
        return Answered([Rejected(Reason.REFUSED)] * len(items)) if items[0].action == "send" else None

    rig.sink.script = script  # type: ignore[assignment]
    rig.write(workspace_event(1))
    with rig.running():
        eventually(lambda: rig.committed() == 1, 30)
    assert [x["dlq.flow"] for x in rig.letters()] == ["send-created"]
    assert [item.action for item in rig.sink.got] == ["put"]


def test_an_undecided_exception_ends_the_worker_and_loses_nothing(make_rig: MakeRig) -> None:
    """The process exits non-zero; the next one delivers."""
    rig = make_rig()

    def script(*_: object) -> Outcome:
        raise RuntimeError("nobody decided about this")

    rig.sink.script = script
    rig.write(workspace_event(1))
    with pytest.raises(RuntimeError, match="nobody decided"), rig.running() as runner:
        eventually(lambda: bool(rig.sink.requests) and not runner.status.is_ready, 30)
    rig.sink.script = lambda *_: None
    with rig.running():
        eventually(lambda: rig.committed() == 1, 30)
    assert len(rig.sink.got) == 1


def test_a_redriven_letter_goes_to_the_vendor_again(make_rig: MakeRig) -> None:
    """By the retry topic, with its own identity; the marker closes the letter, so a second redrive finds none."""
    rig = make_rig(SEND)
    rig.sink.script = lambda *_: Answered([Rejected(Reason.REFUSED, "not today")])
    rig.write(workspace_event(1))
    with rig.running():
        eventually(lambda: len(rig.letters()) == 1, 30)
        rig.sink.script = lambda *_: None
        assert rig.redrive() == 1
        eventually(lambda: len(rig.sink.got) == 1, 30)
        assert rig.redrive() == 0
    assert [item.event_id for item in rig.sink.got] == [workspace_event(1)["event_id"]]


def test_a_letter_that_is_refused_again_keeps_its_identity(make_rig: MakeRig) -> None:
    """The second letter is about the same delivery, and begins its own count of failures."""
    rig = make_rig(SEND)
    rig.sink.script = lambda *_: Answered([Rejected(Reason.REFUSED, "never")])
    rig.write(workspace_event(1))
    with rig.running():
        eventually(lambda: len(rig.letters()) == 1, 30)
        rig.redrive()
        eventually(lambda: len([x for x in rig.letters() if "dlq.delivery" in x]) == 2, 30)
    first, second = (x for x in rig.letters() if "dlq.delivery" in x)
    assert first["dlq.delivery"] == second["dlq.delivery"]
    assert first["dlq.origin"] == second["dlq.origin"]


def test_a_retry_record_whose_flow_is_gone_is_a_dead_letter(make_rig: MakeRig) -> None:
    """A flow that was removed from the catalogue cannot be carried out; a person decides."""
    rig = make_rig(SEND)
    value = rig._encoder.encode("comms.workspace.v1", workspace_event(1, "c1"))
    origin = Origin("g+t+0+0+old-flow", "old-flow", Position(f"{rig.prefix}comms.workspace.v1", 0, 0), 0)
    rig.write_raw("comms.retry.braze.main.v1", b"c1", value, origin.written("retry."))
    with rig.running():
        eventually(lambda: len(rig.letters()) == 1, 30)
    assert rig.letters()[0]["dlq.reason"] == "flow_gone"


def test_a_newer_type_holds_its_partition_and_loses_nothing(make_rig: MakeRig) -> None:
    """Committing past a symbol that this reader does not know would lose the event."""
    rig = make_rig()
    newer = deepcopy(catalogue().schema("comms.workspace.v1"))
    type_ = next(field for field in newer["fields"] if field["name"] == "type")["type"]
    type_["symbols"].append("TELEPORTED")
    rig.schemas.more[7] = newer
    event = checked("comms.workspace.v1", workspace_event(1)) | {"type": "TELEPORTED"}
    rig.write_raw("comms.workspace.v1", b"c1", written(newer, event, 7))
    rig.write(workspace_event(2))
    with rig.running() as runner:
        eventually(lambda: [one.cause for one in runner.status.holds] == [Cause.READER_TOO_OLD], 30)
        assert runner.status.is_ready
    assert rig.committed() == 0
    assert (rig.sink.got, rig.letters()) == ([], [])


def test_a_registry_that_is_away_holds_and_then_goes_on(make_rig: MakeRig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is dead-lettered for a schema that nobody could ask about."""
    monkeypatch.setattr("workers.sinks.reader._REGISTRY_RETRY_S", 0.2)
    rig = make_rig()
    rig.schemas.is_down = True
    rig.write(workspace_event(1), workspace_event(2))
    with rig.running() as runner:
        eventually(lambda: [one.cause for one in runner.status.holds] == [Cause.REGISTRY_DOWN], 30)
        rig.schemas.is_down = False
        eventually(lambda: rig.committed() == 2, 30)
    assert ids(rig.sink.got, "c1") == [workspace_event(n)["event_id"] for n in (1, 2)]
    assert rig.letters() == []
