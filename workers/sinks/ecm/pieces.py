"""What one delivery asks of the server: made by the mapping, carried out by the procedures. Plain values."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

from workers.sinks.ecm.values import Value


@dataclass(frozen=True, slots=True)
class Key:
    """A business object (§5.1); `id` is padded already."""

    system: str
    type: str
    id: str


@dataclass(frozen=True, slots=True)
class Where:
    """A workspace by its node id, else by its business object."""

    node: str | None = None
    key: Key | None = None


@dataclass(frozen=True, slots=True)
class CategoryValues:
    """Values of one category by attribute number."""

    category: int
    values: Mapping[int, Value]


@dataclass(frozen=True, slots=True, repr=False)
class UpdateCategoryPiece:
    """The latest values of a workspace's category."""

    where: Where
    change: CategoryValues


@dataclass(frozen=True, slots=True, repr=False)
class ConsentPiece:
    """A row of the history; `values` by attribute number of the set, `mark` is the one that holds the event's id.

    `alert` is the event that tells of a workspace that is not there.
    """

    where: Where
    category: int
    set: int
    mark: int
    values: Mapping[int, Value]
    alert: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Content:
    """A document's bytes, as text or base64 until they are sent."""

    text: str
    is_base64: bool
    media_type: str
    size: int


@dataclass(frozen=True, slots=True, repr=False)
class DocumentPiece:
    """A document at a place."""

    where: Where
    folder: tuple[str, ...]
    name: str
    content: Content
    description: str
    identity: str
    if_exists: str
    change: CategoryValues | None


@dataclass(frozen=True, slots=True, repr=False)
class VersionPiece:
    """A further version of a document: `document`, or `name` at a place."""

    document: str | None
    where: Where
    folder: tuple[str, ...]
    name: str
    content: Content
    description: str
    identity: str
    is_major: bool


@dataclass(frozen=True, slots=True, repr=False)
class TaskPiece:
    """A task; its name carries the event's id, and names are unique in a list (§11.3)."""

    where: Where
    name: str
    properties: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, repr=False)
class ReminderPiece:
    """A reminder; `tag` ends its description."""

    where: Where
    node: str | None
    tag: str
    data: Mapping[str, str | int | list[int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, repr=False)
class WorkspacePiece:
    """A workspace of a business object."""

    key: Key
    type_id: int
    template_id: int
    parent_id: int | None
    name: str
    description: str
    change: CategoryValues | None = None


Piece = UpdateCategoryPiece | ConsentPiece | DocumentPiece | VersionPiece | TaskPiece | ReminderPiece | WorkspacePiece


def fingerprint(piece: Piece) -> Hashable:
    """What tells one delivery from another across its repeats: prepared anew, it is equal."""
    match piece:
        case ConsentPiece():
            return str(piece.values[piece.mark])
        case DocumentPiece() | VersionPiece():
            return (piece.identity, piece.name, piece.where)
        case TaskPiece():
            return piece.name
        case ReminderPiece():
            return piece.tag
        case WorkspacePiece():
            return piece.key
        case UpdateCategoryPiece():
            return (piece.where, piece.change.category, str(sorted(piece.change.values.items())))
