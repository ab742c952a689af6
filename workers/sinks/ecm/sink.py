"""Extended ECM as a sink: categories, consent history, documents, versions, tasks, reminders, workspaces.

The server takes one item a request, and most actions need several: they read first and write last, so that a
delivery that stops half-way has changed nothing that its repeat would not make again. Each request beyond the
first is paid for by `Batch.spend`, and each that writes has the batch's permit.
"""

from collections.abc import Callable, Mapping, Sequence

from pydantic import BaseModel

from common.clock import Clock
from common.event import Event
from common.http import HttpClient, RequestMeter
from common.http_limits import HttpLimits
from common.reasons import Cause, Reason
from workers.rotation import Latest
from workers.sinks.api import (
    Action,
    Answered,
    Batch,
    Count,
    Deferred,
    Delivered,
    Hold,
    Item,
    Limit,
    Outcome,
    Rejected,
    Repeat,
    Scope,
    Unsure,
    Verdict,
)
from workers.sinks.ecm import mapping, pieces, staff
from workers.sinks.ecm import parameters as p
from workers.sinks.ecm.actions import CREATE_REMINDER, RECORD_CONSENT, actions
from workers.sinks.ecm.alerts import with_alert
from workers.sinks.ecm.answers import UNKNOWN_ERROR, hold_of
from workers.sinks.ecm.cache import Cache
from workers.sinks.ecm.caller import Caller, Desk, EndedError
from workers.sinks.ecm.categories import Categories
from workers.sinks.ecm.config import EcmConfig
from workers.sinks.ecm.documents import Documents
from workers.sinks.ecm.places import Places
from workers.sinks.ecm.tasks import Tasks
from workers.sinks.ecm.troubles import MOST_ATTEMPTS, Troubles
from workers.vendors.ecm.ask import ping, whoami
from workers.vendors.ecm.client import EcmClient
from workers.vendors.ecm.signs import Signs
from workers.vendors.ecm.tickets import Tickets

NAME = "ecm"


class EcmSink:
    """Implements `workers.sinks.api.Sink`; called from several delivery threads at once."""

    name = NAME

    def __init__(
        self, config: EcmConfig, client: EcmClient, clock: Clock, latest: Latest[EcmConfig] | None = None
    ) -> None:
        self._config, self._client = config, client
        self._desk = Desk(
            client,
            Tickets(config, clock.monotonic, latest),
            Signs(config.error_texts),
            config.login_backoff_s,
            clock.now,
        )
        self._places = Places(config, Cache(config.cached_workspaces, config.cached_for_s, clock.monotonic))
        self._categories = Categories(config)
        self._documents = Documents(config, self._places, self._categories)
        self._tasks = Tasks(config.task_list, self._places)
        self._troubles = Troubles()
        self.actions: Mapping[str, Action] = actions(config)
        self.limits: Sequence[Limit] = (Limit(config.requests_per_minute, 60),)
        self.at_once: int | None = None

    @classmethod
    def connect(
        cls,
        config: EcmConfig,
        clock: Clock,
        meter: RequestMeter | None = None,
        latest: Latest[EcmConfig] | None = None,
    ) -> "EcmSink":
        """A sink with connections of its own; nothing is contacted yet."""
        usual = config.http_limits()
        slow = HttpLimits(usual.connect_s, config.create_timeout_s, usual.connections, ca_file=usual.ca_file)
        http = HttpClient(usual, meter)
        client = EcmClient(config.base_url, http, http if slow == usual else HttpClient(slow, meter))
        return cls(config, client, clock, latest)

    def problems(self, action: Action, possible: Callable[[str], Sequence[str] | None]) -> list[str]:
        """What the settings lack for a flow, told before any event is seen, each with the way out."""
        config = self._config
        named: Mapping[str, tuple[str, Mapping[str, object]]] = {
            "category": ("categories", config.categories),
            "workspace_type": ("workspace_types", config.workspace_types),
            "priority": ("task_priorities", config.task_priorities),
        }
        found = [
            f"{parameter} {name!r} is not in sinks.ecm.{setting} (known: {', '.join(sorted(known)) or 'none'}); add it"
            for parameter, (setting, known) in named.items()
            if parameter in action.parameters.model_fields and not (parameter == "priority" and not known)
            for name in (possible(parameter) if action.name != CREATE_REMINDER else None) or ()
            if name not in known
        ]
        found += [
            f"{parameter} {name!r} is no member id and not in sinks.ecm.members; add it"
            for parameter in ("recipients", "escalate_to", "assignee")
            if parameter in action.parameters.model_fields
            for name in possible(parameter) or ()
            if not staff.is_member(name, config)
        ]
        if action.name == RECORD_CONSENT and config.consent is None:
            found.append("sinks.ecm.consent does not say which category keeps consent; add it")
        return found

    def prepare(self, action: Action, event: Event, parameters: BaseModel) -> Item:
        """Map an event to what one delivery asks; raises UnusableEventError with a Reason."""
        match parameters:
            case p.UpdateCategory():
                return mapping.update_category(event, parameters, self._config)
            case p.RecordConsent():
                return mapping.record_consent(event, parameters, self._config)
            case p.UploadDocument():
                return mapping.upload_document(event, parameters, self._config)
            case p.AddVersion():
                return mapping.add_version(event, parameters, self._config)
            case p.CreateTask():
                return staff.create_task(event, parameters, self._config)
            case p.CreateReminder():
                return staff.create_reminder(event, parameters, self._config)
            case p.CreateWorkspace():
                return mapping.create_workspace(event, parameters, self._config)
        raise TypeError(f"{action.name} has no parameters of type {type(parameters).__name__}")

    def deliver(self, batch: Batch) -> Outcome:
        """Carry out the one item of a batch.

        Raises GateClosedError and BudgetGoneError; what was written until then is made again by a repeat,
        and changes nothing then.
        """
        (item,) = batch.items
        piece: pieces.Piece = item.body
        caller = Caller(self._desk, batch.action.name, batch)
        try:
            try:
                verdict = self._carried_out(caller, piece)
            except EndedError as error:
                if not (error.is_absent and self._places.forget(caller.remembered)):
                    raise
                verdict = self._carried_out(caller, piece)  # what we remembered is gone: look again
        except EndedError as error:
            return with_alert(self._ended(batch, error), piece) if error.is_absent else self._ended(batch, error)
        self._troubles.went_well((batch.action.name, pieces.fingerprint(batch.items[0].body)))
        return Answered([verdict])

    def look_up(self, action: Action, items: Sequence[Item]) -> Sequence[Delivered | Unsure | None]:
        """What became of unsure items, by what they carry of the event."""
        return [self._looked_up(action, item.body) for item in items]

    def counted(self, spend: Callable[[], None]) -> Count | None:
        """None: the vendor publishes no quota (§15)."""
        del spend
        return None

    def probe(self, action: Action) -> Hold | None:
        """Ask whether the server is up (`ping`), then whether our account still gets in; both only read."""
        del action
        caller = Caller(self._desk, "probe")
        reply = caller.send(ping())
        held = hold_of(caller.judged(ping(), reply).outcome)
        return held or hold_of(caller.attempt(whoami())[0].outcome)

    def close(self) -> None:
        """Let connections go."""
        self._client.close()

    def _carried_out(self, caller: Caller, piece: pieces.Piece) -> Delivered:
        match piece:
            case pieces.UpdateCategoryPiece():
                node = self._places.workspace(caller, piece.where)
                self._categories.update(caller, node, piece.change)
                return Delivered({"workspace_id": node})
            case pieces.ConsentPiece():
                return self._consent_kept(caller, piece)
            case pieces.DocumentPiece():
                return self._documents.upload(caller, piece)
            case pieces.VersionPiece():
                return self._documents.add_version(caller, piece)
            case pieces.TaskPiece():
                return self._tasks.create_task(caller, piece)
            case pieces.ReminderPiece():
                return self._tasks.create_reminder(caller, piece)
            case pieces.WorkspacePiece():
                return Delivered({"workspace_id": self._places.create(caller, piece)})

    def _consent_kept(self, caller: Caller, piece: pieces.ConsentPiece) -> Delivered:
        node = self._places.workspace(caller, piece.where)
        self._categories.append(caller, node, piece)
        return Delivered({"workspace_id": node})

    def _looked_up(self, action: Action, piece: pieces.Piece) -> Delivered | Unsure | None:
        caller = Caller(self._desk, action.name)
        try:
            return self._found(caller, piece)
        except EndedError as error:
            return Unsure(Reason.VENDOR_ERROR, f"the look-up got no answer ({error.row or 'ambiguous'})")

    def _found(self, caller: Caller, piece: pieces.Piece) -> Delivered | None:
        match piece:
            case pieces.DocumentPiece():
                return self._documents.upload_found(caller, piece)
            case pieces.VersionPiece():
                return self._documents.version_found(caller, piece)
            case pieces.TaskPiece():
                return self._tasks.task_found(caller, piece)
            case pieces.ReminderPiece():
                return self._tasks.reminder_found(caller, piece)
            case pieces.WorkspacePiece():
                node = self._places.find_workspace(caller, piece.key)
                return Delivered({"workspace_id": node}) if node else None
        raise NotImplementedError("a repeatable action is repeated, not looked up")

    def _ended(self, batch: Batch, error: EndedError) -> Outcome:
        """An outcome as it is, except for a 500 of unknown text: a record's, or everybody's (§16)."""
        if error.row != UNKNOWN_ERROR or not isinstance(error.outcome, Answered):
            return error.outcome
        trouble = self._troubles.failed((batch.action.name, pieces.fingerprint(batch.items[0].body)))
        verdicts: Sequence[Verdict] = error.outcome.verdicts
        if trouble.is_everybodys:
            return Answered(verdicts, Hold(Cause.VENDOR_DOWN, Scope.ACTION, "500 for several records in a row"))
        may_end = batch.action.repeat is not Repeat.ONCE or isinstance(verdicts[0], Deferred)
        if trouble.attempts >= MOST_ATTEMPTS and may_end:
            detail = f"500 with an unknown text, {trouble.attempts} times"
            return Answered([Rejected(Reason.REFUSED, detail, "UNKNOWN_500")])
        return error.outcome
