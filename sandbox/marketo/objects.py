"""POST /rest/v1/customobjects/{name}.json and its delete (page §2.7)."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from sandbox.marketo.fields import fits, stored
from sandbox.marketo.leads import Leads
from sandbox.marketo.options import ObjectKind, Options
from sandbox.marketo.words import RefusedError, skipped

_MOST = 300
_MODES = ("createOrUpdate", "createOnly", "updateOnly")


class Objects:
    """Records of custom objects, by the object's name and their dedupe fields."""

    def __init__(self, options: Options, leads: Leads, new_number: Callable[[], int]) -> None:
        self._options, self._leads, self._new_number = options, leads, new_number
        self.clear()

    def clear(self) -> None:
        """None any more."""
        self.records: dict[str, dict[tuple[str, ...], dict[str, Any]]] = {}

    def sync(self, name: str, body: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Rows with `seq`. Raises RefusedError."""
        kind, mode = self._kind(name), body.get("action") or "createOrUpdate"
        rows = _rows(body)
        if mode not in _MODES or body.get("dedupeBy", "dedupeFields") != "dedupeFields":
            raise RefusedError("1003", "Invalid value for 'action' or 'dedupeBy'")
        keys = [_key(kind, row) for row in rows]
        return [
            {"seq": seq, **self._one(name, kind, mode, row, key, key is not None and keys.count(key) > 1)}
            for seq, (row, key) in enumerate(zip(rows, keys, strict=True))
        ]

    def delete(self, name: str, body: Mapping[str, Any]) -> list[dict[str, Any]]:
        """`deleted`, or skipped with 1013."""
        kind = self._kind(name)
        records, result = self.records.setdefault(name, {}), []
        for seq, row in enumerate(_rows(body)):
            gone = records.pop(_key(kind, row) or (), None)
            done = {"status": "deleted", "marketoGUID": gone["marketoGUID"]} if gone else skipped("1013")
            result.append({"seq": seq, **done})
        return result

    def found(self, name: str, query: Mapping[str, str]) -> list[dict[str, Any]]:
        """Records by one field's values."""
        self._kind(name)
        field, values = query.get("filterType", ""), query.get("filterValues", "").split(",")
        return [each for each in self.records.get(name, {}).values() if str(each.get(field)) in values]

    def _kind(self, name: str) -> ObjectKind:
        kind = self._options.objects.get(name)
        if kind is None:
            raise RefusedError("1013", "Object not found")
        return kind

    def _one(
        self, name: str, kind: ObjectKind, mode: str, row: Any, key: tuple[str, ...] | None, is_repeated: bool
    ) -> dict[str, Any]:
        if key is None:
            return skipped("1002")
        if is_repeated:
            return skipped("1036")
        if mistake := self._mistake(kind, row):
            return mistake
        records = self.records.setdefault(name, {})
        old = records.get(key)
        if (old and mode == "createOnly") or (not old and mode == "updateOnly"):
            return skipped("1017" if old else "1013", "Object exists already" if old else None)
        guid = old["marketoGUID"] if old else str(UUID(int=self._new_number()))
        values = {field: stored(kind.fields[field], value) for field, value in row.items()}
        records[key] = {**(old or {}), **values, "marketoGUID": guid}
        return {"status": "updated" if old else "created", "marketoGUID": guid}

    def _mistake(self, kind: ObjectKind, row: Mapping[str, Any]) -> dict[str, Any] | None:
        for field, value in row.items():
            if field not in kind.fields:
                return skipped("1006", f"Field '{field}' not found")
            if not fits(kind.fields[field], value):
                return skipped("1003", f"Invalid value for field '{field}'")
        if kind.link and row.get(kind.link[0]) is not None and not self._leads.find(kind.link[1], row[kind.link[0]]):
            return skipped("1004")
        return None


def _rows(body: Mapping[str, Any]) -> list[Any]:
    rows = body.get("input")
    if not isinstance(rows, list) or not rows:
        raise RefusedError("1002", "Missing value for required parameter 'input'")
    if len(rows) > _MOST:
        raise RefusedError("1003", "Too many records")  # invented: the page knows no text
    return rows


def _key(kind: ObjectKind, row: Any) -> tuple[str, ...] | None:
    values = [row.get(field) for field in kind.dedupe] if isinstance(row, dict) else [None]
    return None if any(value in (None, "") for value in values) else tuple(str(value) for value in values)
