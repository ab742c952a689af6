"""The four kinds of material: how each is listed, looked at, and what of it counts (§2.11 of the vendor page)."""

from collections.abc import Mapping
from dataclasses import dataclass

from workers.ingest.pollers.braze.config import AssetKind


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind. `is_paged`: by page number, not by offset. `content`: what makes a version, the first one its body."""

    content_type: str
    list_path: str
    rows: str
    id: str
    name: str
    edited: str
    one_path: str
    one_id: str
    is_paged: bool
    content: tuple[str, ...]


_PAGE_OF = ("name", "description", "channels", "schedule_type")

KINDS: Mapping[AssetKind, Kind] = {
    AssetKind.CONTENT_BLOCKS: Kind(
        "content_block", "/content_blocks/list", "content_blocks", "content_block_id", "name", "last_edited",
        "/content_blocks/info", "content_block_id", False, ("content", "name", "description", "content_type"),
    ),
    AssetKind.EMAIL_TEMPLATES: Kind(
        "template", "/templates/email/list", "templates", "email_template_id", "template_name", "updated_at",
        "/templates/email/info", "email_template_id", False,
        ("body", "template_name", "description", "subject", "preheader", "plaintext_body", "should_inline_css"),
    ),
    AssetKind.CAMPAIGNS: Kind(
        "campaign_asset", "/campaigns/list", "campaigns", "id", "name", "last_edited",
        "/campaigns/details", "campaign_id", True, ("messages", *_PAGE_OF),
    ),
    AssetKind.CANVASES: Kind(
        "campaign_asset", "/canvas/list", "canvases", "id", "name", "last_edited",
        "/canvas/details", "canvas_id", True, ("steps", "variants", *_PAGE_OF),
    ),
}  # fmt: skip
