"""Workers with one collaborator replaced: for races that must be hit exactly, and for promises broken on purpose.

`processes.spawn(patch=NAME)` runs `main(NAME)` in the worker's process, which then is `commfleet` as usual.
Where a patch and a test have to wait for each other, they do so by files beginning with FAULT_FLAG.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import confluent_kafka

from common.kafka import plain as kafka_plain
from common.kafka import transactions as kafka_transactions
from common.kafka.consumer import GroupConsumer
from common.meters import SinkMeter
from common.reasons import Cause, Reason
from workers.sinks.api import Answered, Batch, Delivered, Hold, Outcome, Rejected, Repeat, Unsure
from workers.sinks.braze import actions as braze_actions
from workers.sinks.braze import client as braze_client
from workers.sinks.braze import sink as braze_sink
from workers.sinks.braze.actions import UPDATE_ATTRIBUTES
from workers.sinks.braze.client import BrazeClient
from workers.sinks.braze.sink import BrazeSink
from workers.sinks.duplicates import Duplicates

PATCHES: dict[str, Callable[[], None]] = {}

_OPEN_S = 60.0


def patch(function: Callable[[], None]) -> Callable[[], None]:
    """Make a patch known by its function's name."""
    PATCHES[function.__name__] = function
    return function


def main(name: str) -> None:
    """Replace the collaborator, then be `commfleet`."""
    PATCHES[name]()
    from workers.cli import main as commfleet

    commfleet()


# -- races ------------------------------------------------------------------------------------


@patch
def die_in_transaction() -> None:
    """Its records are written, and the worker dies before the commit."""
    _on_transaction_commit(before=lambda: os.kill(os.getpid(), signal.SIGKILL))


@patch
def sleep_in_transaction() -> None:
    """Its records are written, and the worker stands still before the commit."""
    _on_transaction_commit(before=_once(lambda: os.kill(os.getpid(), signal.SIGSTOP)))


@patch
def learn_late_of_transaction() -> None:
    """The transaction stands, and its records can be read, two seconds before the worker knows it."""
    _on_transaction_commit(after=lambda: time.sleep(2))


@patch
def sleep_before_request() -> None:
    """It stands still when a once-action is about to be sent, before the request's first byte."""
    nap = _once(lambda: os.kill(os.getpid(), signal.SIGSTOP))
    _on_post(before=lambda action: nap() if action != UPDATE_ATTRIBUTES else None)


@patch
def die_after_request() -> None:
    """It dies when the first answer is there, before anything of it is committed."""
    _on_post(after=lambda _: os.kill(os.getpid(), signal.SIGKILL))


@patch
def stuck_poll() -> None:
    """From the first request on, neither the poll thread nor the delivery threads go on until told to."""
    read = GroupConsumer.read

    def stuck_read(self: GroupConsumer, *arguments: Any, **more: Any) -> Any:
        if _flag("stuck").exists():
            _wait_for_go()
        return read(self, *arguments, **more)

    _replace(GroupConsumer, "read", stuck_read)
    _on_post(before=lambda _: _wait_for_go())


@patch
def transact_late() -> None:
    """Whatever was read before the first transaction is old by the time that transactions may begin."""

    class Late(confluent_kafka.Producer):
        def init_transactions(self, *arguments: Any, **more: Any) -> None:
            _wait_for_go()
            super().init_transactions(*arguments, **more)

    _replace(kafka_transactions, "Producer", Late)


@patch
def attributes_are_consent() -> None:
    """Attribute writes are in the consent group: as an opt-out is at vendors that have one."""
    from workers import catalogue
    from workers.bootstrap import sink as bootstrap

    made = braze_actions.actions

    def actions(config: Any = None) -> Any:
        found = made(config)
        return found | {UPDATE_ATTRIBUTES: replace(found[UPDATE_ATTRIBUTES], group="consent")}

    _replace(braze_sink, "actions", actions)
    vendors = {**catalogue.VENDORS, "braze": replace(catalogue.VENDORS["braze"], actions=actions)}
    for module in (catalogue, bootstrap):
        _replace(module, "VENDORS", vendors)


# -- promises broken on purpose ---------------------------------------------------------------


@patch
def loses() -> None:
    """Says delivered of what it never sent."""
    _deliver(lambda _, batch, nth: Answered([Delivered()] * len(batch.items)) if nth == 2 else None)


@patch
def reorders() -> None:
    """Keeps the first request of an action back, and makes it when a later one has overtaken it."""
    kept: dict[str, Batch] = {}
    made: set[str] = set()

    def change(send: Callable[[Batch], Outcome], batch: Batch, _: int) -> Outcome | None:
        name = batch.action.name
        if name in made:
            return None
        if name not in kept:
            kept[name] = batch
            return Answered([Delivered()] * len(batch.items))
        if _users(batch) & _users(kept[name]):
            made.add(name)
            outcome = send(batch)
            send(kept[name])
            return outcome
        return None

    _deliver(change)


@patch
def goes_back() -> None:
    """Writes a customer's first attributes once more, after the last ones."""
    first: list[Batch] = []

    def change(send: Callable[[Batch], Outcome], batch: Batch, _: int) -> Outcome | None:
        if batch.action.name != UPDATE_ATTRIBUTES:
            return None
        first.append(batch)
        outcome = send(batch)
        if any(b'"5"' in item.body.data for item in batch.items) and _users(batch) & _users(first[0]):
            send(first[0])
        return outcome

    _deliver(change)


@patch
def makes_twice() -> None:
    """Makes every request twice, once-actions and others."""

    def change(send: Callable[[Batch], Outcome], batch: Batch, _: int) -> Outcome:
        send(batch)
        return send(batch)

    _deliver(change)


@patch
def overtakes_itself() -> None:
    """Goes on with a customer's next delivery while the first is still running."""

    def change(send: Callable[[Batch], Outcome], batch: Batch, _: int) -> Outcome:
        threading.Thread(target=send, args=(batch,), daemon=True).start()
        return Answered([Delivered()] * len(batch.items))

    _deliver(change)


@patch
def hurries() -> None:
    """Does not wait for as long as a 429 says."""

    def change(send: Callable[[Batch], Outcome], batch: Batch, _: int) -> Outcome:
        outcome = send(batch)
        if isinstance(outcome, Hold) and outcome.cause is Cause.THROTTLED:
            time.sleep(0.8)
            return send(batch)
        return outcome

    _deliver(change)


@patch
def condemns() -> None:
    """Writes off what the vendor was never asked."""
    refused = Rejected(Reason.REFUSED, "because")
    _deliver(lambda _, batch, nth: Answered([refused] * len(batch.items)) if nth == 2 else None)


@patch
def doubts() -> None:
    """Cannot tell of once-actions that were never sent."""

    def change(_: Callable[[Batch], Outcome], batch: Batch, nth: int) -> Outcome | None:
        is_once = batch.action.repeat is Repeat.ONCE
        return Answered([Unsure(Reason.TIME_OUT)] * len(batch.items)) if is_once and nth < 3 else None

    _deliver(change)


@patch
def makes_up() -> None:
    """Sends a number that nobody produced."""
    body = braze_client.track_body

    def made_up(array: str, objects: Sequence[bytes]) -> bytes:
        return body(array, objects).replace(b'"number":"1"', b'"number":"777"')

    _replace(braze_client, "track_body", made_up)


@patch
def miscounts() -> None:
    """Counts every end twice."""
    ended = SinkMeter.ended

    def twice(self: SinkMeter, *arguments: Any) -> None:
        ended(self, *arguments)
        ended(self, *arguments)

    _replace(SinkMeter, "ended", twice)


@patch
def writes_letters_twice() -> None:
    """Writes whatever goes into a transaction twice."""

    class Twice(confluent_kafka.Producer):
        def produce(self, *arguments: Any, **more: Any) -> None:
            super().produce(*arguments, **more)
            super().produce(*arguments, **more)

    _replace(kafka_transactions, "Producer", Twice)


@patch
def forgets_receipts() -> None:
    """Receipts are never written."""

    class Forgetful(confluent_kafka.Producer):
        def produce(self, topic: str, *arguments: Any, **more: Any) -> None:
            if topic.endswith("comms.receipt.v1"):
                report = more.get("on_delivery") or more.get("callback") or _nobody
                report(None, None)
            else:
                super().produce(topic, *arguments, **more)

    for module in (kafka_plain, kafka_transactions):
        _replace(module, "Producer", Forgetful)


@patch
def forgets_duplicates() -> None:
    """Every event is the first of its id."""
    _replace(Duplicates, "seen", lambda *_: None)


@patch
def breaks() -> None:
    """Fails in a way that nobody decided about."""

    def change(*_: object) -> Outcome:
        raise RuntimeError("broken on purpose")

    _deliver(change)


# -- pieces -----------------------------------------------------------------------------------


def _replace(owner: Any, name: str, by: object) -> None:
    """Whoever looks `name` up in a module or a class finds another."""
    getattr(owner, name)  # what is not there any more is not patched in silence
    setattr(owner, name, by)


def _flag(name: str) -> Path:
    return Path(f"{os.environ['FAULT_FLAG']}.{name}")


def _wait_for_go() -> None:
    """Say that we are stuck, and wait to be told to go on."""
    _flag("stuck").touch()
    until = time.monotonic() + _OPEN_S
    while not _flag("go").exists() and time.monotonic() < until:
        time.sleep(0.05)


def _nobody(*_: object) -> None:
    """Not interested in a delivery report."""


def _deliver(change: Callable[[Callable[[Batch], Outcome], Batch, int], Outcome | None]) -> None:
    """Let `change` answer for the n-th batch, or (None) send it as usual."""
    deliver, seen, lock = BrazeSink.deliver, [0], threading.Lock()

    def changed(self: BrazeSink, batch: Batch) -> Outcome:
        with lock:
            seen[0] += 1
            nth = seen[0]
        return change(lambda one: deliver(self, one), batch, nth) or deliver(self, batch)

    _replace(BrazeSink, "deliver", changed)


def _on_post(*, before: Callable[[str], None] = lambda _: None, after: Callable[[str], None] = lambda _: None) -> None:
    """Do something when a request is about to begin, or when its answer is there."""
    post = BrazeClient._post

    def changed(self: BrazeClient, path: str, body: bytes, permit: Any, action: str) -> Any:
        before(action)
        answer = post(self, path, body, permit, action)
        after(action)
        return answer

    _replace(BrazeClient, "_post", changed)


def _on_transaction_commit(
    *, before: Callable[[], object] = lambda: None, after: Callable[[], object] = lambda: None
) -> None:
    """Around the commit of a transaction that has letters or retry records; a start marker has no value."""

    class Watched(confluent_kafka.Producer):
        is_settle = False

        def produce(self, topic: str, value: Any = None, *arguments: Any, **more: Any) -> None:
            self.is_settle |= value is not None
            super().produce(topic, value, *arguments, **more)

        def commit_transaction(self, *arguments: Any, **more: Any) -> None:
            is_settle, self.is_settle = self.is_settle, False
            if not is_settle:
                super().commit_transaction(*arguments, **more)
                return
            self.flush()
            before()
            super().commit_transaction(*arguments, **more)
            after()

    _replace(kafka_transactions, "Producer", Watched)


def _users(batch: Batch) -> set[Any]:
    return {item.body.user for item in batch.items}


def _once(action: Callable[[], object]) -> Callable[[], None]:
    lock = threading.Lock()

    def run() -> None:
        if lock.acquire(blocking=False):
            action()

    return run
