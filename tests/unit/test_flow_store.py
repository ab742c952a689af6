"""Flows that read the customer store: what they may name, when they run, what an event is to them."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.flows import COMMUNICATION, faults, load
from workers.flows.catalogue import Flows
from workers.flows.flow import Flow
from workers.journeys.catalogue import DEFAULT, kept_facts

JOURNEY = "comms.journey.v1"
KEPT = {"M5-no-response": {"document_type", "document.type"}, "M1-follow-up": {"asset"}}
LEAVE = "consent: {purpose: SERVICE, channels: [EMAIL, PRINT]}"


def entry(more: str, topic: str = COMMUNICATION, do: str = "paper.write", name: str = "one") -> str:
    """One flow of which `more` is what a test is about."""
    title = "" if "with:" in more else ", with: {title: all}"
    return f"- {{name: {name}, on: {topic}, do: {do}{title}, {more}}}\n"


def one(folder: Path, more: str, **kwargs: Any) -> Flow:
    """That flow, where there is a store."""
    (flow,) = load(folder, entry(more, kwargs.pop("topic", COMMUNICATION)), has_store=True, **kwargs)
    return flow


# -- what may be named


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("consent: {purpose: SERVICE}", "consent is none, or {purpose: PURPOSE"),
        ("consent: {purpose: SERVISE, channels: [EMAIL]}", "'SERVISE' is none of MARKETING, SERVICE, REGULATORY"),
        ("consent: {purpose: UNKNOWN, channels: [EMAIL]}", "'UNKNOWN' is none of MARKETING"),
        ("consent: {purpose: SERVICE, channels: [FAX]}", "'FAX' is none of PRINT, EMAIL"),
        ("consent: {purpose: SERVICE, channels: []}", "channels is a list, best first"),
        ("consent: {purpose: SERVICE, channels: EMAIL}", "channels is a list, best first"),
        ("consent: {purpose: SERVICE, channels: ['${channel|FAX}']}", "'FAX' is none of PRINT, EMAIL"),
        ("consent: {purpose: SERVICE, channels: ['${consent.channel}']}", "has no consent.channel; did you mean"),
        ("consent: {purpose: SERVICE, channels: ['${chanel}']}", "has no field 'chanel'; did you mean 'channel'?"),
        ("when: {profile: {lead_scores: [1]}}", "has no profile.lead_scores; did you mean 'profile.lead_score'?"),
        ("when: {profile: {lead_score: [high]}}", "profile.lead_score is a long, 'high' is not"),
        ("when: {consent: {channel: [EMAIL]}}", "consent is not known here"),
        ("with: {title: '${profile.lead_score}'}", "${profile.lead_score} is a long"),
        ("with: {title: '${consent.channel}'}, consent: none", "the customer store has no consent.channel"),
        ("with: {title: '${facts.asset}'}", "facts are what journeys keep; they stand in comms.journey.v1 only"),
    ],
)
def test_what_the_store_does_not_have_is_refused(tmp_path: Path, more: str, message: str) -> None:
    """One fault with its line, store or no store."""
    (fault,) = faults(tmp_path, entry(more), has_store=True)

    assert fault.startswith("site-1.yaml:1: ")
    assert message in fault


@pytest.mark.parametrize(
    "more",
    [
        "when: {profile: {lifecycle_stage: [prospect], lead_score: [{numeric: ['>=', 80]}]}}",
        "when: {profile: [{exists: false}]}",
        "when: {$or: [{profile.risk_level: [high]}, {risk_level: [high]}]}",
        "with: {title: '${profile.first_name|you}', when: '${profile.engaged_at}', tags: '${profile.memberships}'}",
        "with: {title: '${consent.preferred_channel|EMAIL}'}",
        "consent: {purpose: MARKETING, channels: ['${consent.preferred_channel|EMAIL}', '${channel}', PRINT]}",
        f"{LEAVE}, with: {{title: 'by ${{consent.channel}}'}}",
    ],
)
def test_what_the_store_has_may_be_read(tmp_path: Path, more: str) -> None:
    """Profile in `when` and `with`, channels in `with` and among the channels."""
    assert faults(tmp_path, entry(more), has_store=True) == []


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            "with: {title: '${facts.documents}'}",
            "M5-no-response keeps no fact 'documents'; did you mean 'document_type'?",
        ),
        ("when: {journey: [M5-no-response], facts: {asset: [a]}}", "M5-no-response keeps no fact 'asset'"),
        ("when: {journey: [M5-no-respond]}", "journey M5-no-respond, which is not there; did you mean"),
    ],
)
def test_facts_are_those_that_the_journey_keeps(tmp_path: Path, more: str, message: str) -> None:
    """A fact that is never there is a typing error, and so is a journey."""
    when = "" if "when" in more else ", when: {journey: [M5-no-response]}"

    (fault,) = faults(tmp_path, entry(more + when, JOURNEY), kept=KEPT)

    assert message in fault


def test_facts_are_read_by_the_name_under_which_they_are_kept(tmp_path: Path) -> None:
    """A nested field is kept under its dotted path, which is one key of the facts."""
    more = (
        "when: {journey: [M5-no-response], facts: {document.type: [letter]}}, with: {title: '${facts.document.type}'}"
    )
    flow = one(tmp_path, more, topic=JOURNEY, kept=KEPT)
    event = {"type": "NO_RESPONSE", "journey": "M5-no-response", "facts": {"document.type": "letter"}}

    assert flow.matches(event)
    assert flow.parameters(event).title == "letter"  # type: ignore[attr-defined]


def test_what_the_default_journeys_keep() -> None:
    """Read from their files, conditions of a join included, whether they run or not."""
    kept = kept_facts(())

    assert kept["M5-no-response"] >= {"document_type", "channel"}
    assert kept["B6-at-risk"] >= {"workspace_id", "case_status"}
    assert DEFAULT


# -- with a store, and without


@pytest.mark.parametrize(
    "more", [LEAVE, "when: {profile: {risk_level: [high]}}", "with: {title: '${profile.email|x}'}"]
)
def test_without_a_store_it_is_left_out(tmp_path: Path, more: str) -> None:
    """A default flow is listed with what it needs; a site's own must not be without."""
    flows = load(tmp_path, default=entry(more) + entry("consent: none", name="two"))

    assert [flow.name for flow in flows] == ["two"]
    assert "needs the customer store: set store.url" in flows.left_out[0].needs[0]
    assert "needs the customer store" in faults(tmp_path, entry(more))[0]


def test_what_a_flow_asks_for(tmp_path: Path) -> None:
    """Before it matches, before it sends, or never."""
    kinds = {
        more: (flow.decides_late, flow.asks, flow.needs_store)
        for more in (
            "consent: none",
            LEAVE,
            "when: {profile: {risk_level: [high]}}",
            "with: {title: '${profile.region|x}'}",
        )
        for flow in [one(tmp_path, more)]
    }

    assert list(kinds.values()) == [
        (False, False, False),
        (False, True, True),
        (True, False, True),
        (False, True, True),
    ]


def test_what_the_event_alone_tells_is_told_early(tmp_path: Path) -> None:
    """Nobody asks about the customers of events that cannot match anyway."""
    pattern = one(tmp_path, "when: {channel: [EMAIL], profile: {risk_level: [high]}}").pattern

    assert pattern.early is not None
    assert (pattern.early({"channel": "EMAIL"}), pattern.early({"channel": "PRINT"})) == (True, False)


@pytest.mark.parametrize(
    ("profile", "matches"), [({"risk_level": "high"}, True), ({"risk_level": "low"}, False), ({}, False), (None, False)]
)
def test_the_profile_decides(tmp_path: Path, profile: dict[str, Any] | None, matches: bool) -> None:
    """Somebody without a profile has no field of it."""
    flow = one(tmp_path, "when: {profile: {risk_level: [high]}}")

    assert flow.matches({"type": "SENT", "profile": profile}) is matches


def test_channels_of_an_event(tmp_path: Path) -> None:
    """Best first, each once; what is no channel is passed over."""
    more = "consent: {purpose: SERVICE, channels: ['${consent.preferred_channel|WEB}', '${product}', EMAIL, WEB]}"
    wanted = one(tmp_path, more).consent

    assert wanted is not None
    assert wanted.by({"product": "FAX"}) == ("WEB", "EMAIL")
    assert wanted.by({"product": "UNKNOWN", "consent": {"preferred_channel": "EMAIL"}}) == ("EMAIL", "WEB")


def test_the_channel_is_bounded_beforehand(tmp_path: Path) -> None:
    """A sink can check every campaign that a channel may lead to."""
    flow = one(tmp_path, f"{LEAVE}, with: {{title: 'mail-${{consent.channel}}'}}")

    assert flow.possible("title") == ("mail-EMAIL", "mail-PRINT")


def test_consent_as_people_read_it(tmp_path: Path) -> None:
    """In the list of flows."""
    more = "consent: {purpose: SERVICE, channels: ['${consent.preferred_channel|WEB}', EMAIL]}"

    assert one(tmp_path, more).leave == "SERVICE by consent.preferred_channel else WEB, EMAIL"
    assert one(tmp_path, "consent: none").leave == ""


def test_flows_are_counted_by_what_they_need(tmp_path: Path) -> None:
    """One flow that asks does not make its neighbours ask."""
    flows: Flows = load(tmp_path, entry(LEAVE) + entry("consent: none", name="two"), has_store=True)

    assert [flow.asks for flow in flows] == [True, False]
