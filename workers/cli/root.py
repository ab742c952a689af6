"""The root of the command line, and what its commands share."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Any

import click

SINKS = ("braze", "ecm", "exstream", "marketo", "notifications")
LETTERS = (*SINKS, "ingest", "journeys")
GROUPS = ("main", "consent")
POLLED = ("braze", "ecm", "exstream", "marketo", "notifications")
MODES = ("BACKWARD", "BACKWARD_TRANSITIVE", "FORWARD", "FORWARD_TRANSITIVE", "FULL", "FULL_TRANSITIVE", "NONE")
_HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


def with_settings(command: Callable[..., Any]) -> Callable[..., Any]:
    """Load the settings of this deployment for a command: its first argument."""

    @click.pass_obj
    @wraps(command)
    def loaded(config: Path | None, /, *args: Any, **options: Any) -> Any:
        from workers.settings import load_settings

        return command(load_settings(config), *args, **options)

    return loaded


class _Commands(click.Group):
    """The root: an error that we named becomes one message, without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            from common.errors import CommfleetError

            if isinstance(error, CommfleetError):
                raise click.ClickException(str(error)) from error
            raise


@click.group(cls=_Commands, context_settings=_HELP)
@click.version_option(package_name="commfleet", message="commfleet %(version)s")
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    envvar="COMMFLEET_CONFIG",
    help="Configuration file; without it, commfleet.yaml in the working directory where it exists.",
)
@click.pass_context
def main(ctx: click.Context, config: Path | None) -> None:
    """Workers between Kafka and Exstream, Marketo, Braze, Extended ECM and Notifications."""
    ctx.obj = config


def moment_of(_: click.Context, __: click.Parameter, text: str | None) -> datetime | None:
    """A moment in an option: a time, or an age."""
    from workers.moments import moment

    try:
        return None if text is None else moment(text, datetime.now(UTC))
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def comparison(command: Any) -> Any:
    """What schemas are held to."""
    against = "Hold schemas to those of a folder like schemas/, or of a git revision; else to the released ones."
    mode = "Confluent's mode; without it registry.compatibility, or BACKWARD_TRANSITIVE."
    options = (
        click.option("--against", metavar="DIR|REV", help=against),
        click.option("--compatibility", "mode", type=click.Choice(MODES, case_sensitive=False), help=mode),
    )
    for option in reversed(options):
        command = option(command)
    return command


def agree(yes: bool, question: str) -> None:
    """Go on when the operator agrees; exit 1 otherwise."""
    if not yes:
        click.confirm(question, abort=True)


def end(is_well: bool) -> None:
    """Exit 0 when it is well, 1 otherwise."""
    click.get_current_context().exit(0 if is_well else 1)
