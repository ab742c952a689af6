"""The sandbox's lists: the page's own answers, its paging, its refusals (§2.10, §2.11)."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from sandbox.app import create, running
from sandbox.braze.options import DEFAULT_KEY, PERMISSIONS

UNSUBSCRIBES, BOUNCES = "/email/unsubscribes", "/email/hard_bounces"
DAY = {"start_date": "2020-06-17", "end_date": "2020-06-18"}
BLOCK = {"id": "cb-1", "name": "x", "tags": ["a"], "fields": {"content": "<p/>"}, "edited": "2026-06-17T19:27:44Z"}


@pytest.fixture(scope="module")
def shared() -> Iterator[httpx.Client]:
    """One sandbox for all of them."""
    headers = {"authorization": f"Bearer {DEFAULT_KEY}"}
    with (
        running(create("braze", campaigns={})) as url,
        httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=5) as client,
    ):
        yield client


@pytest.fixture
def client(shared: httpx.Client) -> httpx.Client:
    """It, emptied."""
    shared.delete("/_sandbox/state").raise_for_status()
    return shared


def put(client: httpx.Client, **rows: Any) -> None:
    """What lists show from now on."""
    client.post("/_sandbox/rows", json=rows).raise_for_status()


def got(client: httpx.Client, path: str, **query: Any) -> Any:
    """The body of a good answer."""
    answer = client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def complaint(client: httpx.Client, path: str, **query: Any) -> str:
    """What a 400 says."""
    answer = client.get(path, params=query)
    assert answer.status_code == 400
    return str(answer.json()["message"])


def test_the_lists_of_addresses_answer_as_on_the_page(client: httpx.Client) -> None:
    """§2.10, word for word."""
    put(client, unsubscribes=[{"email": "example@123.com", "at": "2020-06-17T19:27:44Z"}])
    put(client, hard_bounces=[{"email": "b@example.com", "at": "2016-08-25T15:24:32Z"}])

    assert client.get(UNSUBSCRIBES, params=DAY).json() == {
        "emails": [{"email": "example@123.com", "unsubscribed_at": "2020-06-17 19:27:44 +0000"}],
        "message": "success",
    }
    assert got(client, BOUNCES, start_date="2016-08-25", end_date="2016-08-26") == {
        "emails": [{"email": "b@example.com", "hard_bounced_at": "2016-08-25 15:24:32 +0000"}],
        "message": "success",
    }


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"end_date": "2020-06-18"},
        {"start_date": "2020-06-17"},
        {**DAY, "limit": "501"},
        {**DAY, "limit": "0"},
        {**DAY, "offset": "x"},
        {**DAY, "start_date": "17.06.2020"},
    ],
    ids=["nothing", "no_start", "no_end", "too_many", "none", "offset", "format"],
)
def test_a_list_of_addresses_refuses(client: httpx.Client, query: dict[str, str]) -> None:
    """§2.10: what is required, and at most 500."""
    assert client.get(UNSUBSCRIBES, params=query).status_code == 400


def test_addresses_are_paged_by_offset_newest_first_unless_asked(client: httpx.Client) -> None:
    """§2.10: `desc` by default, for unsubscribes `asc` too; 100 a page unless more are asked for."""
    rows = [{"email": f"u{number:03}@example.com", "at": "2020-06-17T10:00:00Z"} for number in range(150)]
    put(client, unsubscribes=rows, hard_bounces=rows)

    def first(path: str, **query: Any) -> tuple[int, str]:
        found = got(client, path, **DAY, **query)["emails"]
        return len(found), found[0]["email"]

    assert first(UNSUBSCRIBES) == (100, "u149@example.com")
    assert first(UNSUBSCRIBES, sort_direction="asc", limit=500) == (150, "u000@example.com")
    assert first(UNSUBSCRIBES, sort_direction="asc", offset=120) == (30, "u120@example.com")
    assert first(BOUNCES, sort_direction="asc") == (100, "u149@example.com")


def test_who_subscribes_again_disappears(client: httpx.Client) -> None:
    """§2.10: a list shows states."""
    put(client, unsubscribes=[{"email": "a@example.com", "at": "2020-06-17T10:00:00Z"}])
    put(client, remove=["a@example.com"])

    assert got(client, UNSUBSCRIBES, **DAY)["emails"] == []
    assert got(client, UNSUBSCRIBES, end_date="2020-06-18", email="a@example.com")["emails"] == []


def test_a_content_block_in_the_list_and_by_itself(client: httpx.Client) -> None:
    """§2.11: the row, and what its own page adds."""
    put(client, content_blocks=[BLOCK])

    (row,) = got(client, "/content_blocks/list")["content_blocks"]
    whole = got(client, "/content_blocks/info", content_block_id="cb-1")

    assert row == {
        "content_block_id": "cb-1", "name": "x", "content_type": "html", "liquid_tag": "{{content_blocks.${x}}}",
        "inclusion_count": 0, "created_at": "2026-06-17T19:27:44+00:00", "last_edited": "2026-06-17T19:27:44+00:00",
        "tags": ["a"],
    }  # fmt: skip
    assert (whole["content"], whole["description"], whole["inclusion_data"]) == ("<p/>", "", [])


def test_what_the_list_of_blocks_says_no_to(client: httpx.Client) -> None:
    """§2.11: the texts of the page."""
    assert complaint(client, "/content_blocks/list", offset=0) == "Offset must be greater than 0"
    assert complaint(client, "/content_blocks/list", limit=0) == "Content Block number limit is invalid"
    assert complaint(client, "/content_blocks/list", modified_after="soon") == "Modified after time is invalid"
    assert complaint(client, "/content_blocks/info") == "Content Block ID cannot be blank"
    assert (
        complaint(client, "/content_blocks/info", content_block_id="?")
        == "Content Block ID is invalid for this workspace"
    )
    assert client.get("/content_blocks/list", params={"limit": 1001}).status_code == 400


def test_edited_things_only(client: httpx.Client) -> None:
    """§2.11: `modified_after`, and `last_edit.time[gt]` without a zone."""
    old, new = {**BLOCK, "edited": "2026-01-01T00:00:00Z"}, {**BLOCK, "id": "cb-2"}
    put(client, content_blocks=[old, new], campaigns=[old, new], email_templates=[old, new])

    blocks = got(client, "/content_blocks/list", modified_after="2026-02-01T00:00:00+00:00")
    templates = got(client, "/templates/email/list", modified_after="2026-02-01T00:00:00Z")
    campaigns = got(client, "/campaigns/list", **{"last_edit.time[gt]": "2026-02-01T00:00:00"})

    assert [row["content_block_id"] for row in blocks["content_blocks"]] == ["cb-2"]
    assert [row["email_template_id"] for row in templates["templates"]] == ["cb-2"]
    assert [row["id"] for row in campaigns["campaigns"]] == ["cb-2"]


def test_campaigns_come_in_hundreds_from_page_0(client: httpx.Client) -> None:
    """§2.11, §8 #10: short, then empty."""
    put(client, campaigns=[{"id": f"c-{number}", "name": "n"} for number in range(130)])

    sizes = [len(got(client, "/campaigns/list", page=page)["campaigns"]) for page in range(3)]

    assert sizes == [100, 30, 0]


def test_archived_campaigns_are_listed_when_asked_for(client: httpx.Client) -> None:
    """§2.11: `include_archived`."""
    put(client, campaigns=[{"id": "c-1", "name": "n", "archived": True}])

    assert got(client, "/campaigns/list")["campaigns"] == []
    assert len(got(client, "/campaigns/list", include_archived="true")["campaigns"]) == 1


def test_details_and_their_refusals(client: httpx.Client) -> None:
    """§2.11: what a campaign's and a Canvas's own pages have; a bad id."""
    put(client, campaigns=[{"id": "c-1", "name": "n", "tags": ["t"], "fields": {"messages": {"m": {}}}}])
    put(client, canvases=[{"id": "v-1", "name": "n"}])

    campaign = got(client, "/campaigns/details", campaign_id="c-1")
    canvas = got(client, "/canvas/details", canvas_id="v-1")

    assert (campaign["enabled"], campaign["draft"], campaign["messages"], campaign["tags"]) == (
        True, False, {"m": {}}, ["t"],
    )  # fmt: skip
    assert {"variants", "steps"} <= canvas.keys()
    assert complaint(client, "/canvas/details", canvas_id="?") == (
        "canvas_id must be a string of the Canvas api identifier"
    )
    assert client.get("/campaigns/details").status_code == 400
    assert client.get("/templates/email/info", params={"email_template_id": "?"}).status_code == 400


def test_lists_share_the_pool_and_need_their_permissions(client: httpx.Client) -> None:
    """§4: one pool for all of them; §1.3: a permission for each."""
    before = int(client.get(UNSUBSCRIBES, params=DAY).headers["x-ratelimit-remaining"])
    after = int(client.get("/canvas/list").headers["x-ratelimit-remaining"])

    assert after == before - 1
    keys = {DEFAULT_KEY: PERMISSIONS - {"email.unsubscribe"}}
    headers = {"authorization": f"Bearer {DEFAULT_KEY}"}
    with (
        running(create("braze", keys=keys)) as url,
        httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=5) as other,
    ):
        assert other.get(UNSUBSCRIBES, params=DAY).status_code == 403
        assert other.get(BOUNCES, params=DAY).status_code == 200


def test_rows_that_are_none_are_refused_with_words(client: httpx.Client) -> None:
    """A test that mistypes hears of it."""
    assert client.post("/_sandbox/rows", json={"unsubscribed": []}).status_code == 422
