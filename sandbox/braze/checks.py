"""What is wrong with one object of /users/track (page §2.1, §7); None when nothing is. Pure."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sandbox.braze import words
from sandbox.braze.attributes import IDENTIFIERS
from sandbox.braze.words import Mistake

Check = Callable[[Mapping[str, Any], frozenset[str]], Mistake | None]

_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
_BRAZE_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d):(\d{3})(Z|[+-]\d{4})")
_SPACED_ZONE = re.compile(r" (?=[+-]\d\d:?\d\d$)")
_STATES = frozenset({"opted_in", "subscribed", "unsubscribed"})
_GROUP_STATES = frozenset({"subscribed", "unsubscribed"})
_EVENT_KEYS = frozenset({"time", "event_name"})
_PURCHASE_KEYS = frozenset({"time", "product_id", "quantity", "event_name", "price", "currency"})
_ISO_4217 = """
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD
    CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF
    GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP
    LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB
    PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL
    THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWL
"""
_CURRENCIES = frozenset(_ISO_4217.split())
_MOST_EVENT_BYTES, _MOST_PURCHASE_BYTES = 102_400, 51_200


def identity(one: Mapping[str, Any], blocked: frozenset[str]) -> Mistake | None:
    """Exactly one primary id, else e-mail or phone; sizes; the spam block."""
    primary = IDENTIFIERS & one.keys()
    if len(primary) > 1 or (not primary and not (one.get("email") or one.get("phone"))):
        return words.NO_IDENTIFIER
    if "external_id" in one:
        return _external_id(one["external_id"], blocked)
    if "user_alias" in one:
        return _alias(one["user_alias"])
    return words.NO_IDENTIFIER if "braze_id" in one and not isinstance(one["braze_id"], str) else None


def attributes(one: Mapping[str, Any], blocked: frozenset[str]) -> Mistake | None:
    """An object of `attributes`."""
    if mistake := identity(one, blocked):
        return mistake
    if one.get("email") is not None and not _is_email(one["email"]):
        return words.BAD_EMAIL
    if one.get("email_subscribe", "subscribed") not in _STATES:
        return words.BAD_EMAIL_STATE
    if one.get("push_subscribe", "subscribed") not in _STATES:
        return words.BAD_PUSH_STATE
    if "email_subscription_info" in one:
        return words.NOT_SETTABLE
    if one.get("current_location") is not None and not _is_location(one["current_location"]):
        return words.BAD_LOCATION
    return _groups(one["subscription_groups"]) if "subscription_groups" in one else None


def event(one: Mapping[str, Any], blocked: frozenset[str]) -> Mistake | None:
    """An object of `events`."""
    if mistake := identity(one, blocked):
        return mistake
    if not _is_name(one.get("name")):
        return words.BAD_NAME
    if not is_time(one.get("time")):
        return words.BAD_TIME
    return None if _are_properties(one, _EVENT_KEYS, _MOST_EVENT_BYTES) else words.BAD_PROPERTIES


def purchase(one: Mapping[str, Any], blocked: frozenset[str]) -> Mistake | None:
    """An object of `purchases`."""
    if mistake := identity(one, blocked):
        return mistake
    product, price, quantity = one.get("product_id"), one.get("price"), one.get("quantity", 1)
    if not isinstance(product, str | int) or not 0 < len(str(product)) <= 255:
        return words.BAD_PRODUCT
    if one.get("currency") not in _CURRENCIES:
        return words.BAD_CURRENCY
    if not isinstance(price, int | float) or isinstance(price, bool):
        return words.BAD_PRICE
    if not isinstance(quantity, int) or isinstance(quantity, bool) or not 1 <= quantity <= 100:
        return words.BAD_QUANTITY
    if not is_time(one.get("time")):
        return words.BAD_TIME
    return None if _are_properties(one, _PURCHASE_KEYS, _MOST_PURCHASE_BYTES) else words.BAD_PROPERTIES


def is_time(value: Any) -> bool:
    """ISO 8601 with an offset, or yyyy-MM-dd'T'HH:mm:ss:SSSZ."""
    if not isinstance(value, str):
        return False
    text = _SPACED_ZONE.sub("", _BRAZE_TIME.sub(r"\1.\2\3", value))
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _external_id(value: Any, blocked: frozenset[str]) -> Mistake | None:
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        return words.NO_IDENTIFIER
    if len(str(value).encode()) > 987:
        return words.EXTERNAL_ID_TOO_LARGE
    return words.BLOCKED if str(value) in blocked else None


def _alias(value: Any) -> Mistake | None:
    parts = [value.get("alias_name"), value.get("alias_label")] if isinstance(value, dict) else [None]
    fit = all(isinstance(part, str) and 0 < len(part.encode()) <= 236 for part in parts)
    return None if fit else words.NO_IDENTIFIER


def _groups(value: Any) -> Mistake | None:
    if not isinstance(value, list):
        return words.BAD_GROUP_ARRAY
    for one in value:
        if not isinstance(one, dict):
            return words.BAD_GROUP_HASH
        if not isinstance(one.get("subscription_group_id"), str):
            return words.BAD_GROUP_ID
        if one.get("subscription_state") not in _GROUP_STATES:
            return words.BAD_GROUP_STATE
    return None


def _is_email(value: Any) -> bool:
    return isinstance(value, str) and _EMAIL.fullmatch(value) is not None


def _is_location(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(value.get(axis), int | float) and not isinstance(value.get(axis), bool)
        for axis in ("longitude", "latitude")
    )


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value.strip()) <= 255 and not value.startswith("$")


def _are_properties(one: Mapping[str, Any], reserved: frozenset[str], most_bytes: int) -> bool:
    value = one.get("properties")
    if value is None:
        return True
    if not isinstance(value, dict) or reserved & value.keys():
        return False
    names_fit = all(_is_name(name) for name in value)
    return names_fit and len(json.dumps(value, ensure_ascii=False).encode()) <= most_bytes
