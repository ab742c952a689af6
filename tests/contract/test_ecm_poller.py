"""The ECM poller against the sandbox: every state of workspaces and documents once, and who made it."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from common.clock import Clock, SystemClock
from sandbox.ecm.options import DEFAULT_PASSWORD, DEFAULT_USER
from tests.support.ecm import SandboxEcm
from tests.support.ecm_poll import DOCUMENT, JDOE_ID, SINCE, Person, config, office
from tests.support.exstream import MovingClock
from tests.support.marketo_poll import KeptLog, ids
from tests.support.polling import Polling
from workers.ingest.pollers.ecm.source import EcmSource

Event = dict[str, Any]


@pytest.fixture
def server() -> Iterator[tuple[SandboxEcm, Person]]:
    """A server without workspaces, and somebody who works there."""
    with office() as found:
        yield found


@pytest.fixture
def ecm(server: tuple[SandboxEcm, Person]) -> SandboxEcm:
    return server[0]


@pytest.fixture
def jdoe(server: tuple[SandboxEcm, Person]) -> Person:
    return server[1]


@pytest.fixture
def polling(ecm: SandboxEcm) -> Iterator[Polling]:
    """A poller of it."""
    with closing(poller(ecm)) as made:
        yield made


def poller(ecm: SandboxEcm, log: KeptLog | None = None, clock: Clock | None = None, **settings: Any) -> Polling:
    """A poller with these settings."""
    clock = clock or SystemClock()
    return Polling(EcmSource(config(ecm.url, **settings), clock), SINCE, log, clock)


def later(ecm: SandboxEcm) -> None:
    """A minute passes there."""
    ecm.set_clock(advance_s=60)


def told(polling: Polling) -> list[Event]:
    """All events, in order."""
    return list(polling.log.events())


def about_documents(polling: Polling) -> list[Event]:
    """Those that are about a document."""
    return [event for event in told(polling) if event["document"]]


def test_a_workspace_is_told_with_its_levels_and_its_customer(polling: Polling, jdoe: Person) -> None:
    """B1: created, as it is; the site's own customer id stands in an attribute (design §4, Identity)."""
    node = jdoe.workspace("Acme", _2="C-1007", _3="KYC started", _4="Open", _6="mrossi", _5="2027-01-31T00:00:00")

    (event,) = told(polling.look())

    assert (event["type"], event["workspace_id"], event["workspace_name"]) == ("CREATED", node, "Acme")
    assert (event["milestone"], event["case_status"], event["owner"]) == ("KYC started", "Open", "mrossi")
    assert (event["customer"]["customer_id"], event["customer"]["resolved"]) == ("C-1007", True)
    assert event["expires_at"].isoformat() == "2027-01-31T00:00:00+00:00"
    assert (event["actor"]["kind"], event["actor"]["id"]) == ("USER", JDOE_ID)
    assert event["source_instance"] == "cs.example.com"


def test_each_change_of_a_level_is_a_snapshot(ecm: SandboxEcm, polling: Polling, jdoe: Person) -> None:
    """Design §4: the journey worker finds the edges; a look that finds nothing new tells nothing."""
    node = jdoe.workspace("Acme", _2="C-1007", _3="KYC started")
    polling.look().look()
    for milestone in ("KYC done", "KYC started"):
        later(ecm)
        jdoe.change(node, _3=milestone)
        polling.look().look()

    events = told(polling)

    assert [(event["type"], event["milestone"]) for event in events] == [
        ("CREATED", "KYC started"),
        ("UPDATED", "KYC done"),
        ("UPDATED", "KYC started"),
    ]
    assert len(set(ids(events))) == 3


def test_what_is_there_before_polling_begins_is_known_and_no_creation(ecm: SandboxEcm, jdoe: Person) -> None:
    """A first sight tells what is: edges are found against it (design §4)."""
    ecm.set_clock(advance_s=-7200)
    jdoe.workspace("Old", _2="C-1", _3="Contract")
    ecm.set_clock(advance_s=7200)

    with closing(poller(ecm)) as polling:
        assert [(event["type"], event["milestone"]) for event in told(polling.look())] == [("UPDATED", "Contract")]


def test_what_our_own_account_did_bears_its_name(ecm: SandboxEcm, polling: Polling, jdoe: Person) -> None:
    """Our sink's writes come back: `journeys.own_actors` keeps them from starting anything."""
    node = jdoe.workspace("Acme", _2="C-1007")
    polling.look()
    later(ecm)
    with closing(Person(ecm, DEFAULT_USER, DEFAULT_PASSWORD)) as ours:
        ours.change(node, _3="KYC done")

    event = told(polling.look())[-1]

    assert (event["milestone"], event["actor"]) == ("KYC done", {"kind": "SYSTEM", "id": DEFAULT_USER})


def test_documents_are_told_with_type_and_status(ecm: SandboxEcm, jdoe: Person) -> None:
    """B2, B5: in the workspace and in its folders; the customer is the workspace's."""
    node = jdoe.workspace("Acme", _2="C-1007", _4="Open")
    contract = jdoe.document(jdoe.folder(node), "contract.pdf")
    jdoe.document(node, "note.txt", kind="note", status="Approved")
    of_documents = {"Status": f"{DOCUMENT}_2", "Customer Id": "100_2", "Document Type": f"{DOCUMENT}_3"}

    with closing(poller(ecm, attributes=of_documents)) as polling:
        polling.look()
        later(ecm)
        jdoe.change(contract, DOCUMENT, _2="Approved")
        polling.look().look()
        events = about_documents(polling)

    assert [(event["type"], event["document"]["type"], event["document"]["status"]) for event in events] == [
        ("UPDATED", "note", "Approved"),
        ("UPDATED", "contract", "Draft"),
        ("UPDATED", "contract", "Approved"),
    ]
    assert [event["document"]["customer_visible"] for event in events] == [False, True, True]
    assert {event["customer"]["customer_id"] for event in events} == {"C-1007"}
    assert {event["case_status"] for event in events} == {None}


def test_a_document_from_before_is_marked(ecm: SandboxEcm, jdoe: Person) -> None:
    """An old approval is no news; a document that comes later is. Statuses are told in the journey worker's words."""
    ecm.set_clock(advance_s=-7200)
    node = jdoe.workspace("Old", _2="C-1")
    jdoe.document(node, "old.pdf", status="Freigegeben")
    ecm.set_clock(advance_s=7200)
    jdoe.document(node, "new.pdf", status="Freigegeben")
    of_documents = {"Status": f"{DOCUMENT}_2", "Customer Id": "100_2"}

    with closing(poller(ecm, attributes=of_documents, approved_statuses=["Freigegeben"])) as polling:
        events = about_documents(polling.look())

    assert sorted(event["attributes"].get("was_there", "") for event in events) == ["", "true"]
    assert [event["document"]["status"] for event in events] == ["Approved", "Approved"]


def test_a_workspace_status_is_no_document_status(polling: Polling, jdoe: Person) -> None:
    """Names of attributes may be the same for both: a document has its own values only."""
    jdoe.document(jdoe.workspace("Acme", _2="C-1007", _4="Approved"), "x.pdf")

    (event,) = about_documents(polling.look())

    assert event["document"]["status"] is None


def test_a_change_that_leaves_the_date_alone_is_found_by_the_sweep() -> None:
    """§13 A: whether attributes change a workspace's date depends on the installation."""
    with office(categories_date=False) as (ecm, jdoe):
        clock = MovingClock()
        node = jdoe.workspace("Acme", _2="C-1007", _3="KYC started")
        later(ecm)
        jdoe.workspace("Other", _2="C-1008")
        with closing(poller(ecm, clock=clock, overlap_s=0, sweep_every_s=3600)) as polling:
            polling.look()
            jdoe.change(node, _3="KYC done")
            looked = [event["milestone"] for event in told(polling.look())]
            clock.ahead_s = 3601
            swept = [event["milestone"] for event in told(polling.look())]

    assert (looked, swept) == ([None, "KYC started"], [None, "KYC started", "KYC done"])


def test_a_document_whose_date_stays_is_found_where_each_is_asked_for() -> None:
    """`ask_each_document`, for a server whose documents' dates do not follow their attributes."""
    with office(categories_date=False) as (ecm, jdoe):
        contract = jdoe.document(jdoe.workspace("Acme", _2="C-1007"), "c.pdf")
        of_documents = {"Status": f"{DOCUMENT}_2", "Customer Id": "100_2"}
        with closing(poller(ecm, attributes=of_documents, ask_each_document=True)) as polling:
            polling.look()
            jdoe.change(contract, DOCUMENT, _2="Approved")
            events = about_documents(polling.look())

    assert [event["document"]["status"] for event in events] == ["Draft", "Approved"]
    assert len(set(ids(events))) == 2


def test_a_case_that_is_over_is_not_looked_into(ecm: SandboxEcm, polling: Polling, jdoe: Person) -> None:
    """A request for each folder is made for active workspaces only (§13 B)."""
    node = jdoe.workspace("Acme", _2="C-1007", _4="Complete")
    jdoe.document(node, "c.pdf")

    events = told(polling.look())

    assert [event["case_status"] for event in events] == ["Complete"]
    assert [each for each in ecm.received() if each["path"].endswith(f"/nodes/{node}/nodes")] == []


def test_pages_are_read_to_the_end_while_workspaces_are_made_and_removed(
    ecm: SandboxEcm, polling: Polling, jdoe: Person
) -> None:
    """Rows move between pages: what slips past one look is found by the next."""
    nodes = [jdoe.workspace(f"W{number}", _2=f"C-{number}") for number in range(23)]
    polling.readings = readings = polling.session.begin()
    feed = readings[0].feed
    first = feed.fetch(feed.start(SINCE))
    for node in nodes[-5:]:
        jdoe.delete(node)
    second = feed.fetch(first.position)
    assert [item.level for item in first.items if item.level in {each.level for each in second.items}] == []
    later(ecm)
    nodes = [*nodes[:-5], jdoe.workspace("W99", _2="C-99")]

    polling.look().look()

    assert {event["workspace_id"] for event in told(polling)} == set(nodes)
    assert len(set(ids(told(polling)))) == len(told(polling)) == len(nodes)


def test_a_look_during_which_rows_were_removed_does_not_count(ecm: SandboxEcm, jdoe: Person) -> None:
    """A row slips past: the sweep is made again, and finds it."""
    nodes = [jdoe.workspace(f"W{number}", _2=f"C-{number}") for number in range(12)]
    with closing(poller(ecm, overlap_s=0)) as polling:
        feed = polling.source.feeds(polling.budget)[0]
        page = feed.fetch(feed.start(SINCE))
        jdoe.delete(nodes[-1])
        while not page.is_last:
            page = feed.fetch(page.position)
        again = [item for item in feed.fetch(page.position).items if item.id == "created"]

    assert [item.level for item in again] == [f"created:{node}" for node in reversed(nodes[6:11])]


def test_going_on_repeats_nothing(ecm: SandboxEcm, polling: Polling, jdoe: Person) -> None:
    """A poller that begins behind another one's cursor asks nothing about what was seen."""
    jdoe.document(jdoe.workspace("Acme", _2="C-1007"), "c.pdf")
    polling.look()
    asked = len([each for each in ecm.received() if "/audit" in each["path"]])

    with closing(poller(ecm, polling.log)) as again:
        again.look()

    assert len(told(polling)) == 2
    assert len([each for each in ecm.received() if "/audit" in each["path"]]) == asked


def test_a_document_that_is_removed_meanwhile_is_passed_over(ecm: SandboxEcm, polling: Polling, jdoe: Person) -> None:
    """§16 #5: and told when it is there again."""
    node = jdoe.workspace("Acme", _2="C-1007")
    document = jdoe.document(node, "c.pdf")
    ecm.fault(status=500, body='{"error": "Could not get a node for 1"}', path=f"/otcs/cs/api/v2/nodes/{document}/cat")
    missed = about_documents(polling.look())
    ecm.forgive()
    found = about_documents(polling.look())

    assert (missed, [event["document"]["id"] for event in found]) == ([], [document])


def test_a_ticket_that_ends_in_mid_page_is_renewed(ecm: SandboxEcm, polling: Polling, jdoe: Person) -> None:
    """§2.3: a 401 did nothing; the same page is asked for again."""
    nodes = [jdoe.workspace(f"W{number}", _2=f"C-{number}") for number in range(7)]
    feed = polling.source.feeds(polling.budget)[0]
    first = feed.fetch(feed.start(SINCE))
    ecm.account(expire_tickets=True)
    second = feed.fetch(first.position)

    assert {item.level for page in (first, second) for item in page.items if item.id == "created"} == {
        f"created:{node}" for node in nodes
    }


@pytest.mark.parametrize("status", [429, 503, 500, 502])
def test_a_server_that_says_no_is_not_asked_for_a_while(ecm: SandboxEcm, jdoe: Person, status: int) -> None:
    """§16 #19, #20: as long as it says where it does; in mid-page, too; nothing is lost afterwards."""
    jdoe.document(jdoe.workspace("Acme", _2="C-1007"), "c.pdf")
    clock = MovingClock()
    with closing(poller(ecm, clock=clock)) as polling:
        readings = polling.session.begin()
        ecm.fault(status=status, headers={"retry-after": "77"}, body="{}", path="/otcs/cs/api/v2/nodes")
        before = clock.monotonic()
        polling.session.turn(readings)
        (wait_s,) = [one.due_at - before for one in readings]
        ecm.forgive()
        polling.look()

        assert 77 <= wait_s < 79
        assert [event["type"] for event in told(polling)] == ["CREATED", "UPDATED"]


def test_a_refused_account_is_not_tried_again_soon(ecm: SandboxEcm) -> None:
    """§2.1: an account that is tried too often is locked."""
    clock = MovingClock()
    with closing(poller(ecm, clock=clock, username="nobody")) as polling:
        readings = polling.session.begin()
        before = clock.monotonic()
        polling.session.turn(readings)
        logins = ecm.state()["logins"]
        clock.ahead_s = 60
        polling.session.turn(readings)

    assert readings[0].due_at - before >= 300
    assert ecm.state()["logins"] == logins


def test_only_what_it_has_the_say_in_is_asked_for(ecm: SandboxEcm, jdoe: Person) -> None:
    """The other signal comes another way."""
    jdoe.document(jdoe.workspace("Acme", _2="C-1007"), "c.pdf")
    with closing(poller(ecm, signals=["workspace"])) as workspaces, closing(poller(ecm, signals=["document"])) as docs:
        assert [event["document"] for event in told(workspaces.look())] == [None]
        assert [bool(event["document"]) for event in told(docs.look())] == [True]
