"""`commfleet check sink NAME` against the sandboxes: nobody is contacted, and each line says what to do."""

from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sandbox.braze.options import DEFAULT_KEY
from sandbox.marketo.options import DEFAULT_CLIENT, DEFAULT_SECRET, PERMISSIONS, Service
from tests.contract.vendors.adapter import Adapter
from tests.contract.vendors.all import ADAPTERS
from tests.support.ports import free_ports
from workers.catalogue import VENDORS
from workers.check_sink import Checked, check_sink
from workers.cli import main
from workers.settings import Settings, SinksSettings

KNOWS_NOBODY = {"notifications": {"http_alert", "raise_alert"}, "exstream": {"publish_preferences"}}
"""Actions that ask no vendor that could know us: a file, an event, an endpoint without a health address."""
COUNTERS = ("tokens_granted", "used_today", "most_at_once", "refused", "logins")


@pytest.fixture(params=sorted(VENDORS), scope="module")
def served(request: pytest.FixtureRequest) -> Iterator[Adapter]:
    with ADAPTERS[request.param].served() as one:
        yield one


@pytest.fixture
def vendor(served: Adapter) -> Adapter:
    """A vendor as new."""
    served.begin(next(iter(served.goes_on)))
    return served


def checked(vendor: Adapter) -> dict[str, Checked]:
    """What the command finds, by action."""
    settings = Settings(sinks=SinksSettings.model_validate({vendor.vendor: vendor.config()}))
    return {each.name.partition(".")[2]: each for each in check_sink(settings, vendor.vendor)}


def troubled(vendor: Adapter) -> set[str]:
    """The actions that are not well."""
    return {action for action, each in checked(vendor).items() if not each.is_well}


def truth(vendor: Adapter) -> dict[str, Any]:
    """What is true at the vendor, its counters left out."""
    state = {"lists": {}, **vendor.state()}
    state["lists"] = {name: members for name, members in state["lists"].items() if members}
    return {name: value for name, value in state.items() if name not in COUNTERS}


def test_all_is_well_and_nobody_is_contacted(vendor: Adapter) -> None:
    """Every action is looked at, and nothing at the vendor is another than before."""
    before = truth(vendor)

    found = checked(vendor)

    assert {action: each.trouble for action, each in found.items()} == dict.fromkeys(
        VENDORS[vendor.vendor].actions(None), ""
    )
    assert truth(vendor) == before


def test_wrong_credentials_are_told(vendor: Adapter) -> None:
    """For every action whose vendor knows us, with what to do, and without the secret."""
    vendor.revoke()

    found = checked(vendor)

    assert troubled(vendor) == set(found) - KNOWS_NOBODY.get(vendor.vendor, set())
    for each in found.values():
        assert each.is_well or each.trouble.startswith("credentials: ")
        assert each.is_well or f"correct the secrets of sinks.{vendor.vendor}" in each.advice
    assert "sandbox-only" not in repr(found)


def test_an_address_where_nobody_is_is_told(vendor: Adapter) -> None:
    """Connection refused: is the address right?"""
    url, vendor.url = vendor.url, f"http://127.0.0.1:{free_ports(1)[0]}"
    try:
        found = checked(vendor)
    finally:
        vendor.url = url

    wrong = [each for each in found.values() if not each.is_well]
    assert len(wrong) == len(found) - len(KNOWS_NOBODY.get(vendor.vendor, ()))
    assert all(each.trouble.startswith("vendor_down: ") for each in wrong)
    assert all("reachable" in each.advice for each in wrong)


@pytest.mark.parametrize("status", [403, 401])
def test_a_key_of_braze_that_lacks_permissions(status: int) -> None:
    """§1.2: endpoint by endpoint; nothing is written by asking."""
    with ADAPTERS["braze"].served() as braze:
        braze.options["keys"][DEFAULT_KEY] = frozenset({"users.track", "email.status"})

        assert troubled(braze) == {"trigger_campaign", "trigger_canvas", "send_transactional", "set_subscription"}
        assert "permission" in checked(braze)["trigger_canvas"].trouble
        assert braze.state()["users"] == {}


def test_a_role_of_marketo_that_lacks_permissions() -> None:
    """§1: 603 is of one call."""
    with ADAPTERS["marketo"].served() as marketo:
        may = PERMISSIONS - {"Execute Campaign", "Read-Write Custom Object"}
        marketo.options["services"][DEFAULT_CLIENT] = Service(DEFAULT_SECRET, may)

        assert troubled(marketo) == {"trigger_campaign", "upsert_object"}
        assert checked(marketo)["upsert_object"].trouble.startswith("configuration: 603")


def test_a_client_of_exstream_without_access() -> None:
    """§1: a token, and no right to the domain."""
    with ADAPTERS["exstream"].served() as exstream:
        exstream.http.post("/_sandbox/account", json={"no_access": ["sandbox-client"]}).raise_for_status()

        assert troubled(exstream) == {"start_service"}


def test_what_the_settings_lack_is_told() -> None:
    """An action that no flow could use yet: which setting."""
    with ADAPTERS["marketo"].served() as marketo:
        config = marketo.config().model_copy(update={"consent": ()})
        settings = Settings(sinks=SinksSettings.model_validate({"marketo": config}))

        (lacking,) = [each for each in check_sink(settings, "marketo") if not each.is_well]

    assert "sinks.marketo.consent" in lacking.trouble


# -- the command --------------------------------------------------------------------------------


def run(*words: str, **env: str) -> Result:
    return CliRunner().invoke(main, ["check", *words], env=env)


@pytest.fixture
def braze() -> Iterator[tuple[Adapter, dict[str, str]]]:
    with ADAPTERS["braze"].served() as one:
        section = "COMMFLEET_SINKS__BRAZE__"
        yield one, {f"{section}BASE_URL": one.url, f"{section}API_KEY": DEFAULT_KEY}


def test_the_command_says_ok(braze: tuple[Adapter, dict[str, str]]) -> None:
    """One line for each action; exit 0."""
    answer = run("sink", "braze", **braze[1])

    assert answer.exit_code == 0, answer.output
    assert answer.output.splitlines()[0] == "ok      braze.track_event"
    assert len(answer.output.splitlines()) == 8


def test_the_command_says_what_is_wrong(braze: tuple[Adapter, dict[str, str]]) -> None:
    """Exit 1, and what to do."""
    answer = run("sink", "braze", **{**braze[1], "COMMFLEET_SINKS__BRAZE__API_KEY": "hunter2-hunter2"})

    assert answer.exit_code == 1
    assert answer.output.startswith("not ok  braze.track_event: credentials: ")
    assert "correct the secrets of sinks.braze" in answer.output
    assert "hunter2" not in answer.output


@pytest.mark.parametrize(
    ("words", "code"), [(("sink", "nobody"), 2), (("sink",), 2), (("--workers", "3", "sink", "braze"), 2)]
)
def test_the_command_misused(words: tuple[str, ...], code: int) -> None:
    """Exit 2."""
    assert run(*words).exit_code == code


def test_a_sink_without_a_section_is_an_error(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit 1, and where to add it."""
    monkeypatch.chdir(tmp_path)

    answer = run("sink", "ecm")

    assert answer.exit_code == 1
    assert "add sinks.ecm" in answer.output
