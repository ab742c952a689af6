"""docs/events.md is made from schemas, topic files and examples."""

from pathlib import Path

from schemas.catalogue import catalogue
from topics.catalogue import topics
from workers.events_page import events_page

PAGE = Path(__file__).parents[2] / "docs" / "events.md"


def test_the_page_is_current() -> None:
    """Whoever changes a schema or a topic file runs `python -m workers.events_page > docs/events.md`."""
    assert PAGE.read_text() == events_page()


def test_every_topic_tells_key_lane_retention_and_an_example() -> None:
    """What a team that reads or writes it needs."""
    for name in catalogue().topics:
        section = events_page().split(f"\n## {name}\n")[1].split("\n## ")[0]

        assert f"- **Key**: {topics()[name].key}" in section
        assert "- **Lane key**: " in section
        assert "- **Kept**: " in section
        assert "```json\n{" in section


def test_every_field_says_what_it_is() -> None:
    """No row has an empty meaning."""
    rows = [line for line in events_page().splitlines() if line.startswith("| `")]

    assert len(rows) > 100
    assert [row for row in rows if row.endswith("|  |")] == []
