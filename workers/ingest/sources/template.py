"""Our own words in a vendor's message template: what a Marketo or Braze webhook says, as events; pure.

Neither vendor has a payload of its own for them (marketo.md §2.13, braze.md §3.2): the site writes the template, with
names from docs/webhook.md. Names may be written in any style (`lead_score`, `leadScore`, `Lead Score`); an empty
value is as good as an absent one, for nobody knows what an empty token becomes.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from common.errors import InvalidEventError
from workers.ingest.feeds import Signal
from workers.ingest.sources.api import Events, NewEvent
from workers.ingest.sources.envelope import Envelope, actor
from workers.ingest.sources.reading import moment, number, symbol, text
from workers.ingest.sources.words import (
    ActorKind,
    Channel,
    Evidence,
    PreferenceKind,
    PreferenceState,
    Purpose,
    channel_of,
)

ENGAGEMENT, PREFERENCE, PROFILE = "comms.engagement.v1", "comms.preference.v1", "comms.profile.v1"

Fields = Mapping[str, Any]
Errors = list[tuple[str, str]]

_ENGAGEMENTS = {
    "email_delivered": Signal.EMAIL_ENGAGEMENT,
    "email_opened": Signal.EMAIL_ENGAGEMENT,
    "email_clicked": Signal.EMAIL_ENGAGEMENT,
    "email_bounced": Signal.EMAIL_ENGAGEMENT,
    "email_soft_bounced": Signal.EMAIL_ENGAGEMENT,
    "unsubscribed": Signal.UNSUBSCRIBE,
    "spam_reported": Signal.SUPPRESSION,
    "form_submitted": Signal.FORM,
    "page_visited": Signal.PAGE,
    "score_changed": Signal.SCORE,
    "campaign_responded": Signal.CAMPAIGN_RESPONSE,
    "survey_completed": Signal.SURVEY,
}
_TEXTS = ("campaign", "asset", "url", "form", "survey", "workspace_id", "dispatch_id", "bounce_class")
_PROFILE_TEXTS = ("lifecycle_stage", "customer_type", "campaign", "product_interest", "risk_level", "account_manager")
_ANSWER = "answer_"

OFFERS = frozenset({*_ENGAGEMENTS.values(), Signal.SUBSCRIPTION, Signal.PROFILE})


def normal(signal: Mapping[str, Any]) -> dict[str, Any]:
    """The signal with its names in one style; of two that become one, the first that says something counts."""
    found: dict[str, Any] = {}
    for name, value in signal.items():
        own = _snake(name)
        if found.get(own) in (None, ""):
            found[own] = value
    return found


def events_of(word: str | None, fields: Fields, envelope: Envelope) -> Events:
    """The events of one message whose type is `word`; one that is none of ours is kept as UNKNOWN.

    Raises InvalidEventError naming every field that is missing or wrong.
    """
    errors: Errors = []
    events = list(_events(_snake(word or ""), fields, envelope, errors))
    if errors:
        raise InvalidEventError(errors)
    return events


def _events(word: str, fields: Fields, envelope: Envelope, errors: Errors) -> Iterator[NewEvent]:
    if word in _ENGAGEMENTS:
        yield NewEvent(ENGAGEMENT, _engagement(word, fields, envelope, errors), signal=_ENGAGEMENTS[word])
        if word in ("unsubscribed", "spam_reported"):
            yield opted_out(envelope, _ENGAGEMENTS[word], text(fields.get("address") or fields.get("email")), word)
    elif word == "preference_changed":
        yield NewEvent(PREFERENCE, _preference(fields, envelope, errors), signal=Signal.SUBSCRIPTION)
    elif word == "profile_changed":
        yield NewEvent(PROFILE, _profile(fields, envelope, errors), signal=Signal.PROFILE)
    else:
        yield NewEvent(ENGAGEMENT, envelope.value("UNKNOWN"))


def opted_out(envelope: Envelope, signal: Signal, address: str | None, proof: str) -> NewEvent:
    """The wish that goes with an unsubscription: no more marketing by e-mail."""
    value = envelope.value(
        "CHANGED",
        "preference",
        actor=actor(ActorKind.CUSTOMER),
        kind=PreferenceKind.CONSENT.value,
        channel=Channel.EMAIL.value,
        purpose=Purpose.MARKETING.value,
        state=PreferenceState.OPTED_OUT.value,
        address=address,
        effective_at=envelope.occurred_at,
        evidence=Evidence.EXPLICIT.value,
        proof=proof,
    )
    return NewEvent(PREFERENCE, value, signal=signal)


def _engagement(word: str, fields: Fields, envelope: Envelope, errors: Errors) -> dict[str, Any]:
    return envelope.value(
        word.upper(),
        actor=actor(ActorKind.CUSTOMER),
        **{name: text(fields.get(name)) for name in _TEXTS},
        score=number(fields.get("score"), "score", errors),
        score_previous=number(fields.get("score_previous"), "score_previous", errors),
        automated=is_true(fields.get("automated")),
        answers=_answers(fields, errors),
    )


def is_true(said: Any) -> bool:
    """Whether a flag is up, also one that is written as a text."""
    return said is True or (text(said) or "false").lower() not in ("false", "0", "no")


def _answers(fields: Fields, errors: Errors) -> dict[str, str]:
    """`answers: {question: answer}`, and every `answer_<question>` beside it."""
    given = fields.get("answers") or {}
    if not isinstance(given, dict):
        errors.append(("answers", "must be an object, question: answer"))
        given = {}
    beside = {name.removeprefix(_ANSWER): value for name, value in fields.items() if name.startswith(_ANSWER)}
    return {name: said for name, value in {**beside, **given}.items() if (said := _answer(value))}


def _answer(value: Any) -> str:
    """An answer as text; several chosen ones are one, parted by commas."""
    return ", ".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)


def _preference(fields: Fields, envelope: Envelope, errors: Errors) -> dict[str, Any]:
    kind = symbol(PreferenceKind, fields.get("kind"), "kind", errors)
    if text(fields.get("kind")) is None:
        errors.append(("kind", "is required: " + ", ".join(PreferenceKind)))
    has_state = kind is not PreferenceKind.PREFERRED_CHANNEL
    if has_state and text(fields.get("state")) is None:
        errors.append(("state", "is required: " + ", ".join(PreferenceState)))
    preferred = _channel(fields, "preferred_channel", errors)
    if not has_state and text(fields.get("preferred_channel")) is None:
        errors.append(("preferred_channel", "is required: " + ", ".join(Channel)))
    return envelope.value(
        "CHANGED",
        actor=actor(ActorKind.CUSTOMER),
        kind=_value(kind),
        channel=_value(_channel(fields, "channel", errors)),
        purpose=_value(symbol(Purpose, fields.get("purpose"), "purpose", errors)),
        state=state_of(fields.get("state")).value if has_state else None,
        preferred_channel=_value(preferred),
        subscription_group=text(fields.get("subscription_group")),
        address=text(fields.get("address")),
        effective_at=moment(fields.get("effective_at"), "effective_at", errors) or envelope.occurred_at,
        evidence=(symbol(Evidence, fields.get("evidence"), "evidence", errors) or Evidence.EXPLICIT).value,
        proof=text(fields.get("proof")),
    )


def state_of(said: Any) -> PreferenceState:
    """The state that a vendor's word means; one that we do not know counts as opted out, so it is kept as UNKNOWN."""
    return _STATES.get(re.sub(r"[^a-z]", "", (text(said) or "").lower()), PreferenceState.UNKNOWN)


_STATES = {
    "optedin": PreferenceState.OPTED_IN,
    "subscribed": PreferenceState.SUBSCRIBED,
    "optedout": PreferenceState.OPTED_OUT,
    "unsubscribed": PreferenceState.OPTED_OUT,
    "suspended": PreferenceState.SUSPENDED,
    "on": PreferenceState.ON,
    "off": PreferenceState.OFF,
}


def _channel(fields: Fields, name: str, errors: Errors) -> Channel | None:
    found = channel_of(text(fields.get(name)))
    if found is None and text(fields.get(name)) is not None:
        errors.append((name, f"must be one of {', '.join(Channel)}"))
    return found


def _profile(fields: Fields, envelope: Envelope, errors: Errors) -> dict[str, Any]:
    known: dict[str, Any] = {name: text(fields.get(name)) for name in _PROFILE_TEXTS}
    membership = text(fields.get("membership"))
    known["memberships"] = [membership] if membership else []
    known["lead_score"] = number(fields.get("lead_score"), "lead_score", errors)
    if not any(value not in (None, []) for value in known.values()):
        errors.append(("", f"says nothing of a profile: {', '.join(_PROFILE_TEXTS)}, membership or lead_score"))
    return envelope.value("CHANGED", **known)


def _value(word: Any) -> str | None:
    return None if word is None else str(word.value)


def _snake(name: str) -> str:
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return re.sub(r"[^a-zA-Z0-9]+", "_", spaced).strip("_").lower()
