"""Who an event is about, for every source in one place (design §4, Identity).

The site's own customer id is the only canonical key; each source's mapping says where it carries it. Without it a
namespaced substitute stands in, marked as not resolved. Nobody is ever recognised by an e-mail address, and no
address is written into a key.
"""

import hashlib
import re
from typing import Annotated, Any

from pydantic import AfterValidator, Field

_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_NOBODY = frozenset({"", "null", "none", "undefined", "nan", "n/a", "[redacted]"})
"""What templates and exports write where there is no id, lower-cased; `[REDACTED]` is Braze's own transform
(braze.md §3.1). As a key it would put everybody without an id into one lane, and call them one customer."""


def _not_an_address(path: str) -> str:
    name = path.rpartition(".")[2].lower()
    if "mail" in name or "address" in name or "phone" in name:
        raise ValueError(f"{path!r} reads as an address: nobody is recognised by one, name the field of your own id")
    return path


IdentityPath = Annotated[str, Field(min_length=1, pattern=r"^[^.\n]+(\.[^.\n]+)*$"), AfterValidator(_not_an_address)]
"""Where a source carries the site's own customer id: names joined by dots; a name may hold blanks (Marketo's and
ECM's do). The name of an address is refused when the settings are read."""


def customer_of(
    source: str,
    instance: str,
    site_id: Any = None,
    local_id: Any = None,
    address: str | None = None,
    **known: str | None,
) -> dict[str, Any] | None:
    """The customer record of one signal; None when it names nobody.

    `site_id` is what stands where the site's own id should, `local_id` what the source calls the person, `address`
    the e-mail address that a substitute may be made of when there is neither. `known` are further fields of the
    record.
    """
    if own := usable_id(site_id):
        return resolved(own, **known)
    if local := usable_id(local_id):
        return substitute(source, instance, local, **known)
    if address and address.strip():
        return substitute(source, instance, pseudonym(address), **known)
    return None


def usable_id(value: Any) -> str | None:
    """An id as text without blanks around it; None for what is none: nothing, a placeholder, an address."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    text = str(value).strip()
    return None if text.lower() in _NOBODY or _ADDRESS.fullmatch(text) else text


def resolved(customer_id: str, **known: str | None) -> dict[str, Any]:
    """The customer record of the site's own id."""
    return {"customer_id": customer_id, "resolved": True, **known}


def substitute(source: str, instance: str, local_id: str, **known: str | None) -> dict[str, Any]:
    """The customer record of an id that only the source knows."""
    return {"customer_id": substitute_id(source, instance, local_id), "resolved": False, **known}


def substitute_id(source: str, instance: str, local_id: str) -> str:
    """`exstream:<tenant>:<local id>`, `marketo:<munchkin id>:<lead>`; what LINKED says is a customer after all."""
    return f"{source}:{instance}:{local_id}"


def pseudonym(address: str) -> str:
    """A stable stand-in for an e-mail address, safe to be a record's key and in logs."""
    return "mail-" + hashlib.sha256(address.strip().lower().encode()).hexdigest()[:32]
