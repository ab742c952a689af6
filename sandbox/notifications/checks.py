"""What a submission must be (page §2.1, §2.2, §2.3); everything else is refused, and says where."""

import binascii
import re
from base64 import b64decode
from collections.abc import Mapping
from typing import Any

from sandbox.notifications.options import Options
from sandbox.notifications.reply import RefusedError

ADDRESS_FIELDS = {"emails": "email", "sms": "sms", "faxes": "fax"}
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_NUMBER = re.compile(r"[0-9]{5,20}")
_MOST_MESSAGE_ID = 80
_BODY_TYPES = frozenset({"html", "text"})


def check(channel: str, value: Any, options: Options) -> Mapping[str, Any]:
    """A submission that may become a job; raises RefusedError."""
    if not isinstance(value, dict):
        raise _bad("body", "not a JSON object")
    _check_options(value.get("options", {}))
    _check_destinations(channel, value.get("destinations"), options)
    match channel:
        case "emails":
            _check_parts("body", value.get("body"), _BODY_TYPES)
            subject = value.get("options", {}).get("email_options", {}).get("subject", "")
            if not isinstance(subject, str) or "\n" in subject or "\r" in subject:
                raise _bad("subject", "one line of text")
        case "sms":
            text = value.get("sms_text")
            if not isinstance(text, str) or not text or len(text) > options.max_sms_characters:
                raise _bad("sms_text", "a text is required, within its limit")
        case _:
            _check_parts("documents", value.get("documents"), None)
    return value


def _check_options(given: Any) -> None:
    if not isinstance(given, dict):
        raise _bad("options", "not an object")
    message_id = given.get("message_id")
    if message_id is not None and (not isinstance(message_id, str) or not 0 < len(message_id) <= _MOST_MESSAGE_ID):
        raise _bad("message_id", "1 to 80 characters")
    if not isinstance(given.get("email_options", {}), dict):
        raise _bad("email_options", "not an object")


def _check_destinations(channel: str, given: Any, options: Options) -> None:
    if not isinstance(given, list) or not given:
        raise _bad("destinations", "at least one is required")
    if len(given) > options.max_destinations:
        raise _bad("destinations", "too many")
    for one in given:
        address = one.get(ADDRESS_FIELDS[channel]) if isinstance(one, dict) else None
        pattern = _EMAIL if channel == "emails" else _NUMBER
        if not isinstance(address, str):
            raise _bad("destinations", f"each needs {ADDRESS_FIELDS[channel]}")
        if options.bad_address == "refuse" and not pattern.fullmatch(address):
            raise _bad("destinations", "an address is invalid")


def _check_parts(name: str, given: Any, types: frozenset[str] | None) -> None:
    if not isinstance(given, list) or not given:
        raise _bad(name, "at least one part is required")
    for part in given:
        if not isinstance(part, dict) or not isinstance(part.get("data"), str):
            raise _bad(name, "each part needs data")
        if types is not None and part.get("type") not in types:
            raise _bad(name, "type is html or text")
        try:
            b64decode(part["data"], validate=True).decode(part.get("charset", "UTF-8"))
        except (binascii.Error, UnicodeDecodeError, LookupError, TypeError) as error:
            raise _bad(name, "data is the base64 of text in its charset") from error


def _bad(code: str, message: str) -> RefusedError:
    return RefusedError(400, f"invalid_{code}", message)
