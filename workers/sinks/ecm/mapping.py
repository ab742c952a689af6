"""Event and parameters -> what one delivery asks of the server. Pure; names become the ids of the settings."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from common.errors import UnusableEventError
from common.event import Event
from common.reasons import Reason
from workers.sinks.api import Item
from workers.sinks.ecm import pieces
from workers.sinks.ecm.alerts import nowhere
from workers.sinks.ecm.config import Category, EcmConfig
from workers.sinks.ecm.parameters import (
    AddVersion,
    Attributes,
    BusinessObject,
    CreateWorkspace,
    RecordConsent,
    UpdateCategory,
    UploadDocument,
)
from workers.sinks.ecm.pieces import CategoryValues, Content, Key, Where
from workers.sinks.ecm.values import (
    MAX_NAME,
    Value,
    attribute,
    correlation,
    encodable,
    event_tag,
    node_name,
    tagged,
)

_OVERHEAD = 4096  # of a form, beside what it carries
_MAX_TEXT = 100_000


def update_category(event: Event, parameters: UpdateCategory, config: EcmConfig) -> Item:
    """Absolute values of a category (§7)."""
    del event
    change = _change(parameters.category, parameters.attributes, config)
    return item_of(pieces.UpdateCategoryPiece(where_of(parameters, config), change), change.values)


def record_consent(event: Event, parameters: RecordConsent, config: EcmConfig) -> Item:
    """A row of the consent history: who, what, when and proof, and the event's id to find it again by."""
    history = config.consent
    if history is None:
        raise UnusableEventError(
            Reason.INVALID_PARAMETER, "sinks.ecm.consent says no category for consent; add it, then redrive"
        )
    given: dict[str, Any] = parameters.model_dump(exclude={"workspace_id", "business_object"})
    given["actor"] = parameters.actor or parameters.actor_kind
    given["event_id"] = correlation(event.value["event_id"])
    given["customer_id"] = (event.value.get("customer") or {}).get("customer_id")
    given["recorded_at"] = event.value.get("occurred_at")
    values: dict[int, Value] = {
        number: attribute(given.get(name), name, config.time_zone) for name, number in history.attributes.items()
    }
    mark = history.attributes["event_id"]
    where = where_of(parameters, config)
    alert = nowhere(event, where, history.alert) if history.alert else None
    piece = pieces.ConsentPiece(where, history.category, history.set, mark, values, alert)
    return item_of(piece, values)


def upload_document(event: Event, parameters: UploadDocument, config: EcmConfig) -> Item:
    """A document with its correlation (§8.2)."""
    identity = correlation(event.value["event_id"])
    content = _content(parameters, config)
    change = _change(parameters.category, parameters.attributes, config) if parameters.category else None
    piece = pieces.DocumentPiece(
        where_of(parameters, config),
        _folder(parameters.folder),
        node_name(parameters.name, "name"),
        content,
        encodable(parameters.description, "description"),
        identity,
        parameters.if_exists,
        change,
    )
    return Item(piece, size=content.size + _OVERHEAD)


def add_version(event: Event, parameters: AddVersion, config: EcmConfig) -> Item:
    """A version whose description carries the event's id (§8.3)."""
    identity, content = correlation(event.value["event_id"]), _content(parameters, config)
    piece = pieces.VersionPiece(
        parameters.document_id,
        where_of(parameters, config),
        _folder(parameters.folder),
        node_name(parameters.name, "name") if parameters.name else "",
        content,
        tagged(encodable(parameters.description, "description"), event_tag(identity)),
        identity,
        parameters.major,
    )
    return Item(piece, size=content.size + _OVERHEAD)


def create_workspace(event: Event, parameters: CreateWorkspace, config: EcmConfig) -> Item:
    """A workspace of a configured type, for a business object (§6)."""
    made = config.workspace_types.get(parameters.workspace_type)
    if made is None:
        raise unknown_name("workspace_type", parameters.workspace_type, "workspace_types")
    given = BusinessObject(system=made.system, type=made.object_type, id=parameters.business_object_id)
    change = _change(parameters.category, parameters.attributes, config) if parameters.category else None
    description = parameters.description or f"created from event {correlation(event.value['event_id'])}"
    piece = pieces.WorkspacePiece(
        key_of(given, config),
        made.type_id,
        made.template_id,
        made.parent_id,
        node_name(encodable(parameters.name, "name"), "name"),
        encodable(description, "description")[:_MAX_TEXT],
        change,
    )
    return item_of(piece, change.values if change else {})


def key_of(given: BusinessObject, config: EcmConfig) -> Key:
    """A business object's key, zero-padded where its system wants that (§5.1)."""
    width = config.id_widths.get(f"{given.system}/{given.type}", 0)
    return Key(given.system, given.type, encodable(given.id, "business_object.id").zfill(width))


def missing_workspace(key: Key, config: EcmConfig) -> pieces.WorkspacePiece | None:
    """The workspace to create for a business object that has none; None where no type is meant for it."""
    for made in config.workspace_types.values():
        if (made.system, made.object_type) == (key.system, key.type):
            name = key.id.replace(":", "-").strip()[:MAX_NAME]
            return pieces.WorkspacePiece(key, made.type_id, made.template_id, made.parent_id, name, "")
    return None


def where_of(parameters: BaseModel, config: EcmConfig) -> Where:
    """The workspace that parameters name: its id counts before its business object."""
    node: str | None = getattr(parameters, "workspace_id", None)
    given: BusinessObject | None = getattr(parameters, "business_object", None)
    return Where(node, key_of(given, config) if given is not None and node is None else None)


def _change(name: str, given: Attributes, config: EcmConfig) -> CategoryValues:
    category = config.categories.get(name)
    if category is None:
        raise unknown_name("category", name, "categories")
    values = {
        _number(category, name, each): attribute(value, f"attributes.{each}", config.time_zone)
        for each, value in given.items()
    }
    return CategoryValues(category.id, values)


def _number(category: Category, name: str, attribute_name: str) -> int:
    number = category.attributes.get(attribute_name)
    if number is None:
        raise unknown_name("attribute", attribute_name, f"categories.{name}.attributes")
    return number


def _content(parameters: UploadDocument | AddVersion, config: EcmConfig) -> Content:
    is_base64 = parameters.encoding == "base64"
    size = len(content_bytes(parameters.content, is_base64=is_base64))
    if size > config.max_document_bytes:
        raise UnusableEventError(
            Reason.OVERSIZED, f"content: {size} bytes, sinks.ecm.max_document_bytes is {config.max_document_bytes}"
        )
    return Content(parameters.content, is_base64, parameters.media_type, size)


def content_bytes(text: str, *, is_base64: bool) -> bytes:
    """A document's bytes; raises UnusableEventError when they cannot be made."""
    try:
        return base64.b64decode(text, validate=True) if is_base64 else text.encode()
    except (binascii.Error, ValueError) as error:
        raise UnusableEventError(Reason.INVALID_PARAMETER, f"content cannot be read: {error}") from error


def _folder(path: str | None) -> tuple[str, ...]:
    return tuple(node_name(step, "folder") for step in (path or "").split("/") if step)


def unknown_name(parameter: str, name: str, setting: str) -> UnusableEventError:
    """A name made from the record that the settings do not know: constants are checked at start-up."""
    return UnusableEventError(
        Reason.INVALID_PARAMETER, f"{parameter} {name[:80]!r} is not in sinks.ecm.{setting}; add it, then redrive"
    )


def item_of(piece: pieces.Piece, values: Mapping[Any, Any]) -> Item:
    """One delivery's item, with about the size that its form has."""
    size = _OVERHEAD + sum(len(str(value).encode()) + 32 for value in values.values())
    return Item(piece, size=size)
