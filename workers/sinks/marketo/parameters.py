"""What a flow may say after `with` for each action of Marketo.

Names are checked here, so that a wrong one in a flow file is found at start-up; values come from
events and are checked by the mapping. Sections are those of the Marketo vendor page.
"""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from workers.vendors.marketo.account import FieldName

_READ_ONLY = frozenset({"id", "createdAt", "updatedAt", "personTimeZone", "mktoName"})
_CONSENT = frozenset(
    f"{flag}{more}"
    for flag in ("unsubscribed", "marketingSuspended", "blackListed", "emailInvalid", "emailSuspended", "doNotCall")
    for more in ("", "Reason", "Cause", "At")
)
_TOKEN = re.compile(r"(my\.)?[^{}\s][^{}]*")


def _lead_field(name: str) -> str:
    if name in _READ_ONLY:
        raise ValueError(f"{name!r} is Marketo's own; the sink says which lead it is")
    if name in _CONSENT:
        raise ValueError(f"{name!r} is consent, and written from consent decisions only")
    return name


def _object_field(name: str) -> str:
    if name == "marketoGUID":
        raise ValueError("'marketoGUID' is Marketo's own; records are found by their dedupe fields (§2.7)")
    return name


def _token(name: str) -> str:
    """`product`, `my.product` and `{{my.product}}` are one token (§2.5)."""
    bare = name.removeprefix("{{").removesuffix("}}")
    if not _TOKEN.fullmatch(bare):
        raise ValueError(f"{name!r} is not a token's name; write product for {{{{my.product}}}}")
    return "{{my." + bare.removeprefix("my.") + "}}"


LeadField = Annotated[FieldName, AfterValidator(_lead_field)]
ObjectField = Annotated[FieldName, AfterValidator(_object_field)]
TokenName = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_token)]
Text = Annotated[str, Field(min_length=1, max_length=255)]


class _Parameters(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class UpsertLead(_Parameters):
    """`upsert_lead`: the latest values of a lead's fields; null clears one (§2.1).

    The lead is found by `lookup_field` (the setting's when not said), and made when it is unknown, unless
    `create` is false. The site's customer id is always written along.
    """

    fields: Annotated[dict[LeadField, Any], Field(min_length=1)]
    lookup_field: FieldName | None = None
    partition: Text | None = None
    create: bool = True


class AddActivity(_Parameters):
    """`add_activity`: a custom activity of the lead, for ever; without a time, when the event occurred (§2.4).

    `activity` is a name of the setting `activities`; `primary` is the primary attribute's value.
    """

    activity: str
    primary: Text
    attributes: Annotated[dict[FieldName, Any], Field(max_length=20)] = {}
    time: AwareDatetime | None = None


class TriggerCampaign(_Parameters):
    """`trigger_campaign`: request a trigger campaign for the lead (§2.5).

    `campaign` is a name of the setting `campaigns`. Names in `prefer` go before it, as far as the settings know them:
    the first one counts, so that a customer type may have a campaign of its own and need not. Tokens hold for every
    lead of a call, so leads share a call only where all tokens are equal: tokens that differ per lead cost a call a
    lead.
    """

    campaign: str
    prefer: Annotated[list[str], Field(max_length=10)] = []
    tokens: Annotated[dict[TokenName, Any], Field(max_length=100)] = {}


class ListMembership(_Parameters):
    """`add_to_list`, `remove_from_list`: `list` is a name of the setting `lists` (§2.8)."""

    list: str


class UpsertObject(_Parameters):
    """`upsert_object`: the latest values of a custom object's record (§2.7).

    `object` is a name of the setting `objects`; its dedupe fields must be among `fields`.
    """

    object: str
    fields: Annotated[dict[ObjectField, Any], Field(min_length=1)]


class UpdateConsent(_Parameters):
    """`update_consent`: write a decision to the lead fields that the setting `consent` names for it (§6)."""

    kind: str
    channel: str | None = None
    purpose: str | None = None
    subscription_group: str | None = None
    preferred_channel: str | None = None
    state: str | None = None
    reason: str | None = None
