"""The customer store in tests: the same over SQLite and PostgreSQL, and events to put into it."""

import itertools
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from common.codec import from_json
from common.store.database import Database
from common.store.migrate import migrate
from common.store.pseudonyms import Pseudonyms
from common.store.times import micros
from tests.support.clock import ManualClock
from tests.support.postgres import NoPostgresError, running_postgres
from tests.support.require import Server, absent
from workers.consent.config import ConsentSettings
from workers.consent.settle import Settlement
from workers.journeys.applier import Applier
from workers.journeys.erasure import Identities
from workers.journeys.incoming import Incoming
from workers.journeys.preferences import Preferences
from workers.journeys.reducers import Facts, Reducer

PATIENCE_S = 10.0
PSEUDONYMS = Pseudonyms(b"a key of the tests, and long enough")
START = datetime(2026, 3, 1, 12, tzinfo=UTC)
START_US = micros(START)

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A PostgreSQL server; the test is skipped, or fails where it is required, when there is none."""
    try:
        with running_postgres() as address:
            _execute(f"{address}/postgres", "CREATE DATABASE template_commfleet")
            template = Database(f"{address}/template_commfleet", PATIENCE_S)
            migrate(template)
            template.close()
            yield address
    except NoPostgresError as error:
        absent(Server.POSTGRES, str(error))


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file, to be copied."""
    file = tmp_path_factory.mktemp("store") / "template.db"
    database = Database(f"sqlite:///{file}", PATIENCE_S)
    migrate(database)
    database.close()
    return file


_ENGINES = (
    "sqlite",
    pytest.param("postgres", marks=[pytest.mark.postgres, pytest.mark.xdist_group("postgres")]),
)


@pytest.fixture(params=_ENGINES)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty customer store of one's own, on either engine."""
    opened = Database(store_url(request, tmp_path), PATIENCE_S)
    yield opened
    opened.close()


def store_url(request: pytest.FixtureRequest, folder: Path) -> str:
    """The address of a new, migrated store on the engine that the fixture `database` asks for."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), folder / "store.db")
        return f"sqlite:///{folder / 'store.db'}"
    address, name = request.getfixturevalue("postgres"), f"test_{next(_numbers)}"
    _execute(f"{address}/postgres", f"CREATE DATABASE {name} TEMPLATE template_commfleet")
    return f"{address}/{name}"


def _execute(url: str, statement: str) -> None:
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


def applier(database: Database, clock: ManualClock | None = None, *journeys: Reducer, **consent: Any) -> Applier:
    """An applier with the rules of the defaults."""
    identities = Identities(PSEUDONYMS)
    facts = Facts(Preferences(Settlement(ConsentSettings(**consent)), PSEUDONYMS), identities)
    return Applier(database, facts, identities, clock or ManualClock(), 730, journeys)


class Events:
    """Events with offsets of their own, as one partition of the broker hands them out."""

    def __init__(self) -> None:
        self._offsets: dict[str, int] = {}
        self._count = 0

    def make(self, topic: str, at_s: float = 0, customer: Any = "C-1", **fields: Any) -> Incoming:
        """The next record of a topic (short name: `profile`), `at_s` seconds after START."""
        self._count += 1
        name, at = f"comms.{topic}.v1", (START + timedelta(seconds=at_s)).isoformat()
        who = {"customer_id": customer} if isinstance(customer, str) else customer
        whole = {
            "event_id": f"00000000-0000-0000-0000-{self._count:012}",
            "source": "braze",
            "occurred_at": at,
            "ingested_at": at,
            "customer": who,
            **fields,
        }
        offset = self._offsets.get(name, -1) + 1
        self._offsets[name] = offset
        return Incoming(name, offset, from_json(name, whole))

    def wish(self, state: str, at_s: float = 0, **fields: Any) -> Incoming:
        """A report of consent to marketing by e-mail."""
        at = (START + timedelta(seconds=at_s)).isoformat()
        usual = {"type": "CHANGED", "kind": "CONSENT", "channel": "EMAIL", "purpose": "MARKETING"}
        more = {"effective_at": at, "evidence": "EXPLICIT", "state": state}
        return self.make("preference", at_s, **{**usual, **more, **fields})


@contextmanager
def new_store(template: Path) -> Iterator[Database]:
    """A store of one's own for one example."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(template, Path(folder) / "store.db")
        database = Database(f"sqlite:///{folder}/store.db")
        yield database
        database.close()
