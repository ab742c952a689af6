"""`commfleet run`: a worker, until SIGTERM."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from workers.cli.root import GROUPS, POLLED, SINKS, main, moment_of, with_settings

if TYPE_CHECKING:
    from workers.settings import Settings


@main.group()
def run() -> None:
    """Run a worker until SIGTERM."""


@run.command("sink")
@click.argument("name", type=click.Choice(SINKS))
@click.option("--group", type=click.Choice(GROUPS), help="One group of the sink only; all of them without it.")
@click.pass_obj
def run_sink(config: Path | None, name: str, group: str | None) -> None:
    """Push events to a vendor."""
    from workers.bootstrap import sink
    from workers.settings import load_settings

    sink.run_sink(load_settings(config), name, group, lambda: load_settings(config))


@run.group("ingest")
def run_ingest() -> None:
    """Turn what other systems emit into events."""


@run_ingest.command("webhook")
@click.pass_obj
def run_webhook(config: Path | None) -> None:
    """Take events over HTTP."""
    from workers.bootstrap import webhook
    from workers.settings import load_settings

    webhook.run_webhook(load_settings(config), lambda: load_settings(config))


@run.command("consent-api")
@with_settings
def run_consent_api(settings: "Settings") -> None:
    """Answer GET /v1/consent/{customer}, read-only."""
    from workers.bootstrap import consent_api

    consent_api.run_consent_api(settings)


@run.command("journeys")
@click.option(
    "--since",
    metavar="TIME",
    callback=moment_of,
    help="Journeys start from a time or an age (2h, 7d) on, not from now.",
)
@with_settings
def run_journeys(settings: "Settings", since: datetime | None) -> None:
    """Apply events to the customer store, run the journeys, and publish what follows."""
    from workers.bootstrap import journeys

    journeys.run_journeys(settings, since)


@run.command("poller")
@click.argument("source", type=click.Choice(POLLED))
@click.option(
    "--since", metavar="TIME", callback=moment_of,
    help="Where feeds that have never been polled begin: a time, or an age (7d); others go on where they were.",
)  # fmt: skip
@with_settings
def run_poller(settings: "Settings", source: str, since: datetime | None) -> None:
    """Ask a source for what it does not send; more than one of them stand by for the first."""
    from workers.bootstrap import poller

    poller.run_poller(settings, source, since)


@run.command("files")
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@with_settings
def run_files(settings: "Settings", sources: tuple[str, ...]) -> None:
    """Take files out of watched folders: those of SOURCE, or of every configured one."""
    from workers.bootstrap import files

    files.run_files(settings, sources)
