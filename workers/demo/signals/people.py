"""The town's people, as the insurer's own systems tell of them: canonical events of upstream."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workers.demo.signals import now

_FIRST = ("Ada", "Ben", "Cleo", "Dev", "Elif", "Finn", "Gwen", "Hugo", "Ines", "Jan", "Kim", "Lea")
_LAST = ("Moreno", "Novak", "Okafor", "Petit", "Quist", "Rossi", "Sato")


@dataclass(frozen=True, slots=True)
class Person:
    """A customer: `C-1000` and so on."""

    number: int

    @property
    def id(self) -> str:
        """The site's own customer id."""
        return f"C-{1000 + self.number}"

    @property
    def email(self) -> str:
        """An address that nobody has."""
        return f"{self.id.lower()}@example.com"

    @property
    def first_name(self) -> str:
        """The first name."""
        return _FIRST[self.number % len(_FIRST)]

    @property
    def last_name(self) -> str:
        """The last name."""
        return _LAST[self.number % len(_LAST)]


def profile(who: Person, **known: Any) -> Mapping[str, Any]:
    """What the insurer's own records say of a customer."""
    customer = {
        "customer_id": who.id,
        "resolved": True,
        "email": who.email,
        "first_name": who.first_name,
        "last_name": who.last_name,
        "postal_address": f"{who.number + 1} Main Street\nSpringfield",
    }
    return {"type": "CHANGED", "occurred_at": now(), "source": "crm", "customer": customer, **known}


def wish(who: Person, **fields: Any) -> Mapping[str, Any]:
    """What a customer said at the preference centre."""
    told = {"type": "CHANGED", "source": "preference-centre", "occurred_at": now(), "effective_at": now()}
    return {**told, "evidence": "EXPLICIT", "customer": {"customer_id": who.id, "resolved": True}, **fields}


def answer(who: Person, document: str, document_type: str, kind: str) -> Mapping[str, Any]:
    """A customer answered a document, at a counter or on the phone."""
    about = {"document_id": document, "document_type": document_type, "response": {"kind": kind}}
    customer = {"customer_id": who.id, "resolved": True}
    return {"type": "RESPONDED", "occurred_at": now(), "source": "call-centre", "customer": customer, **about}


def alert(key: str, title: str, **more: Any) -> Mapping[str, Any]:
    """Any service of the insurer raises an alert."""
    raised = {"type": "RAISED", "occurred_at": now(), "source": "monitoring", "alert_key": key, "topic": "capacity"}
    return {**raised, "title": title, "severity": "MEDIUM", "audience": ["role:operations"], **more}
