"""What Notifications can be asked to do: the actions, with the limits of a configuration or the page's own."""

from workers.sinks.api import Action, Contacts, Repeat
from workers.sinks.notifications.config import NotificationsConfig
from workers.sinks.notifications.parameters import HttpAlert, Notify, RaiseAlert

NOTIFY, HTTP_ALERT, RAISE_ALERT = "notify", "http_alert", "raise_alert"
_ALERTS_AT_ONCE = 100
_MESSAGING_BYTES, _CALL_BYTES = 5_000_000, 1_000_000


def actions(config: NotificationsConfig | None = None) -> dict[str, Action]:
    """The actions by name, with the limits of a configuration or the page's own."""
    settings = config or NotificationsConfig()
    messaging, endpoint = settings.messaging, settings.http_alert
    settle_s = settings.settle_after_s
    made = (
        Action(
            NOTIFY,
            Repeat.ONCE,
            Contacts.STAFF,
            Notify,
            settings.digest,
            messaging.max_body_bytes if messaging else _MESSAGING_BYTES,
            settle_s,
            recognises_repeats=bool(messaging and messaging.repeats_recognised and settings.digest == 1),
        ),
        Action(
            HTTP_ALERT,
            Repeat.ONCE,
            Contacts.STAFF,
            HttpAlert,
            1,
            endpoint.max_body_bytes if endpoint else _CALL_BYTES,
            settle_s,
            recognises_repeats=bool(endpoint and endpoint.repeats_recognised),
        ),
        Action(
            RAISE_ALERT,
            Repeat.REPEATABLE,
            Contacts.NOBODY,
            RaiseAlert,
            _ALERTS_AT_ONCE,
            _MESSAGING_BYTES,
            0,
            is_local=True,
        ),
    )
    return {each.name: each for each in made}
