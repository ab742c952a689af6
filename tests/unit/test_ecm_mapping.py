"""What ECM is asked: names, dates, forms, and what is refused before anything is sent."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from common.clock import SystemClock
from common.codec import Encoder, LocalSchemas
from common.errors import UnusableEventError
from common.event import Event
from common.reasons import Reason
from sandbox.ecm.forms import form_of
from tests.support.clock import ManualClock
from tests.support.ecm import config, event
from workers.sinks.ecm import asks
from workers.sinks.ecm.cache import Cache
from workers.sinks.ecm.config import ConsentHistory
from workers.sinks.ecm.pieces import Key
from workers.sinks.ecm.sink import EcmSink
from workers.sinks.ecm.troubles import Troubles
from workers.sinks.ecm.values import correlation, is_same, renamed, tagged
from workers.vendors.ecm.ask import Ask, File
from workers.vendors.ecm.client import encoded, query_text

BO = {"system": "SAP", "type": "KNA1", "id": "42"}
DUE = datetime(2026, 5, 28, 13, tzinfo=UTC)


def piece(action: str, about: Any = None, settings: dict[str, Any] | None = None, **parameters: Any) -> Any:
    sink = EcmSink.connect(config(**(settings or {})), SystemClock())
    try:
        made = sink.actions[action]
        return sink.prepare(made, about or event(), made.parameters(**parameters)).body
    finally:
        sink.close()


def refused(action: str, **parameters: Any) -> Reason:
    with pytest.raises(UnusableEventError) as raised:
        piece(action, **parameters)
    return raised.value.reason


def test_keys_are_padded_where_their_system_wants_it() -> None:
    """§5.1: SAP's KNA1 has ten digits."""
    made = piece(
        "create_reminder",
        settings={"id_widths": {"SAP/KNA1": 10}},
        business_object=BO,
        description="x",
        due_at=DUE,
        recipients=[7240],
    )

    assert made.where.key == Key("SAP", "KNA1", "0000000042")


def test_the_id_of_a_workspace_counts_before_its_business_object() -> None:
    """A flow may name both; a null is left out."""
    made = piece(
        "update_category", workspace_id=36780, business_object=BO, category="communication", attributes={"status": "x"}
    )

    assert (made.where.node, made.where.key) == ("36780", None)


@pytest.mark.parametrize(
    ("action", "parameters"),
    [
        ("update_category", {"category": "nothing", "attributes": {"a": 1}}),
        ("update_category", {"category": "communication", "attributes": {"nothing": 1}}),
        ("update_category", {"category": "communication", "attributes": {"status": {"a": 1}}}),
        ("update_category", {"category": "communication", "attributes": {"status": float("inf")}}),
        ("update_category", {"category": "communication", "attributes": {"status": "\ud800"}}),
        ("upload_document", {"name": "a:b", "content": "x"}),
        ("upload_document", {"name": "a", "content": "!", "encoding": "base64"}),
        ("create_task", {"name": "x", "assignee": "nobody"}),
        ("create_reminder", {"description": "x", "due_at": DUE, "recipients": ["nobody"]}),
    ],
)
def test_what_the_server_would_refuse_is_refused_here(action: str, parameters: dict[str, Any]) -> None:
    """Where somebody sees which field it was."""
    assert refused(action, workspace_id="1", **parameters) is Reason.INVALID_PARAMETER


def test_too_long_a_name_is_oversized() -> None:
    """§8.1: 248 characters."""
    assert refused("upload_document", workspace_id="1", name="n" * 249, content="x") is Reason.OVERSIZED


@pytest.mark.parametrize("text", ["", "x" * 600])
def test_a_tag_is_never_cut(text: str) -> None:
    """§8.3: descriptions have 255 characters; a look-up needs the whole tag."""
    made = tagged(text, "[evt:e-1]")

    assert made.endswith("[evt:e-1]")
    assert len(made) <= 255


@given(st.text(min_size=1, max_size=300), st.text(max_size=80))
def test_another_name_is_always_the_same_and_fits(name: str, identity: str) -> None:
    """A renamed document is found again by its event, and keeps to 248 characters where its first name did."""
    made = renamed(name[:248], identity)

    assert made == renamed(name[:248], identity) != name
    assert len(made) <= 248


def test_an_odd_event_id_becomes_one_that_fits() -> None:
    """§8.2: an identity is letters and digits; equal ids stay equal."""
    assert correlation("0b7c-1") == "0b7c-1"
    assert correlation("a b:c") == correlation("a b:c") != correlation("a b:d")


@pytest.mark.parametrize(
    ("current", "wanted", "same"),
    [("true", True, True), ("5", 5, True), ([], None, True), ([""], [], True), (["a"], ["a"], True), ("a", "b", False)],
)
def test_values_are_compared_however_they_are_written(current: Any, wanted: Any, same: bool) -> None:
    """§7: what the server gives back is text."""
    assert is_same(current, wanted) is same


def test_both_styles_of_a_category_write() -> None:
    """§3: plain fields with JSON for lists and the token, or one field body."""
    plain = asks.put_category("7", 9830, {"9830_2": "new", "9830_5": ["a"]}, "t", "plain")
    body = asks.put_category("7", 9830, {"9830_2": "new"}, "t", "body")

    assert plain.form == {"9830_2": "new", "9830_5": '["a"]', "9830_1": '{"metadata_token":"t"}'}
    assert body.form == {"body": '{"9830_2":"new","9830_1":{"metadata_token":"t"}}'}


def test_the_page_s_reminder_is_produced() -> None:
    """§11.1, verbatim but for what is ours."""
    made = piece(
        "create_reminder",
        workspace_id="1",
        description="SLA breached: …",
        due_at=datetime(2026, 5, 28, tzinfo=UTC),
        recipients=["7240", "8306"],
        priority="high",
        escalate_to=["1000"],
    )

    assert made.data == {
        "RSTYPE": "2",
        "RSRULE": "0",
        "RSDATE": "D/2026/5/28:0:0:0",
        "RSDESCRIPTION": "SLA breached: … [evt:e-1]",
        "PRIORITY": "100",
        "recipients": [7240, 8306],
        "RSACTIVATION": 1,
        "RSACTIVATIONUNIT": "1",
        "RSACTIVATIONBDAY": "1",
        "escalationEnabled": "1",
        "escalationrecipient_list": [1000],
        "escalationWhen": "1",
        "escalation": "2",
        "EscalationUnit": "1",
        "escalationOnBusinessDay": 1,
    }


@pytest.mark.parametrize("action", ["create_task", "create_reminder"])
def test_a_date_counted_from_the_event_is_the_same_at_each_try(action: str) -> None:
    """Three days after it occurred, whenever the request is made."""
    named: dict[str, Any] = (
        {"name": "Call"} if action == "create_task" else {"description": "Call", "recipients": [7240]}
    )
    made = piece(action, workspace_id="1", due_in_days=3, **named)

    told = made.properties["due_date"] if action == "create_task" else made.data["RSDATE"]
    assert told in ("2026-03-04T10:00:00", "D/2026/3/4:10:0:0")


@pytest.mark.parametrize(
    "dates", [{}, {"due_at": DUE, "due_in_days": 3}, {"due_in_days": 0}], ids=["none", "both", "at_once"]
)
def test_a_reminder_is_due_once(dates: dict[str, Any]) -> None:
    """Neither never nor twice."""
    with pytest.raises(ValidationError):
        piece("create_reminder", workspace_id="1", description="x", recipients=[1], **dates)


def test_data_becomes_a_document_that_is_the_same_for_the_same_data() -> None:
    """JSON for people: names in order, times as text; a text stays as it is."""
    where: dict[str, Any] = {"workspace_id": "1", "name": "a.json"}
    first = piece("upload_document", **where, content={"b": DUE, "a": {"ü": None}})
    same = piece("upload_document", **where, content={"a": {"ü": None}, "b": DUE})
    plain = piece("upload_document", **where, content="{}")

    assert first.content.text == same.content.text
    assert first.content.text.splitlines()[1:3] == ['  "a": {', '    "ü": null']
    assert "2026-05-28T13:00:00+00:00" in first.content.text
    assert plain.content.text == "{}"


@pytest.mark.parametrize(("actor", "kind", "told"), [("jdoe", "USER", "jdoe"), (None, "CUSTOMER", "CUSTOMER")])
def test_a_decision_names_who_made_it(actor: str | None, kind: str, told: str) -> None:
    """By name, else by what kind of actor it was."""
    made = piece("record_consent", business_object=BO, kind="CONSENT", effective_at=DUE, actor=actor, actor_kind=kind)

    assert made.values[config().consent.attributes["actor"]] == told  # type: ignore[union-attr]


def test_a_missing_workspace_is_one_alert_whatever_waits_for_it() -> None:
    """Two decisions about one workspace are one event; who is not to be told is not."""
    decided: dict[str, Any] = {"business_object": BO, "kind": "CONSENT", "effective_at": DUE}
    history = ConsentHistory(category=1, set=3, attributes={"event_id": 1}, alert=("role:records",))
    first, second = (
        piece("record_consent", whole_event(one), {"consent": history}, **decided) for one in ("e-1", "e-2")
    )

    assert first.alert["event_id"] == second.alert["event_id"]
    assert (first.alert["caused_by"], second.alert["caused_by"]) == ("e-1", "e-2")
    assert first.alert["alert_key"] == "no-workspace:SAP/KNA1/42"
    assert Encoder(LocalSchemas()).encode("comms.alert.v1", first.alert)
    assert piece("record_consent", **decided).alert is None


def whole_event(event_id: str) -> Event:
    """An event with everything that an alert takes over."""
    made = event(event_id)
    more = {"source": "commfleet", "ingested_at": made.value["occurred_at"]}
    return Event(made.topic, made.key, {**made.value, **more})


def test_a_query_has_flags_and_repeats() -> None:
    """§3: a flag needs no value."""
    assert query_text([("fields", "properties"), ("state", None)]) == "?fields=properties&state"


@pytest.mark.parametrize("identifier", ["a/b", "..", "ä b"])
def test_a_key_cannot_leave_its_place_in_a_path(identifier: str) -> None:
    """A business object's key is data of an event."""
    path = asks.by_business_object(Key("SF", "Account", identifier)).path

    assert path.startswith("v2/externalsystems/SF/botypes/Account/boids/")
    assert "/" not in path.rpartition("boids/")[2]
    assert ".." not in path


@given(st.dictionaries(st.text("abc_1", min_size=1), st.text(st.characters(codec="utf-8"), max_size=40), max_size=4))
def test_a_form_arrives_as_it_left(form: dict[str, str]) -> None:
    """§3: url-encoded, for whatever text."""
    body, headers = encoded(Ask("POST", "x", form=form))

    assert form_of(headers["content-type"], body or b"").fields == form
    assert {name: value[0] for name, value in parse_qs((body or b"").decode(), keep_blank_values=True).items()} == form


@given(st.binary(max_size=300), st.text(st.characters(codec="utf-8"), max_size=40))
def test_a_file_arrives_byte_for_byte(content: bytes, field: str) -> None:
    """§3: multipart; the sandbox's own reader gets what the sink sent."""
    file = File("offer.pdf", content, "application/pdf")
    body, headers = encoded(asks.create_version("7", field, is_major=False, file=file))

    form = form_of(headers["content-type"], body or b"")
    assert form.file is not None
    assert (form.file.content, form.file.name, form.fields["description"]) == (content, "offer.pdf", field)


def test_the_cache_is_bounded_by_number_and_age() -> None:
    """The least recently used goes first; nothing is believed for ever."""
    clock = ManualClock()
    cache = Cache(2, 60, clock.monotonic)
    for key in ("a", "b"):
        cache.put(key, f"node-{key}")
    assert cache.get("a") == "node-a"
    cache.put("c", "node-c")

    assert [cache.get(key) for key in "abc"] == ["node-a", None, "node-c"]
    assert cache.forget("node-c")
    assert not cache.forget("node-c")
    clock.advance(61)
    assert cache.get("a") is None
    assert len(cache) == 0


def test_troubles_tell_a_record_from_a_server() -> None:
    """§16: one record's until the third; what went well in between clears the suspicion."""
    troubles = Troubles()

    assert [troubles.failed("a").attempts for _ in range(3)] == [1, 2, 3]
    assert not troubles.failed("b").is_everybodys
    assert troubles.failed("c").is_everybodys
    assert troubles.failed("a").attempts == 3
    troubles.went_well("d")
    assert not troubles.failed("a").is_everybodys


@pytest.mark.parametrize(
    "settings",
    [
        {"base_url": "http://ecm.example.com/cs"},
        {"base_url": "https://ecm.example.com/otcs/cs/api/v2"},
        {"base_url": "https://user:secret@ecm.example.com/cs"},
        {"username": ""},
        {"auth": "otds"},
        {"time_zone": "Mars/Olympus"},
        {"error_texts": {"odd": "x"}},
        {"error_texts": {"taken": "("}},
        {"consent": {"category": 1, "set": 2, "attributes": {"kind": 1}}},
        {"consent": {"category": 1, "set": 2, "attributes": {"event_id": 1, "odd": 2}}},
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, Any]) -> None:
    """Told at start-up, without the secret."""
    usable: dict[str, Any] = {"base_url": "https://ecm.example.com/cs", "password": SecretStr("hunter2")}

    with pytest.raises(ValidationError) as raised:
        config(**(usable | settings))

    assert "hunter2" not in str(raised.value)
