"""The command line: parse, call one function, print. Exit 0 done, 1 failed, 2 misused.

`commfleet --help` imports click and the standard library only: everything else is imported by the command
that needs it (a test holds that list).
"""

import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

if TYPE_CHECKING:
    from workers.mailbox import Filter
    from workers.produce import LineError, Stored
    from workers.settings import Settings

SINKS = ("braze", "ecm", "exstream", "marketo", "notifications")
LETTERS = (*SINKS, "ingest")
GROUPS = ("main", "consent")
POLLED = ("braze", "exstream", "marketo")
_HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


def _with_settings(command: Callable[..., Any]) -> Callable[..., Any]:
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


@main.group()
def run() -> None:
    """Run a worker until SIGTERM."""


@run.command("sink")
@click.argument("name", type=click.Choice(SINKS))
@click.option("--group", type=click.Choice(GROUPS), help="One group of the sink only; all of them without it.")
@click.pass_obj
def run_sink(config: Path | None, name: str, group: str | None) -> None:
    """Push events to a vendor."""
    from workers import bootstrap
    from workers.settings import load_settings

    bootstrap.run_sink(load_settings(config), name, group, lambda: load_settings(config))


@run.group("ingest")
def run_ingest() -> None:
    """Turn what other systems emit into events."""


@run_ingest.command("webhook")
@click.pass_obj
def run_webhook(config: Path | None) -> None:
    """Take events over HTTP."""
    from workers import bootstrap
    from workers.settings import load_settings

    bootstrap.run_webhook(load_settings(config), lambda: load_settings(config))


@run.command("consent-api")
@_with_settings
def run_consent_api(settings: "Settings") -> None:
    """Answer GET /v1/consent/{customer}, read-only."""
    from workers import bootstrap

    bootstrap.run_consent_api(settings)


def _since(_: click.Context, __: click.Parameter, text: str | None) -> datetime | None:
    from workers.moments import moment

    try:
        return None if text is None else moment(text, datetime.now(UTC))
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@run.command("journeys")
@click.option(
    "--since", metavar="TIME", callback=_since, help="Journeys start from a time or an age (2h, 7d) on, not from now."
)
@_with_settings
def run_journeys(settings: "Settings", since: datetime | None) -> None:
    """Apply events to the customer store, run the journeys, and publish what follows."""
    from workers import bootstrap

    bootstrap.run_journeys(settings, since)


@run.command("poller")
@click.argument("source", type=click.Choice(POLLED))
@click.option(
    "--since", metavar="TIME", callback=_since,
    help="Where feeds that have never been polled begin: a time, or an age (7d); others go on where they were.",
)  # fmt: skip
@_with_settings
def run_poller(settings: "Settings", source: str, since: datetime | None) -> None:
    """Ask a source for what it does not send; more than one of them stand by for the first."""
    from workers import poller_bootstrap

    poller_bootstrap.run_poller(settings, source, since)


@run.command("files")
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@_with_settings
def run_files(settings: "Settings", sources: tuple[str, ...]) -> None:
    """Take files out of watched folders: those of SOURCE, or of every configured one."""
    from workers import files_bootstrap

    files_bootstrap.run_files(settings, sources)


@main.command()
@click.option("--serve", is_flag=True, help="Stay up afterwards, and print curl lines to try.")
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Write what was counted as JSON.")
def demo(serve: bool, report: Path | None) -> None:
    """Run everything on this machine, without any server."""
    from workers import demo as demonstration
    from workers import show

    with show.DemoScreen() as screen:
        is_whole = demonstration.run(serve=serve, report=report, screen=screen)
    _end(is_whole)


MODES = ("BACKWARD", "BACKWARD_TRANSITIVE", "FORWARD", "FORWARD_TRANSITIVE", "FULL", "FULL_TRANSITIVE", "NONE")


def _comparison(command: Any) -> Any:
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


@main.group(invoke_without_command=True)
@_comparison
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
    _end(not found)


@check.command("sink")
@click.argument("name", type=click.Choice(SINKS))
@_with_settings
def check_sink(settings: "Settings", name: str) -> None:
    """Try a sink's address, credentials and permissions by harmless reads; nobody is contacted.

    Exit 0 when every action can be made as far as that can be told, 1 when one cannot.
    """
    from workers import check_sink as checks
    from workers import show

    found = checks.check_sink(settings, name)
    show.checked(found)
    _end(all(each.is_well for each in found))


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


@main.group()
def topics() -> None:
    """The topics, as their files prescribe them."""


@topics.command("list")
@_with_settings
def topics_list(settings: "Settings") -> None:
    """Every topic as it should be, and what the broker has."""
    from workers import show, topics_command

    show.topics(topics_command.topic_rows(settings))


@topics.command("plan")
@_with_settings
def topics_plan(settings: "Settings") -> None:
    """What apply would do; fails where it could not mend everything."""
    from topics.plan import Problem
    from workers import show, topics_command

    steps = topics_command.topic_plan(settings)
    show.topic_plan(steps)
    _end(not any(isinstance(step, Problem) for step in steps))


@topics.command("apply")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_with_settings
def topics_apply(settings: "Settings", yes: bool) -> None:
    """Create and mend topics; shows its plan first."""
    from workers import show, topics_command

    steps = topics_command.topic_plan(settings)
    show.topic_plan(steps)
    if topics_command.changes(steps):
        _agree(yes, "Apply this?")
        topics_command.apply_topics(settings, steps, lambda step: click.echo(f"done: {step}"))


@topics.command("acls")
@click.option("--worker", "only", multiple=True, metavar="WORKER", help="Of this worker only: webhook, sink-braze …")
@click.option(
    "--principal", multiple=True, metavar="WORKER=PRINCIPAL", help="Who a worker is; else User:commfleet-WORKER."
)
@click.option("--commands", is_flag=True, help="Print kafka-acls command lines instead of a table.")
@_with_settings
def topics_acls(settings: "Settings", only: tuple[str, ...], principal: tuple[str, ...], commands: bool) -> None:
    """What each worker must be allowed to do where the brokers enforce ACLs; nobody is contacted."""
    from workers import show, topics_command

    listed = topics_command.access(settings, only, principal)
    if commands:
        show.access_commands(listed)
    else:
        show.access(listed)


@main.group()
def flows() -> None:
    """The flows: the default catalogue and the site's own."""


@flows.command("list")
@click.option("--sink", type=click.Choice(SINKS), help="The flows of one sink only.")
@_with_settings
def flows_list(settings: "Settings", sink: str | None) -> None:
    """Every flow that runs, in catalogue order."""
    from workers import show
    from workers.catalogue import all_flows

    show.flows(flow for flow in all_flows(settings) if sink in (None, flow.sink))


@flows.command("explain")
@click.argument("event", type=click.File("rb"))
@click.option("--topic", help="The event's topic; without it, the one whose schema the event fits.")
@click.option("--reveal", is_flag=True, help="Show personal data.")
@_with_settings
def flows_explain(settings: "Settings", event: BinaryIO, topic: str | None, reveal: bool) -> None:
    """Which flows act on a JSON event, why the others do not, and the requests that would be made."""
    from workers import show
    from workers.explaining import explain_event

    show.explanation(explain_event(settings, event.read(), topic, reveal=reveal))


@main.group()
def journeys() -> None:
    """Journeys: what they are, what they would do, what waits, and cancelling it."""


@journeys.command("list")
@_with_settings
def journeys_list(settings: "Settings") -> None:
    """Every journey with its steps; nobody is contacted."""
    from workers import journeys_command, show_journeys

    show_journeys.journeys(journeys_command.all_journeys(settings))


@journeys.command("explain")
@click.argument("events", type=click.File("rb"))
@click.option("--journey", help="This journey only.")
@_with_settings
def journeys_explain(settings: "Settings", events: BinaryIO, journey: str | None) -> None:
    """What journeys would do with EVENTS, a JSON event a line, and when: on a virtual clock, nothing is sent."""
    from workers import journeys_command, show_journeys

    found = journeys_command.explain_lines(settings, events, journey, datetime.now(UTC))
    for line in show_journeys.explanation(found):
        click.echo(line)


@journeys.command("pending")
@click.option("--journey", help="Of this journey only.")
@click.option("--customer", help="Of this customer only.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="So many at most.")
@_with_settings
def journeys_pending(settings: "Settings", journey: str | None, customer: str | None, limit: int) -> None:
    """Steps that wait, the next first."""
    from workers import journeys_command, show_journeys

    show_journeys.pending(journeys_command.pending(settings, journey, customer, limit))


@journeys.command("cancel")
@click.argument("journey")
@click.argument("instance")
@click.option("--customer", "customer_id", required=True, help="Whose it is.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_with_settings
def journeys_cancel(settings: "Settings", journey: str, instance: str, customer_id: str, yes: bool) -> None:
    """Cancel the steps of INSTANCE that still wait, as journeys pending names it; the worker applies it."""
    from workers import journeys_command, show_journeys

    waiting = journeys_command.pending(settings, journey, customer_id, 10_000)
    meant = [one for one in waiting if one.instance == instance]
    show_journeys.pending(meant)
    if not meant:
        _end(False)
    _agree(yes, "Cancel them?")
    event_id = journeys_command.cancel(settings, journey, customer_id, instance)
    click.echo(f"asked for, as event {event_id}; the journey worker applies it")


@main.group()
def schemas() -> None:
    """The event schemas."""


@schemas.command("list")
def schemas_list() -> None:
    """Every event schema and its local id."""
    from workers import schemas_command, show

    show.schemas(schemas_command.schema_rows())


@schemas.command("check")
@_comparison
@_with_settings
def schemas_check(settings: "Settings", against: str | None, mode: str | None) -> None:
    """Check the schemas, their ids and examples, and that they may follow the ones before; contacts nobody."""
    from workers import schemas_command

    found = schemas_command.schema_problems(settings, against, mode)
    for problem in found:
        click.echo(problem)
    click.echo(f"{len(found)} problems" if found else "schemas: all well")
    _end(not found)


@schemas.command("plan")
@click.option("--keep-levels", is_flag=True, help="Leave each subject's compatibility level as it is.")
@_with_settings
def schemas_plan(settings: "Settings", keep_levels: bool) -> None:
    """What register would do, and whether the registry would take it; fails where it would not."""
    from workers import schemas_command

    steps = schemas_command.registration_plan(settings, keep_levels)
    for step in steps:
        click.echo(step)
    _end(not any(step.problems for step in steps))


@schemas.command("register")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--keep-levels", is_flag=True, help="Leave each subject's compatibility level as it is.")
@_with_settings
def schemas_register(settings: "Settings", yes: bool, keep_levels: bool) -> None:
    """Register the schemas at the Schema Registry and set their levels; shows its plan first."""
    from workers import schemas_command

    steps = schemas_command.registration_plan(settings, keep_levels)
    for step in steps:
        click.echo(step)
    if any(step.is_change or step.problems for step in steps):
        if not any(step.problems for step in steps):
            _agree(yes, "Do this?")
        schemas_command.register(settings, steps, lambda done: click.echo(f"done: {done}"))
    else:
        click.echo("nothing to register")


@main.command()
@click.argument("topic")
@click.argument("file", type=click.File("rb"), default="-")
@click.option("--check", "is_check", is_flag=True, help="Only validate; no broker is needed.")
@click.option("--keep-going", is_flag=True, help="Send the good lines even if some are bad.")
@click.option("--quiet", "-q", is_flag=True, help="Print only what is bad, and the count.")
@_with_settings
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
    _end(is_whole)


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
@_with_settings
def ingest_file(settings: "Settings", source: str, file: BinaryIO, is_check: bool) -> None:
    """Send FILE, or standard input (-), as its mapping in ingest.files.SOURCE says; bad lines become dead letters.

    Stopped, it may be started again: what is sent twice has the same event ids.
    """
    from common.errors import UnreadableFileError
    from workers import files_bootstrap
    from workers.progress_bar import ProgressBar

    if source not in settings.ingest.files:
        known = ", ".join(settings.ingest.files) or "none"
        raise click.BadParameter(f"ingest.files has no {source!r}; there are: {known}", param_hint="SOURCE")
    with ProgressBar() as bar:
        label = Path(getattr(file, "name", "-")).name
        label = "standard input" if label in ("-", "<stdin>") else label
        try:
            tally = files_bootstrap.ingest_file(settings, source, label, file, is_check=is_check, progress=bar)
        except UnreadableFileError as error:
            raise click.ClickException(f"{label}: {error}") from error
    for one in tally.first_bad:
        click.echo(f"{one.number}: {one.errors}", err=True)
    if tally.bad > len(tally.first_bad):
        click.echo(f"and {tally.bad - len(tally.first_bad)} more", err=True)
    stored, bad = ("good", "bad") if is_check else ("stored", "bad, kept as dead letters")
    click.echo(f"{tally.stored} {stored}, {tally.bad} {bad}")
    _end(not tally.bad)


@main.group()
def dlq() -> None:
    """Dead letters: deliveries and signals that need a person. A letter is addressed partition:offset."""


def _filters(command: Any) -> Any:
    """The conditions that list and redrive share."""
    options = (
        click.option("--flow", help="Of this flow; - for records that no flow could use."),
        click.option("--source", help="Of this source of the ingest."),
        click.option("--reason", callback=_reason, help="With this reason."),
        click.option("--since", callback=_since, help="Since a time, or an age: 30m, 2h, 7d."),
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


def _start(context: click.Context, parameter: click.Parameter, text: str) -> str | datetime:
    return text if text in ("committed", "beginning", "end") else _since(context, parameter, text) or text


def _address(_: click.Context, __: click.Parameter, given: str | tuple[str, ...]) -> str | tuple[str, ...]:
    for text in (given,) if isinstance(given, str) else given:
        partition, _colon, offset = text.partition(":")
        if not (partition.isdecimal() and offset.isdecimal()):
            raise click.BadParameter(f"{text!r} is no letter's address: write partition:offset, as dlq list does")
    return given


_any_sink = click.option("--sink", type=click.Choice(LETTERS), help="Of one sink only, or of the ingest.")
_one_sink = click.option(
    "--sink", type=click.Choice(LETTERS), default=LETTERS[0], show_default=True, help="Whose letters."
)


@dlq.command("stats")
@_any_sink
@_with_settings
def dlq_stats(settings: "Settings", sink: str | None) -> None:
    """How many open letters there are, by flow and reason."""
    from workers import letters_command, show

    show.letter_stats({name: letters_command.dead_letters(settings, name).stats() for name in _sinks(sink)})


@dlq.command("list")
@_any_sink
@_filters
@_with_settings
def dlq_list(settings: "Settings", sink: str | None, **conditions: Any) -> None:
    """Open letters, without their content."""
    from workers import letters_command, show

    wanted = _filter(**conditions)
    show.letters({name: letters_command.dead_letters(settings, name).open(wanted) for name in _sinks(sink)})


@dlq.command("show")
@click.argument("letter", callback=_address)
@_one_sink
@click.option("--reveal", is_flag=True, help="Show personal data.")
@_with_settings
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
@_with_settings
def dlq_redrive(
    settings: "Settings", letters: tuple[str, ...], sink: str, rate: float, even_if_stale: bool, dry_run: bool,
    yes: bool, **conditions: Any,
) -> None:  # fmt: skip
    """Send letters again, to the failed sink only, or signals through their parser; shows its plan first.

    Stopped, it can be started again.
    """
    from workers import letters_command, show

    mailbox = letters_command.dead_letters(settings, sink)
    steps = mailbox.plan(mailbox.open(_filter(addresses=letters, **conditions)), even_if_stale)
    show.redrive_plan(steps)
    count = sum(not step.obstacle for step in steps)
    if dry_run or not count:
        return
    _agree(yes, f"Send {count} letters again?")
    with click.progressbar(length=count, label="redriving") as bar:
        sent = letters_command.redrive(settings, sink, steps, rate, lambda _: bar.update(1))
    click.echo(f"{sent} sent again, {len(steps) - sent} left")


@dlq.command("discard")
@click.argument("letters", nargs=-1, callback=_address)
@_one_sink
@_filters
@click.option("--dry-run", is_flag=True, help="Only show the plan.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_with_settings
def dlq_discard(
    settings: "Settings", letters: tuple[str, ...], sink: str, dry_run: bool, yes: bool, **conditions: Any
) -> None:
    """Close letters without sending anything; shows its plan first. What is closed is deleted, and cannot return."""
    from workers import letters_command, show

    found = letters_command.dead_letters(settings, sink).open(_filter(addresses=letters, **conditions))
    show.discard_plan(found)
    if dry_run or not found:
        return
    _agree(yes, f"Discard {len(found)} letters for good?")
    with click.progressbar(length=len(found), label="discarding") as bar:
        closed = letters_command.discard(settings, sink, found, lambda _: bar.update(1))
    click.echo(f"{closed} discarded")


@main.group()
def offsets() -> None:
    """Where the sinks' groups read on."""


@offsets.command("accept")
@click.argument("sink", type=click.Choice(SINKS))
@click.option("--group", type=click.Choice(GROUPS), help="One group of the sink only; all of them without it.")
@click.option(
    "--from", "start", metavar="committed|beginning|end|TIME", default="committed", show_default=True,
    callback=_start, help="Where partitions without a usable offset begin: also a time, or an age (2h, 7d).",
)  # fmt: skip
@click.option("--yes", is_flag=True, help="Do not ask.")
@_with_settings
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
    _agree(yes, f"Commit {count} offsets?")
    for one in plans:
        offsets_command.accept(settings, one)
    click.echo(f"{count} offsets committed")


@main.group()
def cursors() -> None:
    """How far each poller has read its source."""


@cursors.command("list")
@_with_settings
def cursors_list(settings: "Settings") -> None:
    """Every cursor of the configured pollers: up to when all is published, its age, and requests used today."""
    from workers import cursors_command, show

    show.cursors(cursors_command.cursor_rows(settings))


@cursors.command("set")
@click.argument("feed")
@click.option(
    "--since", metavar="TIME", required=True, callback=_since, help="Read on from a time, or an age (2h, 7d)."
)
@click.option("--forget", is_flag=True, help="Publish again what was seen lately, too; event ids stay the same.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_with_settings
def cursors_set(settings: "Settings", feed: str, since: datetime, forget: bool, yes: bool) -> None:
    """Let a poller read FEED on from a time; shows what that does first. The source's pollers must not run."""
    from workers import cursors_command, show

    planned = cursors_command.plan(settings, feed, since, forget=forget)
    show.cursor_plan(planned)
    _agree(yes, "Set it?")
    cursors_command.carry_out(settings, planned)
    click.echo(f"{feed} is set")


_urls = click.option("--url", "urls", multiple=True, metavar="URL", help="A worker's health port; may be repeated.")


@main.group()
def routes() -> None:
    """What running workers hold: routes to vendors that stand still."""


@routes.command("list")
@_urls
@_with_settings
def routes_list(settings: "Settings", urls: tuple[str, ...]) -> None:
    """Every route that is held, by worker; without --url the worker on this machine. Needs health.token."""
    from workers import show, status_command

    held = {}
    for url in urls or (status_command.own_url(settings),):
        with status_command.client(settings, url) as worker:
            held[url] = worker.routes()
    show.routes(held)


@routes.command("release")
@click.argument("route")
@_urls
@_with_settings
def routes_release(settings: "Settings", route: str, urls: tuple[str, ...]) -> None:
    """End the hold of ROUTE, as routes list names it: what waits there is sent at once. Needs health.token."""
    from workers import status_command

    released = 0
    for url in urls or (status_command.own_url(settings),):
        with status_command.client(settings, url) as worker:
            is_released = worker.release(route)
        released += is_released
        click.echo(f"{url}: {route} {'released' if is_released else 'is not held'}")
    _end(released > 0)


@main.command()
@_urls
@_with_settings
def status(settings: "Settings", urls: tuple[str, ...]) -> None:
    """What workers say (--url), how far groups are behind in Kafka, where pollers are; fails when one is not ready.

    Kafka is asked when the settings say where it is; where they do not, the worker on this machine is asked.
    """
    from workers import cursors_command, show, status_command

    has_broker = status_command.has_broker(settings)
    is_well = True
    for url in urls or (() if has_broker else (status_command.own_url(settings),)):
        with status_command.client(settings, url) as worker:
            found = status_command.worker_status(worker)
        is_well &= found.is_ready
        show.worker_status(found)
    if has_broker:
        show.group_lags(status_command.group_lags(settings))
        if rows := cursors_command.cursor_rows(settings):
            show.cursors(rows)
    _end(is_well)


def _filter(**conditions: Any) -> "Filter":
    from workers.mailbox import Filter

    return Filter(**conditions)


def _sinks(sink: str | None) -> tuple[str, ...]:
    return (sink,) if sink else LETTERS


@main.group()
def store() -> None:
    """The customer store: its schema and its partitions."""


@store.command("migrate")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_with_settings
def store_migrate(settings: "Settings", yes: bool) -> None:
    """Create the store's tables, or bring them up to date; shows its plan first."""
    from workers import store_command

    steps = store_command.migrations(settings)
    for step in steps:
        click.echo(step)
    if not steps:
        click.echo("the schema is up to date")
        return
    _agree(yes, "Do this?")
    store_command.migrate_store(settings)
    click.echo("done")


@store.command("repartition")
@click.argument("count", type=click.IntRange(1, 10_000))
@click.option("--yes", is_flag=True, help="Do not ask.")
@_with_settings
def store_repartition(settings: "Settings", count: int, yes: bool) -> None:
    """Move the store to COUNT partitions, after the topics got more; shows its plan first.

    Journey workers must be stopped, and must have read their topics to the end before the count was raised.
    """
    from workers import store_command

    plan = store_command.repartition_plan(settings, count)
    click.echo(f"from {plan.before or 'no'} to {plan.after} partitions: {plan.moving} customers and alerts move")
    _agree(yes, "Do this?")
    with click.progressbar(length=plan.moving, label="moving") as bar:
        store_command.repartition_store(settings, count, bar.update)


@main.group("show")
def show_group() -> None:
    """What the customer store knows."""


@show_group.command("customer")
@click.argument("customer")
@click.option("--reveal", is_flag=True, help="Show personal data.")
@_with_settings
def show_customer(settings: "Settings", customer: str, reveal: bool) -> None:
    """What a customer was sent, how they responded, what they agreed to; personal data is masked."""
    from workers import customers, show_customers

    show_customers.customer(customers.everything(settings, customer, reveal))


@show_group.command("alerts")
@click.option("--open", "only_open", is_flag=True, help="Only those that are not resolved.")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="At most so many.")
@_with_settings
def show_alerts(settings: "Settings", only_open: bool, limit: int) -> None:
    """Alerts, the latest first, and what became of them."""
    from workers import customers, show_customers

    show_customers.alerts(customers.alerts(settings, only_open, limit))


@show_group.command("report")
@click.option("--since", callback=_since, default="30d", show_default=True, help="Since a time, or an age: 30m, 7d.")
@_with_settings
def show_report(settings: "Settings", since: datetime) -> None:
    """How communications fared: delivered, opened, responded, and what drove the responses."""
    from workers import customers, show_customers

    show_customers.report(customers.report(settings, since), settings.store.last_touch_days if settings.store else 0)


@main.group()
def customer() -> None:
    """A customer's rights: to know, and to be forgotten."""


@customer.command("export")
@click.argument("customer_id")
@_with_settings
def customer_export(settings: "Settings", customer_id: str) -> None:
    """Everything that the store holds about a customer, as JSON; nothing is masked."""
    from workers import customers, show

    show.document(customers.everything(settings, customer_id, reveal=True))


@customer.command("erase")
@click.argument("customer_id")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_with_settings
def customer_erase(settings: "Settings", customer_id: str, yes: bool) -> None:
    """Forget a customer: an event that the partition's owner applies. Kafka's log, backups and vendors keep theirs."""
    from workers import customers

    _agree(yes, f"Forget {customer_id} for good?")
    click.echo(f"asked for, as event {customers.erase(settings, customer_id)}; the journey worker applies it")


@main.command()
@click.argument("name", type=click.Choice([*SINKS, "all"]))
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8081, show_default=True, help="0 takes a free one.")
def sandbox(name: str, host: str, port: int) -> None:
    """Serve an emulated vendor on this machine, or all, on ports from --port on; prints the addresses."""
    from workers.processes import run_sandbox, run_sandboxes

    if name == "all":
        _end(run_sandboxes(host, port))
    run_sandbox(name, host, port)


@main.command()
def broker() -> None:
    """Keep librdkafka's in-process broker running; prints its bootstrap.servers. For trials only."""
    from workers.processes import run_broker

    run_broker(click.echo)


def _agree(yes: bool, question: str) -> None:
    """Go on when the operator agrees; exit 1 otherwise."""
    if not yes:
        click.confirm(question, abort=True)


def _end(is_well: bool) -> None:
    click.get_current_context().exit(0 if is_well else 1)
