"""Rows of Braze's lists as events (§2.10, §2.11 of the vendor page). Pure."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from common.errors import InvalidEventError
from workers.ingest.event_id import hash_of
from workers.ingest.feeds import Signal
from workers.ingest.identity import customer_of
from workers.ingest.pollers.braze.config import AssetKind, BrazePollerConfig
from workers.ingest.pollers.braze.kinds import KINDS
from workers.ingest.pollers.braze.states import is_approved, tags, version, workspace_of
from workers.ingest.sources.api import NewEvent
from workers.ingest.sources.envelope import Envelope
from workers.ingest.sources.reading import present, text
from workers.ingest.sources.words import Channel, Evidence, PreferenceKind, PreferenceState, Purpose

SOURCE = "braze"
PREFERENCE, CONTENT = "comms.preference.v1", "comms.content.v1"


class AddressTranslation:
    """One workspace's way from an address that is out to a preference.

    Braze names nobody here but an address: the customer is a substitute made of its hash, and the store decides by
    the address itself.
    """

    def __init__(self, config: BrazePollerConfig) -> None:
        self._instance = config.named

    def unsubscribed(self, signal: Any, received_at: datetime) -> Sequence[NewEvent]:
        """No more marketing by e-mail; who said so, the list does not tell. Raises InvalidEventError."""
        told = {
            "kind": PreferenceKind.CONSENT.value,
            "purpose": Purpose.MARKETING.value,
            "state": PreferenceState.OPTED_OUT.value,
            "proof": "unsubscribed in Braze",
        }
        return [self._event("unsubscribed_at", signal, received_at, told, Signal.UNSUBSCRIBE)]

    def bounced(self, signal: Any, received_at: datetime) -> Sequence[NewEvent]:
        """The address is not to be written to any more, whatever its owner's wishes. Raises InvalidEventError."""
        told = {
            "kind": PreferenceKind.SUPPRESSION.value,
            "state": PreferenceState.ON.value,
            "proof": "hard bounce in Braze",
        }
        return [self._event("hard_bounced_at", signal, received_at, told, Signal.SUPPRESSION)]

    def _event(self, field: str, signal: Any, received_at: datetime, told: Mapping[str, str], kind: Signal) -> NewEvent:
        row = signal if isinstance(signal, dict) else {}
        email, at = text(row.get("email")), moment_of(row.get(field))
        if email is None or at is None:
            faults = (("email", email, "is missing"), (field, at, "is missing, or no moment with a zone"))
            raise InvalidEventError([(name, what) for name, found, what in faults if found is None])
        natural = hash_of("poll", field, self._instance, email.lower(), at.isoformat())
        customer = customer_of(SOURCE, self._instance, address=email)
        value = Envelope(SOURCE, self._instance, natural, at, received_at, customer).value(
            "CHANGED",
            channel=Channel.EMAIL.value,
            address=email,
            effective_at=at,
            evidence=Evidence.EXPLICIT.value,
            **told,
        )
        return NewEvent(PREFERENCE, value, signal=kind)


class AssetTranslation:
    """One workspace's way from a thing's state to a snapshot of it: APPROVED with its body, or UPDATED."""

    def __init__(self, kind: AssetKind, config: BrazePollerConfig) -> None:
        self._kind, self._how, self._config = kind, KINDS[kind], config

    def __call__(self, signal: Any, received_at: datetime) -> Sequence[NewEvent]:
        """Its snapshot; none when it is not approved and nobody wants it so. Raises InvalidEventError."""
        row = signal["row"] if isinstance(signal["row"], dict) else {}
        approved = is_approved(self._how, signal, self._config.approval_tag)
        id_, edited = text(row.get(self._how.id)), moment_of(row.get(self._how.edited))
        if id_ is None:
            raise InvalidEventError([(self._how.id, "is missing")])
        if not approved and not self._config.unapproved:
            return []
        known = version(self._how, signal)
        said = "APPROVED" if approved else "UPDATED"
        natural = hash_of("asset", self._config.named, self._kind, id_, said, known, text(row.get(self._how.edited)))
        body, kept = self._body(signal["whole"]) if approved else (None, {})
        value = Envelope(
            SOURCE, self._config.named, natural, edited or received_at, received_at,
            attributes=self._attributes(row, signal["whole"]) | kept,
        ).value(
            said, content_id=id_, content_name=text(row.get(self._how.name)), content_type=self._how.content_type,
            version=known, workspace_ref=self._workspace(signal) if approved else None, body=body,
        )  # fmt: skip
        return [NewEvent(CONTENT, value, signal=Signal.CONTENT_STATUS)]

    def _workspace(self, signal: Mapping[str, Any]) -> str | None:
        """Where its approval wants it filed."""
        return workspace_of(signal["whole"], self._config.workspace_tag) or self._config.workspace

    def _body(self, whole: Mapping[str, Any]) -> tuple[str | None, dict[str, str]]:
        """A text as it is; messages and steps as JSON. Over the cap its size only."""
        said = whole.get(self._how.content[0])
        body = said if isinstance(said, str) else orjson.dumps(said, option=orjson.OPT_SORT_KEYS).decode()
        size, form = len(body.encode()), self._form(whole)
        if size > self._config.body_bytes:
            return None, {"body_bytes": str(size), "body_format": form}
        return body, {"body_format": form}

    def _form(self, whole: Mapping[str, Any]) -> str:
        match self._kind:
            case AssetKind.CONTENT_BLOCKS:
                return text(whole.get("content_type")) or "html"
            case AssetKind.EMAIL_TEMPLATES:
                return "html"
            case _:
                return "json"

    def _attributes(self, row: Mapping[str, Any], whole: Any) -> dict[str, str]:
        opened = whole if isinstance(whole, dict) else {}
        channels = opened.get("channels")
        return present(
            {
                "kind": self._kind.value,
                "name": row.get(self._how.name),
                "tags": ", ".join(tags(opened or row)),
                "last_edited": row.get(self._how.edited),
                "subject": opened.get("subject"),
                "channels": ", ".join(map(str, channels)) if isinstance(channels, list) else None,
            }
        )


def moment_of(said: Any) -> datetime | None:
    """`2020-06-17 19:27:44 +0000` (§2.10), or ISO 8601 (§2.11); None for what is no moment with a zone."""
    try:
        written = str(said or "").strip().replace(" +", "+").replace(" UTC", "+00:00")
        moment = datetime.fromisoformat(written)
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None
