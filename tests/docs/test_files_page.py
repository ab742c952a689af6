"""docs/files.md: its example works, its tables name what there is."""

import re
from pathlib import Path

from tests.support.files import Log, never, source, worker
from tests.support.ingest import NOW
from workers.ingest.files.claim import Drop
from workers.ingest.files.hooks import FileOutcome
from workers.ingest.files.mapping import CsvForm, Mapping, Rule

PAGE = (Path(__file__).parents[2] / "docs" / "files.md").read_text()
BLOCKS = dict(re.findall(r"```\w+ (\S+)\n(.*?)```", PAGE, re.DOTALL))


def test_the_example_becomes_events(tmp_path: Path) -> None:
    """Both lines, as the page says."""
    drop, log = Drop(tmp_path, "*.csv", 0), Log()
    drop.prepare()
    (tmp_path / "crm.csv").write_text(BLOCKS["crm.csv"], encoding="cp1252")
    claim = drop.claim(NOW)
    assert claim is not None

    outcome = worker(log).finish(source(tmp_path, BLOCKS["crm.yaml"]), claim, never)

    first, second = log.events()
    assert outcome is FileOutcome.DONE
    assert (first["type"], first["score"], first["form"]) == ("FORM_SUBMITTED", 17, "callback")
    assert first["attributes"] == {"topics": "pension, travel"}
    assert (second["type"], second["score"]) == ("PAGE_VISITED", 0)
    assert [event["customer"]["customer_id"] for event in (first, second)] == ["C-100", "callcentre:berlin:4711"]


def test_every_key_of_a_mapping_is_told() -> None:
    """In the table, or in the example."""
    told = set(re.findall(r"`(\w+)`", PAGE)) | set(re.findall(r"^(\w+):", BLOCKS["crm.yaml"], re.MULTILINE))

    assert {*Mapping.model_fields, *CsvForm.model_fields, *Rule.model_fields} - told == set()
