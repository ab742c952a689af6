"""`commfleet dlq`: dead letters."""

from typing import TYPE_CHECKING, Any

import click

from workers.cli.root import LETTERS, agree, main, moment_of, with_settings

if TYPE_CHECKING:
    from workers.mailbox import Filter
    from workers.settings import Settings


@main.group()
def dlq() -> None:
    """Dead letters: deliveries and signals that need a person. A letter is addressed partition:offset."""


def _filters(command: Any) -> Any:
    """The conditions that list and redrive share."""
    options = (
        click.option("--flow", help="Of this flow; - for records that no flow could use."),
        click.option("--source", help="Of this source of the ingest."),
        click.option("--reason", callback=_reason, help="With this reason."),
        click.option("--since", callback=moment_of, help="Since a time, or an age: 30m, 2h, 7d."),
        click.option("--key", help="With this record key."),
        click.option("--limit", type=click.IntRange(min=1), help="At most so many, in the topic's order."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def _reason(_: click.Context, __: click.Parameter, text: str | None) -> str | None:
    from common.reasons import Reason

    known = [str(reason) for reason in Reason]
    if text is not None and text not in known:
        raise click.BadParameter(f"{text!r} is no reason; the reasons are {', '.join(known)}")
    return text


def _address(_: click.Context, __: click.Parameter, given: str | tuple[str, ...]) -> str | tuple[str, ...]:
    for text in (given,) if isinstance(given, str) else given:
        partition, _colon, offset = text.partition(":")
        if not (partition.isdecimal() and offset.isdecimal()):
            raise click.BadParameter(f"{text!r} is no letter's address: write partition:offset, as dlq list does")
    return given


_any_sink = click.option(
    "--sink", type=click.Choice(LETTERS), help="Of one sink only, of the ingest, or of the journeys."
)
_one_sink = click.option(
    "--sink", type=click.Choice(LETTERS), default=LETTERS[0], show_default=True, help="Whose letters."
)


@dlq.command("stats")
@_any_sink
@with_settings
def dlq_stats(settings: "Settings", sink: str | None) -> None:
    """How many open letters there are, by flow and reason."""
    from workers import letters_command, show

    show.letter_stats({name: letters_command.dead_letters(settings, name).stats() for name in _sinks(sink)})


@dlq.command("list")
@_any_sink
@_filters
@with_settings
def dlq_list(settings: "Settings", sink: str | None, **conditions: Any) -> None:
    """Open letters, without their content."""
    from workers import letters_command, show

    wanted = _filter(**conditions)
    show.letters({name: letters_command.dead_letters(settings, name).open(wanted) for name in _sinks(sink)})


@dlq.command("show")
@click.argument("letter", callback=_address)
@_one_sink
@click.option("--reveal", is_flag=True, help="Show personal data.")
@with_settings
def dlq_show(settings: "Settings", letter: str, sink: str, reveal: bool) -> None:
    """Everything about one letter, its event decoded; personal data is masked."""
    from workers import letters_command, show

    show.document(letters_command.dead_letters(settings, sink).show(letter, reveal))


@dlq.command("redrive")
@click.argument("letters", nargs=-1, callback=_address)
@_one_sink
@_filters
@click.option(
    "--rate", type=click.FloatRange(min=0, min_open=True), default=20, show_default=True, help="Letters a second."
)
@click.option("--even-if-stale", is_flag=True, help="Also those of repeatable actions whose key has later events.")
@click.option("--dry-run", is_flag=True, help="Only show the plan.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_settings
def dlq_redrive(
    settings: "Settings", letters: tuple[str, ...], sink: str, rate: float, even_if_stale: bool, dry_run: bool,
    yes: bool, **conditions: Any,
) -> None:  # fmt: skip
    """Send letters again: to the failed sink only, signals through their parser, the journeys' to the customer store.

    Shows its plan first. Stopped, it can be started again.
    """
    from workers import letters_command, show

    mailbox = letters_command.dead_letters(settings, sink)
    steps = mailbox.plan(mailbox.open(_filter(addresses=letters, **conditions)), even_if_stale)
    show.redrive_plan(steps)
    count = sum(not step.obstacle for step in steps)
    if dry_run or not count:
        return
    agree(yes, f"Send {count} letters again?")
    with click.progressbar(length=count, label="redriving") as bar:
        sent = letters_command.redrive(settings, sink, steps, rate, lambda _: bar.update(1))
    click.echo(f"{sent} sent again, {len(steps) - sent} left")


@dlq.command("discard")
@click.argument("letters", nargs=-1, callback=_address)
@_one_sink
@_filters
@click.option("--dry-run", is_flag=True, help="Only show the plan.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_settings
def dlq_discard(
    settings: "Settings", letters: tuple[str, ...], sink: str, dry_run: bool, yes: bool, **conditions: Any
) -> None:
    """Close letters without sending anything; shows its plan first. What is closed is deleted, and cannot return."""
    from workers import letters_command, show

    found = letters_command.dead_letters(settings, sink).open(_filter(addresses=letters, **conditions))
    show.discard_plan(found)
    if dry_run or not found:
        return
    agree(yes, f"Discard {len(found)} letters for good?")
    with click.progressbar(length=len(found), label="discarding") as bar:
        closed = letters_command.discard(settings, sink, found, lambda _: bar.update(1))
    click.echo(f"{closed} discarded")


def _filter(**conditions: Any) -> "Filter":
    from workers.mailbox import Filter

    return Filter(**conditions)


def _sinks(sink: str | None) -> tuple[str, ...]:
    return (sink,) if sink else LETTERS
