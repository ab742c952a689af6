"""What start_service can start, as the settings have it. Page sections are those of the Exstream vendor page."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from common.settings.sections import Section
from workers.sinks.exstream.driver_data import Format, compiled
from workers.sinks.exstream.expressions import DELIVERY_ID
from workers.vendors.exstream.account import HEADER_VALUE, SEGMENT

UUID = r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
HEADER_NAME = r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$"
_OURS = frozenset(
    [
        "authorization",
        "content-type",
        "content-length",
        "host",
        "cookie",
        "accept",
        "communicationid",
        "driverdatasource",
        "empoweruser",
        "preservedocuments",
        "x-request-id",
    ]
)

HeaderName = Annotated[str, Field(pattern=HEADER_NAME)]
HeaderValue = Annotated[str, Field(pattern=HEADER_VALUE)]


class Way(StrEnum):
    """How a communication is started (§2, §3)."""

    GENERATE = "generate"
    ONDEMAND = "ondemand"
    BATCH = "batch"


class SideEffects(StrEnum):
    """What generating does beside answering with the document (§8)."""

    NONE = "none"
    SENDS = "sends"


class FulfilConfig(Section):
    """The second request of an Empower communication: what was generated is fulfilled (§2.1)."""

    communication_id: str = Field(pattern=UUID, description="UUID of the fulfilment communication.")
    driver: HeaderValue = Field(description="Its driverDataSource.")
    preserve_documents: bool = Field(
        True, description="Keep the document afterwards; false deletes it, and a repeat cannot succeed (§2.1)."
    )


class CommunicationConfig(Section):
    """One communication: its template at Exstream, how it is started, and its driver data."""

    way: Way = Field(
        description="generate: by communication id, with the document as the answer (§2); ondemand, batch: a named "
        "input service, which starts a job (§3)."
    )
    communication_id: str | None = Field(
        None, pattern=UUID, description="UUID at the design service; needed by generate, and to see its approval."
    )
    driver: HeaderValue | None = Field(
        None, description="prodDsn of the driver in the communication set's manifest (§2, §5.3); needed by generate."
    )
    service: str | None = Field(None, pattern=SEGMENT, description="Service name; needed by ondemand and batch.")
    side_effects: SideEffects = Field(
        SideEffects.SENDS, description="generate only: none, when the communication only returns the document (§8)."
    )
    empower_user: HeaderValue | None = Field(
        None, description="System account for editable communications, such as user@OAuthClients (§2)."
    )
    fulfil: FulfilConfig | None = Field(None, description="generate only: fulfil the document it makes (§2.1).")
    format: Format = Field(Format.JSON, description="What the driver expects (§2).")
    driver_data: str = Field(
        max_length=1_000_000,
        description="The customer's data as the driver's sample file has it: a whole JSON or XML document in whose "
        "values ${event.…}, ${data.…}, ${channel}, ${communication} and ${delivery_id} may stand.",
    )
    headers: dict[HeaderName, HeaderValue] = Field(
        default_factory=dict, description="More headers, such as exstream-variable ones (§3)."
    )
    external_id_header: HeaderName | None = Field(
        None, description="Header that carries the delivery's id as externalId; its name is not documented (§3)."
    )

    @field_validator("headers")
    @classmethod
    def _theirs(cls, headers: dict[str, str]) -> dict[str, str]:
        for name in headers:
            if name.lower() in _OURS:
                raise ValueError(f"{name} is set by the sink itself")
        return {name.lower(): value for name, value in headers.items()}

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.way is Way.GENERATE and not (self.communication_id and self.driver):
            raise ValueError("generate needs communication_id and driver (§2)")
        if self.way is not Way.GENERATE and not self.service:
            raise ValueError(f"{self.way} needs service (§3)")
        if self.way is not Way.GENERATE and (self.fulfil or self.side_effects is SideEffects.NONE):
            raise ValueError("fulfil and side_effects belong to generate")
        return self

    @model_validator(mode="after")
    def _readable(self) -> Self:
        if DELIVERY_ID not in compiled(self.driver_data, self.format).reads:
            raise ValueError(
                "driver_data must hold ${delivery_id}: a job whose answer was lost is found again by it (§8)"
            )
        return self

    @property
    def is_harmless(self) -> bool:
        """Whether its first request may be made again: nobody is sent anything by it (§8)."""
        return self.way is Way.GENERATE and (self.side_effects is SideEffects.NONE or self.fulfil is not None)
