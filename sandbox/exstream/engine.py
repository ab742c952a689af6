"""Document generation (page §2): driver data in, documents out; Empower documents wait to be fulfilled (§2.1)."""

import asyncio
import json
import uuid
from base64 import b64encode
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

from sandbox.exstream.design import Assets
from sandbox.exstream.options import Design, Options
from sandbox.exstream.reply import RefusedError, Reply, embedded

_PDF = b"%PDF-1.7\n% a document of the sandbox\n%%EOF\n"


class Engine:
    """Generates; `sent` is what reached somebody, `documents` what can be fulfilled."""

    def __init__(self, options: Options, assets: Assets) -> None:
        self._options, self._assets = options, assets
        self._slots = asyncio.Semaphore(options.engine_slots)
        self.clear()

    def clear(self) -> None:
        """Nothing was generated."""
        self.documents: dict[str, Any] = {}
        self.sent: list[dict[str, Any]] = []

    async def slot(self) -> None:
        """Wait for an engine slot, and work as long as that takes: requests queue, and become slow (§2)."""
        async with self._slots:
            await asyncio.sleep(self._options.generate_s)

    def generate(self, headers: Mapping[str, str], body: bytes) -> Reply:
        """One communication: JSON with the documents, raw PDF, or the id of an editable document."""
        identifier = headers["communicationid"]
        design = self._checked(headers)
        data = readable(headers, body, design.format)
        accept = headers.get("accept", "*/*").partition(";")[0].strip().lower()
        if design.is_editable:
            return self._editable(identifier, headers, data, accept)
        self.sent.append({"communication": design.name, "data": data, "by": "generate"})
        if accept == "application/pdf":
            return Reply(200, _PDF, media_type="application/pdf")
        return _documents(design, design.name)

    def fulfil(self, headers: Mapping[str, str], body: bytes) -> Reply:
        """Documents that were generated; deleted afterwards unless they are preserved (§2.1)."""
        preserve = headers.get("preservedocuments", "").lower()
        if preserve not in ("true", "false"):
            raise RefusedError(400, "Required request header 'preserveDocuments' is not present")
        design = self._checked(headers)
        asked = readable(headers, body, "json")
        ids = asked.get("documents") if isinstance(asked, dict) else None
        if not isinstance(ids, list) or not ids:
            raise RefusedError(400, "documents must name at least one document")
        missing = [each for each in ids if each not in self.documents]
        if missing:
            raise RefusedError(400, f"document not found: {missing[0]}")
        for each in ids:
            self.sent.append({"communication": design.name, "data": self.documents[each], "by": "fulfil"})
            if preserve == "false":
                del self.documents[each]
        return _documents(design, design.name)

    def _editable(self, identifier: str, headers: Mapping[str, str], data: Any, accept: str) -> Reply:
        if headers.get("empoweruser", "") not in self._options.empower_users:
            return embedded("401", "Unauthorized")
        document_id = str(uuid.uuid4())
        self.documents[document_id] = data
        if accept == "application/json":
            return Reply(200, {"documentId": document_id})
        design = self._options.designs[identifier]
        return _documents(design, design.name, "application/vnd.exstream-empower")

    def _checked(self, headers: Mapping[str, str]) -> Design:
        """The communication of the headers; every fault is a 400 (§9 #5)."""
        for name, shown in (("communicationid", "communicationId"), ("driverdatasource", "driverDataSource")):
            if not headers.get(name):
                raise RefusedError(400, f"Required request header '{shown}' is not present")
        design = self._assets.approved(headers["communicationid"])
        if design is None:
            raise RefusedError(400, f"communication {headers['communicationid']} not found")
        if headers["driverdatasource"] != design.driver:
            raise RefusedError(400, f"driver {headers['driverdatasource']} not found in the communication set")
        return design


def readable(headers: Mapping[str, str], body: bytes, wanted: str | None) -> Any:
    """Driver data as JSON, or as the text of an XML document; raises RefusedError with 400 or 415."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in ("application/json", "application/xml"):
        raise RefusedError(415, f"Content type '{kind}' not supported")
    if wanted and kind != f"application/{wanted}":
        raise RefusedError(400, f"the driver expects {wanted}")
    try:
        if kind == "application/json":
            return json.loads(body)
        ElementTree.fromstring(body)
        return body.decode("utf-8")
    except (ValueError, RecursionError, ElementTree.ParseError) as error:
        raise RefusedError(400, "the driver data is malformed") from error


def _documents(design: Design, name: str, mime: str = "application/pdf") -> Reply:
    """One element for each output queue (§2)."""
    content = b64encode(_PDF).decode()
    data = [
        {
            "content": content,
            "mimeType": mime,
            "engineOutputContext": {"queueName": queue, "fileName": f"{name}.pdf", "customerNumber": "1"},
        }
        for queue in design.queues
    ]
    return Reply(200, {"status": "success", "data": data})
