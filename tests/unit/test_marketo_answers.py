"""Each row of Marketo's three answer tables, as `test_row_…`, `test_record_…` and `test_token_…`, with its section."""

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import AmbiguousError, NotSentError
from common.http import Answer
from common.reasons import Cause, Reason
from workers.sinks.api import Answered, Deferred, Delivered, Hold, Outcome, Refused, Rejected, Scope, Unsure
from workers.sinks.marketo.answers import TABLE, judge, judge_probe, judge_read
from workers.sinks.marketo.rows import ROWS
from workers.sinks.marketo.rules import Asked
from workers.sinks.marketo.usage import counted_today
from workers.vendors.marketo.auth import Granted, NoToken
from workers.vendors.marketo.identity import TOKEN_TABLE, judge_token
from workers.vendors.marketo.reply import Reply, complaints
from workers.vendors.marketo.waits import Waits

NOW = datetime(2026, 11, 20, 9, 15, tzinfo=UTC)
WAITS = Waits(lambda: NOW, lambda: 0.5, "America/Chicago", 1800)
LEADS = Asked(3, "lead_id")
ACTIVITIES = Asked(3, "activity_id")
CAMPAIGN = Asked(3, "")
ONE = Asked(1, "lead_id")
SETTING_ACTION = (Cause.CONFIGURATION, Scope.ACTION)
SETTING_SINK = (Cause.CONFIGURATION, Scope.SINK)


def answer(status: int, body: Any = None, **headers: str) -> Answer:
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    return Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, raw)


def success(*rows: Any, **more: Any) -> Answer:
    return answer(200, {"requestId": "5c1e#18f0", "success": True, "result": list(rows), **more})


def refusal(*codes: Any, message: str = "ada@example.com is odd") -> Answer:
    errors = [{"code": code, "message": message} for code in codes]
    return answer(200, {"requestId": "a883#1949", "success": False, "errors": errors})


def skipped(*codes: str, key: str = "reasons") -> dict[str, Any]:
    return {"status": "skipped", key: [{"code": code, "message": "ada@example.com is odd"} for code in codes]}


def outcome_of(row: str, came: Any, asked: Asked = LEADS) -> Outcome:
    judgement = judge(came, asked, WAITS)
    assert judgement.row == row
    assert "ada@" not in repr(judgement), "what the vendor echoes is not passed on"
    return judgement.outcome


def hold_of(row: str, came: Any, asked: Asked = LEADS) -> tuple[Cause, Scope]:
    outcome = outcome_of(row, came, asked)
    assert isinstance(outcome, Hold)
    return outcome.cause, outcome.scope


def wait_of(row: str, came: Any) -> float | None:
    outcome = outcome_of(row, came)
    assert isinstance(outcome, Hold)
    return outcome.retry_after_s


def refused_of(row: str, came: Any) -> Refused:
    outcome = outcome_of(row, came)
    assert isinstance(outcome, Refused)
    return outcome


def unsure(row: str, came: Any) -> Hold | None:
    outcome = outcome_of(row, came)
    assert isinstance(outcome, Answered)
    assert [type(verdict) for verdict in outcome.verdicts] == [Unsure] * 3
    return outcome.hold


# -- nothing came back --------------------------------------------------------------------------


def test_row_untrusted() -> None:
    """§4.1: a TLS certificate error is a configuration's: waiting does not help."""
    assert hold_of("untrusted", NotSentError("not trusted", bad_certificate=True)) == SETTING_SINK


def test_row_not_sent() -> None:
    """§4.1: refused, DNS, handshake: nothing was sent, nobody's verdict."""
    assert hold_of("not_sent", NotSentError("refused")) == (Cause.VENDOR_DOWN, Scope.SINK)


def test_row_no_answer() -> None:
    """§4.1: a time-out or a reset after the request was written is ambiguous; so is a broken 200."""
    for error in (AmbiguousError(Reason.TIME_OUT, "late"), AmbiguousError(Reason.TIME_OUT, "cut", status=200)):
        outcome = outcome_of("no_answer", error)
        assert isinstance(outcome, Answered)
        assert {verdict.reason for verdict in outcome.verdicts if isinstance(verdict, Unsure)} == {Reason.TIME_OUT}


# -- HTTP says no -------------------------------------------------------------------------------


def test_row_too_large() -> None:
    """§4.1: 413 is split; a lone record is oversized. A broken body does not change that."""
    assert refused_of("too_large", answer(413)).reason is Reason.OVERSIZED
    assert refused_of("too_large", AmbiguousError(Reason.CONNECTION, "cut", status=413)).reason is Reason.OVERSIZED


def test_row_address_too_long() -> None:
    """§4.1: 414: not executed."""
    assert refused_of("address_too_long", answer(414)).reason is Reason.REFUSED


@pytest.mark.parametrize("status", [401, 403])
def test_row_unauthorised(status: int) -> None:
    """§4.1: undocumented on /rest; after one renewal it is the credentials'."""
    assert hold_of("unauthorised", answer(status)) == (Cause.CREDENTIALS, Scope.SINK)


def test_row_wrong_address() -> None:
    """§4.1: API errors for bad paths are 610, so a 404 is another host."""
    assert hold_of("wrong_address", answer(404)) == SETTING_SINK


@pytest.mark.parametrize("status", [405, 406, 415])
def test_row_wrong_protocol(status: int) -> None:
    """§0: Marketo says these in the body, so it is not Marketo."""
    assert hold_of("wrong_protocol", answer(status)) == SETTING_SINK


@pytest.mark.parametrize("status", [301, 302, 308])
def test_row_redirected(status: int) -> None:
    """§0: one host a subscription, and it does not redirect."""
    assert hold_of("redirected", answer(status, location="https://elsewhere.example")) == SETTING_SINK


def test_row_timed_out() -> None:
    """§4.1: 408 is ambiguous, and no sign of an outage."""
    assert unsure("timed_out", answer(408)) is None


def test_row_throttled() -> None:
    """§4.1: 429 is undocumented: Retry-After where there is one, else the rate's window."""
    assert wait_of("throttled", answer(429, retry_after="7")) == 7
    assert wait_of("throttled", answer(429, retry_after="soon")) == 22.5


def test_row_client_error() -> None:
    """§4.1: another 4xx was not executed, and names nobody."""
    assert refused_of("client_error", answer(418)).vendor_code == "418"


@pytest.mark.parametrize("status", [500, 502, 503, 504, 599])
def test_row_server_error(status: int) -> None:
    """§4.1: 5xx is ambiguous, whatever its body."""
    hold = unsure("server_error", answer(status, b"<html>"))
    assert hold is not None
    assert hold.cause is Cause.VENDOR_DOWN


# -- accepted -----------------------------------------------------------------------------------


def test_row_accepted() -> None:
    """§2.5: result[0].id is the campaign's; success means queued, for every lead of the call."""
    outcome = outcome_of("accepted", success({"id": 3712}), CAMPAIGN)
    assert outcome == Answered([Delivered({"request_id": "5c1e#18f0", "campaign_id": "3712"})] * 3)
    assert outcome_of("accepted", answer(200, {"success": True}), CAMPAIGN) == Answered([Delivered({})] * 3)


def test_row_judged_by_row() -> None:
    """§4.3: the mixed outcome of the page, by index."""
    rows = [{"id": 318592, "status": "updated"}, {"id": 318999, "status": "created"}, skipped("1007")]

    outcome = outcome_of("judged_by_row", success(*rows))

    assert isinstance(outcome, Answered)
    first, second, third = outcome.verdicts
    assert first == Delivered({"request_id": "5c1e#18f0", "lead_id": "318592"})
    assert second == Delivered({"request_id": "5c1e#18f0", "lead_id": "318999"})
    assert isinstance(third, Rejected)


@pytest.mark.parametrize("rows", [None, [], [{"id": 1, "status": "updated"}] * 4, "rows"])
def test_row_rows_missing(rows: Any) -> None:
    """§4.0: a missing or short result is ambiguous."""
    assert unsure("rows_missing", answer(200, {"success": True, "result": rows})) is None


# -- refused as a whole -------------------------------------------------------------------------


def test_row_no_token() -> None:
    """§4.2: 600: retired, and a wrong path of ours."""
    assert hold_of("no_token", refusal("600")) == SETTING_SINK


def test_row_denied() -> None:
    """§4.2: 603: permission of this call, or the allow-list."""
    assert hold_of("denied", refusal("603")) == SETTING_ACTION


@pytest.mark.parametrize("code", ["605", "612", "613"])
def test_row_wrong_request(code: str) -> None:
    """§4.2: our method and content type are right, so it is not Marketo."""
    assert hold_of("wrong_request", refusal(code)) == SETTING_SINK


def test_row_unknown_path() -> None:
    """§4.2: 610: also a wrong custom object name."""
    assert hold_of("unknown_path", refusal("610")) == SETTING_ACTION


@pytest.mark.parametrize("code", ["616", "703"])
def test_row_no_feature(code: str) -> None:
    """§4.2: the subscription lacks it."""
    assert hold_of("no_feature", refusal(code)) == SETTING_ACTION


@pytest.mark.parametrize("code", ["710", "711"])
def test_row_asset_folder(code: str) -> None:
    """§4.2: asset calls only."""
    assert hold_of("asset_folder", refusal(code)) == SETTING_ACTION


def test_row_unknown_field() -> None:
    """§4.2: 1006 for the whole request: the look-up field."""
    assert hold_of("unknown_field", refusal("1006")) == SETTING_ACTION


def test_row_unknown_target() -> None:
    """§4.2: 1013: list, campaign or object."""
    assert hold_of("unknown_target", refusal("1013")) == SETTING_ACTION


def test_row_wrong_campaign() -> None:
    """§2.5: a batch campaign is 1003, and no lead's fault."""
    came = refusal("1003", message="Campaign is a batch campaign")

    assert hold_of("wrong_campaign", came, CAMPAIGN) == SETTING_ACTION


@pytest.mark.parametrize("code", ["1009", "1011", "1018", "1021", "1025", "1026", "1027", "1028", "1035", "1048"])
def test_row_wrong_mapping(code: str) -> None:
    """§4.3: configuration at record level is configuration for the whole request."""
    assert hold_of("wrong_mapping", refusal(code)) == SETTING_ACTION


def test_row_quota_gone() -> None:
    """§4.2: 607: never dead-lettered; until midnight, asked again every half hour."""
    assert hold_of("quota_gone", refusal("607")) == (Cause.QUOTA, Scope.SINK)
    assert wait_of("quota_gone", refusal("607")) == 1800


def test_row_clone_quota() -> None:
    """§4.3: 1020 pauses until its day ends."""
    assert hold_of("clone_quota", refusal("1020")) == (Cause.QUOTA, Scope.ACTION)


def test_row_export_quota() -> None:
    """§4.2: 1029 with "Export daily quota exceeded" is a day's, not a queue's."""
    came = refusal("1029", message="Export daily quota exceeded")

    assert hold_of("export_quota", came) == (Cause.QUOTA, Scope.ACTION)


@pytest.mark.parametrize("code", ["601", "602", 601])
def test_row_token_refused(code: Any) -> None:
    """§1: what is still refused after a renewal is the credentials'."""
    assert hold_of("token_refused", refusal(code)) == (Cause.CREDENTIALS, Scope.SINK)


def test_row_rate() -> None:
    """§4.2: 606: the window of 20 s, unlike every other worker's."""
    assert hold_of("rate", refusal("606")) == (Cause.THROTTLED, Scope.SINK)
    assert wait_of("rate", refusal("606")) == 22.5


def test_row_crowded() -> None:
    """§4.2: 615: half a second to five."""
    assert wait_of("crowded", refusal("615")) == 2.75


def test_row_unavailable() -> None:
    """§4.2: 608: maintenance, up to hours; not executed."""
    assert hold_of("unavailable", refusal("608")) == (Cause.VENDOR_DOWN, Scope.SINK)


def test_row_unreachable() -> None:
    """§4.2: 614: usually temporary; not executed."""
    assert hold_of("unreachable", refusal("614")) == (Cause.VENDOR_DOWN, Scope.SINK)


def test_row_transient() -> None:
    """§4.2: 713: not executed."""
    assert hold_of("transient", refusal("713")) == (Cause.VENDOR_DOWN, Scope.ACTION)


def test_row_create_failed() -> None:
    """§4.3: 1014 for the whole request: patience."""
    assert hold_of("create_failed", refusal("1014")) == (Cause.VENDOR_DOWN, Scope.ACTION)


@pytest.mark.parametrize("code", ["1016", "1019", "1029"])
def test_row_busy(code: str) -> None:
    """§4.2: a queue: at least a minute."""
    assert wait_of("busy", refusal(code)) == 63


def test_row_ran_too_long() -> None:
    """§4.2: 604: said not to be executed, but work may have begun."""
    assert unsure("ran_too_long", refusal("604")) is None


def test_row_system_error() -> None:
    """§4.2: 611 is any unhandled exception: ambiguous, and this action's."""
    hold = unsure("system_error", refusal("611"))
    assert hold is not None
    assert hold.scope is Scope.ACTION


@pytest.mark.parametrize("code", ["500", "502"])
def test_row_server_code(code: str) -> None:
    """§4.2: body codes that may as well be statuses: ambiguous."""
    hold = unsure("server_code", refusal(code))
    assert hold is not None
    assert hold.scope is Scope.SINK


def test_row_lock_wait() -> None:
    """§4.2: 719: ambiguous."""
    assert unsure("lock_wait", refusal("719")) is not None


@pytest.mark.parametrize("code", ["1015", "1037"])
def test_row_already_so(code: str) -> None:
    """§4.3: what was wanted holds already, for a lone record; of several nobody is named."""
    assert isinstance(outcome_of("already_so", refusal(code)), Refused)
    assert outcome_of("already_so", refusal(code), ONE) == Answered([Delivered({"request_id": "a883#1949"})])


def test_row_attributes_too_large() -> None:
    """§4.3: 1049: a lone record is oversized."""
    assert refused_of("attributes_too_large", refusal("1049")).reason is Reason.OVERSIZED


def test_row_lead_not_found() -> None:
    """§4.2: 1004 for a campaign request names nobody."""
    assert refused_of("lead_not_found", refusal("1004")).vendor_code == "1004"


def test_row_bad_json() -> None:
    """§4.2: 609: the record's, once it is alone."""
    assert refused_of("bad_json", refusal("609")).reason is Reason.REFUSED


@pytest.mark.parametrize("code", ["701", "709"])
def test_row_blank_or_rule(code: str) -> None:
    """§4.2: bisected, where it depends on the batch."""
    assert refused_of("blank_or_rule", refusal(code)).vendor_code == code


@pytest.mark.parametrize("code", ["501", "702", "704", "712", "714", "718"])
def test_row_record(code: str) -> None:
    """§4.2: a record's fault, and nobody named."""
    assert refused_of("record", refusal(code)).reason is Reason.INVALID_FIELD


ABOUT_RECORDS = "1001 1002 1003 1005 1007 1008 1010 1012 1017 1022 1036 1042 1076 1077 1078 1079 1080 1999"


@pytest.mark.parametrize("code", ABOUT_RECORDS.split())
def test_row_record_code(code: str) -> None:
    """§4.2: every response-level 1xxx was not executed: bisected."""
    assert refused_of("record_code", refusal(code)).vendor_code == code


@pytest.mark.parametrize(
    "came", [refusal("666"), refusal("ada@example.com"), refusal(), answer(200, {"success": False})]
)
def test_row_unknown_code(came: Answer) -> None:
    """§4.2: unknown or missing errors: ambiguous, and the action waits."""
    hold = unsure("unknown_code", came)
    assert hold is not None
    assert hold.scope is Scope.ACTION


@pytest.mark.parametrize("body", [None, b"<html>ok</html>", b"[]", b"\xff", {}, {"success": "true"}, b'{"success": tr'])
def test_row_unreadable(body: Any) -> None:
    """§4.1: a 200 that cannot be read is ambiguous."""
    assert unsure("unreadable", answer(200, body)) is None


def test_row_anything_else() -> None:
    """§4.1: no status of HTTP as it is used."""
    assert unsure("anything_else", answer(199)) is None


def test_the_strongest_code_wins() -> None:
    """§4.0: configuration, quota, token, window, patience, record."""
    order = ["603", "607", "602", "606", "608", "1001"]

    rows = [judge(refusal(*reversed(order[n:])), LEADS, WAITS).row for n in range(len(order))]

    assert rows == ["denied", "quota_gone", "token_refused", "rate", "unavailable", "record_code"]


# -- one record ---------------------------------------------------------------------------------


def verdict(*codes: str, key: str = "reasons", asked: Asked = ACTIVITIES) -> Any:
    """Of the first record of three."""
    good = {"id": 50, "marketoGUID": "50", "status": "added"}
    outcome = judge(success(skipped(*codes, key=key), good, good), asked, WAITS).outcome
    assert isinstance(outcome, Answered)
    assert isinstance(outcome.verdicts[1], Delivered)
    assert "ada@" not in repr(outcome)
    return outcome.verdicts[0]


def holds(count: int, *codes: str) -> bool:
    """Whether so many of three records with these codes hold the action, and wait."""
    rows = [skipped(*codes)] * count + [{"id": 1, "status": "updated"}] * (3 - count)
    outcome = judge(success(*rows), LEADS, WAITS).outcome
    assert isinstance(outcome, Answered)
    assert [type(each) for each in outcome.verdicts[:count]] == [Deferred if outcome.hold else Rejected] * count
    return outcome.hold is not None


RECORD_SETTINGS = {
    "partition_needed": ["1009"],
    "not_a_lookup_field": ["1011"],
    "crm_owns_it": ["1018"],
    "company_field": ["1021"],
    "program_status": ["1025"],
    "objects_not_enabled": ["1026"],
    "too_many_kinds": ["1027", "1028"],
    "filter_unsupported": ["1035"],
    "draft_not_discarded": ["1048"],
}
RECORD_FAULTS = {
    "wrong_type": (["1001"], Reason.INVALID_FIELD),
    "invalid_value": (["1003"], Reason.INVALID_FIELD),
    "lead_not_found": (["1004"], Reason.MISSING_CUSTOMER),
    "exists_already": (["1005", "1017"], Reason.INVALID_FIELD),
    "several_leads": (["1007"], Reason.INVALID_FIELD),
    "other_partition": (["1010"], Reason.INVALID_FIELD),
    "bad_cookie": (["1012"], Reason.INVALID_FIELD),
    "object_not_found": (["1013"], Reason.INVALID_FIELD),
    "in_use": (["1022"], Reason.INVALID_FIELD),
    "run_too_late": (["1042"], Reason.INVALID_FIELD),
    "attributes_too_large": (["1049"], Reason.OVERSIZED),
    "merge_failed": (["1076", "1077", "1078", "1079"], Reason.INVALID_FIELD),
    "too_many_losers": (["1080"], Reason.INVALID_FIELD),
    "any_other": (["1999", "7", "odd"], Reason.REFUSED),
}
RECORD_LATER = {
    "create_failed": (["1014"], None),
    "duplicate_in_request": (["1036"], None),
    "push_failed": (["501"], None),
    "busy": (["1016", "1019", "1029"], 63),
    "clone_quota": (["1020"], 1800),
}
RECORD_DONE = {"not_in_list": ["1015"], "in_status_already": ["1037"]}
RECORD_BY_SHARE = {"unknown_field": ("1006", 2), "partition_denied": ("1008", 3), "parameter_missing": ("1002", 3)}


@pytest.mark.parametrize("name", RECORD_SETTINGS)
def test_record_settings(name: str) -> None:
    """§4.3: a setting's fault: the record waits, the action is held, from the first one on."""
    for code in RECORD_SETTINGS[name]:
        assert holds(1, code)


@pytest.mark.parametrize("name", RECORD_BY_SHARE)
def test_record_by_share(name: str) -> None:
    """§4.3: of most (1006) or all (1008, 1002) of a batch it is a setting's fault, of few the record's."""
    code, enough = RECORD_BY_SHARE[name]

    assert [holds(count, code) for count in (1, 2, 3)] == [count >= enough for count in (1, 2, 3)]


@pytest.mark.parametrize("name", RECORD_FAULTS)
def test_record_faults(name: str) -> None:
    """§4.3: rejected alone, with the vendor's code."""
    codes, reason = RECORD_FAULTS[name]
    for code in codes:
        found = verdict(code)
        assert (type(found), found.reason) == (Rejected, reason)
        assert found.vendor_code == (code if code.isdecimal() and len(code) > 2 else "UNKNOWN")


@pytest.mark.parametrize("name", RECORD_LATER)
def test_record_later(name: str) -> None:
    """§4.3: certainly not applied; again."""
    codes, wait_s = RECORD_LATER[name]
    for code in codes:
        found = verdict(code)
        assert (type(found), found.retry_after_s) == (Deferred, wait_s)


@pytest.mark.parametrize("name", RECORD_DONE)
def test_record_done(name: str) -> None:
    """§4.3: what was wanted holds already."""
    for code in RECORD_DONE[name]:
        assert isinstance(verdict(code), Delivered)


@pytest.mark.parametrize("key", ["reasons", "errors", "reason"])
def test_a_record_s_complaint_stands_under_one_of_three_names(key: str) -> None:
    """§0.2: reasons; errors for custom activities; a single reason in the specification only."""
    row = skipped("1003", key=key)
    assert complaints(row) == complaints({**row, key: row[key][0]}) == ("1003",)


def test_a_row_with_a_complaint_is_refused_whatever_its_status() -> None:
    """§2.3: a row without a status, or with a good one, and reasons is a failure."""
    rows = [{"id": 1, "reasons": [{"code": "1003"}]}, {"status": "updated", "reasons": [{"code": 1003}]}, skipped()]

    outcome = judge(success(*rows), LEADS, WAITS).outcome

    assert isinstance(outcome, Answered)
    assert [type(each) for each in outcome.verdicts] == [Rejected] * 3


@pytest.mark.parametrize("row", [None, 7, "created", [], {}, {"id": 1}, {"status": "queued"}, {"status": None}])
def test_a_row_that_is_none_is_unsure(row: Any) -> None:
    """§4.0: neither done nor refused."""
    outcome = judge(success(row), ONE, WAITS).outcome

    assert isinstance(outcome, Answered)
    assert [type(each) for each in outcome.verdicts] == [Unsure]


# -- the token ----------------------------------------------------------------------------------

TOKEN = {"access_token": "7f9c:sj", "token_type": "bearer", "expires_in": 3599, "scope": "api-user@customer.example"}


def token_hold(row: str, came: Any) -> Cause:
    name, outcome = judge_token(came, WAITS)
    assert name == row
    assert isinstance(outcome, NoToken)
    return outcome.cause


def test_token_granted() -> None:
    """§1: the answer of the page."""
    assert judge_token(answer(200, TOKEN), WAITS) == ("granted", Granted("7f9c:sj", 3599))


@pytest.mark.parametrize("left", [0, -1, "3599", None, True])
def test_token_used_up(left: Any) -> None:
    """§1: expires_in may be 0: a moment later there is a new one."""
    assert token_hold("used_up", answer(200, {**TOKEN, "expires_in": left})) is Cause.THROTTLED


@pytest.mark.parametrize("status", [400, 401, 403])
def test_token_bad_credentials(status: int) -> None:
    """§1: 401 invalid_client."""
    body = {"error": "invalid_client", "error_description": "Bad client credentials"}
    assert token_hold("bad_credentials", answer(status, body)) is Cause.CREDENTIALS


def test_token_untrusted() -> None:
    """§4.1: no secret goes to a host that cannot prove who it is."""
    assert token_hold("untrusted", NotSentError("no", bad_certificate=True)) is Cause.CONFIGURATION


def test_token_not_sent() -> None:
    """§4.1: nothing was sent."""
    assert token_hold("not_sent", NotSentError("refused")) is Cause.VENDOR_DOWN


def test_token_no_answer() -> None:
    """§4.1: asking again does no harm, so nobody is unsure."""
    assert token_hold("no_answer", AmbiguousError(Reason.TIME_OUT, "late")) is Cause.VENDOR_DOWN


def test_token_wrong_path() -> None:
    """§4.2: 600 when /rest stands before the identity path."""
    assert token_hold("wrong_path", refusal("600")) is Cause.CONFIGURATION


def test_token_redirected() -> None:
    """§0: the secret goes to the configured host only."""
    assert token_hold("redirected", answer(307, location="https://elsewhere.example")) is Cause.CONFIGURATION


def test_token_throttled() -> None:
    """§4.1: undocumented; patience."""
    assert token_hold("throttled", answer(429)) is Cause.THROTTLED


def test_token_wrong_address() -> None:
    """§4.1: another host."""
    assert token_hold("wrong_address", answer(404)) is Cause.CONFIGURATION


@pytest.mark.parametrize(
    "came", [answer(500), answer(200), answer(200, {**TOKEN, "access_token": "two words"}), refusal("608")]
)
def test_token_anything_else(came: Answer) -> None:
    """§4.1: 5xx, garbage, a token that no header can carry."""
    assert token_hold("anything_else", came) is Cause.VENDOR_DOWN


# -- the tables are whole -----------------------------------------------------------------------

HERE: ModuleType = sys.modules[__name__]


@pytest.mark.parametrize(("prefix", "table"), [("test_row", TABLE), ("test_token", TOKEN_TABLE)])
def test_every_row_has_a_test_that_cites_its_section(prefix: str, table: Sequence[Any]) -> None:
    """A row without a test, or a test that does not say where on the page it stands, fails here."""
    assert len({row.name for row in table}) == len(table)
    for row in table:
        test = getattr(HERE, f"{prefix}_{row.name}", None)
        assert test is not None, f"the row {row.name} has no test"
        assert row.page in (test.__doc__ or ""), f"the test of {row.name} does not cite {row.page}"


def test_every_record_row_has_a_test_of_all_its_codes() -> None:
    """Each row of the record table is in exactly one of the lists above, code for code."""
    tested = {name: set(codes) for name, codes in (RECORD_SETTINGS | RECORD_DONE).items()}
    tested |= {name: set(each[0]) for name, each in (RECORD_FAULTS | RECORD_LATER).items()}
    tested |= {name: {code} for name, (code, _) in RECORD_BY_SHARE.items()}
    del tested["any_other"]

    assert tested == {row.name: set(row.codes) for row in ROWS if row.codes}
    assert [row.name for row in ROWS if not row.codes] == ["any_other"]


_CODES = (
    "500 501 502 600 601 602 603 604 605 606 607 608 609 610 611 612 613 614 615 616 701 702 703 704 709 710 711 712 "
    "713 714 718 719 1001 1002 1003 1004 1005 1006 1007 1008 1009 1010 1011 1012 1013 1014 1015 1016 1017 1018 1019 "
    "1020 1021 1022 1025 1026 1027 1028 1029 1035 1036 1037 1042 1048 1049 1076 1077 1078 1079 1080"
)
DOCUMENTED = _CODES.split()


def test_every_code_of_the_page_is_known() -> None:
    """§4.2, §4.3: none falls through to what the page does not know."""
    assert [code for code in DOCUMENTED if judge(refusal(code), LEADS, WAITS).row == "unknown_code"] == []
    named = {code for row in ROWS for code in row.codes}
    assert [code for code in DOCUMENTED if code.startswith("1") and code not in named] == []


# -- reads --------------------------------------------------------------------------------------


def test_a_read_is_answered_held_or_refused_never_unsure() -> None:
    """§4.1: a look-up that broke off did nothing."""
    assert judge_read(Reply(success()), WAITS) is None
    for came in (answer(503), answer(408), answer(200), AmbiguousError(Reason.TIME_OUT, "late"), refusal("611")):
        assert isinstance(judge_read(Reply(came), WAITS), Hold)
    assert isinstance(judge_read(Reply(refusal("1003", message="Too many results match the filter")), WAITS), Refused)


def test_a_probe_that_may_not_read_lets_a_trial_pass() -> None:
    """§1: the role may write and not read."""
    assert judge_probe(Reply(refusal("603")), WAITS) is None
    assert judge_probe(Reply(success()), WAITS) is None
    assert judge_probe(Reply(answer(503)), WAITS) is not None


@pytest.mark.parametrize(
    ("came", "count"),
    [
        (success({"date": "2026-11-20", "total": 1120, "users": [{"userId": "api@x", "count": 200}]}), 1120),
        (success({"date": "2026-11-19", "total": 9}, {"date": "2026-11-20", "total": 3}), 3),
        (success(), 0),
        (success({"date": "2026-11-19", "total": 9}), None),
        (success({"date": "2026-11-20", "total": "many"}), None),
        (success(None, 7), None),
        (refusal("603"), None),
        (answer(200), None),
    ],
)
def test_the_day_s_count_is_read(came: Answer, count: int | None) -> None:
    """§3: the answer of the page; what cannot be read is no count."""
    assert counted_today(Reply(came), WAITS.today()) == count


# -- fuzz ---------------------------------------------------------------------------------------

_codes = st.sampled_from([*DOCUMENTED, "", "x", 606, None, True])
_errors = st.lists(st.fixed_dictionaries({"code": _codes, "message": st.text(max_size=5)}) | _codes, max_size=3)
_rows = st.lists(
    st.fixed_dictionaries(
        {"status": st.sampled_from(["created", "skipped", "", None]), "reasons": _errors, "id": _codes}
    )
    | st.integers()
    | st.none(),
    max_size=4,
)
_envelopes = st.fixed_dictionaries(
    {},
    optional={"success": st.booleans() | st.text(max_size=3), "errors": _errors | _codes, "result": _rows | _codes},
)
_bodies = st.binary(max_size=60) | _envelopes.map(lambda body: json.dumps(body).encode())


@given(
    status=st.integers(100, 599),
    headers=st.dictionaries(st.sampled_from(["retry-after", "content-type"]), st.text(max_size=8)),
    body=_bodies,
    asked=st.sampled_from([LEADS, ACTIVITIES, CAMPAIGN, ONE]),
)
def test_any_answer_gives_a_verdict_or_a_hold(status: int, headers: dict[str, str], body: bytes, asked: Asked) -> None:
    """Any status, headers and bytes: never an exception, and as many verdicts as records."""
    came = Answer(status, headers, body)

    outcome = judge(came, asked, WAITS).outcome

    assert not isinstance(outcome, Answered) or len(outcome.verdicts) == asked.count
    assert judge_token(came, WAITS)[1] is not None
    judge_probe(Reply(came), WAITS)
    counted_today(Reply(came), "2026-11-20")
