"""The sandbox Exstream says what the vendor page says: its own requests word for word, its limits, its refusals."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.exstream.options import (
    BROCHURE,
    DEFAULT_CLIENT,
    DEFAULT_EMPOWER_USER,
    DEFAULT_SECRET,
    DEFAULT_TENANT,
    EDITABLE,
    FLOW_MODEL,
    FULFILMENT,
    RENEWAL,
    Service,
)
from tests.support.exstream import (
    PAGE_EMBEDDED,
    PAGE_FULFIL,
    PAGE_GENERATED,
    PAGE_INVALID_KEY,
    PAGE_STARTED,
    PAGE_TOKEN_REQUEST,
    SandboxExstream,
    sandbox_exstream,
)

INPUTS, RUNTIME = "/orchestration/api/v1/inputs", "/orchestration/api/v1/runtime/Dev"
GENERATE, FULFIL = f"{INPUTS}/ondemand/Dev/generate", f"{INPUTS}/fulfillment/ondemand/Dev/fulfill"
BATCH = f"{INPUTS}/batch/Dev/OnboardingLetters"
RESOURCES = "/design/api/v1/resources/Dev"
HEADERS = {"communicationId": BROCHURE, "driverDataSource": "brochure_json"}
EDIT = {"communicationId": EDITABLE, "driverDataSource": "claim_json", "empowerUser": DEFAULT_EMPOWER_USER}
PRESERVE = {"communicationId": FULFILMENT, "driverDataSource": "empower_documents", "preserveDocuments": "true"}
TOKEN = f"/tenants/{DEFAULT_TENANT}/oauth2/token"


@pytest.fixture(scope="module")
def shared() -> Iterator[SandboxExstream]:
    with sandbox_exstream() as one:
        yield one


@pytest.fixture
def vendor(shared: SandboxExstream) -> SandboxExstream:
    shared.clear()
    return shared


def generate(vendor: SandboxExstream, body: Any = None, **headers: str) -> httpx.Response:
    return vendor.call("POST", GENERATE, json=body or {"name": "Jane"}, headers=HEADERS | headers)


def start(vendor: SandboxExstream, service: str = "OnboardingLetters") -> dict[str, Any]:
    answer = vendor.call("POST", f"{INPUTS}/batch/Dev/{service}", json={"_evt": "e-1"})
    return dict(answer.raise_for_status().json()["data"][0])


def shape(value: Any) -> Any:
    """Keys and kinds, without what is in them."""
    match value:
        case dict():
            return {key: shape(below) for key, below in value.items()}
        case list():
            return [shape(each) for each in value]
        case None:
            return "null or text"
        case _:
            return "null or text" if isinstance(value, str) else type(value).__name__


# -- golden requests and answers ----------------------------------------------------------------


def test_the_page_s_token_request_is_granted(vendor: SandboxExstream) -> None:
    """§1: real JSON; 15 minutes are the default life."""
    answer = vendor.http.post(TOKEN, json=PAGE_TOKEN_REQUEST)

    assert answer.status_code == 200
    assert answer.json().keys() >= {"access_token", "token_type", "expires_in"}
    assert (answer.json()["token_type"], answer.json()["expires_in"]) == ("Bearer", 900)


def test_a_wrong_client_is_the_page_s_fault(vendor: SandboxExstream) -> None:
    """§1: word for word."""
    answer = vendor.http.post(TOKEN, json=PAGE_TOKEN_REQUEST | {"client_secret": "wrong"})

    assert answer.status_code == 401
    assert answer.json() == json.loads(PAGE_INVALID_KEY)


def test_generate_answers_in_the_page_s_shape(vendor: SandboxExstream) -> None:
    """§2: status, one data element for each queue, its engineOutputContext."""
    answer = generate(vendor)

    assert answer.status_code == 200
    assert shape(answer.json()) == shape(json.loads(PAGE_GENERATED))
    assert vendor.state()["sent"] == [{"communication": "product_brochure", "data": {"name": "Jane"}, "by": "generate"}]


def test_a_refused_empower_user_is_the_page_s_embedded_failure(vendor: SandboxExstream) -> None:
    """§2: HTTP 200 with an inner 401."""
    answer = vendor.call("POST", GENERATE, json={}, headers=EDIT | {"empowerUser": "nobody"})

    assert answer.status_code == 200
    assert shape(answer.json()) == shape(json.loads(PAGE_EMBEDDED))
    assert answer.json()["data"][0]["statusCode"] == "401"


def test_a_batch_answers_in_the_page_s_shape(vendor: SandboxExstream) -> None:
    """§3: id is the flow instance, jobId the job; dates are epoch milliseconds."""
    answer = vendor.call("POST", BATCH, json={"_evt": "e-1"})

    (page_row,) = json.loads(PAGE_STARTED)["data"]
    (row,) = answer.json()["data"]
    assert row.keys() >= page_row.keys()
    assert {key: type(row[key]) for key in ("startDate", "executingLongRunningOp", "status")} == {
        key: type(page_row[key]) for key in ("startDate", "executingLongRunningOp", "status")
    }
    assert (row["status"], row["domainId"]) == ("started", "Dev")


def test_the_page_s_fulfilment_is_taken(vendor: SandboxExstream) -> None:
    """§2.1: what generate answered with Accept: application/json."""
    document = vendor.call("POST", GENERATE, json={"a": 1}, headers=EDIT | {"Accept": "application/json"}).json()
    body = PAGE_FULFIL.replace("<documentId>", document["documentId"])
    kind = {"content-type": "application/json"}

    first = vendor.call("POST", FULFIL, content=body, headers=PRESERVE | kind)
    second = vendor.call("POST", FULFIL, content=body, headers=PRESERVE | kind | {"preserveDocuments": "false"})
    third = vendor.call("POST", FULFIL, content=body, headers=PRESERVE | kind)

    assert [first.status_code, second.status_code, third.status_code] == [200, 200, 400]
    assert "document not found" in third.json()["message"]
    assert len(vendor.state()["sent"]) == 2


# -- tokens -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        TOKEN,
        f"/otdstenant/{DEFAULT_TENANT}/oauth2/token",
        f"/otdsws/otdstenant/{DEFAULT_TENANT}/oauth2/token",
        "/otdsws/oauth2/token",
    ],
)
@pytest.mark.parametrize("is_basic", [False, True])
def test_tokens_are_granted_by_form(vendor: SandboxExstream, path: str, is_basic: bool) -> None:
    """§1: OTDS's addresses, body or Basic."""
    form = {"grant_type": "client_credentials", "scope": "otds:groups"}
    if is_basic:
        answer = vendor.http.post(path, data=form, auth=(DEFAULT_CLIENT, DEFAULT_SECRET))
    else:
        answer = vendor.http.post(path, data=form | {"client_id": DEFAULT_CLIENT, "client_secret": DEFAULT_SECRET})

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("path", "asked", "status"),
    [
        ("/tenants/other/oauth2/token", PAGE_TOKEN_REQUEST, 401),
        (TOKEN, PAGE_TOKEN_REQUEST | {"client_id": "nobody"}, 401),
        (TOKEN, PAGE_TOKEN_REQUEST | {"grant_type": "password"}, 400),
    ],
)
def test_other_token_requests_are_refused(vendor: SandboxExstream, path: str, asked: Any, status: int) -> None:
    """§9 #3: tenant, client, grant."""
    assert vendor.http.post(path, json=asked).status_code == status


@pytest.mark.parametrize("says", [401, 500])
def test_a_token_ends(says: Any) -> None:
    """§1: with a 401, or the 500 of the SDK's README."""
    with sandbox_exstream(expired_says=says) as vendor:
        headers = {"authorization": f"Bearer {vendor.token()}"}
        before = vendor.http.get(f"{RUNTIME}/jobs", headers=headers)
        vendor.set_clock(advance_s=901)
        after = vendor.http.get(f"{RUNTIME}/jobs", headers=headers)

    assert (before.status_code, after.status_code) == (200, says)


def test_nobody_is_let_in_without_a_token(vendor: SandboxExstream) -> None:
    """§1: every call."""
    paths = [("POST", GENERATE), ("POST", BATCH), ("GET", f"{RUNTIME}/jobs"), ("GET", RESOURCES)]

    assert {vendor.http.request(method, path).status_code for method, path in paths} == {401}


def test_csrf_may_be_wanted_as_well() -> None:
    """§1: self-hosted HTTP input channels; reads need none."""
    with sandbox_exstream(csrf=True) as vendor:
        refused = generate(vendor)
        cookie = vendor.call("GET", "/orchestration/csrf").headers["set-cookie"].partition(";")[0]
        both = {"cookie": cookie, "X-XSRF-TOKEN": cookie.partition("=")[2]}
        taken = generate(vendor, **both)
        read = vendor.call("GET", f"{RUNTIME}/jobs")

    assert [refused.status_code, taken.status_code, read.status_code] == [403, 200, 200]


# -- generate -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        {"communicationId": ""},
        {"driverDataSource": ""},
        {"communicationId": "33333333-0000-4000-8000-000000000000"},
        {"driverDataSource": "brochure.json"},
        {"communicationId": RENEWAL, "driverDataSource": "renewal_xml"},
    ],
    ids=["no-id", "no-driver", "unknown-id", "file-name-for-driver", "json-for-an-xml-driver"],
)
def test_generate_refuses_what_is_wrong_in_its_headers(vendor: SandboxExstream, wrong: dict[str, str]) -> None:
    """§2, §9 #5: 400 in Spring's shape."""
    answer = generate(vendor, **wrong)

    assert answer.status_code == 400
    assert answer.json().keys() >= {"timestamp", "status", "error", "message", "details", "path"}
    assert vendor.state()["sent"] == []


@pytest.mark.parametrize("state", ["DRAFT", "REVIEW", "REJECTED"])
def test_generate_uses_approved_content_only(vendor: SandboxExstream, state: str) -> None:
    """§2, §5.2."""
    vendor.templates(product_brochure=state)

    assert generate(vendor).status_code == 400


@pytest.mark.parametrize(("kind", "status"), [("application/json", 400), ("text/plain", 415)])
def test_generate_reads_the_driver_data(vendor: SandboxExstream, kind: str, status: int) -> None:
    """§2: malformed data is a 400; JSON or XML only."""
    headers = HEADERS | {"content-type": kind}

    assert vendor.call("POST", GENERATE, content=b"{", headers=headers).status_code == status


def test_accept_chooses_the_answer(vendor: SandboxExstream) -> None:
    """§2: raw PDF where it is asked for."""
    answer = generate(vendor, Accept="application/pdf")

    assert answer.headers["content-type"] == "application/pdf"
    assert answer.content.startswith(b"%PDF")


def test_requests_queue_for_engine_slots() -> None:
    """§2: they simply become slow."""
    with sandbox_exstream(engine_slots=1, generate_s=0.2) as vendor:
        token = {"authorization": f"Bearer {vendor.token()}"}

        def one(_: int) -> int:
            answer = httpx.post(vendor.url + GENERATE, json={}, headers=HEADERS | token, trust_env=False, timeout=5)
            return answer.status_code

        began = time.monotonic()
        with ThreadPoolExecutor(3) as pool:
            statuses = list(pool.map(one, range(3)))
        took_s = time.monotonic() - began

    assert statuses == [200] * 3
    assert took_s >= 0.55  # three times 0.2, one after the other


def test_input_that_is_too_large_is_refused() -> None:
    """§9 #19."""
    with sandbox_exstream(max_body_bytes=100) as vendor:
        assert generate(vendor, {"a": "x" * 200}).status_code == 413


# -- services and jobs --------------------------------------------------------------------------


def test_one_row_for_each_published_flow_model(vendor: SandboxExstream) -> None:
    """§3: and empty data without any."""
    several = vendor.call("POST", f"{INPUTS}/batch/Dev/Statements", json={}).json()["data"]
    none = vendor.call("POST", f"{INPUTS}/batch/Dev/Unpublished", json={}).json()

    assert len({row["id"] for row in several}) == 2
    assert len({row["jobId"] for row in several}) == 1
    assert none == {"status": "success", "data": []}


@pytest.mark.parametrize(
    "path",
    [
        f"{INPUTS}/batch/Dev/Nothing",
        f"{INPUTS}/ondemand/Dev/OnboardingLetters",
        f"{INPUTS}/batch/Prod/OnboardingLetters",
    ],
)
def test_an_unknown_service_mode_or_domain_is_not_there(vendor: SandboxExstream, path: str) -> None:
    """§9 #8."""
    assert vendor.call("POST", path, json={}).status_code == 404


def test_a_job_goes_from_state_to_state(vendor: SandboxExstream) -> None:
    """§4.1, §4.2: by the clock."""
    row = start(vendor)
    states = []
    for _ in range(3):
        instance = vendor.call("GET", f"{RUNTIME}/flow-instances/{row['id']}").json()["data"]
        job = vendor.call("GET", f"{RUNTIME}/jobs/{row['jobId']}").json()["data"]
        states.append((instance["status"], job["status"]))
        vendor.set_clock(advance_s=1.1)

    assert states == [("started", "started"), ("finishing", "started"), ("complete", "complete")]


@pytest.mark.parametrize("stop", ["waiting", "holding"])
def test_a_job_may_wait_for_a_person(stop: Any) -> None:
    """§4.5: until somebody releases it."""
    with sandbox_exstream(services={"OnboardingLetters": Service(stops_at=stop)}) as vendor:
        row = start(vendor)
        vendor.set_clock(advance_s=100)
        held = vendor.call("GET", f"{RUNTIME}/jobs/{row['jobId']}").json()["data"]["status"]
        vendor.call("POST", f"{RUNTIME}/flow-instances/{row['id']}/release").raise_for_status()
        again = vendor.call("POST", f"{RUNTIME}/flow-instances/{row['id']}/release").status_code
        vendor.set_clock(advance_s=100)
        done = vendor.call("GET", f"{RUNTIME}/jobs/{row['jobId']}").json()["data"]["status"]

    assert (held, again, done) == (stop, 400, "complete")


def test_a_failed_job_has_steps_and_a_log() -> None:
    """§4.2, §4.3: the steps with statuses:error, and the engine's log."""
    with sandbox_exstream(services={"OnboardingLetters": Service(outcome="error")}) as vendor:
        row = start(vendor)
        vendor.set_clock(advance_s=10)
        query = {"filter": f"flowInstanceId:{row['id']};statuses:error"}
        (step,) = vendor.call("GET", f"{RUNTIME}/flow-steps", params=query).json()["data"]
        log = vendor.call("GET", f"{RUNTIME}/flow-steps/{step['id']}/message-file").text

    assert (step["stepType"], step["status"]) == ("output", "error")
    assert "error" in log


def test_an_output_has_a_manifest_with_its_volume(vendor: SandboxExstream) -> None:
    """§4.3: customersProcessed; empty while the engine writes."""
    row = start(vendor, "Statements")
    query = {"filter": f"flowInstanceId:{row['id']};stepTypes:output"}
    (step,) = vendor.call("GET", f"{RUNTIME}/flow-steps", params=query).json()["data"]

    early = vendor.call("GET", f"{RUNTIME}/flow-steps/{step['id']}/delivery-file").content
    vendor.set_clock(advance_s=10)
    late = vendor.call("GET", f"{RUNTIME}/flow-steps/{step['id']}/delivery-file").text

    assert early == b""
    assert 'customersProcessed="120345"' in late


def test_jobs_are_filtered_by_the_page_s_grammar(vendor: SandboxExstream) -> None:
    """§4.1: key:value by ;, lists by commas, days only."""
    row = start(vendor)
    vendor.set_clock(advance_s=10)
    page = "mode:BATCH;statuses:complete,error;startDateStart:2026-01-30"

    def found(text: str) -> int:
        answer = vendor.call("GET", f"{RUNTIME}/jobs", params={"filter": text, "count": 100, "offset": 0})
        return int(answer.raise_for_status().json()["page"]["totalElements"])

    assert found(page) == 1
    assert found("mode:ONDEMAND") == found("startDateStart:2999-01-01") == found("statuses:error") == 0
    assert found(f"ids:{row['jobId']};channel:OnboardingLetters;triggeredBy:{DEFAULT_CLIENT}") == 1


@pytest.mark.parametrize("text", ["mode", "colour:red", "startDateStart:2026-01-30T10:00:00Z", "startDateStart:today"])
def test_another_grammar_is_refused(vendor: SandboxExstream, text: str) -> None:
    """§4.1: yyyy-MM-dd only: day granularity."""
    assert vendor.call("GET", f"{RUNTIME}/jobs", params={"filter": text}).status_code == 400


def test_jobs_come_in_pages(vendor: SandboxExstream) -> None:
    """§4.1: with what a reader needs to find the end."""
    for _ in range(3):
        start(vendor)
    pages = [vendor.call("GET", f"{RUNTIME}/jobs", params={"count": 2, "offset": number}).json() for number in range(2)]

    assert [len(page["data"]) for page in pages] == [2, 1]
    assert pages[1]["page"] == {
        "pageSize": 2, "pageOffset": 1, "totalElements": 3, "totalPages": 2, "currentPageNumber": 1,
    }  # fmt: skip


def test_only_what_is_finished_is_deleted(vendor: SandboxExstream) -> None:
    """§4.1: 409 otherwise; marked jobs show with fetchDeleted, wiped ones are gone (§4.4)."""
    job = f"{RUNTIME}/jobs/{start(vendor)['jobId']}"
    early = vendor.call("DELETE", job).status_code
    vendor.call("POST", f"{job}/stop").raise_for_status()
    vendor.call("DELETE", job).raise_for_status()
    hidden = vendor.call("GET", f"{RUNTIME}/jobs").json()["data"]
    (shown,) = vendor.call("GET", f"{RUNTIME}/jobs", params={"fetchDeleted": "true"}).json()["data"]
    vendor.wipe()

    assert (early, hidden, shown["status"]) == (409, [], "deleted")
    assert vendor.call("GET", job).status_code == 404


def test_an_input_is_given_back_as_it_came(vendor: SandboxExstream) -> None:
    """§4.2."""
    row = start(vendor)

    assert vendor.call("GET", f"{RUNTIME}/flow-instances/{row['id']}/input").json() == {"_evt": "e-1"}


def test_version_and_configuration_are_a_health_check(vendor: SandboxExstream) -> None:
    """§4.4."""
    answers = [vendor.http.get(path).status_code for path in ("/orchestration/version", "/orchestration/api/v1/config")]

    assert answers == [200, 200]


# -- design -------------------------------------------------------------------------------------


def moved(vendor: SandboxExstream, state: str, identifier: str = BROCHURE) -> int:
    body = {"state": state, "auditedComment": "by a test", "locked": False}
    return vendor.call("PUT", f"{RESOURCES}/{identifier}/state", json=body).status_code


def test_content_is_approved_step_by_step(vendor: SandboxExstream) -> None:
    """§5.2: the standard workflow; editing what is approved makes a new version."""
    way = [moved(vendor, state) for state in ("DRAFT", "REVIEW", "REJECTED", "DRAFT", "REVIEW", "APPROVED")]
    resource = vendor.call("GET", f"{RESOURCES}/{BROCHURE}").json()["data"]
    history = vendor.call("GET", f"{RESOURCES}/history/{BROCHURE}").json()["data"]

    assert way == [200] * 6
    assert (resource["state"], resource["version"]) == ("APPROVED", "2")
    assert [each["to"] for each in history] == ["DRAFT", "REVIEW", "REJECTED", "DRAFT", "REVIEW", "APPROVED"]


def test_illegal_transitions_are_refused(vendor: SandboxExstream) -> None:
    """§5.2: 400; review comes first in the standard workflow, not in the simple one."""
    skipped = [moved(vendor, "DRAFT"), moved(vendor, "APPROVED"), moved(vendor, "SHREDDED")]
    with sandbox_exstream(workflow="simple") as simple:
        direct = [moved(simple, "DRAFT"), moved(simple, "APPROVED")]

    assert (skipped, direct) == ([200, 400, 400], [200, 200])


def test_children_are_approved_first(vendor: SandboxExstream) -> None:
    """§5.2."""
    rows = vendor.call("GET", RESOURCES, params={"filter.types": "samplefile"}).json()["data"]
    sample = next(row["id"] for row in rows if row["name"] == "brochure_json.sample")
    vendor.http.post("/_sandbox/templates", json={sample: "DRAFT"}).raise_for_status()

    assert [moved(vendor, "DRAFT"), moved(vendor, "REVIEW"), moved(vendor, "APPROVED")] == [200, 200, 400]


def test_offset_is_the_page_index(vendor: SandboxExstream) -> None:
    """§5.1: not a row number."""
    query = {
        "filter.types": "exstrapplication",
        "filter.states": "APPROVED",
        "filter.latestVersion": "true",
        "count": 3,
    }
    first, second = (vendor.call("GET", RESOURCES, params=query | {"offset": page}).json()["data"] for page in range(2))

    assert (len(first), len(second)) == (3, 1)
    assert not {row["id"] for row in first} & {row["id"] for row in second}


def test_the_driver_s_name_is_found(vendor: SandboxExstream) -> None:
    """§5.3: communication, communication set, manifest, prodDsn."""
    query = {"linkSubjectId": BROCHURE, "linkDepth": 2, "filter.types": "exstrcommunicationset"}
    (its_set,) = vendor.call("GET", "/design/api/v1/links/Dev", params=query).json()["data"]
    manifest = vendor.call("GET", f"/design/api/v1/manifests/Dev/communication-set/{its_set['id']}").json()

    assert manifest["dsnlist"][0].keys() == {"name", "prodDsn", "resourceId", "type"}
    assert manifest["dsnlist"][0]["prodDsn"] == "brochure_json"
    assert manifest["queueList"][0].keys() == {"name", "driver", "prodFile", "use"}


# -- events, files, control ---------------------------------------------------------------------


def test_events_are_pushed_in_both_shapes(vendor: SandboxExstream) -> None:
    """§6.1: e-mail events have no eventId, file events have one; repeated while they are not taken."""
    with sandbox_exstream() as receiver:
        kinds = ["Exstream-Email-NDLV", "Exstream-FileOutputChannel", "Exstream-Print-Failed"]
        spec = {"url": f"{receiver.url}/hook", "types": kinds, "communication_id": BROCHURE, "tries": 2}
        spec["user"] = {"CustomerId": "C-1"}
        answers = vendor.http.post("/_sandbox/push", json=spec).raise_for_status().json()["answers"]
        events = [each["body"] for each in receiver.received("/hook")]

    assert answers == [[404, 404]] * 3
    email, _, file, _, failed, _ = events
    assert email["expctr"]["schemaType"] == "Exstream-Email-NDLV"
    assert "eventId" not in email["expctr"]
    assert email["exstreamEmailStatistics"]["eventType"] == "NDLV"
    assert "eventId" in file["expctr"]
    assert [each["exstreamJob"]["status"] for each in (file, failed)] == ["success", "failed"]
    assert all(each["user"] == {"CustomerId": "C-1"} for each in events)


def test_files_received_are_shown(tmp_path: Path) -> None:
    """§3: the directory channel takes what has its final name."""
    (tmp_path / "preferences-1.csv").write_text("a")
    (tmp_path / ".preferences-2.csv.part").write_text("b")
    with sandbox_exstream(input_directory=str(tmp_path)) as vendor:
        assert vendor.state()["files"] == {"preferences-1.csv": "a"}


def test_a_scripted_rate_is_refused_with_a_hint(vendor: SandboxExstream) -> None:
    """§9 #12: a gateway's 429 with Retry-After."""
    vendor.token()
    vendor.quota(0, 60)
    answer = vendor.http.get("/orchestration/version")

    assert answer.status_code == 429
    assert 1 <= int(answer.headers["retry-after"]) <= 60


def test_what_was_received_and_what_is_true_can_be_asked(vendor: SandboxExstream) -> None:
    """By path, by text, by service; secrets are not shown."""
    start(vendor)
    received = vendor.http.get("/_sandbox/received", params={"text": "e-1"}).json()

    (request,) = received["requests"]
    assert "authorization" not in request["headers"]
    assert received["users"] == {"OnboardingLetters": ['{"_evt":"e-1"}']}
    assert vendor.state()["templates"]["product_brochure"] == {"state": "APPROVED", "version": 1}
    vendor.clear()
    assert vendor.jobs() == []


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nothing", 404), ("PUT", GENERATE, 405)])
def test_other_addresses_are_not_there(vendor: SandboxExstream, method: str, path: str, status: int) -> None:
    """In Spring's shape."""
    answer = vendor.call(method, path)

    assert answer.status_code == status
    assert answer.json()["status"] == status


def test_misuse_of_the_control_endpoint_is_told(vendor: SandboxExstream) -> None:
    """As of every sandbox."""
    assert vendor.http.post("/_sandbox/push", json={"url": 1}).status_code == 422
    assert vendor.http.post("/_sandbox/quotas", json={"generate": {"limit": 1, "window_s": 1}}).status_code == 422


FLOW_MODELS = "/orchestration/api/v1/flow-models/Dev"


def published(vendor: SandboxExstream) -> dict[str, int]:
    """The published flow models and their versions."""
    rows = vendor.call("GET", f"{FLOW_MODELS}/published").raise_for_status().json()["data"]
    return {row["id"]: row["version"] for row in rows}


def test_publishing_takes_the_latest_approved_version(vendor: SandboxExstream) -> None:
    """§4.4; another version has to be asked for, and has to be there."""
    assert vendor.publish(FLOW_MODEL) == "2"
    publish = f"{FLOW_MODELS}/{FLOW_MODEL}/publish"

    statuses = [vendor.call("POST", f"{publish}?version={version}").status_code for version in ("1", "3", "x", "0")]

    assert statuses == [200, 400, 400, 400]
    assert published(vendor)[FLOW_MODEL] == 1
    assert vendor.call("POST", f"{FLOW_MODELS}/nothing/publish").status_code == 404


def test_what_is_not_published_starts_nothing(vendor: SandboxExstream) -> None:
    """§3: an input starts the flow models that are published, and no others."""
    vendor.call("POST", f"{FLOW_MODELS}/{FLOW_MODEL}/unpublish").raise_for_status()

    started = vendor.call("POST", BATCH, json={"n": 1}).json()["data"]

    assert started == []
    assert FLOW_MODEL not in published(vendor)
    vendor.clear()
    assert published(vendor)[FLOW_MODEL] == 1
