"""A consent decision as lead fields (§6 of the vendor page). Pure.

A decision without a channel, or without a purpose, is about all of them, so every rule for one of them
takes part. Only a plain yes is a yes: any other state, an unknown one included, is written as opted out.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from workers.sinks.marketo.parameters import UpdateConsent
from workers.vendors.marketo.consent import ConsentRule, plain

_YES = frozenset({"OPTED_IN", "SUBSCRIBED", "ON"})
_MAX_REASON = 255


def consent_fields(decision: UpdateConsent, rules: Iterable[ConsentRule]) -> dict[str, Any]:
    """The fields that show a decision and what they become; empty where no rule is about it."""
    fields: dict[str, Any] = {}
    for rule in rules:
        if _is_about(rule, decision):
            fields |= _written(rule, decision)
    return fields


def is_kept(expected: Any, found: Any) -> bool:
    """Whether a field that was read back has the value that was written.

    Values come back as strings or booleans (§6), and an empty text as null (§2.1).
    """
    return plain(expected) == plain(found)


def _is_about(rule: ConsentRule, decision: UpdateConsent) -> bool:
    pairs = (
        (rule.channel, decision.channel),
        (rule.purpose, decision.purpose),
        (rule.subscription_group, decision.subscription_group),
    )
    return rule.kind == decision.kind and all(want in (None, has) or has is None for want, has in pairs)


def _written(rule: ConsentRule, decision: UpdateConsent) -> Mapping[str, Any]:
    if rule.kind == "PREFERRED_CHANNEL":
        return {rule.field: decision.preferred_channel}
    value = rule.opted_in if decision.state in _YES else rule.opted_out
    reason = {rule.reason_field: (decision.reason or "")[:_MAX_REASON]} if rule.reason_field else {}
    return {rule.field: value, **reason}
