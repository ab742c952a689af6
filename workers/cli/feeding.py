"""`commfleet produce` and `ingest`: events and files given by hand."""

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from workers.cli.root import end, main, with_settings

if TYPE_CHECKING:
    from workers.produce import LineError, Stored
    from workers.settings import Settings


@main.command()
@click.argument("topic")
@click.argument("file", type=click.File("rb"), default="-")
@click.option("--check", "is_check", is_flag=True, help="Only validate; no broker is needed.")
@click.option("--keep-going", is_flag=True, help="Send the good lines even if some are bad.")
@click.option("--quiet", "-q", is_flag=True, help="Print only what is bad, and the count.")
@with_settings
def produce(settings: "Settings", topic: str, file: BinaryIO, quiet: bool, **options: bool) -> None:
    """Send JSON events, one a line, from FILE or standard input (-); what is wrong is told by line.

    A file is validated first: nothing is sent when a line is bad, unless --keep-going. A pipe is sent as it is
    read, and the first bad line ends it, unless --keep-going.
    """
    from common.errors import ForbiddenTopicError, UnknownTopicError
    from workers.produce_command import produce_lines
    from workers.progress_bar import ProgressBar

    with ProgressBar() as bar:
        try:
            answers = produce_lines(settings, topic, file, progress=bar, **options)
            is_whole = _tell_lines(answers, bar.say, quiet)
        except (UnknownTopicError, ForbiddenTopicError) as error:
            raise click.BadParameter(str(error), param_hint="TOPIC") from error
    end(is_whole)


def _tell_lines(answers: "Iterable[Stored | LineError]", say: Callable[[str], None], quiet: bool) -> bool:
    """Print what became of each line; whether all were good."""
    from workers.produce import LineError

    tell = say if sys.stdout.isatty() else click.echo
    good = bad = 0
    for answer in answers:
        if isinstance(answer, LineError):
            bad += 1
            say(str(answer))
        else:
            good += 1
            if not quiet:
                tell(f"line {answer.line}: {answer.event_id} {answer.position or 'is good'}")
    say(f"{good} good, {bad} bad")
    return not bad


@main.group()
def ingest() -> None:
    """Take in what is given by hand."""


@ingest.command("file")
@click.argument("source")
@click.argument("file", type=click.File("rb"), default="-")
@click.option("--check", "is_check", is_flag=True, help="Only read and map it; no broker is needed.")
@with_settings
def ingest_file(settings: "Settings", source: str, file: BinaryIO, is_check: bool) -> None:
    """Send FILE, or standard input (-), as its mapping in ingest.files.SOURCE says; bad lines become dead letters.

    Stopped, it may be started again: what is sent twice has the same event ids.
    """
    from common.errors import UnreadableFileError
    from workers.bootstrap.files import ingest_file as ingest
    from workers.progress_bar import ProgressBar

    if source not in settings.ingest.files:
        known = ", ".join(settings.ingest.files) or "none"
        raise click.BadParameter(f"ingest.files has no {source!r}; there are: {known}", param_hint="SOURCE")
    with ProgressBar() as bar:
        label = Path(getattr(file, "name", "-")).name
        label = "standard input" if label in ("-", "<stdin>") else label
        try:
            tally = ingest(settings, source, label, file, is_check=is_check, progress=bar)
        except UnreadableFileError as error:
            raise click.ClickException(f"{label}: {error}") from error
    for one in tally.first_bad:
        click.echo(f"{one.number}: {one.errors}", err=True)
    if tally.bad > len(tally.first_bad):
        click.echo(f"and {tally.bad - len(tally.first_bad)} more", err=True)
    stored, bad = ("good", "bad") if is_check else ("stored", "bad, kept as dead letters")
    click.echo(f"{tally.stored} {stored}, {tally.bad} {bad}")
    end(not tally.bad)
