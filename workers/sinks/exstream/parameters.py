"""What a flow may say after `with` for each action of exstream."""

from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

Scalar = str | bool | int | float | datetime
_Key = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,99}$")]
_Text = Annotated[str, Field(min_length=1, max_length=1000)]


class _Parameters(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class StartService(_Parameters):
    """`start_service`: generate a communication of the settings for the event's customer, and have it sent.

    `communication` is a name of `sinks.exstream.communications`. `channel` and `data` are what its driver data
    may read as `${channel}` and `${data.<name>}`.
    """

    communication: Annotated[str, Field(min_length=1, max_length=200)]
    channel: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    data: Annotated[dict[_Key, Scalar], Field(max_length=200)] = {}


class PublishPreferences(_Parameters):
    """`publish_preferences`: one record of the file feed; `customer_id` is the event's unless it is said."""

    customer_id: _Text | None = None
    kind: _Text | None = None
    channel: _Text | None = None
    purpose: _Text | None = None
    subscription_group: _Text | None = None
    preferred_channel: _Text | None = None
    state: _Text | None = None
    effective_at: AwareDatetime | None = None
