"""What stands in the way of a read, as one ordered table: the first row that fits (§16 of the vendor page). Pure.

A read changes nothing, so nothing is ever in doubt. Texts come first, statuses second, for 500 is the server's word
for bad input too.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from common.errors import NotSentError
from common.reasons import Cause
from workers.vendors.ecm.ask import Ask, Kind
from workers.vendors.ecm.reply import Reply
from workers.vendors.ecm.signs import Signs

Fits = Callable[[Reply, Ask, Signs], bool]


@dataclass(frozen=True, slots=True)
class Row:
    """One line: its name, where the page says so, when it fits, and why to pause."""

    name: str
    page: str
    fits: Fits
    cause: Cause = Cause.VENDOR_DOWN
    detail: str = ""
    is_refused_login: bool = False


def _status(*statuses: int) -> Fits:
    return lambda reply, _, __: reply.status in statuses


def _between(first: int, last: int) -> Fits:
    return lambda reply, _, __: first <= reply.status <= last


def _says(sign: str, *statuses: int) -> Fits:
    return lambda reply, _, signs: reply.status in statuses and signs.found(sign, reply.text)


def _at_login(fits: Fits) -> Fits:
    return lambda reply, ask, signs: ask.kind is Kind.LOGIN and fits(reply, ask, signs)


def _is_untrusted(reply: Reply, _: Ask, __: Signs) -> bool:
    return isinstance(reply.failure, NotSentError) and reply.failure.bad_certificate


def _is_lost(reply: Reply, _: Ask, __: Signs) -> bool:
    return reply.failure is not None


def _is_accepted(reply: Reply, ask: Ask, _: Signs) -> bool:
    return reply.is_json_success and ask.kind is not Kind.LOGIN


def _is_absent(reply: Reply, _: Ask, signs: Signs) -> bool:
    said = reply.status in (400, 404, 500) and signs.found("unreachable", reply.text)
    return said or (reply.status == 404 and not reply.is_html)


ABSENT = Row(
    "absent", "§16 #5", _is_absent, Cause.CONFIGURATION, "no such list: is type_ids right, may our account see it?"
)
TABLE: Sequence[Row] = (
    Row("untrusted", "§16 #23", _is_untrusted, Cause.CONFIGURATION, "set ca_file, or correct base_url"),
    Row("no_answer", "§16 #22", _is_lost, Cause.VENDOR_DOWN, "no answer"),
    Row(
        "login_incomplete",
        "§16 #3",
        _at_login(_says("login_incomplete", 500)),
        Cause.CREDENTIALS,
        "user name or password is empty",
        is_refused_login=True,
    ),
    Row(
        "login_refused",
        "§16 #2",
        _at_login(_status(400, 401, 403)),
        Cause.CREDENTIALS,
        "user name, password, client or domain is refused",
        is_refused_login=True,
    ),
    Row("accepted", "§3", _is_accepted),
    Row("unreadable", "§16 #21", _between(200, 299), Cause.VENDOR_DOWN, "not JSON: the server restarts"),
    Row("ticket_refused", "§16 #1", _status(401), Cause.CREDENTIALS, "a fresh ticket is refused"),
    Row(
        "endpoint_missing",
        "§16 #4",
        _says("endpoint_missing", 400, 404, 500),
        Cause.CONFIGURATION,
        "this server has no such call: a module is missing, or its version is old",
    ),
    ABSENT,
    Row("forbidden", "§16 #15", _status(403), Cause.CREDENTIALS, "no right, or a firewall in between"),
    Row("not_ecm", "§16 #17", _status(404, 405), Cause.CONFIGURATION, "correct base_url"),
    Row("redirected", "§1", _between(300, 399), Cause.CONFIGURATION, "correct base_url"),
    Row("throttled", "§16 #19", _status(429), Cause.THROTTLED, "a proxy asks for patience"),
    Row("refused", "§16 #6", _between(400, 499), Cause.CONFIGURATION, "the server does not take what is asked"),
    Row("down", "§16 #19, #20", lambda _, __, ___: True, Cause.VENDOR_DOWN, "the server is not well"),
)
