"""What Marketo says of one record, as one ordered table: the first row that fits decides (§4.3). Pure.

The record was not applied and its neighbours stand. Where the fault is a setting's (a field that nobody
knows any more, say) the record waits and the action is held: no record pays for it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from common.reasons import Cause, Reason
from workers.sinks.api import Answered, Deferred, Delivered, Hold, Rejected, Scope, Unsure, Verdict
from workers.sinks.marketo.rules import Asked
from workers.vendors.marketo.reply import UNKNOWN_CODE, Reply, complaints
from workers.vendors.marketo.waits import Waits

_DONE = frozenset({"created", "updated", "added", "removed", "deleted"})

Ends = Callable[[str, Waits], Verdict]
IsSetting = Callable[[int, int], bool]


@dataclass(frozen=True, slots=True)
class RecordRow:
    """One line: its name, where the page says so, its codes (none: every code), and the verdict.

    `is_setting` tells, by how many records of how many have this fault, that it is the settings' fault.
    """

    name: str
    page: str
    codes: frozenset[str]
    verdict: Ends
    is_setting: IsSetting = lambda _, __: False


def rejected(detail: str, reason: Reason = Reason.INVALID_FIELD) -> Ends:
    """Needs a person."""
    return lambda code, _: Rejected(reason, f"{code}: {detail}", code)


def deferred(reason: Reason, wait: Callable[[Waits], float] | None = None) -> Ends:
    """Certainly not applied; again later."""
    return lambda _, waits: Deferred(reason, wait(waits) if wait else None)


def _done(_: str, __: Waits) -> Verdict:
    return Delivered()


def _always(_: int, __: int) -> bool:
    return True


def _most(bad: int, count: int) -> bool:
    return bad * 2 > count


def _every(bad: int, count: int) -> bool:
    return bad == count > 1


def _row(name: str, codes: str, verdict: Ends, is_setting: IsSetting = lambda _, __: False) -> RecordRow:
    return RecordRow(name, "§4.3", frozenset(codes.split()), verdict, is_setting)


_SETTING = rejected("a setting at Marketo or here is wrong")

ROWS: Sequence[RecordRow] = (
    # a setting is wrong
    _row("partition_needed", "1009", _SETTING, _always),
    _row("not_a_lookup_field", "1011", _SETTING, _always),
    _row("crm_owns_it", "1018", _SETTING, _always),
    _row("company_field", "1021", _SETTING, _always),
    _row("program_status", "1025", _SETTING, _always),
    _row("objects_not_enabled", "1026", _SETTING, _always),
    _row("too_many_kinds", "1027 1028", _SETTING, _always),
    _row("filter_unsupported", "1035", _SETTING, _always),
    _row("draft_not_discarded", "1048", _SETTING, _always),
    _row("unknown_field", "1006", rejected("Marketo knows no such field"), _most),
    _row("partition_denied", "1008", rejected("no access to the lead's partition"), _every),
    _row("parameter_missing", "1002", rejected("a required parameter is missing"), _every),
    # it is so already
    _row("not_in_list", "1015", _done),
    _row("in_status_already", "1037", _done),
    # again later
    _row("create_failed", "1014", deferred(Reason.VENDOR_ERROR)),
    _row("duplicate_in_request", "1036", deferred(Reason.VENDOR_ERROR)),
    _row("push_failed", "501", deferred(Reason.VENDOR_ERROR)),
    _row("busy", "1016 1019 1029", deferred(Reason.THROTTLED, Waits.queue_s)),
    _row("clone_quota", "1020", deferred(Reason.THROTTLED, Waits.quota_s)),
    # the record's fault
    _row("wrong_type", "1001", rejected("a value has the wrong type")),
    _row("invalid_value", "1003", rejected("a value is not valid")),
    _row("lead_not_found", "1004", rejected("Marketo has no such lead", Reason.MISSING_CUSTOMER)),
    _row("exists_already", "1005 1017", rejected("it exists already")),
    _row("several_leads", "1007", rejected("several leads match: merge them in Marketo")),
    _row("other_partition", "1010", rejected("the lead is in another partition")),
    _row("bad_cookie", "1012", rejected("the cookie is not valid")),
    _row("object_not_found", "1013", rejected("Marketo has no such object")),
    _row("in_use", "1022", rejected("the object is in use")),
    _row("run_too_late", "1042", rejected("the time is too far ahead")),
    _row("attributes_too_large", "1049", rejected("attributes over 65,536 bytes", Reason.OVERSIZED)),
    _row("merge_failed", "1076 1077 1078 1079", rejected("the leads cannot be merged")),
    _row("too_many_losers", "1080", rejected("more than 25 leads to merge")),
    _row("any_other", "", rejected("refused for a reason that the vendor page does not know", Reason.REFUSED)),
)


def by_row(reply: Reply, asked: Asked, waits: Waits) -> Answered:
    """A verdict for each record, by its place (§2.1)."""
    faults = [_fault(row) for row in reply.rows or ()]
    settings = _settings_at_fault([fault for fault in faults if fault], asked.count)
    verdicts = [
        _verdict(row, fault, fault is not None and fault[0] in settings, reply, asked, waits)
        for row, fault in zip(reply.rows or (), faults, strict=True)
    ]
    if not settings:
        return Answered(verdicts)
    codes = "/".join(sorted({fault[1] for fault in faults if fault and fault[0] in settings}))
    detail = f"{codes}: Marketo refuses records for {', '.join(sorted(settings))}: correct the settings or the flow"
    return Answered(verdicts, Hold(Cause.CONFIGURATION, Scope.ACTION, detail))


def row_for(codes: Sequence[str]) -> tuple[RecordRow, str]:
    """The first row of the table that one of the codes fits, and that code."""
    for row in ROWS:
        found = next((code for code in codes if code in row.codes), None)
        if found is not None:
            return row, found
    return ROWS[-1], codes[0]


_Fault = tuple[str, str] | None


def _fault(row: Any) -> _Fault:
    """Name of the table's row, and code, of a record that was refused."""
    codes = complaints(row)
    if codes is None or (not codes and row.get("status") != "skipped"):
        return None
    found, code = row_for(codes or (UNKNOWN_CODE,))
    return found.name, code


def _settings_at_fault(faults: Sequence[tuple[str, str]], count: int) -> set[str]:
    names = [name for name, _ in faults]
    return {row.name for row in ROWS if row.name in names and row.is_setting(names.count(row.name), count)}


def _verdict(row: Any, fault: _Fault, waits_for_setting: bool, reply: Reply, asked: Asked, waits: Waits) -> Verdict:
    if waits_for_setting:
        return Deferred(Reason.VENDOR_ERROR)
    if fault is not None:
        name, code = fault
        return next(each for each in ROWS if each.name == name).verdict(code, waits)
    if isinstance(row, dict) and row.get("status") in _DONE:
        return Delivered(_vendor_ids(row, reply, asked))
    return Unsure(Reason.VENDOR_ERROR, "not a row of this API: neither done nor refused")


def _vendor_ids(row: Mapping[str, Any], reply: Reply, asked: Asked) -> Mapping[str, str]:
    """What a support ticket or a look-up needs."""
    found = {"request_id": reply.request_id, asked.id_name: row.get("id"), "marketo_guid": row.get("marketoGUID")}
    return {name: str(value)[:200] for name, value in found.items() if value not in (None, "", True, False)}
