"""The Marketo poller against the sandbox: every row of the log once, whatever the source does."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from common.errors import ConfigurationError
from tests.support.clock import ManualClock
from tests.support.marketo import SandboxMarketo, sandbox_marketo
from tests.support.marketo_poll import INSTANCE, SINCE, KeptLog, Polling, by_kind, config, ids
from workers.ingest.pollers.api import PausedError


@pytest.fixture
def marketo() -> Iterator[SandboxMarketo]:
    """An empty subscription."""
    with sandbox_marketo() as sandbox:
        yield sandbox


def opened(customer: str, **more: Any) -> dict[str, Any]:
    """A mail was opened."""
    return {"type_id": 10, "customer": customer, "primary": "Newsletter.Nov", **more}


def polled(marketo: SandboxMarketo, log: KeptLog | None = None, **settings: Any) -> KeptLog:
    """What a poller that begins now makes of everything up to now."""
    polling = Polling(config(marketo.url, **settings), log)
    try:
        return polling.to_the_end().log
    finally:
        polling.close()


def test_an_activity_is_an_event_of_its_customer(marketo: SandboxMarketo) -> None:
    """The lead's customer id is looked up; the event's key is the customer's."""
    marketo.put("C-1")
    marketo.did(opened("C-1", attributes={"Is Bot Activity": True, "Device": "Phone"}))

    log = polled(marketo)

    (event,) = [each for each in log.events() if each["type"] == "EMAIL_OPENED"]
    assert event["customer"]["customer_id"] == "C-1"
    assert event["customer"]["resolved"] is True
    assert event["automated"] is True
    assert (event["asset"], event["source_instance"]) == ("Newsletter.Nov", INSTANCE)
    assert {record.key for record in log.records if record.topic == "comms.engagement.v1"} == {b"C-1"}


def test_a_lead_without_a_customer_id_has_a_substitute(marketo: SandboxMarketo) -> None:
    """Design §4: never resolved by e-mail."""
    (lead,) = [
        row["id"]
        for row in marketo.call("POST", "/rest/v1/leads.json", json={"input": [{"email": "a@example.com"}]})["result"]
    ]
    marketo.did({"type_id": 10, "lead": lead, "primary": "x"})

    (event,) = [each for each in polled(marketo).events() if each["type"] == "EMAIL_OPENED"]

    assert event["customer"]["customer_id"] == f"marketo:{INSTANCE}:{lead}"
    assert event["customer"]["resolved"] is False


def test_pages_are_read_to_the_end(marketo: SandboxMarketo) -> None:
    """Short and empty pages are not the end (§2.10b)."""
    marketo.put("C-1")
    marketo.did(*(opened("C-1") for _ in range(700)), *({"type_id": 46, "customer": "C-1"} for _ in range(1500)))
    marketo.did(opened("C-1"))

    assert by_kind(polled(marketo).events())["EMAIL_OPENED"] == 701


def test_going_on_repeats_nothing_and_skips_nothing(marketo: SandboxMarketo) -> None:
    """A poller that begins behind another one's cursor."""
    marketo.put("C-1")
    marketo.did(opened("C-1"))
    log = polled(marketo)
    marketo.did(opened("C-1"), opened("C-1"))

    polled(marketo, log)

    found = list(ids([each for each in log.events() if each["type"] == "EMAIL_OPENED"]))
    assert len(found) == len(set(found)) == 3


def test_rows_written_while_paging_are_read(marketo: SandboxMarketo) -> None:
    """Changes between two pages move nothing: tokens stand on the log."""
    marketo.put("C-1")
    marketo.did(*(opened("C-1") for _ in range(400)))
    polling = Polling(config(marketo.url))
    readings = polling.session.begin()

    while polling.session.turn(readings):
        if len(polling.log.events()) < 900:
            marketo.did(*(opened("C-1") for _ in range(100)))
    polling.to_the_end()
    polling.close()

    found = [each for each in polling.log.events() if each["type"] == "EMAIL_OPENED"]
    assert len(found) == len(set(ids(found)))
    assert len(found) == sum(1 for row in marketo_log(marketo) if row["activityTypeId"] == 10)


def marketo_log(marketo: SandboxMarketo) -> list[dict[str, Any]]:
    """The log as anybody would read it."""
    since = (SINCE - timedelta(days=1)).isoformat()
    token = marketo.call("GET", "/rest/v1/activities/pagingtoken.json", params={"sinceDatetime": since})
    rows, page = [], {"moreResult": True, **token}
    while page["moreResult"]:
        params = {"nextPageToken": page["nextPageToken"], "activityTypeIds": "10,11,9"}
        page = marketo.call("GET", "/rest/v1/activities.json", params=params)
        rows += page["result"]
    return rows


def test_late_rows_are_found_by_the_second_look(marketo: SandboxMarketo) -> None:
    """§2.10e: a row that shows behind the token; what was seen is passed over."""
    now = datetime.now(UTC)
    marketo.set_clock(now=now.isoformat(), frozen=True)
    marketo.put("C-1")
    marketo.did(opened("C-1"), opened("C-1", late_s=600), opened("C-1"))
    clock = SetClock(now)
    polling = Polling(config(marketo.url), clock=clock).to_the_end()
    assert by_kind(polling.log.events())["EMAIL_OPENED"] == 2

    marketo.set_clock(advance_s=3700)
    clock.advance(3700)
    polling.to_the_end()
    polling.close()

    assert by_kind(polling.log.events())["EMAIL_OPENED"] == 3


class SetClock(ManualClock):
    """A manual clock that begins at a moment."""

    def __init__(self, at: datetime) -> None:
        super().__init__()
        self._wall = at


def test_a_refused_paging_token_is_made_anew(marketo: SandboxMarketo) -> None:
    """§2.10e: from 24 h before the newest row; what was seen is not repeated."""
    marketo.put("C-1")
    marketo.did(opened("C-1"))
    log = polled(marketo)
    marketo.did(opened("C-1"))
    marketo.refuse("1003", path="/rest/v1/activities.json", count=1)

    polled(marketo, log)

    found = list(ids([each for each in log.events() if each["type"] == "EMAIL_OPENED"]))
    assert len(found) == len(set(found)) == 2


def test_a_token_that_ends_in_mid_page_is_renewed(marketo: SandboxMarketo) -> None:
    """§1: 602 was not executed."""
    marketo.put("C-1")
    marketo.did(*(opened("C-1") for _ in range(1500)))
    polling = Polling(config(marketo.url))
    readings = polling.session.begin()
    polling.session.turn(readings)
    marketo.quota("token", 0)

    while polling.session.turn(readings):
        pass
    polling.close()

    assert by_kind(polling.log.events())["EMAIL_OPENED"] == 1500
    assert marketo.state()["tokens_granted"] == 2


@pytest.mark.parametrize("code", ["606", "607", "615", "608", "611"])
def test_a_vendor_that_says_no_is_not_asked_for_a_while(marketo: SandboxMarketo, code: str) -> None:
    """The cursor stays, every feed waits, and nothing is lost afterwards."""
    marketo.put("C-1")
    marketo.did(opened("C-1"))
    clock = SetClock(datetime.now(UTC))
    polling = Polling(config(marketo.url), clock=clock)
    readings = polling.session.begin()
    marketo.refuse(code, path="/rest/v1/activities.json")

    polling.session.turn(readings)

    assert polling.log.events() == []
    assert min(one.due_at for one in readings) > clock.monotonic()
    marketo.forgive()
    clock.advance(3600)
    assert by_kind(polling.to_the_end().log.events())["EMAIL_OPENED"] == 1
    polling.close()


def test_an_http_429_waits_as_long_as_it_says(marketo: SandboxMarketo) -> None:
    """§4.1: undocumented here, obeyed all the same."""
    clock = SetClock(datetime.now(UTC))
    polling = Polling(config(marketo.url), clock=clock)
    readings = polling.session.begin()
    marketo.fault(status=429, headers={"retry-after": "77"}, path="/rest")

    polling.session.turn(readings)
    polling.close()

    assert {one.due_at - clock.monotonic() for one in readings} == {77.0}


def test_the_slice_of_the_day_is_kept_across_restarts(marketo: SandboxMarketo) -> None:
    """Another poller goes on counting; when the day's requests are used, nothing more is asked."""
    marketo.put("C-1")
    marketo.did(opened("C-1"))
    log = polled(marketo)
    used = max(one.cursor.requests for one in log.kept().values() if one.cursor)
    asked = len(marketo.received())

    polling = Polling(config(marketo.url, requests_per_day=100), log)
    polling.session.begin()
    polling.budget.resume(polling.budget.day, 100)
    with pytest.raises(PausedError, match="quota"):
        polling.budget.spend()
    polling.close()

    assert used > 0
    assert len(marketo.received()) == asked


def test_a_change_of_consent_is_reported(marketo: SandboxMarketo) -> None:
    """§2.10c: the field's new value, as the site's rules read it, from when it changed."""
    marketo.put("C-1")
    marketo.put("C-1", unsubscribed=True)

    (event,) = [each for each in polled(marketo).events() if each["topic"] == "comms.preference.v1"]

    assert (event["state"], event["channel"], event["purpose"]) == ("OPTED_OUT", "EMAIL", "MARKETING")
    assert event["effective_at"] == event["occurred_at"]


def test_a_stage_and_a_customer_id_are_profile_events(marketo: SandboxMarketo) -> None:
    """A lead that gets a customer id links its substitute; a mapped field is the profile's."""
    (lead,) = marketo.put("C-1", stage="prospect")

    events = [each for each in polled(marketo).events() if each["topic"] == "comms.profile.v1"]

    assert {(each["type"], each["substitute_id"], each["lifecycle_stage"]) for each in events} == {
        ("LINKED", f"marketo:{INSTANCE}:{lead}", None),
        ("CHANGED", None, "prospect"),
    }


def test_merged_and_deleted_leads_are_told(marketo: SandboxMarketo) -> None:
    """The loser's substitute is the winner; a deleted lead is no erasure."""
    winner, loser, gone = marketo.put("C-1", "C-2", "C-3")
    marketo.call("POST", f"/rest/v1/leads/{winner}/merge.json?leadIds={loser}", json={})
    marketo.call("POST", "/rest/v1/leads/delete.json", json={"input": [{"id": gone}]})

    events = polled(marketo).events()

    linked = {(each["substitute_id"], each["customer"]["customer_id"]) for each in events if each["type"] == "LINKED"}
    assert (f"marketo:{INSTANCE}:{loser}", "C-1") in linked
    (deleted,) = [each for each in events if each.get("cleared")]
    assert deleted["customer"]["customer_id"] == f"marketo:{INSTANCE}:{gone}"
    assert deleted["type"] == "CHANGED"


def test_a_bad_row_is_a_letter_and_stops_nobody(marketo: SandboxMarketo) -> None:
    """Its bytes and what is missing; the rows around it are events."""
    marketo.put("C-1")
    marketo.did(opened("C-1"), opened("C-1", date="yesterday"), opened("C-1"))

    log = polled(marketo)

    assert by_kind(log.events())["EMAIL_OPENED"] == 2
    (letter,) = log.letters()
    assert b"yesterday" in (letter.value or b"")
    assert dict(letter.headers)["dlq.place"] == b"marketo.activities-1"
    assert b"activityDate" in (dict(letter.headers)["dlq.detail"] or b"")


def test_where_to_begin_must_be_said_once(marketo: SandboxMarketo) -> None:
    """Nothing silently begins at the beginning, or now."""
    polling = Polling(config(marketo.url), since=None)
    with pytest.raises(ConfigurationError, match="--since"):
        polling.session.begin()
    polling.close()

    log = polled(marketo)
    again = Polling(config(marketo.url), log, since=None)
    again.to_the_end()
    again.close()
