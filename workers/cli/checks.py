"""`commfleet check` and `config`: what can be told before anything runs."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from workers.cli.root import SINKS, comparison, end, main, with_settings

if TYPE_CHECKING:
    from workers.settings import Settings


@main.group(invoke_without_command=True)
@comparison
@click.option(
    "--workers",
    metavar="N",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Replicas that each sink will have: whether its vendor's limits can be shared by so many.",
)
@click.pass_context
def check(ctx: click.Context, against: str | None, mode: str | None, workers: int) -> None:
    """Check settings, flows, schemas and topics, contacting nobody."""
    if ctx.invoked_subcommand is not None:
        if against or mode or workers != 1:
            raise click.UsageError("these options are of `commfleet check` alone")
        return
    from workers import show
    from workers.check import check as problems
    from workers.settings import load_settings

    found = problems(load_settings(ctx.obj), against, mode, workers)
    show.faults(found)
    end(not found)


@check.command("sink")
@click.argument("name", type=click.Choice(SINKS))
@with_settings
def check_sink(settings: "Settings", name: str) -> None:
    """Try a sink's address, credentials and permissions by harmless reads; nobody is contacted.

    Exit 0 when every action can be made as far as that can be told, 1 when one cannot.
    """
    from workers import check_sink as checks
    from workers import show

    found = checks.check_sink(settings, name)
    show.checked(found)
    end(all(each.is_well for each in found))


@main.group()
def config() -> None:
    """The settings of this deployment."""


@config.command("show")
@click.pass_obj
def config_show(config: Path | None) -> None:
    """Every setting in effect and where it came from; secrets masked."""
    from workers import show
    from workers.settings import shown_settings

    show.settings(shown_settings(config))
