"""How much a source may send."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class RateLimit(BaseModel):
    """How much a source may send to one worker; beyond it 429, with Retry-After, and nothing is stored."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    per_s: float = Field(
        gt=0, description="So many a second on average; each replica of the webhook counts for itself."
    )
    burst: int = Field(ge=1, description="So many at once after a pause.")
    of: Literal["items", "requests"] = Field("items", description="What is counted: events, or requests.")
