"""Documents and versions: stored once, and found again by what they carry of the event (§8)."""

from typing import Any

from common.reasons import Reason
from workers.sinks.api import Delivered, Rejected
from workers.sinks.ecm import asks
from workers.sinks.ecm.caller import Caller, absent, ended, unreadable
from workers.sinks.ecm.categories import Categories
from workers.sinks.ecm.config import EcmConfig
from workers.sinks.ecm.mapping import content_bytes
from workers.sinks.ecm.pieces import Content, DocumentPiece, VersionPiece
from workers.sinks.ecm.places import DOCUMENT, Places, Properties
from workers.sinks.ecm.rules import Meaning
from workers.sinks.ecm.values import event_tag, flat, renamed, tagged
from workers.vendors.ecm.ask import File
from workers.vendors.ecm.reply import at, id_of, rows

VERSIONS_LOOKED_AT = 10  # §8.3 reads the last 3; others may write in between


class Documents:
    """Uploads, versions, and what became of them."""

    def __init__(self, config: EcmConfig, places: Places, categories: Categories) -> None:
        self._config, self._places, self._categories = config, places, categories

    def upload(self, caller: Caller, piece: DocumentPiece) -> Delivered:
        """Store a document; what happens when its name is taken is the piece's to say. Raises EndedError."""
        parent = self._places.folder(caller, piece.where, piece.folder)
        created = self._created(caller, piece, parent, piece.name)
        if created is not None:
            return Delivered({"document_id": created})
        there = self._places.child(caller, parent, piece.name, DOCUMENT)
        node = id_of(there)
        if there is None or node is None:
            raise _taken("something that is no document, or that our account does not see, has its name")
        if self._is_ours(caller, there, piece.identity):
            return Delivered({"document_id": node})
        match piece.if_exists:
            case "skip":
                return Delivered({"document_id": node, "kept": "as it was"})
            case "rename":
                return self._renamed(caller, piece, parent)
            case "new_version":
                return self._versioned(caller, piece, node, there)
            case _:
                raise _taken("a document of this name exists")

    def upload_found(self, caller: Caller, piece: DocumentPiece) -> Delivered | None:
        """What became of an upload: the document, its version, or None for certainly nothing."""
        parent = self._places.known_folder(caller, piece.where, piece.folder)
        if parent is None:
            return None
        for name in (piece.name, renamed(piece.name, piece.identity)):
            there = self._places.child(caller, parent, name, DOCUMENT)
            node = id_of(there)
            if there is None or node is None:
                continue
            if self._is_ours(caller, there, piece.identity):
                return Delivered({"document_id": node})
            if found := self._version_found(caller, node, piece.identity):
                return found
        return None

    def add_version(self, caller: Caller, piece: VersionPiece) -> Delivered:
        """A further version, whatever the last one holds. Raises EndedError."""
        node = piece.document or self._named(caller, piece)
        if node is None:
            raise absent("no document of this name in the workspace")
        return self._version(caller, node, piece.description, piece.name, piece.content, is_major=piece.is_major)

    def version_found(self, caller: Caller, piece: VersionPiece) -> Delivered | None:
        """What became of a version: its number, or None for certainly nothing."""
        node = piece.document
        if node is None:
            parent = self._places.known_folder(caller, piece.where, piece.folder)
            there = self._places.child(caller, parent, piece.name, DOCUMENT) if parent else None
            node = id_of(there)
        return self._version_found(caller, node, piece.identity) if node else None

    def _named(self, caller: Caller, piece: VersionPiece) -> str | None:
        parent = self._places.folder(caller, piece.where, piece.folder)
        return id_of(self._places.child(caller, parent, piece.name, DOCUMENT))

    def _created(self, caller: Caller, piece: DocumentPiece, parent: str, name: str) -> str | None:
        """The new node's id; None when the name is taken."""
        body = self._body(piece, parent, name)
        said = caller.ask(asks.create_document(body, _file(name, piece.content)), Meaning.TAKEN)
        if said.meaning is Meaning.TAKEN:
            return None
        node = id_of(at(said.reply.values, "results", "data", "properties"))
        if node is None:
            raise unreadable("id of the document")
        return node

    def _body(self, piece: DocumentPiece, parent: str, name: str) -> dict[str, Any]:
        """The form field `body` of §8.2: categories are flat here."""
        body: dict[str, Any] = {"parent_id": int(parent), "name": name, "description": piece.description}
        if self._config.correlate_by == "external_identity":
            identity = {"external_identity": piece.identity, "external_identity_type": "guid"}
            body |= {"external_source": "file_stream", **identity}
        else:
            body["description"] = tagged(piece.description, event_tag(piece.identity))
        if change := piece.change:
            values = flat(change.category, change.values, self._config.empty_list)
            body["roles"] = {"categories": values}
        return body

    def _is_ours(self, caller: Caller, there: Properties, identity: str) -> bool:
        """Whether this very event made the document."""
        found = self._places.properties(caller, there, self._config.correlate_by)
        if self._config.correlate_by == "external_identity":
            return found.get("external_identity") == identity
        return event_tag(identity) in str(found.get("description") or "")

    def _renamed(self, caller: Caller, piece: DocumentPiece, parent: str) -> Delivered:
        name = renamed(piece.name, piece.identity)
        created = self._created(caller, piece, parent, name)
        if created is not None:
            return Delivered({"document_id": created, "name": name})
        node = id_of(self._places.child(caller, parent, name, DOCUMENT))
        if node is None:
            raise _taken("its other name is taken too")
        return Delivered({"document_id": node, "name": name})  # the name is this event's own

    def _versioned(self, caller: Caller, piece: DocumentPiece, node: str, there: Properties) -> Delivered:
        """Values first, which may be repeated; then the version, which may not."""
        if piece.change is not None:
            self._categories.update(caller, node, piece.change)
        if self._is_unchanged(caller, node, there, piece.content):
            return Delivered({"document_id": node, "kept": "as it was"})
        description = tagged(piece.description, event_tag(piece.identity))
        return self._version(caller, node, description, piece.name, piece.content, is_major=False)

    def _is_unchanged(self, caller: Caller, node: str, there: Properties, content: Content) -> bool:
        size = there.get("size")
        if isinstance(size, int) and size != content.size:
            return False
        return caller.ask(asks.content(node)).reply.body == _bytes(content)

    def _version(
        self, caller: Caller, node: str, description: str, name: str, content: Content, *, is_major: bool
    ) -> Delivered:
        ask = asks.create_version(node, description, is_major=is_major, file=_file(name or "document", content))
        reply = caller.ask(ask).reply
        number = at(reply.values, "results", "data", "versions", "version_number")
        return Delivered({"document_id": node, **({"version": str(number)} if isinstance(number, int) else {})})

    def _version_found(self, caller: Caller, node: str, identity: str) -> Delivered | None:
        said = caller.ask(asks.latest_versions(node, VERSIONS_LOOKED_AT), Meaning.ABSENT)
        if said.meaning is Meaning.ABSENT:
            return None
        for version in rows(said.reply, "data", "versions"):
            if event_tag(identity) in str(version.get("description") or ""):
                return Delivered({"document_id": node, "version": str(version.get("version_number", ""))})
        return None


def _bytes(content: Content) -> bytes:
    return content_bytes(content.text, is_base64=content.is_base64)


def _file(name: str, content: Content) -> File:
    return File(name, _bytes(content), content.media_type)


def _taken(detail: str) -> Exception:
    return ended(Rejected(Reason.REFUSED, detail, "NAME_TAKEN"))
