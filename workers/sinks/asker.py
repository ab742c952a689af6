"""Asks the customer store in a thread of its own, many questions at once, and puts the answer into the inbox."""

import threading
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Protocol

from common.clock import Clock
from common.errors import ConfigurationError, StoreDownError
from common.store.look_ups import Answer, Who, Wish
from workers.sinks.pool import Crashed, Inbox
from workers.sinks.told import Question, Told, told


class Store(Protocol):
    """What is asked (common/store/look_ups.py)."""

    def ask(self, whose: Iterable[Who], wishes: Collection[Wish] = ()) -> Answer:
        """Everything about these customers, and when these wishes were decided.

        Raises StoreDownError, and ConfigurationError where it cannot be used as it is set up.
        """
        ...

    def close(self) -> None:
        """Let its connections go; by the thread that asks."""
        ...


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of one look-up: an answer to each question, or why there is none."""

    answers: Mapping[Question, Told] = field(default_factory=dict)
    error: StoreDownError | ConfigurationError | None = None


class Asker:
    """One look-up at a time."""

    def __init__(self, store: Store, clock: Clock, inbox: Inbox) -> None:
        self._store, self._clock, self._inbox = store, clock, inbox
        self._asked: SimpleQueue[Collection[Question] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="ask-store", daemon=True)
        self._thread.start()

    def ask(self, questions: Collection[Question]) -> None:
        """Have these answered, together; the inbox gets one Heard."""
        self._asked.put(questions)

    def close(self) -> None:
        """Ask no more; a look-up that hangs does not hold up the end."""
        self._asked.put(None)
        self._thread.join(1.0)

    def _run(self) -> None:
        with suppress(StoreDownError, ConfigurationError):
            self._store.ask([Who("")], [("",) * 5])  # the first question should not wait for connection and plans
        while (questions := self._asked.get()) is not None:
            try:
                self._inbox.put(Heard(self._answers(questions)))
            except (StoreDownError, ConfigurationError) as error:
                self._inbox.put(Heard(error=error))
            except BaseException as error:  # the runner decides: it settles what it can and ends
                self._inbox.put(Crashed(error))
        self._store.close()

    def _answers(self, questions: Collection[Question]) -> dict[Question, Told]:
        at, ms = self._clock.monotonic(), self._clock.now().timestamp() * 1000
        found: dict[Question, Told] = {}
        for distinct in _rounds(questions):
            whose = [one.who for one in distinct if one.who]
            answer = self._store.ask(whose, [one.wish for one in distinct if one.wish])
            found |= {one: told(one, answer, at, ms) for one in distinct}
        return found


def _rounds(questions: Iterable[Question]) -> list[list[Question]]:
    """The questions; in another round where one customer is asked about with other addresses."""
    rounds: list[dict[str, Who | None]] = []
    lists: list[list[Question]] = []
    for one in questions:
        name = one.who.customer_id if one.who else ""
        for asked, those in zip(rounds, lists, strict=True):
            if not name or asked.setdefault(name, one.who) == one.who:
                those.append(one)
                break
        else:
            rounds.append({name: one.who})
            lists.append([one])
    return lists
