"""Who an event is about, for every source in one place (design §4, Identity).

The site's own customer id is the only canonical key. Without it a namespaced substitute stands in, marked as
not resolved. Nobody is ever recognised by an e-mail address, and no address is written into a key.
"""

import hashlib
from typing import Any


def resolved(customer_id: str, **known: str | None) -> dict[str, Any]:
    """The customer record of the site's own id."""
    return {"customer_id": customer_id, "resolved": True, **known}


def substitute(source: str, instance: str, local_id: str, **known: str | None) -> dict[str, Any]:
    """The customer record of an id that only the source knows: `exstream:<tenant>:<local id>`."""
    return {"customer_id": f"{source}:{instance}:{local_id}", "resolved": False, **known}


def pseudonym(address: str) -> str:
    """A stable stand-in for an e-mail address, safe to be a record's key and in logs."""
    return "mail-" + hashlib.sha256(address.strip().lower().encode()).hexdigest()[:32]
