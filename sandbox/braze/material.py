"""Lists and single pages of content blocks, e-mail templates, campaigns and Canvases (page §2.11)."""

from datetime import UTC, datetime
from typing import Any

from starlette.datastructures import QueryParams

from sandbox.braze import words
from sandbox.braze.options import Options
from sandbox.braze.reply import Reply, refused
from sandbox.braze.shelf import Asset
from sandbox.braze.workspace import Workspace

_PAGE, _MOST = 100, 1000
_LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def content_blocks(query: QueryParams, _: Options, workspace: Workspace) -> Reply:
    """By offset, which must be left out on the first page."""
    return _by_offset(query, workspace, "content_blocks", "content_blocks", _block_row, "Content Block")


def content_block(query: QueryParams, _: Options, workspace: Workspace) -> Reply:
    """One block, with its content."""
    id_ = query.get("content_block_id", "")
    if not id_:
        return refused(400, "Content Block ID cannot be blank")
    asset = workspace.shelf.asset("content_blocks", id_)
    if asset is None:
        return refused(400, "Content Block ID is invalid for this workspace")
    whole = {"content": "", "description": "", "inclusion_data": [], **_block_row(asset, workspace), **asset.fields}
    return Reply(200, {**whole, "message": words.SUCCESS})


def templates(query: QueryParams, _: Options, workspace: Workspace) -> Reply:
    """As content blocks."""
    return _by_offset(query, workspace, "email_templates", "templates", _template_row, "Template")


def template(query: QueryParams, _: Options, workspace: Workspace) -> Reply:
    """One template, with its body."""
    asset = workspace.shelf.asset("email_templates", query.get("email_template_id", ""))
    if asset is None:
        return refused(400, "Email Template ID is invalid for this workspace")  # text unknown
    blank = dict.fromkeys(("description", "subject", "preheader", "body", "plaintext_body"), "")
    whole = {**blank, "should_inline_css": False, **_template_row(asset, workspace), **asset.fields}
    return Reply(200, {**whole, "message": words.SUCCESS})


def campaigns(query: QueryParams, options: Options, workspace: Workspace) -> Reply:
    """Those of the options, and those that were put there."""
    named = [
        Asset(id=id_, name=name, edited=_LONG_AGO, fields={"is_api_campaign": True})
        for id_, name in (options.campaigns or {}).items()
        if workspace.shelf.asset("campaigns", id_) is None
    ]
    return _by_page(query, [*named, *workspace.shelf.assets("campaigns")], "campaigns", {"is_api_campaign": False})


def campaign(query: QueryParams, _: Options, workspace: Workspace) -> Reply:
    """One campaign, with its messages."""
    return _details(workspace, "campaigns", query.get("campaign_id", ""), words.CAMPAIGN_NOT_A_STRING)


def canvases(query: QueryParams, _: Options, workspace: Workspace) -> Reply:
    """As campaigns."""
    return _by_page(query, workspace.shelf.assets("canvases"), "canvases", {})


def canvas(query: QueryParams, _: Options, workspace: Workspace) -> Reply:
    """One Canvas, with variants and steps."""
    return _details(workspace, "canvases", query.get("canvas_id", ""), words.BAD_CANVAS)


def _details(workspace: Workspace, kind: str, id_: str, complaint: str) -> Reply:
    asset = workspace.shelf.asset(kind, id_)
    if asset is None:
        return refused(400, complaint)
    of_campaigns: dict[str, Any] = {"messages": {}, "conversion_behaviors": []}
    parts = of_campaigns if kind == "campaigns" else {"variants": [], "steps": []}
    whole = {
        "created_at": _iso(workspace.shelf.created(asset)),
        "updated_at": _iso(asset.edited),
        "archived": asset.archived,
        "draft": False,
        "enabled": True,
        "has_post_launch_draft": False,
        "name": asset.name,
        "description": "",
        "schedule_type": "action_based",
        "channels": ["email"],
        "first_sent": None,
        "last_sent": None,
        "tags": asset.tags,
        "teams": [],
        **parts,
        **asset.fields,
    }
    return Reply(200, {**whole, "message": words.SUCCESS})


def _by_offset(query: QueryParams, workspace: Workspace, kind: str, field: str, row: Any, what: str) -> Reply:
    limit, offset = query.get("limit", "100"), query.get("offset")
    if not limit.isdecimal() or int(limit) < 1:
        return refused(400, f"{what} number limit is invalid")
    if int(limit) > _MOST:
        return refused(400, f"{what} number limit must be {_MOST} or less")  # text unknown
    if offset is not None and (not offset.isdecimal() or int(offset) < 1):
        return refused(400, "Offset must be greater than 0")
    try:
        after, before = _moment(query.get("modified_after")), _moment(query.get("modified_before"))
    except ValueError:
        return refused(400, "Modified after time is invalid")
    found = [row(each, workspace) for each in _edited(workspace.shelf.assets(kind), after, before)]
    start = int(offset or 0)
    page = found[start : start + int(limit)]
    return Reply(200, {"count": len(page), field: page, "message": words.SUCCESS})


def _by_page(query: QueryParams, assets: list[Asset], field: str, more: dict[str, Any]) -> Reply:
    """Pages of 100, from 0; past the end they are empty."""
    page = query.get("page", "0")
    try:
        after = _moment(query.get("last_edit.time[gt]"))
    except ValueError:
        return refused(400, words.BAD_REQUEST)
    if not page.isdecimal():
        return refused(400, words.BAD_REQUEST)
    with_archived = query.get("include_archived", "false") == "true"
    found = [each for each in _edited(assets, after, None) if with_archived or not each.archived]
    found.sort(key=lambda each: each.edited or _LONG_AGO, reverse=query.get("sort_direction") == "desc")
    rows = [
        {"id": each.id, "last_edited": _iso(each.edited), "name": each.name, "tags": each.tags, **more}
        | {name: each.fields[name] for name in more if name in each.fields}
        for each in found[int(page) * _PAGE : (int(page) + 1) * _PAGE]
    ]
    return Reply(200, {"message": words.SUCCESS, field: rows})


def _edited(assets: list[Asset], after: datetime | None, before: datetime | None) -> list[Asset]:
    return [
        each
        for each in assets
        if each.edited and (after is None or each.edited > after) and (before is None or each.edited < before)
    ]


def _block_row(asset: Asset, workspace: Workspace) -> dict[str, Any]:
    return {
        "content_block_id": asset.id,
        "name": asset.name,
        "content_type": "html",
        "liquid_tag": f"{{{{content_blocks.${{{asset.name}}}}}}}",
        "inclusion_count": 0,
        "created_at": _iso(workspace.shelf.created(asset)),
        "last_edited": _iso(asset.edited),
        "tags": asset.tags,
    }


def _template_row(asset: Asset, workspace: Workspace) -> dict[str, Any]:
    return {
        "email_template_id": asset.id,
        "template_name": asset.name,
        "created_at": _iso(workspace.shelf.created(asset)),
        "updated_at": _iso(asset.edited),
        "tags": asset.tags,
    }


def _moment(text: str | None) -> datetime | None:
    """ISO 8601; without a zone it is UTC. Raises ValueError."""
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
