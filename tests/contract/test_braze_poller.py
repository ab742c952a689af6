"""The Braze poller against the sandbox: every address once, every approved version once, whatever Braze does."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.braze.options import DEFAULT_KEY, PERMISSIONS
from tests.support.braze import SandboxBraze, sandbox_braze
from tests.support.braze_poll import INSTANCE, SetClock, polled, polling
from tests.support.marketo_poll import ids

PREFERENCE, CONTENT = "comms.preference.v1", "comms.content.v1"
NOW = datetime.now(UTC).replace(microsecond=0)
ASSETS: dict[str, Any] = {"signals": {"content_status"}}
ADDRESSES: dict[str, Any] = {"signals": {"unsubscribe", "suppression"}}


@pytest.fixture
def braze() -> Iterator[SandboxBraze]:
    """An empty workspace."""
    with sandbox_braze(campaigns={}) as sandbox:
        yield sandbox


def out(count: int, at: datetime = NOW, first: int = 0) -> list[dict[str, Any]]:
    """Addresses that are out, one a second."""
    return [
        {"email": f"u{number}@example.com", "at": (at + timedelta(seconds=number)).isoformat()}
        for number in range(first, first + count)
    ]


def block(content: str = "<p>Hello</p>", tags: tuple[str, ...] = ("Approved",), **more: Any) -> dict[str, Any]:
    """A content block."""
    return {"id": "cb-1", "name": "footer", "tags": list(tags), "fields": {"content": content}, **more}


def of(events: list[dict[str, Any]], topic: str) -> list[dict[str, Any]]:
    """The events of a topic."""
    return [each for each in events if each["topic"] == topic]


# -- addresses ------------------------------------------------------------------------------------


def test_who_unsubscribed_and_who_bounced_are_preferences(braze: SandboxBraze) -> None:
    """§2.10: by address; nobody is recognised by it, and it is no key."""
    braze.put(
        unsubscribes=[{"email": "ann@example.com", "at": NOW.isoformat()}],
        hard_bounces=[{"email": "bob@example.com", "at": NOW.isoformat()}],
    )

    log = polled(braze.url)

    found = {event["address"]: event for event in of(log.events(), PREFERENCE)}
    ann, bob = found["ann@example.com"], found["bob@example.com"]
    assert (ann["kind"], ann["channel"], ann["purpose"], ann["state"]) == (
        "CONSENT", "EMAIL", "MARKETING", "OPTED_OUT",
    )  # fmt: skip
    assert (bob["kind"], bob["channel"], bob["state"]) == ("SUPPRESSION", "EMAIL", "ON")
    assert ann["effective_at"] == NOW
    assert (ann["source"], ann["source_instance"], ann["customer"]["resolved"]) == ("braze", INSTANCE, False)
    assert not [record for record in log.records if b"@" in (record.key or b"")]


def test_a_long_list_is_read_to_its_end(braze: SandboxBraze) -> None:
    """Pages of 500 that overlap: each address once."""
    braze.put(unsubscribes=out(1_203, NOW - timedelta(days=3)), hard_bounces=out(501, NOW - timedelta(days=3)))

    found = of(polled(braze.url, **ADDRESSES).events(), PREFERENCE)

    assert len(found) == len(set(ids(found))) == 1_203 + 501


def test_another_look_repeats_nothing_and_skips_nothing(braze: SandboxBraze) -> None:
    """Days are read again; only what is new in them is published, also what shows up a day late."""
    clock = SetClock(NOW)
    braze.put(unsubscribes=out(3))
    one = polling(braze.url, clock=clock, **ADDRESSES).to_the_end()
    braze.put(unsubscribes=out(2, first=3), hard_bounces=out(1, NOW - timedelta(days=1), first=9))

    clock.advance(700)
    one.to_the_end()
    one.close()

    found = of(one.log.events(), PREFERENCE)
    assert len(found) == len(set(ids(found))) == 6


def test_rows_that_leave_the_list_while_it_is_paged_hide_nobody(braze: SandboxBraze) -> None:
    """§2.10: who subscribes again moves all behind forward; the pages overlap by fifty."""
    braze.put(unsubscribes=out(900, NOW - timedelta(days=20)))
    one = polling(braze.url, signals={"unsubscribe"})
    (feed,) = one.source.feeds(one.budget)
    page = feed.fetch(feed.start(NOW - timedelta(days=25)))
    braze.put(remove=[f"u{number}@example.com" for number in range(40)])

    rest = feed.fetch(page.position)
    one.close()

    assert {item.id for item in page.items} | {item.id for item in rest.items} >= {
        f"u{number}@example.com|{(NOW - timedelta(days=20) + timedelta(seconds=number)):%Y-%m-%d %H:%M:%S +0000}"
        for number in range(900)
    }


def test_a_bad_row_is_a_letter_and_stops_nobody(braze: SandboxBraze) -> None:
    """Its bytes and what is missing; the rows around it are events."""
    rows = [
        {"email": "a@example.com", "unsubscribed_at": "2026-06-17 19:27:44 +0000"},
        {"email": "b@example.com", "unsubscribed_at": "yesterday"},
        {"unsubscribed_at": "2026-06-17 19:27:45 +0000"},
    ]
    braze.fault(path="/email/unsubscribes", status=200, body={"emails": rows, "message": "success"}, count=1)

    log = polled(braze.url, signals={"unsubscribe"})

    assert [event["address"] for event in log.events()] == ["a@example.com"]
    assert [dict(letter.headers)["dlq.place"] for letter in log.letters()] == [b"braze.unsubscribes"] * 2
    assert b"unsubscribed_at" in (dict(log.letters()[0].headers)["dlq.detail"] or b"")


# -- material -------------------------------------------------------------------------------------


def test_every_kind_of_approved_material_is_told_with_its_body(braze: SandboxBraze) -> None:
    """B8: content, body and messages as they stand, and what traces them back."""
    message = {"m-1": {"channel": "email", "subject": "Hi", "body": "<p>{{${first_name}}}</p>"}}
    braze.put(
        content_blocks=[block()],
        email_templates=[
            {"id": "t-1", "name": "welcome", "tags": ["approved"], "fields": {"body": "<b/>", "subject": "Welcome"}}
        ],
        campaigns=[{"id": "c-1", "name": "spring", "tags": ["approved"], "fields": {"messages": message}}],
        canvases=[{"id": "v-1", "name": "onboarding", "tags": ["approved"], "fields": {"steps": [{"id": "s"}]}}],
    )

    found = {event["content_id"]: event for event in polled(braze.url, **ASSETS).events()}

    assert {event["type"] for event in found.values()} == {"APPROVED"}
    assert (found["cb-1"]["content_type"], found["cb-1"]["body"]) == ("content_block", "<p>Hello</p>")
    assert (found["t-1"]["content_type"], found["t-1"]["body"]) == ("template", "<b/>")
    assert found["t-1"]["attributes"]["subject"] == "Welcome"
    assert '"subject":"Hi"' in found["c-1"]["body"]
    assert found["v-1"]["body"] == '[{"id":"s"}]'
    assert {found[id_]["content_type"] for id_ in ("c-1", "v-1")} == {"campaign_asset"}
    assert found["cb-1"]["attributes"]["tags"] == "Approved"


def test_only_what_changed_is_told_again(braze: SandboxBraze) -> None:
    """By the hash of its content: an edit that changes nothing is no version."""
    clock = SetClock(NOW)
    braze.set_clock(now=NOW.isoformat(), frozen=True)
    braze.put(content_blocks=[block()])
    one = polling(braze.url, clock=clock, **ASSETS).to_the_end()
    looks = (block(), block("<p>Bye</p>"), block("<p>Bye</p>"))

    for shown in looks:
        clock.advance(1000)
        braze.set_clock(advance_s=1000)
        braze.put(content_blocks=[shown])
        one.to_the_end()
    one.close()

    events = one.log.events()
    assert [event["body"] for event in events] == ["<p>Hello</p>", "<p>Bye</p>"]
    assert len({event["version"] for event in events}) == 2


def test_content_that_comes_back_is_told_again(braze: SandboxBraze) -> None:
    """A, B, A: three events of three ids, two versions."""
    clock = SetClock(NOW)
    braze.set_clock(now=NOW.isoformat(), frozen=True)
    one = polling(braze.url, clock=clock, **ASSETS)

    for content in ("A", "B", "A"):
        braze.put(content_blocks=[block(content)])
        one.to_the_end()
        clock.advance(1000)
        braze.set_clock(advance_s=1000)
    one.close()

    events = one.log.events()
    assert [event["body"] for event in events] == ["A", "B", "A"]
    assert (len(set(ids(events))), len({event["version"] for event in events})) == (3, 2)


def test_what_carries_no_tag_is_not_opened(braze: SandboxBraze) -> None:
    """Unless it is wanted: then it is UPDATED, without a body."""
    braze.put(content_blocks=[block(tags=("draft",))])

    assert polled(braze.url, **ASSETS).events() == []
    (event,) = polled(braze.url, **ASSETS, unapproved=True).events()

    assert (event["type"], event["content_id"], event["body"]) == ("UPDATED", "cb-1", None)
    assert not braze.received(path="/content_blocks/info")["requests"]


@pytest.mark.parametrize(
    "state", [{"draft": True}, {"enabled": False}, {"archived": True}], ids=lambda state: str(state)
)
def test_a_tagged_campaign_must_also_run(braze: SandboxBraze, state: dict[str, bool]) -> None:
    """§2.11: enabled and no draft; once it is, it is told."""
    clock = SetClock(NOW)
    braze.set_clock(now=NOW.isoformat(), frozen=True)
    braze.put(campaigns=[{"id": "c-1", "name": "spring", "tags": ["approved"], "fields": state}])
    one = polling(braze.url, clock=clock, **ASSETS).to_the_end()
    assert one.log.events() == []

    clock.advance(1000)
    braze.set_clock(advance_s=1000)
    braze.put(campaigns=[{"id": "c-1", "name": "spring", "tags": ["approved"]}])
    one.to_the_end()
    one.close()

    assert [event["type"] for event in one.log.events()] == ["APPROVED"]


def test_many_pages_of_both_ways_of_paging(braze: SandboxBraze) -> None:
    """Offsets that must not be 0, and page numbers that begin with it."""
    blocks = [block(f"{number}", id=f"cb-{number}") for number in range(203)]
    campaigns = [{"id": f"c-{number}", "name": "n", "tags": ["approved"]} for number in range(200)]
    braze.put(content_blocks=blocks, campaigns=campaigns)

    events = polled(braze.url, **ASSETS).events()

    assert len({event["content_id"] for event in events}) == len(events) == 403
    assert not [one for one in braze.received(path="/content_blocks/list")["requests"] if "offset=0" in str(one)]


def test_a_sweep_finds_what_looks_for_edits_do_not(braze: SandboxBraze) -> None:
    """A tag that was set without an edit being dated."""
    clock = SetClock(NOW)
    edited = (NOW - timedelta(days=5)).isoformat()
    braze.put(content_blocks=[block(tags=(), edited=edited)])
    one = polling(braze.url, clock=clock, **ASSETS, sweep_every_s=3600).to_the_end()
    braze.put(content_blocks=[block(edited=edited)])

    clock.advance(1000)
    one.to_the_end()
    before = len(one.log.events())
    clock.advance(3600)
    one.to_the_end()
    clock.advance(1000)
    one.to_the_end()
    one.close()

    assert (before, len(one.log.events())) == (0, 1)


def test_a_thing_that_is_deleted_between_list_and_look_is_passed_over(braze: SandboxBraze) -> None:
    """§2.11: its id is invalid for this workspace."""
    braze.put(content_blocks=[block(), block(id="cb-2")])
    refusal = {"message": "Content Block ID is invalid for this workspace"}
    braze.fault(path="/content_blocks/info", status=400, body=refusal, count=1)

    assert [event["content_id"] for event in polled(braze.url, **ASSETS).events()] == ["cb-2"]


def test_a_body_over_the_cap_is_told_by_its_size(braze: SandboxBraze) -> None:
    """The event stays; whoever archives it fetches it."""
    braze.put(content_blocks=[block("x" * 2_000)])

    (event,) = polled(braze.url, **ASSETS, body_bytes=1_000).events()

    assert (event["type"], event["body"], event["attributes"]["body_bytes"]) == ("APPROVED", None, "2000")


# -- what the vendor says no to -------------------------------------------------------------------


def test_a_429_waits_until_the_window_ends(braze: SandboxBraze) -> None:
    """§4: `x-ratelimit-reset`; all feeds wait, and afterwards nothing is lost."""
    clock = SetClock(NOW)
    braze.set_clock(now=NOW.replace(minute=10, second=0).isoformat(), frozen=True)
    braze.put(unsubscribes=out(1), content_blocks=[block()])
    braze.quota("/email/unsubscribes", 0, 3600)
    one = polling(braze.url, clock=clock)
    readings = one.session.begin()

    one.session.turn(readings)

    waits = {each.due_at - clock.monotonic() for each in readings}
    assert min(waits) >= 3000
    assert one.log.events() == []
    assert len(braze.received()["requests"]) == 1
    braze.quota("/email/unsubscribes", 250_000, 3600)
    clock.advance(3601)
    assert len(one.to_the_end().log.events()) == 2
    one.close()


def test_the_last_fifth_of_the_pool_is_left_to_others(braze: SandboxBraze) -> None:
    """§4: below the reserve nothing is asked until the pool is full again; what was read is kept."""
    clock = SetClock(NOW)
    braze.set_clock(now=NOW.replace(minute=10, second=0).isoformat(), frozen=True)
    braze.put(unsubscribes=out(1))
    braze.quota("/email/unsubscribes", 10, 3600)
    one = polling(braze.url, clock=clock, reserve=0.6)
    readings = one.session.begin()

    while one.session.turn(readings):
        pass
    one.close()

    assert len(braze.received()["requests"]) == 5
    assert len(one.log.events()) == 1
    assert min(each.due_at for each in readings) > clock.monotonic()


@pytest.mark.parametrize(
    ("status", "body", "is_all"),
    [
        (401, {"message": "Invalid API key: k"}, True),
        (403, {"message": "Access Denied"}, False),
        (403, "<html>blocked</html>", True),
        (404, {"message": "Not Found"}, True),
        (400, {"message": "Bad Request"}, False),
        (500, {"message": "Internal"}, True),
        (200, {"message": "fatal error message"}, True),
        (200, {"message": "success"}, True),
    ],
)
def test_an_answer_that_is_none_is_a_pause(braze: SandboxBraze, status: int, body: Any, is_all: bool) -> None:
    """The cursor stays; a permission of one endpoint stops its feed alone; nothing is lost afterwards."""
    clock = SetClock(NOW)
    braze.put(unsubscribes=out(1), hard_bounces=out(1, first=1))
    braze.fault(path="/email/unsubscribes", status=status, body=body)
    one = polling(braze.url, clock=clock, **ADDRESSES)
    readings = one.session.begin()

    one.session.turn(readings)

    assert len(one.log.events()) == (0 if is_all else 1)
    assert readings[0].failures == 1
    braze.forgive()
    clock.advance(3600)
    assert len(one.to_the_end().log.events()) == 2
    one.close()


def test_a_key_that_is_withdrawn_while_paging_stops_and_loses_nothing(braze: SandboxBraze) -> None:
    """What was read before is kept; with a good key again the rest follows, nothing twice."""
    clock = SetClock(NOW)
    braze.put(unsubscribes=out(1_200, NOW - timedelta(days=3)))
    braze.fault(path="/email/unsubscribes", status=401, body={"message": "Invalid API key: k"}, skip=1)
    one = polling(braze.url, clock=clock, signals={"unsubscribe"})
    readings = one.session.begin()
    one.session.turn(readings)
    kept = len(one.log.events())
    braze.forgive()
    clock.advance(3600)

    found = one.to_the_end().log.events()
    one.close()

    assert kept == 500
    assert len(found) == len(set(ids(found))) == 1_200


def test_the_slice_of_a_minute_is_kept(braze: SandboxBraze) -> None:
    """Its own bound, whatever Braze would allow."""
    waits: list[float] = []
    one = polling(braze.url, requests_per_minute=2, clock=SetClock(NOW))

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        return False

    budget = one.source.slice(wait)

    for _ in range(3):
        budget.spend()
    one.close()

    assert waits == [60.0]
    assert budget.used == 3


def test_a_key_needs_a_permission_for_each_endpoint() -> None:
    """§1.3: the feed whose permission is missing waits alone."""
    keys = {DEFAULT_KEY: PERMISSIONS - {"email.hard_bounces"}}
    with sandbox_braze(keys=keys, campaigns={}) as braze:
        braze.put(unsubscribes=out(1), hard_bounces=out(1, first=1), content_blocks=[block()])
        one = polling(braze.url, clock=SetClock(NOW))
        readings = one.session.begin()
        while one.session.turn(readings):
            pass
        one.close()

    assert [each.feed.name for each in readings if each.failures] == ["braze.hard_bounces"]
    assert {event["topic"] for event in one.log.events()} == {PREFERENCE, CONTENT}
