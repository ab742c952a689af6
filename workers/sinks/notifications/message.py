"""One delivery on its way out: an alert, whom it reaches and until when. Made by the mapping."""

from dataclasses import dataclass
from datetime import datetime

from workers.sinks.notifications.parameters import Alert, Channel


@dataclass(frozen=True, slots=True, repr=False)
class Message:
    """An alert for people. `unknown` are the audiences that stand for nobody; they are told of in the receipt."""

    event_id: str
    alert: Alert
    expires_at: datetime
    users: tuple[str, ...]
    channels: tuple[Channel, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def told(self) -> tuple[str, ...]:
        """Whose hourly count it goes to: the users, or the audiences where nobody knows who that is."""
        return self.users or self.alert.everybody
