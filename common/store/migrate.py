"""The schema's versions: what a database has, what this program needs, and the way from one to the other."""

import logging
from collections.abc import Sequence
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from common.errors import ConfigurationError
from common.store.database import Database

logging.getLogger("alembic").setLevel(logging.WARNING)  # it tells of each look at the version

_HERE = Path(__file__).parent / "migrations"


def steps(database: Database) -> Sequence[str]:
    """What `migrate` would do, a line each, oldest first; raises ConfigurationError for a newer database."""
    with database.reading() as connection:
        at = _version(connection)
    scripts = _scripts()
    if at is not None and at not in {script.revision for script in scripts.walk_revisions()}:
        raise ConfigurationError(f"{database.address} has schema {at}, which this release does not know: upgrade it")
    missing = scripts.iterate_revisions("head", at) if at != scripts.get_current_head() else ()
    return [f"{script.revision}: {script.doc}" for script in reversed(list(missing))]


def migrate(database: Database) -> None:
    """Bring the schema up to date, in one transaction: all of it or nothing."""
    database.write(_upgrade)


def check_version(database: Database) -> None:
    """Raises ConfigurationError when the schema is not this program's."""
    if missing := steps(database):
        raise ConfigurationError(
            f"the customer store at {database.address} lacks {len(missing)} migrations: "
            "run `commfleet store migrate`, then start the workers again"
        )


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(_HERE))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _version(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _scripts() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(_HERE))
    return ScriptDirectory.from_config(config)
