"""Whether a customer may be contacted, for a purpose and by a channel: asked at the send, after a retry, at a redrive.

Reports about the customer and about the address are weighed together, and the stricter wins: every report that
forbids must be answered by a newer one that allows *the same or less*. Leave for e-mail answers an objection to
everything, for e-mail; leave for everything never lifts an objection to e-mail.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from common.store.look_ups import Known
from common.store.times import SECOND_US
from common.store.values import Evidence, Scope
from workers.consent.config import Basis, ConsentSettings, PurposeRule
from workers.consent.decide import decide
from workers.consent.words import Kind, is_forbidding

ANY = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why not: what forbids it, and who said so."""

    because: str
    origin: str = ""


class Consent:
    """The rules of a site, applied to what is known of one customer."""

    def __init__(self, settings: ConsentSettings) -> None:
        rules = settings.purposes
        self._rules = {"MARKETING": rules.marketing, "SERVICE": rules.service, "REGULATORY": rules.regulatory}
        self._skew_us = settings.skew_s * SECOND_US

    def refusal(self, known: Known, purpose: str, channel: str) -> Refusal | None:
        """Why this purpose may not use this channel; None when it may. A purpose that nobody knows is MARKETING."""
        if known.erased_at and not known.is_known:
            return Refusal("ERASED")
        reports = known.reports_for(channel)
        purpose = purpose if purpose in self._rules else "MARKETING"
        rule, heard = self._rules[purpose], self._heard(reports)
        for report in heard:
            is_concerned = self._forbids(report, rule, purpose, channel)
            if is_concerned and not self._is_answered(report, heard, purpose, channel):
                return Refusal(f"{report.kind} {report.state}", report.origin)
        return self._missing(heard, rule, purpose, channel)

    def first_allowed(self, known: Known, purpose: str, channels: Sequence[str]) -> str | None:
        """The first of these channels that may be used; None when there is none."""
        return next((channel for channel in channels if self.refusal(known, purpose, channel) is None), None)

    def preferred_channel(self, known: Known) -> str | None:
        """Where the customer wants to be reached first; None when nobody knows."""
        held = decide([report for report in known.reports if report.kind == Kind.PREFERRED_CHANNEL], self._skew_us)
        return held.state if held else None

    def _heard(self, reports: Iterable[Evidence]) -> list[Evidence]:
        """Explicit reports, and observed ones of a wish about which nobody said anything explicitly."""
        ordered = sorted(reports, key=lambda one: (one.subject, one.scope))
        return [one for _, same in groupby(ordered, key=lambda one: (one.subject, one.scope)) for one in _weighty(same)]

    def _forbids(self, report: Evidence, rule: PurposeRule, purpose: str, channel: str) -> bool:
        if not is_forbidding(report) or not _applies(report.scope, purpose, channel):
            return False
        match report.kind:
            case Kind.CONSENT | Kind.UNKNOWN:
                return rule.basis is not Basis.ALWAYS
            case Kind.PAPERLESS:
                return Kind.PAPERLESS in rule.respects and channel == "PRINT"
            case Kind.SUPPRESSION:
                return Kind.SUPPRESSION in rule.respects
            case _:
                return False

    def _is_answered(self, report: Evidence, heard: Iterable[Evidence], purpose: str, channel: str) -> bool:
        return any(
            other.subject == report.subject
            and other.kind == report.kind
            and not is_forbidding(other)
            and _applies(other.scope, purpose, channel)
            and _is_within(other.scope, report.scope)
            and other.effective_at > report.effective_at + self._skew_us
            for other in heard
        )

    def _missing(self, heard: Iterable[Evidence], rule: PurposeRule, purpose: str, channel: str) -> Refusal | None:
        wanted = _YES.get(rule.basis)
        if wanted is None:
            return None
        yes = (one for one in heard if one.kind == Kind.CONSENT and _applies(one.scope, purpose, channel))
        return None if any(one.state in wanted for one in yes) else Refusal("no leave was given")


_YES = {Basis.OPTED_IN: ("OPTED_IN",), Basis.SUBSCRIBED: ("OPTED_IN", "SUBSCRIBED")}


def _weighty(same: Iterator[Evidence]) -> list[Evidence]:
    reports = list(same)
    return [one for one in reports if one.weight == "EXPLICIT"] or reports


def _applies(scope: Scope, purpose: str, channel: str) -> bool:
    return scope.channel in (ANY, channel) and scope.purpose in (ANY, purpose)


def _is_within(inner: Scope, outer: Scope) -> bool:
    """Whether the inner one is about the same, or less."""
    return outer.channel in (ANY, inner.channel) and outer.purpose in (ANY, inner.purpose)
