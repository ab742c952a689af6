"""The health port, asked over real HTTP on loopback."""

import socket
import threading
from collections.abc import Iterator

import httpx
import pytest

from common.errors import ConfigurationError
from common.health import Health
from common.health_server import HealthServer
from common.metrics import Metrics
from tests.support.poll import eventually

HOST = "127.0.0.1"


@pytest.fixture
def health() -> Health:
    """A worker that says nothing yet."""
    return Health()


@pytest.fixture
def server(health: Health) -> Iterator[HealthServer]:
    """Its port, open."""
    with HealthServer(health, Metrics("1").render, HOST, 0) as server:
        yield server


def get(server: HealthServer, path: str) -> httpx.Response:
    """One request."""
    return httpx.get(f"http://{HOST}:{server.port}{path}", timeout=5)


def test_ready_when_every_check_is_well(health: Health, server: HealthServer) -> None:
    """The body lists each check."""
    trouble = {"topics": "", "assigned": "no partitions yet"}
    health.ready_when("topics", lambda: trouble["topics"])
    health.ready_when("assigned", lambda: trouble["assigned"])

    before = get(server, "/readyz")
    trouble["assigned"] = ""
    after = get(server, "/readyz")

    assert before.status_code == 503
    assert before.json()["checks"] == {"topics": "ok", "assigned": "no partitions yet"}
    assert (after.status_code, after.json()["ready"]) == (200, True)


def test_a_hold_is_shown_and_does_not_make_unready(health: Health, server: HealthServer) -> None:
    """A vendor's outage must not stop a roll-out."""
    health.show_holds(lambda: [{"action": "track_event", "cause": "vendor_down"}])

    answer = get(server, "/readyz")

    assert answer.status_code == 200
    assert answer.json()["holds"] == [{"action": "track_event", "cause": "vendor_down"}]


def test_live_while_the_broker_is_away(health: Health, server: HealthServer) -> None:
    """A restart would not bring the broker back; what is not ready may well be live."""
    health.ready_when("broker", lambda: "Kafka at k:9092 cannot be reached")

    assert get(server, "/readyz").status_code == 503
    assert get(server, "/livez").status_code == 200


def test_not_live_when_a_thread_is_stuck(health: Health, server: HealthServer) -> None:
    """Only what a restart would mend."""
    health.live_while("consumer", lambda: "no turn for 120 s")

    answer = get(server, "/livez")

    assert answer.status_code == 503
    assert answer.json() == {"live": False, "checks": {"consumer": "no turn for 120 s"}}


def test_a_check_that_fails_is_an_answer(health: Health, server: HealthServer) -> None:
    """Not well, without the error's text: it is nobody's business at this port."""

    def broken() -> str:
        raise RuntimeError("secret")

    health.ready_when("broken", broken)
    health.show_holds(lambda: [dict[int, dict[str, str]]()[0]])

    answer = get(server, "/readyz")

    assert answer.status_code == 503
    assert answer.json()["checks"] == {"broken": "the check failed: RuntimeError"}
    assert "KeyError" in answer.json()["holds"][0]["detail"]


def test_metrics_are_on_the_same_port(server: HealthServer) -> None:
    """As text that Prometheus reads."""
    answer = get(server, "/metrics")

    assert answer.headers["content-type"].startswith("text/plain")
    assert "commfleet_build_info" in answer.text


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/", 404), ("HEAD", "/livez", 200), ("POST", "/livez", 404)]
)
def test_other_requests(server: HealthServer, method: str, path: str, status: int) -> None:
    """Nothing else is here, and nothing can be changed."""
    assert httpx.request(method, f"http://{HOST}:{server.port}{path}", timeout=5).status_code == status


def test_a_taken_port_is_said(server: HealthServer) -> None:
    """With the setting that changes it."""
    with pytest.raises(ConfigurationError, match=r"set health\.port"):
        HealthServer(Health(), Metrics("1").render, HOST, server.port)


def test_connections_are_bounded(server: HealthServer) -> None:
    """Whoever holds sixteen open keeps a seventeenth out, not the worker busy; afterwards all is well."""
    held = [socket.create_connection((HOST, server.port)) for _ in range(16)]
    eventually(lambda: _refuses(server.port), what="a further connection is closed at once")
    for one in held:
        one.close()

    assert eventually(lambda: _answers(server), what="answers again")


def _refuses(port: int) -> bool:
    with socket.create_connection((HOST, port), timeout=5) as one:
        one.settimeout(0.2)
        try:
            return one.recv(1) == b""
        except TimeoutError:
            return False
        except ConnectionResetError:
            return True


def _answers(server: HealthServer) -> bool:
    try:
        return get(server, "/livez").status_code == 200
    except httpx.TransportError:
        return False


def test_who_trickles_a_request_is_cut_off(
    health: Health, server: HealthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However regularly its bytes come."""
    monkeypatch.setattr("common.health_server._REQUEST_S", 0.1)
    stop = threading.Event()
    with socket.create_connection((HOST, server.port)) as slow:
        trickler = threading.Thread(target=_trickle, args=(slow, stop))
        trickler.start()
        slow.settimeout(10)
        assert slow.recv(100) == b""
        stop.set()
        trickler.join()


def _trickle(connection: socket.socket, stop: threading.Event) -> None:
    try:
        while not stop.wait(0.02):
            connection.sendall(b"G")
    except OSError:
        return


def test_closing_twice_does_nothing(health: Health) -> None:
    """And a server that was never started can be closed."""
    server = HealthServer(health, Metrics("1").render, HOST, 0)

    server.close()
    server.close()


TOKEN = "operators-only-0123456789"
SAYS = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def guarded(health: Health) -> Iterator[HealthServer]:
    """A health port with a token."""
    with HealthServer(health, Metrics("1").render, HOST, 0, TOKEN) as server:
        yield server


def ask(server: HealthServer, method: str, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
    """One request."""
    return httpx.request(method, f"http://{HOST}:{server.port}{path}", headers=headers or {}, timeout=5)


@pytest.mark.parametrize(("method", "path"), [("GET", "/routes"), ("POST", "/routes/braze.main/release")])
def test_without_a_token_there_are_no_routes(server: HealthServer, method: str, path: str) -> None:
    """Off until somebody sets it, whatever is sent along."""
    assert ask(server, method, path, SAYS).status_code == 404
    assert ask(server, method, path, {"Authorization": "Bearer"}).status_code == 404


@pytest.mark.parametrize("said", ["", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer \u00e9"])
@pytest.mark.parametrize(("method", "path"), [("GET", "/routes"), ("POST", "/routes/braze.main/release")])
def test_only_who_has_the_token_gets_at_routes(
    health: Health, guarded: HealthServer, method: str, path: str, said: str
) -> None:
    """Nothing is released, and nothing shown."""
    released: list[str] = []

    def release(route: str) -> bool:
        released.append(route)
        return True

    health.release_with(release)
    url = f"http://{HOST}:{guarded.port}{path}"

    answer = httpx.request(method, url, headers=[(b"Authorization", said.encode("latin-1"))], timeout=5)

    assert (answer.status_code, answer.headers["WWW-Authenticate"], released) == (401, "Bearer", [])


def test_routes_are_listed(health: Health, guarded: HealthServer) -> None:
    """As /readyz lists them."""
    health.show_holds(lambda: [{"route": "braze.main", "cause": "vendor_down", "detail": "503"}])

    answer = ask(guarded, "GET", "/routes", SAYS)

    assert answer.json() == {"routes": [{"route": "braze.main", "cause": "vendor_down", "detail": "503"}]}


def test_a_route_is_released_by_its_name(health: Health, guarded: HealthServer) -> None:
    """Whoever holds it says so; a name that nobody holds is a conflict, not an error."""
    health.release_with(lambda route: route == "braze.main.track event")
    health.release_with(lambda _: False)

    there = ask(guarded, "POST", "/routes/braze.main.track%20event/release", SAYS)
    gone = ask(guarded, "POST", "/routes/braze.consent/release", SAYS)

    assert (there.status_code, there.json()["released"]) == (200, True)
    assert (gone.status_code, gone.json()["released"]) == (409, False)


def test_a_thread_that_does_not_answer_is_told(health: Health, guarded: HealthServer) -> None:
    """Nobody knows whether the route will be released: try again."""

    def stuck(_: str) -> bool:
        raise TimeoutError

    health.release_with(stuck)

    assert ask(guarded, "POST", "/routes/braze.main/release", SAYS).status_code == 503


@pytest.mark.parametrize("path", ["/", "/routes", "/routes//release", "/routes/a/b/release", "/readyz"])
def test_nothing_else_is_posted_to(guarded: HealthServer, path: str) -> None:
    """One thing can be done here, no more."""
    assert ask(guarded, "POST", path, SAYS).status_code == 404
