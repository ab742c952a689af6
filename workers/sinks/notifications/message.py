"""One delivery on its way out: an alert, whom it reaches and until when. Made by the mapping."""

from dataclasses import dataclass
from datetime import datetime

from workers.sinks.notifications.parameters import Alert, Channel

_KEY_CHARACTERS = 200
"""Nobody says how long a customer reference may be: a longer key stays out, and the event alone is named."""


@dataclass(frozen=True, slots=True, repr=False)
class Message:
    """An alert for people. `unknown` are the audiences that stand for nobody; they are told of in the receipt.

    `is_raised`: it is the alert itself of `alert_key`, and not what became of it.
    """

    event_id: str
    alert: Alert
    expires_at: datetime
    users: tuple[str, ...]
    channels: tuple[Channel, ...] = ()
    unknown: tuple[str, ...] = ()
    alert_key: str = ""
    is_raised: bool = False

    @property
    def reference(self) -> str:
        """What comes back with the status of its job (§4, §5): the event, a space, the key of its alert if any."""
        key = self.alert_key if len(self.alert_key) <= _KEY_CHARACTERS else ""
        return f"evt:{self.event_id} {key}".rstrip()

    @property
    def told(self) -> tuple[str, ...]:
        """Whose hourly count it goes to: the users, or the audiences where nobody knows who that is."""
        return self.users or self.alert.everybody
