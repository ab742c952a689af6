"""One delivery of start_service on its way out. Made by the mapping."""

import hashlib
from dataclasses import dataclass

from workers.sinks.exstream.communications import CommunicationConfig


@dataclass(frozen=True, slots=True, repr=False)
class Order:
    """A communication and its driver data as sent.

    `delivery_id` names event, communication, channel and data in one: the body holds it, so that a job of ours can
    be told from every other one, another flow's for the same event included.
    """

    name: str
    communication: CommunicationConfig
    event_id: str
    delivery_id: str
    body: bytes

    @property
    def request_id(self) -> str:
        """The event's id, where it can stand in a header; else a hash of it (§8: for logs only)."""
        is_fit = self.event_id.isascii() and self.event_id.isprintable() and self.event_id.strip() == self.event_id
        if is_fit and 0 < len(self.event_id) <= 200:
            return self.event_id
        return hashlib.sha256(self.event_id.encode("utf-8", "replace")).hexdigest()
