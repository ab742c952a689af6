"""Flow files: what is refused with file and line, what a site may change, and what an event does."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from common.errors import LocatedError, UnusableEventError
from common.reasons import Reason
from schemas.catalogue import catalogue
from tests.support.flows import ACTIONS, COMMUNICATION, Write, every_action, faults, load
from workers.catalogue import all_flows
from workers.flows.catalogue import Flows, load_flows
from workers.flows.explain import explain
from workers.flows.flow import Flow
from workers.flows.names import name_hash
from workers.flows.pattern import Failure
from workers.flows.place import FaultyFlowsError
from workers.settings import Settings
from workers.sinks.api import Item, Repeat

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
CALL = "- {name: call, on: comms.batch.v1, do: phone.call, with: {number: '5'}, consent: none}"
EXAMPLE = Path(__file__).parents[2] / "examples" / "first-light.yaml"


def flow(name: str = "one", more: str = "", do: str = "paper.write", title: str = "all ${type}") -> str:
    """One entry of a flow file; `more` are lines of the entry."""
    lines = [f"- name: {name}", f"  on: {COMMUNICATION}", f"  do: {do}", f"  with: {{title: '{title}'}}", more]
    return "\n".join(line for line in lines if line) + "\n"


def names(flows: Flows, topic: str = COMMUNICATION, **event: Any) -> list[str]:
    """The flows that act on an event."""
    return [found.name for found in flows.matching(topic, {"type": "SENT", **event})]


# -- one entry


def test_a_flow_may_tolerate_repeats_of_a_once_action(tmp_path: Path) -> None:
    """That flow's action only: another flow of the same action stays fenced."""
    text = flow(name="a", more="  repeat: tolerated") + flow(name="b")
    tolerant, fenced = (found.action for found in load(tmp_path, text))

    assert (tolerant.repeat, fenced.repeat) == (Repeat.TOLERATED, Repeat.ONCE)
    assert tolerant == replace(fenced, repeat=Repeat.TOLERATED)


@pytest.mark.parametrize(
    ("entry", "line", "message"),
    [
        ("- name: a\n  on: comms.comunication.v1\n  do: paper.write", 2, "did you mean 'comms.communication.v1'?"),
        ("- name: a\n  on: comms.receipt.v1\n  do: paper.write", 2, "no flow can be on comms.receipt.v1"),
        ("- name: a\n  do: paper.write\n  with: {title: abc}", 1, "flow a does not say on which topic"),
        ("- name: a\n  on: comms.batch.v1\n  with: {title: abc}", 1, "flow a does not say what to do"),
        (flow(do="paper.wriet"), 3, "there is no action 'paper.wriet'; did you mean 'paper.write'?"),
        ("- on: comms.batch.v1\n  do: paper.write", 1, "a flow needs a name"),
        ("- name: '-'\n  on: comms.batch.v1\n  do: paper.write", 1, "a flow needs a name"),
        ("- name: a b\n  on: comms.batch.v1\n  do: paper.write", 1, "a flow needs a name"),
        ("- just text", 1, "a flow is a mapping with name, on and do"),
        (flow(more="  wen: {type: [SENT]}"), 5, "a flow has no key 'wen'; did you mean 'when'?"),
        (flow(more="  enabled: 1"), 5, "enabled must be true or false"),
        (flow(more="  repeat: yes"), 5, "repeat is tolerated, or not there"),
        (flow(do="paper.keep", more="  repeat: tolerated"), 5, "paper.keep may be repeated anyway; leave repeat out"),
        (flow(more="  choice: 5"), 5, "choice must be a text"),
        (flow(more="  when: {channle: [EMAIL]}"), 5, "has no field 'channle'; did you mean 'channel'?"),
        (flow(more="  when: {type: [SENTT]}"), 5, "type has no symbol 'SENTT'; did you mean 'SENT'?"),
        (flow(more="  when:\n    product: [{setting: products}]"), 6, "the setting flows.values.products is missing"),
        (flow(title="${produkt}"), 4, "has no field 'produkt'; did you mean 'product'?"),
        (flow(title="${profile.name}"), 4, "the customer store has no profile.name"),
        (flow(more="  consent: none please"), 5, "consent is none, or {purpose: PURPOSE"),
        (flow(more="  consent: {purpose: SERVICE, channels: [EMAIL]}"), 5, "needs the customer store"),
        (CALL.replace("consent: none", "about: x"), 1, "phone.call contacts the customer, so flow call must say"),
        ("- name: a\n  on: comms.batch.v1\n  do: paper.write\n  with: [a]", 4, "with is a mapping of parameters"),
    ],
)  # fmt: skip
def test_a_faulty_entry_is_refused(tmp_path: Path, entry: str, line: int, message: str) -> None:
    """One fault, with the file, the line and the way out."""
    (fault,) = faults(tmp_path, entry)

    assert fault.startswith(f"site-1.yaml:{line}: ")
    assert message in fault


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ("{}", "parameter title is missing"),
        ("{title: abc, titel: x}", "the action has no parameter 'titel'; did you mean 'title'?"),
        ("{title: 5}", "parameter title does not fit: Input should be a valid string"),
        ("{title: ab}", "parameter title does not fit: String should have at least 3 characters"),
        ("{title: shout!}", "parameter title does not fit: Value error, must not shout"),
        ("{title: '${occurred_at}'}", "${occurred_at} is a timestamp"),
        ("{title: '${customer.resolved}'}", "${customer.resolved} is a boolean"),
        ("{title: '${attributes}'}", "${attributes} is a map"),
        ("{title: abc, copies: many}", "parameter copies does not fit"),
        ("{title: abc, copies: 0}", "parameter copies does not fit: Input should be greater than or equal to 1"),
        ("{title: abc, copies: '${product}'}", "${product} is a string"),
        ("{title: abc, copies: '${occurred_at}'}", "${occurred_at} is a timestamp"),
        ("{title: abc, colour: green}", "parameter colour does not fit: Input should be 'red' or 'blue'"),
        ("{title: abc, when: '${product}'}", "${product} is a string"),
        ("{title: abc, notes: '${product}'}", "parameter notes does not fit"),
        ("{title: abc, notes: [a]}", "parameter notes does not fit: Input should be a valid dictionary"),
        ("{title: abc, tags: '${product}'}", "parameter tags does not fit: Input should be a valid list"),
        ("{title: abc, tags: [a, '${occurred_at}']}", "parameter tags.1 does not fit"),
        ("{title: abc, tags: [5, '${product}']}", "parameter tags.0 does not fit"),
    ],
)
def test_parameters_are_checked_against_the_action(tmp_path: Path, parameters: str, message: str) -> None:
    """Constants by value, expressions by the static type of their field."""
    text = f"- name: a\n  on: {COMMUNICATION}\n  do: paper.write\n  with: {parameters}\n"

    (fault,) = faults(tmp_path, text)

    assert fault.startswith("site-1.yaml:4: ")
    assert message in fault


@pytest.mark.parametrize(
    "parameters",
    [
        "{title: abc}",
        "{title: '${product}'}",
        "{title: '${type}'}",
        "{title: 'a ${occurred_at}'}",
        "{title: abc, colour: '${product}', when: '${occurred_at}'}",
        "{title: abc, notes: {a: '${customer.resolved}', b: {c: '${occurred_at}'}}}",
        "{title: abc, notes: '${attributes}', tags: [a, '${product}']}",
    ],
)
def test_parameters_that_may_fit_are_accepted(tmp_path: Path, parameters: str) -> None:
    """What only an event can tell is not refused beforehand."""
    text = f"- name: a\n  on: {COMMUNICATION}\n  do: paper.write\n  with: {parameters}\n"

    assert faults(tmp_path, text) == []


def test_numbers_may_fill_numbers_only(tmp_path: Path) -> None:
    """An int of the event is no text and no timestamp."""
    text = "- {name: %s, on: comms.batch.v1, do: paper.write, with: {title: abc, %s: '${volume}'}}"

    assert faults(tmp_path, text % ("a", "copies")) == []
    assert len(faults(tmp_path, text % ("b", "when"))) == 1


# -- all entries together


def test_all_faults_of_all_files_are_reported_together(tmp_path: Path) -> None:
    """Sorted by file and line, in one error."""
    broken = flow(more="  when: {type: [SNT], channle: [EMAIL]}") + flow("two", do="paper.read")

    with pytest.raises(FaultyFlowsError) as caught:
        load(tmp_path, broken, "{a: b}", "- [", flow("three", title="${x}"))

    places = [(Path(error.file).name, error.line) for error in caught.value.errors]
    assert places == [
        *[("site-1.yaml", 5)] * 2,
        ("site-1.yaml", 8),
        ("site-2.yaml", 1),
        ("site-3.yaml", 1),
        ("site-4.yaml", 4),
    ]
    assert all(isinstance(error, LocatedError) for error in caught.value.errors)
    assert str(caught.value).count("\n") == 5


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """A missing file is a fault like any other."""
    with pytest.raises(FaultyFlowsError, match=r"nowhere\.yaml:0: cannot be read"):
        load_flows([tmp_path / "nowhere.yaml"], ACTIONS, {}, catalogue())


@pytest.mark.parametrize("texts", [(flow() + flow(),), (flow(), flow())])
def test_a_name_stands_once_in_a_site(tmp_path: Path, texts: tuple[str, ...]) -> None:
    """Within a file or across files."""
    (fault,) = faults(tmp_path, *texts)

    assert "flow one stands at" in fault
    assert "site-1.yaml:1, too; rename or remove one" in fault


def test_a_site_replaces_a_default_flow_in_its_place(tmp_path: Path) -> None:
    """The order of the catalogue is kept: it decides choices."""
    default = flow("first") + flow("second")

    flows = load(tmp_path, flow("third") + flow("first", title="mine"), default=default)

    assert [(f.name, Path(f.file).name) for f in flows] == [
        ("first", "site-1.yaml"),
        ("second", "default.yaml"),
        ("third", "site-1.yaml"),
    ]


def test_a_site_switches_a_default_flow_off(tmp_path: Path) -> None:
    """A name and `enabled: false` are enough, and its faults (a missing setting) do not matter."""
    default = flow("first", more="  when: {product: [{setting: nowhere}]}") + flow("second")

    flows = load(tmp_path, "- {name: first, enabled: false}", default=default)

    assert [f.name for f in flows] == ["second"]


def test_a_default_flow_waits_for_a_setting(tmp_path: Path) -> None:
    """It is left out, and named with what it needs; a site's own flow must not lack anything."""
    waiting = flow("first", more="  when: {product: [{setting: nowhere}, {setting: known}]}")

    flows = load(tmp_path, default=waiting + flow("second"), known=["x"])

    assert [f.name for f in flows] == ["second"]
    (left,) = flows.left_out
    assert left.name == "first"
    assert [one.partition(";")[0] for one in left.needs] == ["the setting flows.values.nowhere is missing"]
    assert any("flows.values.nowhere" in fault for fault in faults(tmp_path, waiting))


def test_a_default_flow_that_waits_for_a_setting_is_wrong_all_the_same(tmp_path: Path) -> None:
    """What no setting can mend is a fault."""
    wrong = flow("first", more="  when: {product: [{setting: nowhere}], colour: [red]}")

    assert any("colour" in fault for fault in faults(tmp_path, default=wrong))


def test_a_default_flow_needs_its_campaign() -> None:
    """Sinks that are configured without what a flow names do not run it; nothing is wrong with the settings."""
    campaigns = {"service-status": "417220e4-5a2a-b634-7f7d-9ec891532368"}
    braze = {"base_url": "http://127.0.0.1:1", "api_key": "k", "start_from": "end", "campaigns": campaigns}

    store = {"url": "sqlite:///store.db", "address_key": "an address key of the tests"}
    flows = all_flows(Settings.model_validate({"sinks": {"braze": braze}, "store": store}))

    names, left_out = {f.name for f in flows}, {one.name: one for one in flows.left_out}
    assert {"B1-milestone-event", "B2-status-campaign"} <= names
    assert "sinks.braze.campaigns" in left_out["B1-stage-campaign"].needs[0]
    assert not names & left_out.keys()


def test_switching_off_what_is_not_there(tmp_path: Path) -> None:
    """A switch without a flow is a typing error."""
    (fault,) = faults(tmp_path, "- {name: frist, enabled: false}", default=flow("first"))

    assert fault == "site-1.yaml:1: no default flow frist that could be switched off; did you mean 'first'?"


def test_a_whole_flow_that_is_switched_off(tmp_path: Path) -> None:
    """It does not act, but it is checked."""
    assert list(load(tmp_path, flow(more="  enabled: false"))) == []
    assert faults(tmp_path, flow(title="${x}", more="  enabled: false")) != []


def test_a_choice_holds_within_one_sink(tmp_path: Path) -> None:
    """Sinks are independent: none can know what another does."""
    call = CALL.replace("consent: none", "consent: none, choice: c")

    (fault,) = faults(tmp_path, flow(more="  choice: c") + call)

    assert "choice c holds within one sink: one is of paper, call of phone" in fault


def test_names_with_one_hash_are_refused(tmp_path: Path) -> None:
    """A commit names a flow by 16 bits."""
    seen: dict[int, str] = {}
    candidates = (f"flow-{number}" for number in range(100_000))
    pair = next((seen[name_hash(n)], n) for n in candidates if seen.setdefault(name_hash(n), n) != n)

    (fault,) = faults(tmp_path, flow(pair[0]) + flow(pair[1]))

    assert f"{pair[1]} and {pair[0]} have the same hash" in fault
    assert faults(tmp_path, flow(pair[0]) + flow(pair[1], do="paper.forget")) == []


def test_the_hash_of_a_name_is_the_same_everywhere() -> None:
    """It is stored in commits, so it may never change."""
    assert name_hash("B1-milestone-event") == 0x3A5C


# -- what an event does


def test_flows_match_in_catalogue_order(tmp_path: Path) -> None:
    """By topic, type and the rest of `when`."""
    flows = load(
        tmp_path,
        flow("a", "  when: {type: [SENT, FAILED], channel: [EMAIL]}")
        + flow("b")
        + flow("c", "  when: {type: [FAILED]}"),
    )

    assert names(flows, channel="EMAIL") == ["a", "b"]
    assert names(flows, channel="PRINT") == ["b"]
    assert names(flows, type="FAILED", channel="EMAIL") == ["a", "b", "c"]
    assert names(flows, type="UNKNOWN", channel="EMAIL") == []
    assert names(flows, "comms.batch.v1", channel="EMAIL") == []
    assert flows.topics == (COMMUNICATION,)


def test_of_a_choice_the_first_acts(tmp_path: Path) -> None:
    """The others of that choice do not; flows without it do."""
    flows = load(
        tmp_path,
        flow("a", "  choice: c\n  when: {channel: [EMAIL]}")
        + flow("b", "  choice: c")
        + flow("d", "  choice: e")
        + flow("f"),
    )

    assert names(flows, channel="EMAIL") == ["a", "d", "f"]
    assert names(flows, channel="PRINT") == ["b", "d", "f"]


def test_a_group_sees_its_own_flows(tmp_path: Path) -> None:
    """A runner gets the flows of its sink and group."""
    flows = load(tmp_path, flow("a") + flow("b", do="paper.forget") + CALL)

    main, consent = flows.for_sink("paper"), flows.for_sink("paper", "consent")

    assert (names(main), names(consent)) == (["a"], ["b"])
    assert (main.topics, flows.for_sink("phone").topics) == ((COMMUNICATION,), ("comms.batch.v1",))
    assert main.by_name("b") is None
    assert main.by_name("a") is flows.by_name("a")
    assert (len(main), len(flows)) == (1, 3)


def test_a_choice_spans_the_groups_of_a_sink(tmp_path: Path) -> None:
    """Each runner decides as if it had all flows, so at most one of them acts."""
    flows = load(tmp_path, flow("a", "  choice: c", do="paper.forget") + flow("b", "  choice: c"))

    assert names(flows.for_sink("paper")) == []
    assert names(flows.for_sink("paper", "consent")) == ["a"]


def test_parameters_are_rendered_and_validated(tmp_path: Path) -> None:
    """The action's own model comes out; a null without default is left out where it may be."""
    parameters = "{title: 'on ${product|general}', colour: blue, when: '${due_at}', notes: {a: '${channel}', b: 1}}"
    text = f"- name: a\n  on: {COMMUNICATION}\n  do: paper.write\n  with: {parameters}\n"
    (found,) = load(tmp_path, text)

    assert found.parameters({"type": "SENT", "due_at": NOW}) == Write(
        title="on general", colour="blue", when=NOW, notes={"b": 1}
    )
    assert found.parameters({"product": "p", "channel": "EMAIL"}) == Write(
        title="on p", colour="blue", notes={"a": "EMAIL", "b": 1}
    )


@pytest.mark.parametrize(
    ("title", "product", "detail"),
    [
        ("${product}", None, "flow one: parameter title (from product): the event has no value for it"),
        ("a ${product}", None, "flow one: parameter title (from product): the event has no value for it"),
        ("${product}", "ab", "flow one: parameter title (from product): String should have at least 3 characters"),
        ("${product}", "stop!", "flow one: parameter title (from product): Value error, must not shout"),
    ],
)
def test_parameters_that_cannot_be_made(tmp_path: Path, title: str, product: str | None, detail: str) -> None:
    """The flow, the parameter and the event's field are named; the value is not."""
    (found,) = load(tmp_path, flow(title=title))

    with pytest.raises(UnusableEventError) as caught:
        found.parameters({"type": "SENT", "product": product})

    assert (caught.value.reason, caught.value.detail) == (Reason.INVALID_PARAMETER, detail)


def test_what_a_parameter_can_become(tmp_path: Path) -> None:
    """A sink can check names that a template makes, as far as `when` bounds them."""
    (found,) = load(
        tmp_path, flow(title="go-${channel}-${type}", more="  when: {type: [SENT, FAILED], channel: [WEB]}")
    )

    assert found.possible("title") == ("go-WEB-FAILED", "go-WEB-SENT")
    assert found.possible("colour") is None


# -- explain


def _item(found: Flow, parameters: BaseModel) -> Item:
    return Item(f"{found.name}: {parameters}", 1)


def test_explain_tells_every_flow(tmp_path: Path) -> None:
    """Another topic, the first failing path, a lost choice, and what would be sent."""
    flows = load(
        tmp_path,
        "- {name: batch, on: comms.batch.v1, do: paper.write, with: {title: abc}}\n"
        + flow("print", "  when: {channel: [PRINT, ARCHIVE]}")
        + flow("first", "  choice: c")
        + flow("second", "  choice: c"),
    )

    batch, printed, first, second = explain(flows, COMMUNICATION, {"type": "SENT", "channel": "EMAIL"}, _item)

    assert batch.failure == Failure("on", "comms.batch.v1", COMMUNICATION)
    assert printed.failure == Failure("channel", "PRINT or ARCHIVE", "EMAIL")
    assert first.acts
    assert first.parameters == Write(title="all SENT")
    assert first.item is not None
    assert first.item.body.startswith("first: title='all SENT'")
    assert (second.acts, second.yields_to, second.item) == (False, "first", None)


def test_explain_tells_what_cannot_be_made(tmp_path: Path) -> None:
    """A flow that acts on an event that cannot become its request would dead-letter it."""

    def refuse(found: Flow, parameters: BaseModel) -> Item:
        raise UnusableEventError(Reason.MISSING_CUSTOMER, "nobody")

    flows = load(tmp_path, flow("a", title="${product}") + flow("b"))

    unfit, refused = explain(flows, COMMUNICATION, {"type": "SENT"}, refuse)

    assert unfit.acts
    assert unfit.error is not None
    assert unfit.error.reason is Reason.INVALID_PARAMETER
    assert refused.error is not None
    assert refused.error.reason is Reason.MISSING_CUSTOMER
    assert refused.parameters == Write(title="all SENT")


# -- what comes with commfleet


@pytest.fixture(scope="module")
def shipped() -> Flows:
    """The default catalogue and the example of a site."""
    return load_flows([EXAMPLE], every_action(), {}, catalogue(), has_store=True)


def test_every_shipped_flow_says_what_it_is_for(shipped: Flows) -> None:
    """One sentence each."""
    assert [found.name for found in shipped if not found.about.endswith(".")] == []


def _parameters(flows: Flows, topic: str, **event: Any) -> dict[str, dict[str, Any]]:
    value = {"occurred_at": NOW, "workspace_id": "w1", **event}
    found = (one for one in flows.matching(topic, value) if one.file == EXAMPLE)
    return {one.name: one.parameters(value).model_dump(exclude_unset=True) for one in found}


def test_the_example_of_a_site(shipped: Flows) -> None:
    """Steps of a document are events, the last one sent is an attribute, a welcome letter a campaign."""
    sent = _parameters(shipped, COMMUNICATION, type="SENT", document_type="bill", channel="EMAIL")
    done = _parameters(shipped, COMMUNICATION, type="COMPLETED", document_type="welcome_letter")

    assert sent == {
        "communication-event": {
            "name": "communication_SENT",
            "time": NOW,
            "properties": {"document_type": "bill", "channel": "EMAIL"},
        },
        "last-document": {
            "attributes": {"last_document_type": "bill", "last_document_status": "SENT", "last_document_at": NOW}
        },
    }
    assert done["welcome-campaign"]["trigger_properties"] == {"product": "general"}
    assert set(done) == {"welcome-campaign"}
