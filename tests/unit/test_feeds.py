"""One feed has the say in each signal of a system; the checker refuses two."""

from typing import Any

import pytest
from pydantic import ValidationError

from tests.support.hooks import VENDORS
from tests.support.ingest import SOURCES
from workers.check import check
from workers.ingest.feeds import Feed, Signal, conflicts
from workers.settings import Settings

FORMS, SCORES = frozenset({Signal.FORM}), frozenset({Signal.FORM, Signal.SCORE})


def problems(**sources: Any) -> list[str]:
    """What the checker says of these sources."""
    settings = Settings.model_validate({"ingest": {"webhook": {"sources": sources}}})
    return [problem.message for problem in check(settings) if problem.part == "ingest"]


def test_two_feeds_of_one_signal_are_refused_by_their_settings() -> None:
    """Each would be an event of its own: one click, counted twice."""
    feeds = [Feed("marketo", "1", "a", FORMS), Feed("marketo", "1", "b", SCORES)]

    (problem,) = conflicts(feeds)

    assert problem.startswith("form of marketo 1 comes by a and b")
    assert "`signals`" in problem


def test_feeds_of_other_instances_or_systems_do_not_meet() -> None:
    """Two Munchkin ids are two systems."""
    assert conflicts([Feed("marketo", "1", "a", FORMS), Feed("marketo", "2", "b", FORMS)]) == []
    assert conflicts([Feed("marketo", "1", "a", FORMS), Feed("braze", "1", "b", FORMS)]) == []
    assert conflicts([]) == []


def test_the_checker_looks_at_every_source_of_the_webhook() -> None:
    """Two hooks of one workspace, and a way out that it names."""
    (found,) = problems(**VENDORS)

    assert found.startswith("subscription of braze retail-eu comes by ingest.webhook.sources.braze and ")
    assert problems(**{**VENDORS, "braze": {**VENDORS["braze"], "signals": ["survey"]}}) == []


def test_two_installations_are_told_apart_by_their_instance() -> None:
    """As the message says."""
    letters = SOURCES["letters"]

    assert len(problems(one=letters, two=letters)) == 3
    assert problems(one=letters, two={**letters, "instance": "other"}) == []


MARKETO = {
    "base_url": "https://123-abc-456.mktorest.com",
    "client_id": "c",
    "client_secret": "s",
    "customer_id_field": "customerNumber",
}


def polled(marketo: dict[str, Any], **sources: Any) -> list[str]:
    """What the checker says of Marketo's poller beside these sources."""
    ingest = {"pollers": {"marketo": {**MARKETO, **marketo}}, "webhook": {"sources": sources}}
    settings = Settings.model_validate({"ingest": ingest})
    return [problem.message for problem in check(settings) if problem.part == "ingest"]


def test_a_webhook_and_a_poller_of_one_signal_are_refused() -> None:
    """Each signal that both tell is named; of two subscriptions they do not meet."""
    hook = {**VENDORS["marketo"], "instance": "123-ABC-456", "signals": ["form"]}

    (found,) = polled({}, hook=hook)

    assert found.startswith("form of marketo 123-ABC-456 comes by ingest.pollers.marketo and ingest.webhook.sources")
    assert polled({"signals": ["email_engagement", "unsubscribe"]}, hook=hook) == []
    assert polled({}, hook={**hook, "instance": "999-ZZZ-999"}) == []


def test_a_poller_claims_what_it_asks_for() -> None:
    """A type of activity that is not polled is not told; a signal that cannot come this way is refused."""
    hook = {**VENDORS["marketo"], "instance": "123-ABC-456", "signals": ["form"]}

    assert polled({"activities": {10: "EMAIL_OPENED"}}, hook=hook) == []
    with pytest.raises(ValidationError, match="workspace cannot be polled here"):
        polled({"signals": ["workspace"]})


def test_a_webhook_without_an_instance_meets_every_poller_of_its_system() -> None:
    """Nobody knows that it speaks for another one; of two webhooks one may leave it out."""
    nameless = Feed("exstream", "", "ingest.webhook.sources.letters", FORMS)
    named = Feed("exstream", "Dev", "ingest.webhook.sources.other", FORMS)
    polled = Feed("exstream", "Dev", "ingest.pollers.exstream", FORMS, is_polled=True)

    (problem,) = conflicts([nameless, polled])

    assert problem.startswith(
        "form of exstream Dev comes by ingest.pollers.exstream and ingest.webhook.sources.letters"
    )
    assert conflicts([nameless, named]) == []
    assert conflicts([nameless, Feed("braze", "Dev", "x", FORMS, is_polled=True)]) == []
