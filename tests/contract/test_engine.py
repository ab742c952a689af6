"""Parking, the fence, and takeovers, on the embedded broker."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from common.errors import FatalError
from common.kafka.embedded import EmbeddedBroker
from common.kafka.log_reader import LogReader
from common.reasons import Cause, Reason
from tests.support.poll import eventually
from tests.support.sink_rig import Got, SinkRig, rig_flows, workspace_event
from workers.flows.names import name_hash
from workers.sinks.api import Answered, Deferred, Delivered, Hold, Outcome, Rejected, Scope, Unsure
from workers.sinks.commit_map import read_commit

SEND = "- {name: send-created, on: comms.workspace.v1, when: {type: [CREATED]}, do: braze.send, consent: none}"
PUT = "- {name: put-created, on: comms.workspace.v1, when: {type: [CREATED]}, do: braze.put, consent: none}"
ELSEWHERE = "- {name: put-failed, on: comms.batch.v1, when: {type: [FAILED]}, do: braze.put, consent: none}"

MakeRig = Callable[..., SinkRig]


@pytest.fixture
def make_rig(embedded: EmbeddedBroker, tmp_path: Path, prefix: str) -> Iterator[MakeRig]:
    """A rig with topics of its own."""
    with ExitStack() as rigs:

        def make(*flows: str, can_look_up: bool = False, **repeats: Any) -> SinkRig:
            compiled = rig_flows(tmp_path, *flows, can_look_up=can_look_up, **repeats)
            return rigs.enter_context(closing(SinkRig(embedded.bootstrap, compiled, prefix)))

        yield make


def ids(got: list[Got], key: str) -> list[str]:
    return [item.event_id for item in got if item.key == key]


def wanted(key: str, count: int) -> list[str]:
    return [workspace_event(number, key)["event_id"] for number in range(count)]


def retries(rig: SinkRig) -> int:
    """Retry records on the group's topic, start markers aside."""
    log = LogReader(rig.kafka).records(f"{rig.prefix}comms.retry.braze.main.v1")
    return sum(record.value is not None for record in log)


def late(rig: SinkRig, key: str) -> Callable[..., Outcome]:
    """A vendor that defers one key until the rig says it is well."""

    def script(_: object, items: list[Got]) -> Outcome:
        is_well = getattr(rig, "is_well", False)
        return Answered(
            [Deferred(Reason.THROTTLED) if item.key == key and not is_well else Delivered() for item in items]
        )

    return script


def test_a_key_is_parked_past_the_patience_and_comes_back_in_order(make_rig: MakeRig) -> None:
    """Its offsets are committed meanwhile; what arrives later on the key goes behind; other keys flow."""
    rig = make_rig()
    rig.sink.script = late(rig, "slow")
    rig.write(*(workspace_event(n, "slow") for n in range(3)), workspace_event(0, "fast"))
    with rig.running(patience_s=0.3, backoff_base_s=0.2):
        eventually(lambda: rig.committed() == 4, 30)
        assert retries(rig) == 3
        rig.write(*(workspace_event(n, "slow") for n in range(3, 6)))
        rig.is_well = True  # type: ignore[attr-defined]
        eventually(lambda: len(ids(rig.sink.got, "slow")) == 6, 30)
    assert ids(rig.sink.got, "slow") == wanted("slow", 6)
    assert rig.letters() == []


def test_parked_keys_survive_a_restart(make_rig: MakeRig) -> None:
    """The next owner finds the retry topic's tail, and keeps the order with what comes after it."""
    rig = make_rig()
    rig.sink.script = late(rig, "slow")
    rig.write(*(workspace_event(n, "slow") for n in range(3)))
    with rig.running(patience_s=0.3, backoff_base_s=0.2):
        eventually(lambda: rig.committed() == 3, 30)
    rig.write(*(workspace_event(n, "slow") for n in range(3, 6)))
    rig.is_well = True  # type: ignore[attr-defined]
    with rig.running(patience_s=0.3):
        eventually(lambda: len(ids(rig.sink.got, "slow")) == 6, 30)
    assert ids(rig.sink.got, "slow") == wanted("slow", 6)


def test_two_flows_of_one_event_both_come_back(make_rig: MakeRig) -> None:
    """A retry record names its flow: one event parked twice is two deliveries."""
    rig = make_rig(SEND, PUT)
    rig.sink.script = late(rig, "slow")
    rig.write(workspace_event(0, "slow"))
    with rig.running(patience_s=0.3, backoff_base_s=0.2):
        eventually(lambda: retries(rig) == 2, 30)
        rig.is_well = True  # type: ignore[attr-defined]
        eventually(lambda: len(rig.sink.got) == 2, 30)
    assert sorted(item.action for item in rig.sink.got) == ["put", "send"]


def test_retry_records_wait_in_place(make_rig: MakeRig) -> None:
    """A key that keeps failing is not written to the retry topic again and again."""
    rig = make_rig()
    tries: list[str] = []
    inner = late(rig, "slow")

    def script(batch: object, items: list[Got]) -> Outcome:
        tries.extend(item.event_id for item in items)
        return inner(batch, items)

    rig.sink.script = script  # type: ignore[assignment]
    rig.write(workspace_event(0, "slow"))
    with rig.running(patience_s=0.2, backoff_base_s=0.1):
        eventually(lambda: len(tries) >= 12, 30)
        assert retries(rig) == 1
        rig.is_well = True  # type: ignore[attr-defined]
        eventually(lambda: len(rig.sink.got) == 1, 30)


def test_an_actions_hold_parks_its_keys_when_the_window_is_needed(make_rig: MakeRig) -> None:
    """A wrong campaign id stops its own action; other keys and actions flow past a full window."""
    rig = make_rig(
        "- {name: send-a, on: comms.workspace.v1, when: {type: [CREATED]}, do: braze.send, consent: none}",
        "- {name: put-b, on: comms.workspace.v1, when: {type: [UPDATED]}, do: braze.put, consent: none}",
    )
    is_well = False
    wrong = Hold(Cause.CONFIGURATION, Scope.ACTION, "no such campaign")

    def script(_: object, items: list[Got]) -> Outcome | None:
        return wrong if items[0].action == "send" and not is_well else None

    rig.sink.script = script  # type: ignore[assignment]
    rig.sink.on_probe = lambda: None if is_well else wrong
    held = [workspace_event(n, f"k{n % 50}") for n in range(400)]
    rig.write(*held)
    rig.write(*(workspace_event(n, f"u{n}", "UPDATED") for n in range(50)))
    with rig.running(window_records=100):
        eventually(lambda: len([g for g in rig.sink.got if g.action == "put"]) == 50, 60)
        is_well = True
        eventually(lambda: len([g for g in rig.sink.got if g.action == "send"]) == 400, 60)
    for key in {event["customer"]["customer_id"] for event in held}:
        got = [g.event_id for g in rig.sink.got if g.key == key and g.action == "send"]
        assert got == [e["event_id"] for e in held if e["customer"]["customer_id"] == key]
    assert rig.letters() == []


def test_a_once_request_leaves_only_after_the_commit_that_names_it(make_rig: MakeRig) -> None:
    """At the moment of the request the group's committed metadata names the delivery."""
    rig = make_rig(SEND)
    named: list[int] = []

    def script(_: object, items: list[Got]) -> None:
        named.append(sum(len(read_commit(commit).intents) for commit in rig.commits()))

    rig.sink.script = script  # type: ignore[assignment]
    rig.write(*(workspace_event(n, f"c{n}") for n in range(5)))
    with rig.running(linger_s=0.2):
        eventually(lambda: rig.committed() == 5, 30)
    assert rig.sink.requests
    assert all(count >= size for count, size in zip(named, rig.sink.requests, strict=True))


def test_what_a_dead_owner_named_is_in_doubt_and_never_sent_again(make_rig: MakeRig) -> None:
    """Its request may still be on its way; the deliveries behind it go on."""
    rig = make_rig(SEND)
    rig.write(*(workspace_event(n, "c1") for n in range(3)))
    with rig.crashing():
        eventually(lambda: bool(rig.sink.requests), 30)
    assert rig.sink.got == []
    rig.sink.script = lambda *_: None
    with rig.running():
        eventually(lambda: rig.committed() == 3, 30)
    assert [x["dlq.reason"] for x in rig.letters()] == ["in_doubt"]
    assert ids(rig.sink.got, "c1") == wanted("c1", 3)[1:]


@pytest.mark.parametrize("later", [PUT, SEND.replace("CREATED", "UPDATED"), ELSEWHERE])
def test_what_a_dead_owner_named_for_a_flow_that_is_gone_is_in_doubt(
    make_rig: MakeRig, tmp_path: Path, later: str
) -> None:
    """It was taken away, acts on other events, or nothing is on its topic any more: a person looks all the same."""
    rig = make_rig(SEND)
    rig.write(workspace_event(0, "c1"))
    with rig.crashing():
        eventually(lambda: bool(rig.sink.requests), 30)
    rig.sink.script = lambda *_: None
    rig.flows = rig_flows(tmp_path, later)
    with rig.running():
        eventually(lambda: rig.committed() == 1, 30)
    (letter,) = rig.letters()
    assert letter["dlq.reason"] == "in_doubt"
    assert letter["dlq.flow"] == ("send-created" if "send" in later else f"#{name_hash('send-created'):04x}")
    assert [receipt["verdict"] for receipt in rig.receipts() if receipt["reason"] == "in_doubt"] == ["REJECTED"]
    assert len(rig.sink.got) == int(later == PUT)


@pytest.mark.parametrize(("remembers_s", "letters"), [(None, []), (3600, []), (0.001, ["in_doubt"])])
def test_a_repeat_is_made_for_as_long_as_the_vendor_recognises_it(
    make_rig: MakeRig, remembers_s: float | None, letters: list[str]
) -> None:
    """What a dead worker had named goes out again under its key; once the vendor forgot the key, a person looks."""
    rig = make_rig(SEND, recognises_repeats=True, recognised_s=remembers_s)
    rig.write(*(workspace_event(n) for n in range(2)))
    with rig.crashing():
        eventually(lambda: bool(rig.sink.requests), 30)
    rig.sink.script = lambda *_: None
    with rig.running():
        eventually(lambda: rig.committed() == 2, 30)

    assert [letter["dlq.reason"] for letter in rig.letters()] == letters
    assert ids(rig.sink.got, "c1") == wanted("c1", 2)[len(letters) :]


def test_an_unsure_once_action_is_sent_again_while_it_is_recognised(make_rig: MakeRig) -> None:
    """Our own request of unknown end: repeated after the vendor settled, and an old one never."""
    rig = make_rig(SEND, recognises_repeats=True, recognised_s=3600)
    rig.sink.script = lambda _, items: (
        Answered([Unsure(Reason.TIME_OUT)] * len(items)) if len(rig.sink.requests) == 1 else None
    )
    rig.write(workspace_event(0))
    with rig.running():
        eventually(lambda: rig.committed() == 1, 30)

    assert len(rig.sink.requests) == 2
    assert rig.letters() == []


def test_every_end_of_a_once_action_has_a_receipt(make_rig: MakeRig) -> None:
    """Delivered with the vendor's ids, rejected with its reason; beside the event, under its key."""
    rig = make_rig(SEND)
    bad = workspace_event(1, "c1")["event_id"]

    def script(_: object, items: list[Got]) -> Outcome:
        return Answered(
            [Rejected(Reason.REFUSED) if i.event_id == bad else Delivered({"dispatch_id": "d7"}) for i in items]
        )

    rig.sink.script = script  # type: ignore[assignment]
    rig.write(workspace_event(0, "c1"), workspace_event(1, "c1"))
    with rig.running():
        eventually(lambda: rig.committed() == 2, 30)
    receipts = rig.receipts()
    assert [(r["caused_by"], r["verdict"], r["reason"]) for r in receipts] == [
        (workspace_event(0, "c1")["event_id"], "DELIVERED", None),
        (bad, "REJECTED", "refused"),
    ]
    assert receipts[0]["vendor_ids"] == {"dispatch_id": "d7"}


@pytest.mark.parametrize(("found", "sends"), [("done", 1), ("not done", 2)])
def test_our_own_unsure_request_is_looked_up(make_rig: MakeRig, found: str, sends: int) -> None:
    """Done: delivered without a second request. Certainly not done: sent again. Never a dead letter."""
    rig = make_rig(SEND, can_look_up=True)
    rig.sink.on_look_up = lambda items: [Delivered() if found == "done" else None for _ in items]
    answers: list[Outcome] = [Answered([Unsure(Reason.TIME_OUT)])]
    rig.sink.script = lambda *_: answers.pop() if answers else None
    rig.write(workspace_event(0, "c1"))
    with rig.running():
        eventually(lambda: rig.committed() == 1, 30)
    assert len(rig.sink.requests) == sends
    assert rig.letters() == []


def test_a_flood_of_equal_dead_letters_holds_the_action(make_rig: MakeRig) -> None:
    """Fifty in a row are a wrong mapping: the rest stays in Kafka."""
    rig = make_rig()
    rig.sink.script = lambda _, items: Answered([Rejected(Reason.INVALID_FIELD, "", "E7")] * len(items))
    rig.sink.on_probe = lambda: Hold(Cause.VENDOR_DOWN, Scope.SINK, "not asked")
    rig.write(*(workspace_event(n, f"c{n}") for n in range(300)))
    with rig.running(backoff_base_s=30.0, backoff_cap_s=30.0) as runner:
        eventually(lambda: [one.cause for one in runner.status.holds] == [Cause.FLOOD], 30)
    assert 50 <= len(rig.letters()) <= 50 + 4 * 10


def test_offsets_that_expired_stop_the_start(make_rig: MakeRig) -> None:
    """The marker on the retry topic tells a group whose offsets are gone from one that has never run."""
    rig = make_rig()
    rig.write(workspace_event(0, "c1"))
    with rig.running():
        eventually(lambda: rig.committed() == 1, 30)
    rig.rename_group("again")
    with pytest.raises(FatalError, match="expired"), rig.running():
        eventually(lambda: rig.has_ended, 30)
    assert len(rig.sink.got) == 1
