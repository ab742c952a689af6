"""What a flow may say after `with` for each action of Braze.

Names are checked here, so that a wrong one in a flow file is found at start-up; values come from
events and are checked by the mapping. Sections are those of the Braze vendor page.
"""

from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

EVENT_ID = "event_uuid"

_IDENTITY = frozenset({"external_id", "user_alias", "braze_id"})
_CONTROL = frozenset({"_update_existing_only", "_merge_objects", "push_token_import", "push_tokens"})
_CONSENT = frozenset({"email_subscribe", "push_subscribe", "subscription_groups", "email_subscription_info"})
_OF_EVENTS = frozenset({"time", "event_name"})


def _name(text: str) -> str:
    """Refuse what Braze would trim or refuse (§7): outer spaces, a leading $."""
    if text != text.strip() or text.startswith("$"):
        raise ValueError(f"{text!r} has outer spaces or begins with $; Braze would not keep this name")
    return text


def _property(text: str) -> str:
    if text in _OF_EVENTS:
        raise ValueError(f"{text!r} is a reserved property key of Braze; choose another name")
    if text == EVENT_ID:
        raise ValueError(f"{text!r} is set by the sink itself, to the event's id")
    return text


def _attribute(text: str) -> str:
    if text in _IDENTITY:
        raise ValueError(f"{text!r} says who the user is; the sink takes that from the event's customer")
    if text in _CONTROL:
        raise ValueError(f"{text!r} is an instruction to Braze, not an attribute")
    if text in _CONSENT:
        raise ValueError(f"{text!r} is consent, and written from consent decisions only")
    return text


Name = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_name)]
PropertyName = Annotated[Name, AfterValidator(_property)]
AttributeName = Annotated[Name, AfterValidator(_attribute)]


class _Parameters(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class TrackEvent(_Parameters):
    """`track_event`: a custom event of the user; without a time, when the event occurred (§2.1).

    At most 256 property keys an event name are kept by Braze (§7); the sink's own id is one of them.
    """

    name: Name
    properties: Annotated[dict[PropertyName, Any], Field(max_length=255)] = {}
    time: AwareDatetime | None = None


class UpdateAttributes(_Parameters):
    """`update_attributes`: the latest values of a user's attributes; null removes one (§2.1, §7)."""

    attributes: Annotated[dict[AttributeName, Any], Field(min_length=1)]


class TriggerCampaign(_Parameters):
    """`trigger_campaign`: send an API-triggered campaign to the user (§2.4).

    `campaign` is a name of the setting `campaigns`. `attributes` are written before the send, and a
    user whom Braze does not know yet is created with them; without any, Braze sends nothing to an
    unknown user and does not say so.
    """

    campaign: str
    trigger_properties: dict[Name, Any] = {}
    attributes: dict[AttributeName, Any] = {}
