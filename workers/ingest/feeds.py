"""Which feed tells which signal: for each signal of a system, one feed has the say (design §4, Identity).

A system often tells the same thing twice, by a webhook and by an interface that is polled, under different ids: two
events of one click would be counted twice. So every configured feed names the signals that it is trusted for, and
`commfleet check` refuses two feeds of one signal.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum


class Signal(StrEnum):
    """What a system tells, whichever way it comes."""

    DOCUMENT_STATUS = "document_status"  # a document was generated, printed, uploaded, or that failed
    EMAIL_STATUS = "email_status"  # an e-mail of a document was handed over, posted, opened, not delivered
    DELIVERY_PREFERENCE = "delivery_preference"  # the customer's wish that a document's data carries
    BATCH_STATUS = "batch_status"
    CONTENT_STATUS = "content_status"  # templates, assets and blocks: changed, in review, approved
    EMAIL_ENGAGEMENT = "email_engagement"  # delivered, opened, clicked, bounced
    UNSUBSCRIBE = "unsubscribe"
    SUPPRESSION = "suppression"  # an address that bounces for good, or complained
    SUBSCRIPTION = "subscription"  # consent and subscription states
    FORM = "form"
    PAGE = "page"
    SCORE = "score"
    CAMPAIGN_RESPONSE = "campaign_response"
    SURVEY = "survey"
    PROFILE = "profile"
    WORKSPACE = "workspace"
    DOCUMENT = "document"
    WORKFLOW = "workflow"
    OUTCOME = "outcome"  # what became of an alert's own messages
    ACKNOWLEDGEMENT = "acknowledgement"


@dataclass(frozen=True, slots=True)
class Feed:
    """One configured way in: the system and instance it speaks for, where it is set, and what it is trusted for.

    A webhook may name no instance: the empty one.
    """

    system: str
    instance: str
    setting: str
    signals: frozenset[Signal]
    is_polled: bool = False


def conflicts(feeds: Iterable[Feed]) -> list[str]:
    """Each signal of an instance that two feeds claim, in words that say what to do."""
    claims: dict[tuple[str, str, Signal], list[str]] = {}
    configured = list(feeds)
    for feed in configured:
        for instance in _instances(feed, configured):
            for signal in feed.signals:
                claims.setdefault((feed.system, instance, signal), []).append(feed.setting)
    return [_conflict(*claim, sorted(found)) for claim, found in sorted(claims.items()) if len(found) > 1]


def _instances(feed: Feed, configured: Iterable[Feed]) -> Iterator[str]:
    """Its own; a webhook that names none may speak for whatever is polled of its system."""
    yield feed.instance
    if not feed.instance and not feed.is_polled:
        yield from {each.instance for each in configured if each.is_polled and each.system == feed.system}


def _conflict(system: str, instance: str, signal: str, settings: list[str]) -> str:
    whose = f"{system} {instance}" if instance else system
    return (
        f"{signal} of {whose} comes by {' and '.join(settings)}: each would be an event of its own; leave it out of"
        " `signals` of all but one, or give them another `instance` if they speak for different ones"
    )
