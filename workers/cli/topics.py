"""`commfleet topics`."""

from typing import TYPE_CHECKING

import click

from workers.cli.root import agree, end, main, with_settings

if TYPE_CHECKING:
    from workers.settings import Settings


@main.group()
def topics() -> None:
    """The topics, as their files prescribe them."""


@topics.command("list")
@with_settings
def topics_list(settings: "Settings") -> None:
    """Every topic as it should be, and what the broker has."""
    from workers import show, topics_command

    show.topics(topics_command.topic_rows(settings))


@topics.command("plan")
@with_settings
def topics_plan(settings: "Settings") -> None:
    """What apply would do; fails where it could not mend everything."""
    from topics.plan import Problem
    from workers import show, topics_command

    steps = topics_command.topic_plan(settings)
    show.topic_plan(steps)
    end(not any(isinstance(step, Problem) for step in steps))


@topics.command("apply")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_settings
def topics_apply(settings: "Settings", yes: bool) -> None:
    """Create and mend topics; shows its plan first."""
    from workers import show, topics_command

    steps = topics_command.topic_plan(settings)
    show.topic_plan(steps)
    if topics_command.changes(steps):
        agree(yes, "Apply this?")
        topics_command.apply_topics(settings, steps, lambda step: click.echo(f"done: {step}"))


@topics.command("acls")
@click.option("--worker", "only", multiple=True, metavar="WORKER", help="Of this worker only: webhook, sink-braze …")
@click.option(
    "--principal", multiple=True, metavar="WORKER=PRINCIPAL", help="Who a worker is; else User:commfleet-WORKER."
)
@click.option("--commands", is_flag=True, help="Print kafka-acls command lines instead of a table.")
@with_settings
def topics_acls(settings: "Settings", only: tuple[str, ...], principal: tuple[str, ...], commands: bool) -> None:
    """What each worker must be allowed to do where the brokers enforce ACLs; nobody is contacted."""
    from workers import show, topics_command

    listed = topics_command.access(settings, only, principal)
    if commands:
        show.access_commands(listed)
    else:
        show.access(listed)
