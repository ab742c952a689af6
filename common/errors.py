"""Every error of ours, one tree.

CommfleetError
├── ConfigurationError      settings, flows, schemas or topics that cannot work; shown at start-up
│   ├── LocatedError        the same, with the file and line
│   └── SettingsError       every setting of one load that cannot be used, together
├── UndecodableError        a record that no flow can use; carries its Reason
├── ReaderTooOldError       a written symbol that this reader does not know
├── UnusableEventError      an action's payload cannot be made from this event; carries its Reason
├── InvalidEventError       a JSON event or signal that cannot be stored; names each field
├── UnreadableFileError     a file that is not what its mapping says; says where
├── BrokerDownError         the Kafka broker does not answer an administrative request; nothing is known
├── RegistryDownError       the Schema Registry does not answer us: a hold, never a dead letter
├── StoreDownError          the customer store does not answer: a hold, never a dead letter
├── FencedError             a partition of the customer store is another worker's: nothing was written
├── WorkerAwayError         a worker's health port does not answer us, or refuses
├── UnconfirmedError        the broker did not acknowledge in time: it may or may not be stored
├── UnauthenticatedError    a request whose sender did not prove who it is
├── RecordTooLargeError     a record larger than its topic takes
├── UnknownTopicError       a topic that no topic file describes
├── ForbiddenTopicError     a topic that only workers write to, or that this source may not
├── BudgetGoneError         the vendor's budget is used up for now: nothing more was sent
├── GateClosedError         the partition is not ours any more: nothing was sent
├── RequestError            a request to a vendor that got no whole answer
│   ├── NotSentError        not one byte of it left this machine; a repeat is safe
│   └── AmbiguousError      it left, wholly or in part: the vendor may have acted; carries its Reason
└── FatalError              the process cannot go on (fenced, fatal client error)

A message says what, which, and what to do next.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from common.reasons import Reason


class CommfleetError(Exception):
    """The root: `except CommfleetError` is every failure that we named."""


class ConfigurationError(CommfleetError):
    """Something declared cannot work; the message names it and the way out."""


class LocatedError(ConfigurationError):
    """A declared thing that cannot work, and where it stands."""

    def __init__(self, message: str, file: Path | str, line: int) -> None:
        super().__init__(f"{file}:{line}: {message}")
        self.message, self.file, self.line = message, file, line


class LackError(LocatedError):
    """A declared thing that waits for a setting of the site."""


class SettingsError(ConfigurationError):
    """Every setting of one load that cannot be used; each problem names its file and line, or its variable."""

    def __init__(self, problems: Sequence[str]) -> None:
        several = f"{len(problems)} settings cannot be used:\n  "
        super().__init__(problems[0] if len(problems) == 1 else several + "\n  ".join(problems))
        self.problems = tuple(problems)


class _ReasonError(CommfleetError):
    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail = reason, detail


class UndecodableError(_ReasonError):
    """A record that cannot be read as an event of its topic."""


class UnusableEventError(_ReasonError):
    """An event from which this action's payload cannot be made."""


class ReaderTooOldError(CommfleetError):
    """The writer's schema has a symbol that ours lacks: upgrade this reader, the record waits."""


class InvalidEventError(CommfleetError):
    """A JSON event, or a source's signal, that cannot be stored.

    `errors` has a dotted field and what is wrong with it, for each; an empty field is the whole of it.
    """

    def __init__(self, errors: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{field}: {message}" if field else message for field, message in errors))
        self.errors = tuple(errors)


class UnreadableFileError(CommfleetError):
    """A dropped file that cannot be read, or not to its end: the whole of it needs a person, not one line."""


class BrokerDownError(CommfleetError):
    """The Kafka broker did not answer in time; the message names its addresses."""


class RegistryDownError(CommfleetError):
    """The Schema Registry did not answer, or would not; nothing is known about the record."""


class StoreDownError(CommfleetError):
    """The customer store did not answer, or not in time; nothing of the transaction stands."""


class FencedError(CommfleetError):
    """This worker lost the partition: the transaction was rolled back, the new owner goes on."""


class WorkerAwayError(CommfleetError):
    """A running worker could not be asked over its health port; the message names its address."""


class UnconfirmedError(CommfleetError):
    """The broker did not acknowledge in time; a repeat carries the same event_id."""


class UnauthenticatedError(CommfleetError):
    """A request without the right credentials; the message never echoes what was sent."""


class RecordTooLargeError(CommfleetError):
    """A record is larger than its topic takes: nothing was sent."""


class UnknownTopicError(CommfleetError):
    """No event topic has this name."""


class ForbiddenTopicError(CommfleetError):
    """This topic is written by workers only, or not by this source."""


class GateClosedError(CommfleetError):
    """The partition's gate is closed: the request was not sent."""


class RequestError(CommfleetError):
    """A request to a vendor that got no whole answer."""


class NotSentError(RequestError):
    """No byte of the request left: refused, no such host, TLS handshake, no free connection."""

    def __init__(self, message: str, *, bad_certificate: bool = False) -> None:
        super().__init__(message)
        self.bad_certificate = bad_certificate


class AmbiguousError(RequestError):
    """The vendor may have acted; `status` and `headers` are there when the answer's head was read."""

    def __init__(
        self, reason: Reason, detail: str, *, status: int = 0, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail, self.status = reason, detail, status
        self.headers: Mapping[str, str] = headers or {}


class BudgetGoneError(CommfleetError):
    """The vendor's budget is used up for longer than a request may wait; nothing more was sent."""


class FatalError(CommfleetError):
    """The process cannot go on; it settles what it can and exits non-zero."""
