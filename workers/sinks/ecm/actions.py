"""The actions of the ECM sink: how often each may be made, and whom it contacts."""

from pydantic import BaseModel, SecretStr

from workers.sinks.api import Action, Contacts, Repeat
from workers.sinks.ecm import parameters as p
from workers.sinks.ecm.config import EcmConfig

UPDATE_CATEGORY, RECORD_CONSENT, CREATE_WORKSPACE = "update_category", "record_consent", "create_workspace"
UPLOAD_DOCUMENT, ADD_VERSION = "upload_document", "add_version"
CREATE_TASK, CREATE_REMINDER = "create_task", "create_reminder"

_FORM_BYTES = 1024 * 1024
_UNCONFIGURED = EcmConfig(
    base_url="https://unconfigured.invalid", username="unconfigured", password=SecretStr("unconfigured")
)


def actions(config: EcmConfig | None = None) -> dict[str, Action]:
    """The actions by name, with the limits of a configuration or the defaults."""
    limits = config or _UNCONFIGURED
    most = max(limits.max_document_bytes, _FORM_BYTES) + 65_536

    def once(name: str, contacts: Contacts, parameters: type[BaseModel], *, recognises: bool = False) -> Action:
        return Action(
            name,
            Repeat.ONCE,
            contacts,
            parameters,
            1,
            most,
            limits.settle_after_s,
            recognises_repeats=recognises,
            can_look_up=True,
        )

    def repeatable(name: str, parameters: type[BaseModel], group: str = "main") -> Action:
        return Action(name, Repeat.REPEATABLE, Contacts.NOBODY, parameters, 1, most, limits.settle_after_s, group=group)

    made = (
        repeatable(UPDATE_CATEGORY, p.UpdateCategory),
        repeatable(RECORD_CONSENT, p.RecordConsent, "consent"),
        once(UPLOAD_DOCUMENT, Contacts.NOBODY, p.UploadDocument),
        once(ADD_VERSION, Contacts.NOBODY, p.AddVersion),
        once(CREATE_TASK, Contacts.STAFF, p.CreateTask, recognises=True),  # names are unique, §11.3
        once(CREATE_REMINDER, Contacts.STAFF, p.CreateReminder),
        once(CREATE_WORKSPACE, Contacts.NOBODY, p.CreateWorkspace),
    )
    return {each.name: each for each in made}
