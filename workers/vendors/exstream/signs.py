"""When a row of an answer table fits: what sinks and pollers look for in a reply. Pure."""

from collections.abc import Callable

from common.errors import NotSentError
from workers.vendors.exstream.reply import Reply

Fits = Callable[[Reply], bool]

KEY_CODES = ("oauth.v2.InvalidApiKey", "InvalidApiKey", "invalid_client", "unauthorized_client")
"""A client that is not known, or not any more (§1, §9 #3)."""


def status(*statuses: int) -> Fits:
    """One of these statuses."""
    return lambda reply: reply.status in statuses


def between(first: int, last: int) -> Fits:
    """A status in this range, both ends included."""
    return lambda reply: first <= reply.status <= last


def code(*codes: str) -> Fits:
    """The body names one of these codes, and it is an answer of less than 500."""
    return lambda reply: 200 <= reply.status < 500 and reply.code in codes


def is_untrusted(reply: Reply) -> bool:
    """Nothing was sent: the certificate is not trusted."""
    return isinstance(reply.failure, NotSentError) and reply.failure.bad_certificate


def is_unsent(reply: Reply) -> bool:
    """Nothing was sent, for any reason."""
    return isinstance(reply.failure, NotSentError)


def is_lost(reply: Reply) -> bool:
    """No whole answer came back."""
    return reply.failure is not None


def always(_: Reply) -> bool:
    """Anything."""
    return True
