"""`commfleet offsets` and `cursors`: how far has been read."""

from datetime import datetime
from typing import TYPE_CHECKING

import click

from workers.cli.root import GROUPS, SINKS, agree, main, moment_of, with_settings

if TYPE_CHECKING:
    from workers.settings import Settings


@main.group()
def offsets() -> None:
    """Where the sinks' groups read on."""


def _start(context: click.Context, parameter: click.Parameter, text: str) -> str | datetime:
    return text if text in ("committed", "beginning", "end") else moment_of(context, parameter, text) or text


@offsets.command("accept")
@click.argument("sink", type=click.Choice(SINKS))
@click.option("--group", type=click.Choice(GROUPS), help="One group of the sink only; all of them without it.")
@click.option(
    "--from", "start", metavar="committed|beginning|end|TIME", default="committed", show_default=True,
    callback=_start, help="Where partitions without a usable offset begin: also a time, or an age (2h, 7d).",
)  # fmt: skip
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_settings
def offsets_accept(settings: "Settings", sink: str, group: str | None, start: "str | datetime", yes: bool) -> None:
    """Let a sink go on from offsets that are not its own, or missing; shows its plan first.

    For workers that stopped because offsets were reset by another tool, expired, or point outside of the log.
    They must not run meanwhile.
    """
    from workers import offsets_command, show

    plans = [offsets_command.plan(settings, one, start) for one in offsets_command.groups(settings, sink, group)]
    show.offset_plans(plans)
    if undecided := sum(len(one.undecided) for one in plans):
        raise click.ClickException(f"{undecided} partitions have no usable offset: say --from beginning|end|TIME")
    count = sum(len(one.changes) for one in plans)
    if not count:
        return
    agree(yes, f"Commit {count} offsets?")
    for one in plans:
        offsets_command.accept(settings, one)
    click.echo(f"{count} offsets committed")


@main.group()
def cursors() -> None:
    """How far each poller has read its source."""


@cursors.command("list")
@with_settings
def cursors_list(settings: "Settings") -> None:
    """Every cursor of the configured pollers: up to when all is published, its age, and requests used today."""
    from workers import cursors_command, show

    show.cursors(cursors_command.cursor_rows(settings))


@cursors.command("set")
@click.argument("feed")
@click.option(
    "--since", metavar="TIME", required=True, callback=moment_of, help="Read on from a time, or an age (2h, 7d)."
)
@click.option("--forget", is_flag=True, help="Publish again what was seen lately, too; event ids stay the same.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_settings
def cursors_set(settings: "Settings", feed: str, since: datetime, forget: bool, yes: bool) -> None:
    """Let a poller read FEED on from a time; shows what that does first. The source's pollers must not run."""
    from workers import cursors_command, show

    planned = cursors_command.plan(settings, feed, since, forget=forget)
    show.cursor_plan(planned)
    agree(yes, "Set it?")
    cursors_command.carry_out(settings, planned)
    click.echo(f"{feed} is set")
