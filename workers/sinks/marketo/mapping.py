"""Event and parameters -> what one delivery puts into a request to Marketo. Pure.

**Who.** The site's own customer id, kept in the lead field `customer_id_field`, says which lead it is; an
event may also know the lead's number (`customer.marketo_lead_id`, or the substitute
`marketo:<instance>:<lead>`), but not of another instance. Writes of lead fields name the lead by field, so
that one request does it; activities, campaigns and lists take numbers only, which `leads` looks up.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from common.errors import UnusableEventError
from common.event import Event
from common.reasons import Reason
from workers.sinks.api import Item, Suppressed, Verdict
from workers.sinks.marketo.config import Lacking, MarketoConfig
from workers.sinks.marketo.consent import consent_fields
from workers.sinks.marketo.parameters import (
    AddActivity,
    ListMembership,
    TriggerCampaign,
    UpdateConsent,
    UpsertLead,
    UpsertObject,
)
from workers.sinks.marketo.requests import CampaignCall, LeadsCall, ListCall, ObjectCall
from workers.sinks.marketo.values import email, invalid, scalar, serialised, text, timestamp

MAX_ATTRIBUTE_BYTES = 65_536
MAX_CUSTOMER_ID = 255
ENVELOPE_BYTES = 4096  # what a body has beside its records
_ID_BYTES = 32  # {"leadId":…, and the comma
_UPSERT, _UPDATE = "createOrUpdate", "updateOnly"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Who:
    """A lead by its number, by the site's customer id, or by both; the number may be out of date then."""

    lead_id: int | None
    customer_id: str | None


@dataclass(frozen=True, slots=True, repr=False)
class Piece:
    """One record of a request, serialised but for the lead's number.

    Two pieces of one `key` do not travel together; None is equal to nothing. `expected` are fields to be
    read back. What has a `verdict` already does not travel.
    """

    who: Who
    row: bytes = b""
    key: Hashable = None
    expected: Mapping[str, Any] = field(default_factory=dict)
    verdict: Verdict | None = None


def upsert_lead(event: Event, parameters: UpsertLead, config: MarketoConfig) -> Item:
    """A lead's fields (§2.1). A lead that is known by its number only is updated, never made."""
    who = who_of(event, config)
    given = {name: scalar(value, f"fields.{name}") for name, value in parameters.fields.items()}
    if given.get("email") is not None:
        given["email"] = email(given["email"], "fields.email")
    if config.customer_id_field in given:
        raise invalid(f"fields.{config.customer_id_field}", "is the customer id, which the sink writes itself")
    row, call = _addressed(who, given, parameters.lookup_field or config.lookup_field, event, config)
    mode = _UPSERT if parameters.create and call != "id" else _UPDATE
    partition = (parameters.partition or config.partition) if mode == _UPSERT else None
    return _item(Piece(who, _row(row, config), row[call]), LeadsCall(mode, call, partition))


def update_consent(event: Event, parameters: UpdateConsent, config: MarketoConfig) -> Item:
    """The fields that show a decision, of a lead that exists (§6)."""
    who = who_of(event, config)
    written = consent_fields(parameters, config.consent)
    if not written and config.without_rule is Lacking.SUPPRESS:
        return _item(Piece(who, verdict=Suppressed(Reason.MISSING_TARGET)))
    if not written:
        decision = " ".join(filter(None, (parameters.kind, parameters.channel, parameters.purpose)))
        raise invalid("kind", f"no rule in sinks.marketo.consent is about {decision[:80]}; add one, then redrive")
    fields = {name: scalar(value, name) for name, value in written.items()}
    row, call = _addressed(who, fields, None, event, config)
    reasons = {rule.reason_field for rule in config.consent}
    expected = {name: value for name, value in fields.items() if name not in reasons}
    return _item(Piece(who, _row(row, config), row[call], expected), LeadsCall(_UPDATE, call, None))


def add_activity(event: Event, parameters: AddActivity, config: MarketoConfig) -> Item:
    """A custom activity (§2.4); the event's id travels along where the type has an attribute for it."""
    kind = _named(config.activities, parameters.activity, "activity", "activities")
    named = _as_theirs(parameters.attributes, kind.attributes)
    attributes = {name: text(value, f"attributes.{name}") for name, value in named.items()}
    if kind.event_id_attribute:
        attributes[kind.event_id_attribute] = str(event.value["event_id"])
    listed = [{"apiName": name, "value": value} for name, value in attributes.items()]
    if (size := len(serialised(listed))) > MAX_ATTRIBUTE_BYTES:
        raise UnusableEventError(Reason.OVERSIZED, f"attributes: {size} bytes, Marketo takes {MAX_ATTRIBUTE_BYTES}")
    row = {
        "activityDate": timestamp(parameters.time or event.value["occurred_at"]),
        "activityTypeId": kind.type_id,
        "primaryAttributeValue": parameters.primary,
        "attributes": listed,
    }
    return _item(Piece(who_of(event, config), _row(row, config)))


def trigger_campaign(event: Event, parameters: TriggerCampaign, config: MarketoConfig) -> Item:
    """One lead of a campaign request; campaign and tokens are shared by all leads of the call (§2.5)."""
    preferred = next((name for name in parameters.prefer if name in config.campaigns), parameters.campaign)
    campaign = _named(config.campaigns, preferred, "campaign", "campaigns")
    tokens = tuple(sorted((name, text(value, f"tokens.{name}")) for name, value in parameters.tokens.items()))
    if (size := len(serialised(tokens))) > config.max_body_bytes // 2:
        raise UnusableEventError(Reason.OVERSIZED, f"tokens: {size} bytes, more than half of a request")
    return _item(Piece(who_of(event, config)), CampaignCall(campaign, tokens))


def list_membership(event: Event, parameters: ListMembership, config: MarketoConfig) -> Item:
    """One lead to put on a static list, or to take off it (§2.8)."""
    return _item(Piece(who_of(event, config)), ListCall(_named(config.lists, parameters.list, "list", "lists")))


def upsert_object(event: Event, parameters: UpsertObject, config: MarketoConfig) -> Item:
    """A custom object's record, found by its dedupe fields (§2.7)."""
    kind = _named(config.objects, parameters.object, "object", "objects")
    named = _as_theirs(parameters.fields, kind.fields)
    row = {name: scalar(value, f"fields.{name}") for name, value in named.items()}
    if kind.customer_field:
        row[kind.customer_field] = _customer_id(event)
    missing = [name for name in kind.dedupe_fields if row.get(name) in (None, "")]
    if missing:
        raise invalid(f"fields.{missing[0]}", "a dedupe field without a value: the record could not be found again")
    key = tuple(str(row[name]) for name in kind.dedupe_fields)
    return _item(Piece(Who(None, None), _row(row, config), key), ObjectCall(kind.api_name))


def who_of(event: Event, config: MarketoConfig) -> Who:
    """The lead that an event is about; raises UnusableEventError(missing_customer)."""
    customer: Mapping[str, Any] = event.value.get("customer") or {}
    customer_id: str = customer.get("customer_id") or ""
    lead = customer.get("marketo_lead_id") or ""
    if customer_id and not customer.get("resolved"):
        lead, customer_id = lead or _substitute(customer_id, config), ""
    if not customer_id and not lead:
        raise _missing("the event names no customer")
    if lead and not _is_lead_id(lead):
        raise _missing("the event's lead id is not a number")
    return Who(int(lead) if lead else None, _checked(customer_id) if customer_id else None)


def _addressed(
    who: Who, fields: dict[str, Any], lookup: str | None, event: Event, config: MarketoConfig
) -> tuple[dict[str, Any], str]:
    """A record with what finds its lead, and the name of that field."""
    if who.customer_id is None:
        return {"id": who.lead_id, **fields}, "id"
    row = {config.customer_id_field: who.customer_id, **fields}
    lookup = lookup or config.customer_id_field
    if lookup == "email" and row.get("email") is None:
        row["email"] = email((event.value.get("customer") or {}).get("email"), "customer.email")
    if row.get(lookup) in (None, ""):
        raise invalid(f"fields.{lookup}", "the field that finds the lead has no value")
    return row, lookup


def _substitute(customer_id: str, config: MarketoConfig) -> str:
    """The lead of `marketo:<instance>:<lead>`, when it is one of this instance."""
    source, _, rest = customer_id.partition(":")
    instance, _, lead = rest.rpartition(":")
    if source != "marketo":
        raise _missing("the customer is known to another system only; no lead can be found by it")
    if config.instance and instance.upper() != config.instance:
        raise _missing("the lead is one of another Marketo instance")
    return lead


def _customer_id(event: Event) -> str:
    customer: Mapping[str, Any] = event.value.get("customer") or {}
    if not customer.get("customer_id") or not customer.get("resolved"):
        raise _missing("the record links to a customer id, and the event has none")
    return _checked(customer["customer_id"])


def _checked(customer_id: str) -> str:
    """A comma would be two values of a filter (§2.2), and a text field holds 255 characters."""
    if "," in customer_id:
        raise invalid("customer.customer_id", "holds a comma, by which Marketo separates the values of a look-up")
    if len(customer_id) > MAX_CUSTOMER_ID:
        raise UnusableEventError(Reason.OVERSIZED, f"customer: a customer_id over {MAX_CUSTOMER_ID} characters")
    return customer_id


def _is_lead_id(text_: object) -> bool:
    return isinstance(text_, str) and text_.isascii() and text_.isdecimal() and len(text_) <= 18


def _named(known: Mapping[str, T], name: str, parameter: str, setting: str) -> T:
    found = known.get(name)
    if found is None:
        # constants were checked at start-up: this name was made from the record, and is its fault
        raise invalid(parameter, f"{name[:80]!r} is not in sinks.marketo.{setting}; add it, then redrive")
    return found


def _as_theirs(given: Mapping[str, Any], names: Mapping[str, str | None]) -> dict[str, Any]:
    """What a flow gives by its own names, by those of the site's Marketo; what the site leaves out is left out."""
    return {theirs: value for name, value in given.items() if (theirs := names.get(name, name)) is not None}


def _row(row: Mapping[str, Any], config: MarketoConfig) -> bytes:
    data = serialised(row)
    most = config.max_body_bytes - ENVELOPE_BYTES
    if len(data) > most:
        raise UnusableEventError(Reason.OVERSIZED, f"{len(data)} bytes, a request takes {most}")
    return data


def _item(piece: Piece, shared_by: Hashable = None) -> Item:
    return Item(piece, size=len(piece.row) + _ID_BYTES, shared_by=shared_by)


def _missing(why: str) -> UnusableEventError:
    return UnusableEventError(Reason.MISSING_CUSTOMER, why)
