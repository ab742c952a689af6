"""What a flow may say after `with` for each action of Braze.

Names are checked here, so that a wrong one in a flow file is found at start-up; values come from
events and are checked by the mapping. Sections are those of the Braze vendor page.
"""

from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

EVENT_ID = "event_uuid"

_IDENTITY = frozenset({"external_id", "user_alias", "braze_id"})
_CONTROL = frozenset({"_update_existing_only", "_merge_objects", "push_token_import", "push_tokens"})
_CONSENT = frozenset({"email_subscribe", "push_subscribe", "subscription_groups", "email_subscription_info"})
_OF_EVENTS = frozenset({"time", "event_name"})
_OF_PURCHASES = _OF_EVENTS | {"product_id", "quantity", "price", "currency"}


def _name(text: str) -> str:
    """Refuse what Braze would trim or refuse (§7): outer spaces, a leading $."""
    if text != text.strip() or text.startswith("$"):
        raise ValueError(f"{text!r} has outer spaces or begins with $; Braze would not keep this name")
    return text


def _not_reserved(text: str, reserved: frozenset[str]) -> str:
    _name(text)
    if text in reserved:
        raise ValueError(f"{text!r} is a reserved property key of Braze; choose another name")
    if text == EVENT_ID:
        raise ValueError(f"{text!r} is set by the sink itself, to the event's id")
    return text


def _property(text: str) -> str:
    return _not_reserved(text, _OF_EVENTS)


def _purchase_property(text: str) -> str:
    return _not_reserved(text, _OF_PURCHASES)


def _attribute(text: str) -> str:
    _name(text)
    if text in _IDENTITY:
        raise ValueError(f"{text!r} says who the user is; the sink takes that from the event's customer")
    if text in _CONTROL:
        raise ValueError(f"{text!r} is an instruction to Braze, not an attribute")
    if text in _CONSENT:
        raise ValueError(f"{text!r} is consent, and written from consent decisions only")
    return text


# Names stand in flow files, so they are few, and each is looked at once.
_Short = Annotated[str, Field(min_length=1, max_length=255)]
Name = Annotated[_Short, AfterValidator(lru_cache(1024)(_name))]
PropertyName = Annotated[_Short, AfterValidator(lru_cache(1024)(_property))]
PurchasePropertyName = Annotated[_Short, AfterValidator(lru_cache(1024)(_purchase_property))]
AttributeName = Annotated[_Short, AfterValidator(lru_cache(1024)(_attribute))]


def _text(value: Any) -> Any:
    """Numbers as text: Braze took them in 2020, and is sent strings only (§2.1)."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _no_blank(value: Any) -> Any:
    """An event that has an empty text has none."""
    return None if value == "" else value


Given = Annotated[str | None, BeforeValidator(_no_blank)]


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


class RecordPurchase(_Parameters):
    """`record_purchase`: a purchase of the user; without a time, when the event occurred (§2.1).

    A `quantity` of N is N purchases to Braze, of `price` each.
    """

    product_id: Annotated[str, BeforeValidator(_text), Field(min_length=1, max_length=255)]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    price: Annotated[Decimal, Field(allow_inf_nan=False)]
    quantity: Annotated[int, Field(ge=1, le=100)] = 1
    properties: Annotated[dict[PurchasePropertyName, Any], Field(max_length=255)] = {}
    time: AwareDatetime | None = None


class TriggerCanvas(_Parameters):
    """`trigger_canvas`: let the user enter an API-triggered Canvas (§2.5).

    `canvas` is a name of the setting `canvases`; `context` is what its steps read. Attributes as with
    `trigger_campaign`.
    """

    canvas: str
    context: dict[Name, Any] = {}
    attributes: dict[AttributeName, Any] = {}


class SendTransactional(_Parameters):
    """`send_transactional`: one transactional message, which Braze sends once for its id (§2.7).

    `campaign` is a name of the setting `transactional_campaigns`. The id is made of the event, the campaign, the
    user and `send_key`: a second message of one campaign on one event needs a key of its own.
    """

    campaign: str
    trigger_properties: dict[Name, Any] = {}
    attributes: dict[AttributeName, Any] = {}
    send_key: str = ""


class SetSubscription(_Parameters):
    """`set_subscription`: the user's state in a subscription group (§2.8).

    `subscription_group` is a name of the setting `subscription_groups`. With `email` or `phone` it is whoever has
    that address; else the user by external_id. Only a plain yes subscribes.
    """

    subscription_group: str
    state: str | None = None
    email: Given = None
    phone: Given = None
    double_opt_in: bool = False

    @model_validator(mode="after")
    def _one_address(self) -> Self:
        if self.email and self.phone:
            raise ValueError("email and phone must not both be given: Braze takes one of them in a request")
        return self


class UpdateEmailStatus(_Parameters):
    """`update_email_status`: the global state of an e-mail address, which gates every group (§2.8).

    Without `email` it is the customer's. Only a plain yes subscribes.
    """

    state: str | None = None
    email: Given = None
