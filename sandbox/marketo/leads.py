"""The leads of an instance, and how a sync finds and changes them (page §2.1, §2.2, §6)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sandbox.marketo.fields import COMPANY, LOOKUPS, NOT_LOOKUPS, READ_ONLY, STANDARD, fits, stored
from sandbox.marketo.log import ActivityLog
from sandbox.marketo.options import Options
from sandbox.marketo.words import RefusedError, skipped

Lead = dict[str, Any]
Matches = Sequence[Sequence[int]]
_MODES = ("createOrUpdate", "createOnly", "updateOnly", "createDuplicate")
_MOST = 300
_MOST_MATCHES = 1000


class Leads:
    """All leads by number."""

    def __init__(self, options: Options, log: ActivityLog) -> None:
        self._options, self._log = options, log
        self.types = {**STANDARD, **options.custom_fields}
        self.clear()

    def clear(self) -> None:
        """None any more."""
        self.all: dict[int, Lead] = {}
        self.history: dict[str, list[Any]] = {}
        self._had: dict[tuple[str, str], set[int]] = {}  # who ever had a value: a look-up need not see everybody
        self._next = 318_592
        self._opted_out: dict[str, bool] = {}

    def __contains__(self, number: object) -> bool:
        return number in self.all

    def find(self, name: str, value: Any) -> list[int]:
        """The numbers of the leads whose field has this value, whatever its case."""
        wanted = str(value).lower()
        if name == "id":
            return [int(wanted)] if wanted.isdecimal() and int(wanted) in self.all else []
        had = sorted(self._had.get((name, wanted), ()))
        values = {number: self.all[number].get(name) for number in had if number in self.all}
        return [number for number, now in values.items() if now is not None and str(now).lower() == wanted]

    def filtered(self, query: Mapping[str, str]) -> Iterator[Lead]:
        """Leads by filterType and filterValues. Raises RefusedError."""
        name, values = query.get("filterType", ""), [v for v in query.get("filterValues", "").split(",") if v]
        if not name or not values:
            raise RefusedError("1002", "Missing value for required parameter 'filterType' or 'filterValues'")
        self._may_look_up(name)
        if len(values) > _MOST:
            raise RefusedError("1003", "Too many filter values")
        found = [number for value in dict.fromkeys(values) for number in self.find(name, value)]
        if len(found) > _MOST_MATCHES:
            raise RefusedError("1003", "Too many results match the filter")
        wanted = query.get("fields", "id,email,updatedAt,createdAt,firstName,lastName").split(",")
        if unknown := [each for each in wanted if each not in self.types and each not in READ_ONLY]:
            raise RefusedError("1006", f"Field '{unknown[0]}' not found")
        yield from ({each: self.all[n].get(each) for each in dict.fromkeys(["id", *wanted])} for n in found)

    def matches(self, body: Mapping[str, Any]) -> Matches:
        """For each record of a sync, the leads that it is about now."""
        name, rows = body.get("lookupField") or "email", body.get("input")
        if not isinstance(rows, list):
            return []
        return [self.find(name, row[name]) if isinstance(row, dict) and row.get(name) else [] for row in rows]

    def sync(self, body: Mapping[str, Any], matches: Matches | None = None) -> list[dict[str, Any]]:
        """Rows in the order of the input. Raises RefusedError; `matches` are those of an earlier moment."""
        mode, name, rows = self._checked(body)
        result = []
        for index, row in enumerate(rows):
            # without a race every record sees what those before it have made
            found = self.matches({**body, "input": [row]})[0] if matches is None else matches[index]
            result.append(self._one(mode, name, row, found, body.get("partitionName") or "Default"))
        return result

    def _checked(self, body: Mapping[str, Any]) -> tuple[str, str, list[Any]]:
        mode, name, rows = body.get("action") or "createOrUpdate", body.get("lookupField") or "email", body.get("input")
        if mode not in _MODES or (name == "id" and mode != "updateOnly"):
            raise RefusedError("1003", f"Invalid value for 'action': '{mode}'")
        if not isinstance(rows, list) or not rows:
            raise RefusedError("1002", "Missing value for required parameter 'input'")
        if len(rows) > _MOST:
            raise RefusedError("1003", "Too many records")  # invented: the page knows no text
        self._may_look_up(name)
        partition = body.get("partitionName")
        if partition and (mode not in ("createOnly", "createOrUpdate") or partition not in self._options.partitions):
            raise RefusedError("1008", "Partition access denied")
        return mode, name, rows

    def _may_look_up(self, name: str) -> None:
        if name not in self.types:
            raise RefusedError("1006", f"Lookup field '{name}' not found")
        if self.types[name] not in LOOKUPS or name in NOT_LOOKUPS:
            raise RefusedError("1011", f"Field '{name}' is not supported as lookup")

    def _one(self, mode: str, name: str, row: Any, found: Sequence[int], partition: str) -> dict[str, Any]:
        if not isinstance(row, dict):
            return skipped("1003", "Invalid record")
        if row.get(name) in (None, "") and mode != "createDuplicate":
            return skipped("1003", f"Value for lookup field '{name}' not found")
        if mistake := self._mistake(row):
            return mistake
        if len(found) > 1:
            return skipped("1007")
        if not found or mode == "createDuplicate":
            return skipped("1004") if mode == "updateOnly" else self._create(row, partition)
        if mode == "createOnly":
            return skipped("1005", "Lead already exists")
        if (
            "partition" in self.all[found[0]]
            and mode == "createOrUpdate"
            and self.all[found[0]]["partition"] != partition
        ):
            return skipped("1010")
        self._write(found[0], row)
        return {"id": found[0], "status": "updated"}

    def _mistake(self, row: Mapping[str, Any]) -> dict[str, Any] | None:
        for name, value in row.items():
            if name in COMPANY:
                return skipped("1021", "Company update not allowed")
            if name not in self.types:
                return skipped("1006", f"Field '{name}' not found")
            if not fits(self.types[name], value):
                return skipped("1003", f"Invalid value for field '{name}' and value '{value}'")
        return None

    def _create(self, row: Mapping[str, Any], partition: str) -> dict[str, Any]:
        self._next += 1
        number = self._next
        self.all[number] = {"id": number, "partition": partition, "unsubscribed": False}
        self._log.add(12, number, None, {"Source Type": "Web service API"})
        email = str(row.get("email") or "").lower()
        # an opted-out address stays so, whatever is said at its creation (page §6)
        inherits = {"unsubscribed": True} if self._opted_out.get(email) else {}
        self._write(number, {**row, **inherits})
        return {"id": number, "status": "created"}

    def _write(self, number: int, row: Mapping[str, Any]) -> None:
        lead = self.all[number]
        written = {
            name: stored(self.types[name], value)
            for name, value in row.items()
            if name != "id" and name not in self._options.blocked_fields
        }
        for name, value in written.items():
            if lead.get(name) != value:
                self._log.change(number, name, lead.get(name), value)
        lead.update(written)
        for name, value in written.items():
            if value is not None and self.types[name] in LOOKUPS:
                self._had.setdefault((name, str(value).lower()), set()).add(number)
        self.note(number, "lead", dict(row))
        if "unsubscribed" in written:
            self._spread_opt_out(lead, written["unsubscribed"])

    def _spread_opt_out(self, lead: Lead, is_out: Any) -> None:
        """An opt-out is the address's, not the person's (page §6)."""
        email = str(lead.get("email") or "").lower()
        if not email:
            return
        if not is_out and not self._options.rest_resubscribes and self._opted_out.get(email):
            lead["unsubscribed"] = True
            return
        self._opted_out[email] = bool(is_out)
        for number in self.find("email", email):
            self.all[number]["unsubscribed"] = bool(is_out)

    def delete(self, number: int) -> bool:
        """Whether there was one."""
        if self.all.pop(number, None) is None:
            return False
        self._log.add(37, number, str(number), {})
        return True

    def merge(self, winner: int, losers: Sequence[int]) -> None:
        """The losers' numbers are nobody's any more (page §2.3)."""
        for number in losers:
            self.all.pop(number, None)
        self._log.add(32, winner, str(winner), {"Merge IDs": ",".join(map(str, losers))})

    def note(self, number: int, kind: str, data: Any) -> None:
        """What was done to a lead, under the customer id that it has."""
        lead = self.all.get(number, {})
        key = str(lead.get("customerNumber") or f"lead:{number}")
        self.history.setdefault(key, []).append({"kind": kind, "data": data})
