"""The pieces that the answer table is written in: what was asked, a row, and when one fits. Pure."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from common.errors import NotSentError
from workers.sinks.api import Outcome
from workers.sinks.braze.reply import Reply
from workers.vendors.braze.rate import Patience

RECIPIENTS, MESSAGE = "recipients", "message"
"""What a trigger and a transactional send are of, in `Asked`."""

_STOPPED = re.compile(r"\b(paused|archived)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Asked:
    """What was sent: so many objects of one array, and whether sending them again is harmless.

    `is_indexed`: an index in `errors` counts these objects. It does not where the array holds something else, such
    as the groups of a subscription write.
    """

    array: str
    count: int
    is_repeatable: bool
    is_indexed: bool = True


Fits = Callable[[Reply, Asked], bool]
Follows = Callable[[Reply, Asked, Patience], Outcome]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: its name, where the page says so, when it fits, and what follows."""

    name: str
    page: str
    fits: Fits
    outcome: Follows


# -- when a row fits: tests of a reply, or makers of such tests


def status(*statuses: int) -> Fits:
    """One of these statuses."""
    return lambda reply, _: reply.status in statuses


def between(first: int, last: int) -> Fits:
    """A status in this range, both ends included."""
    return lambda reply, _: first <= reply.status <= last


def bad_request(*messages: str) -> Fits:
    """A 400 whose message begins with one of these."""
    return lambda reply, _: reply.status == 400 and reply.says(*messages)


def said(*messages: str) -> Fits:
    """Any 4xx whose message begins with one of these: §2.7 gives its messages without their statuses."""
    return lambda reply, _: 400 <= reply.status < 500 and reply.says(*messages)


def both(first: Fits, second: Fits) -> Fits:
    """Where both fit."""
    return lambda reply, asked: first(reply, asked) and second(reply, asked)


def is_transactional(_: Reply, asked: Asked) -> bool:
    """An answer to a transactional send, which has a grammar of its own."""
    return asked.array == MESSAGE


def is_dispatched(reply: Reply, asked: Asked) -> bool:
    """A transactional send is answered by its dispatch_id, without a message (§2.7)."""
    dispatch_id = reply.values.get("dispatch_id")
    has_id = isinstance(dispatch_id, str) and dispatch_id != ""
    return is_transactional(reply, asked) and 200 <= reply.status < 300 and has_id


def is_in_flight(reply: Reply, asked: Asked) -> bool:
    """Braze saw this very id a moment ago, and is sending it (§2.7); under which status is not documented."""
    return (
        is_transactional(reply, asked) and reply.status < 500 and reply.says("The external reference has been queued")
    )


def is_aborted(reply: Reply, asked: Asked) -> bool:
    """A transactional send that ended before the answer."""
    return is_dispatched(reply, asked) and reply.values.get("status") in ("aborted", "bounced")


def is_lost_path(reply: Reply, asked: Asked) -> bool:
    """A 404 of the one path that has an identifier in it."""
    return is_transactional(reply, asked) and reply.status == 404


def is_stopped(reply: Reply, _: Asked) -> bool:
    """Success, with the notice that it has no effect (§2.5)."""
    return reply.is_success and _STOPPED.search(reply.notice) is not None


def has_notice(reply: Reply, asked: Asked) -> bool:
    """A trigger's success, with a notice that the page does not know."""
    return reply.is_success and asked.array == RECIPIENTS and bool(reply.notice)


def is_untrusted(reply: Reply, _: Asked) -> bool:
    """Nothing was sent: the vendor's certificate is not trusted."""
    return isinstance(reply.failure, NotSentError) and reply.failure.bad_certificate


def is_unsent(reply: Reply, _: Asked) -> bool:
    """Nothing was sent, for any reason."""
    return isinstance(reply.failure, NotSentError)


def is_lost(reply: Reply, _: Asked) -> bool:
    """No whole answer came back."""
    return reply.failure is not None


def is_queued(reply: Reply, _: Asked) -> bool:
    """What Braze said in its maintenance windows, by older documentation."""
    return reply.status == 202 and reply.says("queued")


def is_named_success(reply: Reply, _: Asked) -> bool:
    """2xx and the word, whatever the errors."""
    return reply.is_success


def always(_: Reply, __: Asked) -> bool:
    """Anything."""
    return True


def is_edge_page(reply: Reply, _: Asked) -> bool:
    """A 403 as an HTML page: the firewall in front of Braze, not Braze."""
    return reply.status == 403 and reply.is_html


def is_success(reply: Reply, _: Asked) -> bool:
    """Success, and nothing to complain about."""
    return reply.is_success and not reply.mistakes


def names_objects(reply: Reply, asked: Asked) -> bool:
    """Success, and every error names one of our objects."""
    return reply.is_success and _are_all_placed(reply, asked)


def is_alone(reply: Reply, asked: Asked) -> bool:
    """Success with an error, and only one object that it can be about."""
    return reply.is_success and asked.count == 1


def may_repeat(reply: Reply, asked: Asked) -> bool:
    """Success with an error that names nobody, and a repeat does no harm."""
    return reply.is_success and asked.is_repeatable


no_valid_object = bad_request("Valid data must be provided in the")


def all_named_invalid(reply: Reply, asked: Asked) -> bool:
    """No object is valid, and each of ours is named (or is the only one)."""
    named = {position for position, _ in placed(reply, asked)}
    return no_valid_object(reply, asked) and (asked.count == 1 or len(named) == asked.count)


def placed(reply: Reply, asked: Asked) -> Iterator[tuple[int, str]]:
    """Position and code of each error that names one of our objects; `index` counts within its array."""
    for mistake in reply.mistakes:
        is_ours = asked.is_indexed and mistake.array in (None, asked.array)
        if is_ours and mistake.index is not None and mistake.index < asked.count:
            yield mistake.index, mistake.code


def _are_all_placed(reply: Reply, asked: Asked) -> bool:
    return len(list(placed(reply, asked))) == len(reply.mistakes)
