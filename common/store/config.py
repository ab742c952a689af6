"""Settings of the customer store."""

from pydantic import Field, SecretStr, field_validator

from common.settings.sections import Section

_ENGINES = ("sqlite:///", "postgresql://")


class StoreSettings(Section):
    """The customer store: consent, profile, timeline, workspaces, journeys and their timers."""

    url: SecretStr = Field(
        description="`sqlite:////var/lib/commfleet/store.db` for one host, `postgresql://user:password@host/name` for "
        "a fleet. A secret, because it may hold a password.",
    )
    address_key: SecretStr = Field(
        min_length=16,
        description="Key of the HMAC under which addresses and forgotten identities are kept. It never changes: "
        "another one would forget every opt-out by address, and is refused.",
    )
    timeline_days: int = Field(
        730, ge=1, le=36_500, description="Days that a timeline's entries are kept; older ones are deleted."
    )
    last_touch_days: int = Field(
        30, ge=1, le=365, description="A response that names no message is credited to the last one within these days."
    )
    patience_s: float = Field(
        30.0, gt=0, le=600, description="How long a transaction may wait for locks, and be tried again, before a hold."
    )

    @field_validator("url")
    @classmethod
    def _is_known(cls, url: SecretStr) -> SecretStr:
        if not url.get_secret_value().startswith(_ENGINES):
            raise ValueError("begin with sqlite:/// (three slashes and a path) or postgresql://")
        return url
