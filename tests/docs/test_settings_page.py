"""docs/settings.md is made from the models."""

from pathlib import Path

from workers.settings import settings_page

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


def test_the_page_is_current() -> None:
    """Whoever changes a setting runs `python -m workers.settings > docs/settings.md`."""
    assert PAGE.read_text() == settings_page()


def test_every_setting_says_what_it_is() -> None:
    """No row has an empty meaning."""
    rows = [line for line in settings_page().splitlines() if line.startswith("| `")]

    assert len(rows) > 40
    assert [row for row in rows if row.endswith("|  |")] == []
