"""Journey files: what is refused with its line, and what a site may change."""

from pathlib import Path

import pytest

from schemas.catalogue import catalogue
from tests.support.journeys import defaults, faults
from workers.journeys.catalogue import DEFAULT, load_journeys
from workers.journeys.definition import Journey, Wait
from workers.journeys.durations import duration, shown

GOOD = """- name: one
  kind: wait
  by: [document_id]
  start: {on: comms.communication.v1, when: {type: [DELIVERED]}}
  stop: {on: comms.communication.v1, when: {type: [RESPONDED]}}
  after: {reminder: 7d}
  keep: [document_type]
  emit: NO_RESPONSE
"""
JOIN = """- name: two
  kind: join
  all:
    one: {open: {on: comms.engagement.v1, when: {type: [EMAIL_OPENED]}, times: 2}}
    two: {open: {on: comms.profile.v1, when: {type: [CHANGED]}}}
  emit: ELIGIBLE
"""
DATE = """- name: three
  kind: date
  start: {on: comms.workspace.v1, when: {type: [UPDATED]}}
  date: expires_at
  before: {d30: 30d}
  emit: EXPIRING
"""


@pytest.mark.parametrize(
    ("text", "old", "new", "message"),
    [
        (GOOD, "kind: wait", "kind: weit", "2: the kind of one is one of wait, date, join"),
        (GOOD, "keep:", "kepe:", "7: a journey of kind wait has no key 'kepe'; did you mean 'keep'?"),
        (GOOD, "[document_id]", "[document]", "4: comms.communication.v1 has no field 'document'"),
        (GOOD, "[document_type]", "[document_typ]", "7: comms.communication.v1 has no field 'document_typ'"),
        (GOOD, "[document_type]", "[customer]", "7: customer has parts: keep fields of one value"),
        (GOOD, "[DELIVERED]", "[DELIVRED]", "4: type has no symbol 'DELIVRED'"),
        (GOOD, "on: comms.communication.v1, when: {type: [R", "on: comms.x.v1, when: {type: [R", "5: no journey can"),
        (GOOD, "on: comms.communication.v1, when: {type: [R", "on: comms.journey.v1, when: {type: [R", "5: no journey"),
        (GOOD, "7d", "7 days", "6: '7 days' is not a duration"),
        (GOOD, "7d", "{setting: nowhere}", "6: the setting flows.values.nowhere is missing"),
        (GOOD, "{reminder: 7d}", "7d", "6: after is a mapping of steps to durations"),
        (GOOD, "reminder:", "a@b:", "6: the step 'a@b' needs a name"),
        (GOOD, "NO_RESPONSE", "NO_RESPONS", "8: emit is one of NO_RESPONSE"),
        (GOOD, "NO_RESPONSE", "CANCEL_REQUESTED", "8: emit is one of NO_RESPONSE"),
        (GOOD, "[RESPONDED]}", "[RESPONDED]}, by: [channel]", "5: by may only leave fields of the journey's own out"),
        (GOOD, "emit:", "again: {after: 1d}\n  emit:", "8: again must not be before the last step"),
        (GOOD, "emit:", "again: often\n  emit:", "8: again is ignore, restart, or {after: DURATION}"),
        (GOOD, "emit:", "at: '25:00'\n  emit:", "8: '25:00' is not a time of day"),
        (GOOD, "emit:", "zone: Berlin\n  emit:", "8: there is no time zone 'Berlin'"),
        (GOOD, "start: {on: comms.communication.v1, when: {type: [DELIVERED]}}", "about: x", "1: start is missing"),
        (JOIN, "times: 2", "times: 0", "4: times is a whole number from 1 to 50"),
        (JOIN, "emit:", "again: restart\n  emit:", "6: restart is for waits"),
        (JOIN, "one: {open", "one: {opens: 1, open", "4: a condition has no key 'opens'"),
        (DATE, "date: expires_at", "date: owner", "4: owner of comms.workspace.v1 is a string, not a timestamp"),
        (DATE, "emit:", "again: restart\n  emit:", "6: a journey of kind date has no key 'again'"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_told_with_its_line(tmp_path: Path, text: str, old: str, new: str, message: str) -> None:
    """One fault, where it stands."""
    assert faults(tmp_path, text) == []
    assert old in text

    found = faults(tmp_path, text.replace(old, new, 1))

    assert any(one.startswith(message) for one in found), found


def test_two_of_one_name_are_refused(tmp_path: Path) -> None:
    """In one site's files."""
    (message,) = faults(tmp_path, GOOD + GOOD)

    assert "journey one stands at" in message


def test_a_site_replaces_and_switches_off(tmp_path: Path) -> None:
    """By name."""
    file = tmp_path / "own.yaml"
    file.write_text("- {name: B6-at-risk, enabled: false}\n" + GOOD.replace("name: one", "name: M5-no-response"))
    found = {one.name: one for one in load_journeys([file], {}, catalogue()).journeys}

    assert "B6-at-risk" not in found
    assert found["M5-no-response"].steps == ("reminder",)
    assert len(found) == len(defaults()) - 1


def test_a_switch_needs_something_to_switch_off(tmp_path: Path) -> None:
    """A slip would leave it running."""
    (message,) = faults(tmp_path, "- {name: B6-at-rist, enabled: false}\n")

    assert message == "1: no default journey B6-at-rist that could be switched off"


def test_a_sites_numbers_are_used() -> None:
    """In either form of the name."""
    nested, dotted = defaults("B3-inactive", b3={"inactive": "90d"}), defaults("B3-inactive", **{"b3.inactive": "90d"})

    assert [[one.after for one in _waits(each)] for each in (nested, dotted)] == [[{"d60": duration("90d")}]] * 2


def _waits(journeys: tuple[Journey, ...]) -> list[Wait]:
    return [one.kind for one in journeys if isinstance(one.kind, Wait)]


def test_every_default_journey_says_what_it_is() -> None:
    """One sentence, and its name begins with a flow's."""
    assert all(one.about.endswith(".") and one.name[0] in "MNB" for one in defaults())
    texts = [file.read_text() for file in DEFAULT]
    assert len(defaults()) == sum(text.count("- name:") for text in texts)


def test_a_default_journey_waits_for_a_setting(tmp_path: Path) -> None:
    """It is left out, and named with what it needs; a site's own journey must not lack anything."""
    text = GOOD.replace("communication.v1, when: {", "communication.v1, when: {product: [{setting: nowhere}], ")
    file = tmp_path / "some.yaml"
    file.write_text(text)

    declared = load_journeys([], {}, catalogue(), [file])

    assert declared.journeys == ()
    assert [one.name for one in declared.left_out] == ["one"]
    assert "flows.values.nowhere is missing" in declared.left_out[0].needs[0]
    assert any("flows.values.nowhere is missing" in one for one in faults(tmp_path, text))


@pytest.mark.parametrize("text", ["0s", "30m", "12h", "7d", "14d"])
def test_a_duration_is_written_as_it_is_read(text: str) -> None:
    """There and back."""
    length = duration(text)
    assert length is not None
    assert shown(length) == text


@pytest.mark.parametrize("raw", ["7", "d", "1.5d", "-1d", 7, None, "9999w"])
def test_what_is_no_duration(raw: object) -> None:
    """Told by None."""
    assert duration(raw) is None
