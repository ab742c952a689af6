"""What notifications make of an event: audiences, wording, jobs and ids, raised alerts; and what settings refuse."""

import hashlib
import hmac
import json
from base64 import b64decode
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from common.clock import SystemClock
from common.codec import Encoder
from common.errors import UnusableEventError
from common.event import Event
from common.event_json import from_json
from common.reasons import Reason
from common.schema_source import LocalSchemas
from schemas.catalogue import catalogue
from tests.support.notifications import (
    GOOD,
    NOW,
    OCCURRED,
    PAGE_EMAIL,
    PAGE_SMS,
    config,
    endpoint,
    event,
    messaging,
)
from topics.catalogue import flow_topics
from workers.sinks.api import Item
from workers.sinks.notifications import mapping, wording
from workers.sinks.notifications.actions import actions
from workers.sinks.notifications.audience import expand, recipients
from workers.sinks.notifications.client import signed
from workers.sinks.notifications.config import MessagingConfig, NotificationsConfig
from workers.sinks.notifications.firsts import Firsts
from workers.sinks.notifications.jobs import Send, calls, sends
from workers.sinks.notifications.message import Message
from workers.sinks.notifications.parameters import Alert, Channel, HttpAlert, Link, Notify, RaiseAlert, Severity
from workers.sinks.notifications.sink import NotificationsSink
from workers.sinks.notifications.throttle import Throttle

EXAMPLES = Path(__file__).parents[2] / "schemas" / "examples"
PAGE_PEOPLE = {"7240": {"email": "jane@acme.example", "sms": "+34666999999"}}


def item(action: str = "notify", settings: NotificationsConfig | None = None, **parameters: Any) -> Item:
    settings = settings or config()
    made = actions(settings)[action].parameters(**(GOOD[action] | parameters))
    match made:
        case Notify():
            return mapping.notify(event(), made, settings, settings.messaging or messaging())
        case HttpAlert():
            return mapping.http_alert(event(), made, settings, settings.http_alert or endpoint())
        case RaiseAlert():
            return mapping.raise_alert(event(), made)
    raise AssertionError(made)


def jobs(settings: NotificationsConfig | None = None, **parameters: Any) -> list[Send]:
    settings = settings or config()
    message: Message = item("notify", settings, **parameters).body
    return sends([message], settings, settings.messaging or messaging())


def reason(action: str = "notify", settings: NotificationsConfig | None = None, **parameters: Any) -> Reason:
    with pytest.raises(UnusableEventError) as raised:
        item(action, settings, **parameters)
    return raised.value.reason


# -- golden requests ----------------------------------------------------------------------------


def test_the_email_request_is_the_page_s() -> None:
    """§2.1: field by field; what we leave out is optional there (inserts, display_to, expiration_days)."""
    account = messaging(
        billing_code="CRM", from_display_name="Acme Alerts", reply_to="ops@acme.example", html_open_tracking=True
    )
    settings = config(people=PAGE_PEOPLE, audiences={}, messaging=account)
    job = jobs(settings, audience=["user:7240"], severity="HIGH", channels=["email"])[0]
    ours, page = json.loads(job.body()), json.loads(PAGE_EMAIL)

    email_options = ours["options"].pop("email_options")
    assert email_options.items() <= page["options"].pop("email_options").items()
    assert ours["destinations"][0].items() <= page["destinations"][0].items()
    assert [part.keys() for part in ours["body"]] == [part.keys() for part in page["body"]]
    assert [part["type"] for part in ours["body"]] == ["html", "text"]
    assert ours["reports"] == page["reports"]
    assert ours.keys() == page.keys()
    assert {**ours["options"], "message_id": "acme-prod-9f2c"} == page["options"]
    assert "Batch 4711 failed" in b64decode(ours["body"][1]["data"]).decode()


def test_the_sms_request_is_the_page_s() -> None:
    """§2.2: 00 and digits, plain text."""
    settings = config(people=PAGE_PEOPLE, audiences={}, messaging=messaging(billing_code="CRM"))
    ours = json.loads(jobs(settings, audience=["user:7240"], channels=["sms"])[0].body())
    page = json.loads(PAGE_SMS)

    assert ours["destinations"] == [{"ref": "u:7240", "sms": "0034666999999"}]
    assert ours.keys() == page.keys()
    assert {**ours["options"], "message_id": "m"} == page["options"]


@pytest.mark.parametrize(
    ("alert_key", "reference"),
    [("batch:4711:failed", "evt:e-1 batch:4711:failed"), ("", "evt:e-1"), ("k" * 201, "evt:e-1")],
    ids=["an alert", "none", "too long"],
)
def test_the_status_of_a_job_leads_back_to_its_alert(alert_key: str, reference: str) -> None:
    """The customer reference comes back with it (§4), and says which event and which alert it was."""
    message: Message = replace(item().body, event_id="e-1", alert_key=alert_key)

    assert message.reference == reference
    assert json.loads(replace(jobs()[0], messages=(message,)).body())["options"]["customer_reference"] == reference


def test_an_event_on_the_alert_topic_brings_its_key() -> None:
    """Where a flow tells of alerts, its outcomes are that alert's."""
    alert_event = replace(event(), value={**event().value, "alert_key": "batch:4711:failed"})
    made = actions(config())["notify"].parameters(**GOOD["notify"])
    assert isinstance(made, Notify)

    assert mapping.notify(alert_event, made, config(), messaging()).body.alert_key == "batch:4711:failed"


def test_an_alert_call_is_signed() -> None:
    """§7.3: HMAC of timestamp, dot, body."""
    digest = hmac.new(b"secret", f"{int(NOW.timestamp())}.".encode() + b"{}", hashlib.sha256).hexdigest()

    assert signed("secret", b"{}", NOW)["x-signature"] == f"sha256={digest}"


# -- who ----------------------------------------------------------------------------------------


def test_audiences_expand_by_the_table() -> None:
    """Users, roles, groups and regions; each person once, in one order."""
    assert expand(["group:claims", "user:jane", "region:DE"], config()).users == ("bob", "eve", "jane")


def test_an_audience_within_itself_is_read_once() -> None:
    """Two groups that hold each other end somewhere."""
    settings = config(audiences={"role:a": ("role:b", "user:bob"), "role:b": ("role:a",)})

    assert expand(["role:b"], settings).users == ("bob",)


def test_bare_lists_of_an_event_are_audiences() -> None:
    """N3 reviewers, N5 one audience for each region."""
    alert = Notify(title="t", users=("jane",), regions=("DE", "AT"))

    assert alert.everybody == ("user:jane", "region:DE", "region:AT")


def test_two_people_of_one_address_are_told_once() -> None:
    """A shared mailbox is one destination."""
    settings = config(people={"a": {"email": "ops@x.example"}, "b": {"email": "OPS@x.example"}}, audiences={})

    assert [each.ref for each in recipients(["a", "b"], Channel.EMAIL, settings)] == ["u:a"]


@pytest.mark.parametrize("audience", [["role:nobody"], ["user:stranger"], ["region:FR", "group:none"]])
def test_an_alert_for_nobody_is_never_dropped(audience: list[str]) -> None:
    """§9 #19: a person must look at it."""
    assert reason(audience=audience) is Reason.MISSING_TARGET


def test_an_alert_without_an_address_for_its_channel_is_never_dropped() -> None:
    """Bob has no mobile number."""
    assert reason(audience=["user:bob"], channels=["sms"]) is Reason.MISSING_TARGET


def test_an_urgent_alert_for_nobody_reaches_the_fallback() -> None:
    """§9 #19: HIGH and CRITICAL only; the names that were nobody are told."""
    settings = config(fallback_audience=("user:eve",))
    message = item(settings=settings, audience=["role:nobody"], severity="CRITICAL").body

    assert (message.users, message.unknown) == (("eve",), ("role:nobody",))
    assert reason(settings=settings, audience=["role:nobody"], severity="LOW") is Reason.MISSING_TARGET


@pytest.mark.parametrize("name", ["jane", "role:", "team:x", "role: x", "user:x "])
def test_an_audience_has_a_kind(name: str) -> None:
    """A name without its kind would mean anything."""
    with pytest.raises(ValidationError):
        Notify(title="t", audience=(name,))


def test_an_alert_needs_an_audience() -> None:
    """Nobody is nobody's default."""
    with pytest.raises(ValidationError, match="needs an audience"):
        Notify(title="t")


# -- how ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("severity", "channels"),
    [("INFO", ["email"]), ("MEDIUM", ["email"]), ("HIGH", ["email", "sms"]), ("CRITICAL", ["email", "sms"])],
)
def test_the_severity_chooses_the_channels(severity: str, channels: list[str]) -> None:
    """§7.2: SMS for HIGH and more."""
    assert [job.kind for job in jobs(severity=severity)] == channels


def test_a_site_routes_otherwise() -> None:
    """What is not named keeps its default; a flow may say channels itself."""
    settings = config(routing={"LOW": ["sms"]})

    assert [job.kind for job in jobs(settings, severity="LOW")] == ["sms"]
    assert [job.kind for job in jobs(settings, severity="HIGH")] == ["email", "sms"]
    assert [job.kind for job in jobs(settings, severity="HIGH", channels=["email"])] == ["email"]


def test_an_unknown_severity_is_medium() -> None:
    """A newer writer's symbol is neither urgent nor nothing."""
    assert Notify(title="t", audience=("user:x",), severity="UNKNOWN").severity is Severity.MEDIUM


@pytest.mark.parametrize(("severity", "hours"), [("HIGH", 24), ("CRITICAL", 72)])
def test_every_alert_expires(severity: str, hours: int) -> None:
    """§9: 24 hours after it occurred, 72 for critical ones, unless it says when."""
    assert item(severity=severity).body.expires_at == OCCURRED + timedelta(hours=hours)
    assert item(expires_at=NOW).body.expires_at == NOW


def test_what_shares_topic_and_audience_may_share_a_message() -> None:
    """Not another audience, topic, channel, nor a critical one."""
    one = item().shared_by

    assert one == item(title="another", audience=["user:bob", "user:jane"]).shared_by
    others: list[dict[str, Any]] = [
        {"audience": ["user:bob"]},
        {"topic": "x"},
        {"severity": "HIGH"},
        {"severity": "CRITICAL"},
    ]
    assert one not in [item(**each).shared_by for each in others]


def test_too_large_an_alert_is_rejected_alone() -> None:
    """§8: before anything is sent."""
    small = config(messaging=messaging(max_body_bytes=65_536), http_alert=endpoint(max_body_bytes=4_096))

    assert reason(settings=small, body="x" * 60_000) is Reason.OVERSIZED
    assert reason("http_alert", settings=small, body="x" * 5_000) is Reason.OVERSIZED


# -- wording ------------------------------------------------------------------------------------


def alert(**more: Any) -> Alert:
    return Alert(**({"title": "Batch 4711 failed", "audience": ("user:x",), "severity": "HIGH"} | more))


def test_a_subject_is_one_line() -> None:
    """A title with line breaks is no header injection."""
    assert wording.subject([alert(title="a\r\nBcc: x@y.example")]) == "[HIGH] a Bcc: x@y.example"


def test_nothing_of_an_event_is_markup() -> None:
    """Titles, bodies, labels and links are escaped."""
    said = wording.html(
        [alert(title="<b>", body="<script>", links=(Link(url="https://x.example/?a=1&b='", label='"><i>'),))]
    )

    for raw in ("<b>", "<script>", "<i>", "&b='"):
        assert raw not in said
    assert "&lt;script&gt;" in said


@pytest.mark.parametrize("url", ["javascript:alert(1)", "ftp://x", 'https://x"onclick', "https://x y", "//x"])
def test_a_link_leads_to_the_web(url: str) -> None:
    """People click it."""
    with pytest.raises(ValidationError):
        Link(url=url)


@given(title=st.text(min_size=1, max_size=500), body=st.text(max_size=2000), most=st.integers(70, 1600))
def test_an_sms_fits_and_keeps_its_link(title: str, body: str, most: int) -> None:
    """§2.2: the text is cut, the link as the last line is not."""
    link = "https://ops.example/4711"

    said = wording.sms([alert(title=title, body=body or None, links=(Link(url=link),))], most)

    assert len(said) <= most
    assert said.splitlines()[-1] == link


def test_links_are_the_last_lines_of_the_text() -> None:
    """§7.2."""
    links = (Link(url="https://a.example", label="Open job"), Link(url="https://b.example"))

    assert wording.text([alert(body="Why.", links=links)]).splitlines()[-2:] == [
        "Open job: https://a.example",
        "https://b.example",
    ]


# -- ids ----------------------------------------------------------------------------------------


def test_a_repeat_has_the_same_id_and_anything_else_another() -> None:
    """§3: only the id is compared, so content, audience, channel and event are in it."""
    same, again = (jobs()[0].message_id for _ in range(2))
    others = [
        jobs(title="another")[0],
        jobs(audience=["user:bob"])[0],
        jobs(channels=["sms"])[0],
        jobs(links=[{"url": "https://x.example"}])[0],
    ]

    assert same == again
    assert len({same, *(each.message_id for each in others)}) == 5
    assert all(len(each.message_id) <= 80 and each.message_id.startswith("acme-prod-") for each in others)


def test_halves_are_jobs_of_their_own() -> None:
    """§9 #4: resent with other ids, everybody once."""
    (job,) = jobs(audience=["group:claims"])

    first, second = job.halves()

    assert first.recipients + second.recipients == job.recipients
    assert len({job.message_id, first.message_id, second.message_id}) == 3


@given(prefix=st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9._-]{2,31}\Z"))
def test_an_id_has_at_most_80_characters(prefix: str) -> None:
    """§3: with the longest prefix, renamed too."""
    job = jobs(config(messaging=messaging(message_prefix=prefix)))[0]

    assert len(Send(job.channel, job.messages, job.recipients, job.config, renamed=True).message_id) <= 80


@pytest.mark.parametrize(
    ("style", "targets"),
    [
        ("audience", [{"kind": "role", "value": "operations"}]),
        ("users", [{"kind": "user", "value": "bob"}, {"kind": "user", "value": "jane"}]),
        ("addresses", [{"kind": "address", "value": f"{name}@acme.example"} for name in ("bob", "jane")]),
    ],
)
def test_an_endpoint_gets_the_targets_it_can_read(style: str, targets: list[dict[str, str]]) -> None:
    """§7.3 target_style."""
    settings = config(http_alert=endpoint(target_style=style))
    called = item("http_alert", settings).body
    (call,) = calls(called.message, called.alert_key, settings, endpoint(target_style=style))

    assert json.loads(call.body())["targets"] == targets


def test_many_targets_are_several_calls() -> None:
    """§7.3 max_targets_per_call."""
    site = endpoint(max_targets=2)
    message = Message("e", alert(audience=tuple(f"user:{n}" for n in range(5))), NOW, ())

    assert [len(call.recipients) for call in calls(message, None, config(), site)] == [2, 2, 1]


# -- raised alerts ------------------------------------------------------------------------------


def test_a_raised_alert_is_an_event() -> None:
    """Its schema takes it; what joins events is carried on."""
    value = item("raise_alert", links=[{"url": "https://x.example", "label": "Job"}], expires_at=NOW).body

    assert Encoder(LocalSchemas(catalogue())).encode("comms.alert.v1", value)
    assert (value["caused_by"], value["correlation_id"], value["source"]) == ("9f2c", "run-7", "exstream")
    assert (value["occurred_at"], value["expires_at"]) == (OCCURRED, NOW)


@pytest.mark.parametrize("topic", [name for name in flow_topics() if name != "comms.consent.v1"])
def test_any_event_may_raise_an_alert(topic: str) -> None:
    """Every example that comes with the schemas: the alert made of it is an event too, customer included."""
    encoder = Encoder(LocalSchemas(catalogue()))
    parameters = RaiseAlert(**GOOD["raise_alert"])
    files = sorted((EXAMPLES / topic).glob("*.json"))
    assert files
    for file in files:
        value = from_json(topic, json.loads(file.read_text(encoding="utf-8")))

        assert encoder.encode("comms.alert.v1", mapping.raise_alert(Event(topic, None, value), parameters).body)


def test_the_id_of_an_alert_is_its_key_s() -> None:
    """The matter counts, not who raised it or in which words."""
    one, same, other = (
        item("raise_alert", None, **more).body["event_id"]
        for more in ({}, {"title": "in other words", "severity": "LOW"}, {"alert_key": "batch:4712:failed"})
    )

    assert one == same != other


# -- settings -----------------------------------------------------------------------------------

FAULTY: dict[str, dict[str, Any]] = {
    "audience_unknown": {"audiences": {"role:a": ("user:ghost",)}},
    "audience_without_kind": {"audiences": {"operations": ("user:bob",)}},
    "a_user_as_an_audience": {"audiences": {"user:bob": ("user:jane",)}},
    "fallback_unknown": {"fallback_audience": ("role:ghost",)},
    "no_channel": {"routing": {"LOW": []}},
    "bad_number": {"people": {"a": {"sms": "0170"}}, "audiences": {}},
    "bad_address": {"people": {"a": {"email": "x"}}, "audiences": {}},
}


@pytest.mark.parametrize("fault", FAULTY)
def test_settings_that_cannot_work_are_refused(fault: str) -> None:
    """At start-up, not at three in the morning."""
    with pytest.raises(ValidationError):
        config(**FAULTY[fault])


@pytest.mark.parametrize(
    "more",
    [
        {"base_url": "http://messaging.example"},
        {"base_url": "https://messaging.example/mra"},
        {"password": None},
        {"client_id": "both"},
        {"message_prefix": "x"},
        {"message_prefix": "has space"},
        {"sms_prefix": "abc"},
    ],
)
def test_an_account_that_cannot_work_is_refused(more: dict[str, Any]) -> None:
    """§1, §3: https, host only, exactly one way in, a prefix of one's own."""
    with pytest.raises(ValidationError):
        MessagingConfig(
            **(
                {"base_url": "https://m.example", "username": "u", "password": SecretStr("p"), "message_prefix": "acme"}
                | more
            )
        )


@pytest.mark.parametrize(
    "more",
    [
        {"url": "http://alerts.example.com"},
        {"signing_secret": SecretStr("short")},
        {"headers": {"X-Signature": SecretStr("x")}},
        {"headers": {"x-key": SecretStr("a\nb")}},
        {"already_done_pattern": "("},
        {"health_url": "http://alerts.example.com/health"},
    ],
)
def test_an_endpoint_that_cannot_work_is_refused(more: dict[str, Any]) -> None:
    """§7.3: https, a real secret, headers of its own only."""
    with pytest.raises(ValidationError):
        endpoint(**more)


def test_a_flow_says_what_its_action_lacks() -> None:
    """Before any event is seen; raise_alert needs nothing."""
    sink = NotificationsSink.connect(NotificationsConfig(), SystemClock())
    found = {name: sink.problems(action, lambda _: None) for name, action in sink.actions.items()}

    assert "sinks.notifications.messaging" in found["notify"][0]
    assert "sinks.notifications.http_alert" in found["http_alert"][0]
    assert found["raise_alert"] == []
    assert "'URGENT'" in sink.problems(sink.actions["raise_alert"], lambda _: ["URGENT", "HIGH", "UNKNOWN"])[0]
    sink.close()


def test_nothing_secret_or_personal_is_shown() -> None:
    """Addresses and passwords are in no repr."""
    shown = repr(jobs()) + repr(item()) + repr(messaging()) + repr(endpoint())

    assert "acme.example" not in shown
    assert "sandbox-only" not in shown


# -- throttle -----------------------------------------------------------------------------------


class _Time:
    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


def test_room_comes_back_after_an_hour() -> None:
    """The wait ends when the oldest message that counts is an hour old."""
    time = _Time()
    throttle = Throttle(2, time)
    for time.at in (0, 600):
        assert throttle.take(["jane"]) is None

    assert throttle.take(["jane", "bob"]) == 3000
    assert throttle.take(["bob"]) is None
    time.at = 3600
    assert throttle.take(["jane"]) is None


def test_what_was_not_sent_does_not_count() -> None:
    """A held route uses up nobody's share."""
    throttle = Throttle(1, _Time())
    throttle.take(["jane"])
    throttle.give_back(["jane", "stranger"])

    assert throttle.take(["jane"]) is None


@given(st.lists(st.tuples(st.floats(0, 600), st.sampled_from(["a", "b"])), max_size=60), st.integers(1, 5))
def test_nobody_is_told_more_often(steps: list[tuple[float, str]], per_hour: int) -> None:
    """In any hour, whatever comes; and after the wait there is room."""
    time, told = _Time(), []
    throttle = Throttle(per_hour, time)
    for pause, person in steps:
        time.at += pause
        wait = throttle.take([person])
        if wait is None:
            told.append((time.at, person))
        else:
            time.at += wait + 0.001
            assert throttle.take([person]) is None
            told.append((time.at, person))
    for at, person in told:
        assert sum(1 for other, who in told if who == person and at <= other < at + 3599) <= per_hour


# -- the same alert -----------------------------------------------------------------------------


def test_a_matter_belongs_to_the_event_that_told_of_it_first() -> None:
    """The same event may tell of it again; another one may when its time is over."""
    time = _Time()
    firsts = Firsts(time, keep_s=100)

    assert [firsts.is_first("m", name) for name in ("a", "b", "a")] == [True, False, True]
    assert firsts.is_first("n", "b")
    time.at = 100
    assert [firsts.is_first("m", name) for name in ("b", "a")] == [True, False]


def test_matters_are_forgotten_when_there_are_too_many() -> None:
    """Memory is bounded; what was asked about lately stays."""
    firsts = Firsts(_Time())
    firsts.is_first("old", "a")
    firsts.is_first("kept", "a")
    for n in range(9_999):
        firsts.is_first(f"m{n}", "a")
        firsts.is_first("kept", "a")

    assert firsts.is_first("old", "b")
    assert not firsts.is_first("kept", "b")


@pytest.mark.parametrize(
    ("audience", "expected"),
    [
        (["role:operations", "user:jane", "region:DE"], []),
        (["role:operations", "role:nobody"], ["role:nobody"]),
        (["user:stranger"], ["user:stranger"]),
        (None, []),
    ],
)
def test_an_audience_that_is_nobody_is_told_of_before_any_event(
    audience: list[str] | None, expected: list[str]
) -> None:
    """Where this sink has to know who that is; it would be a dead letter for each alert."""
    sink = NotificationsSink.connect(config(), SystemClock())

    found = sink.problems(sink.actions["raise_alert"], lambda name: audience if name == "audience" else None)

    assert [problem.split()[2] for problem in found] == expected
    sink.close()


@pytest.mark.parametrize("style", ["audience", "users"])
def test_an_audience_of_the_sites_own_system_is_known_there(style: str) -> None:
    """It resolves roles itself, unless it is sent users or addresses."""
    sink = NotificationsSink.connect(config(messaging=None, http_alert=endpoint(target_style=style)), SystemClock())

    found = sink.problems(sink.actions["raise_alert"], lambda name: ["role:x"] if name == "audience" else None)

    assert len(found) == (style == "users")
    sink.close()
