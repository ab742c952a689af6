"""`commfleet schemas`."""

from typing import TYPE_CHECKING

import click

from workers.cli.root import agree, comparison, end, main, with_settings

if TYPE_CHECKING:
    from workers.settings import Settings


@main.group()
def schemas() -> None:
    """The event schemas."""


@schemas.command("list")
def schemas_list() -> None:
    """Every event schema and its local id."""
    from workers import schemas_command, show

    show.schemas(schemas_command.schema_rows())


@schemas.command("check")
@comparison
@with_settings
def schemas_check(settings: "Settings", against: str | None, mode: str | None) -> None:
    """Check the schemas, their ids and examples, and that they may follow the ones before; contacts nobody."""
    from workers import schemas_command

    found = schemas_command.schema_problems(settings, against, mode)
    for problem in found:
        click.echo(problem)
    click.echo(f"{len(found)} problems" if found else "schemas: all well")
    end(not found)


@schemas.command("plan")
@click.option("--keep-levels", is_flag=True, help="Leave each subject's compatibility level as it is.")
@with_settings
def schemas_plan(settings: "Settings", keep_levels: bool) -> None:
    """What register would do, and whether the registry would take it; fails where it would not."""
    from workers import schemas_command

    steps = schemas_command.registration_plan(settings, keep_levels)
    for step in steps:
        click.echo(step)
    end(not any(step.problems for step in steps))


@schemas.command("register")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--keep-levels", is_flag=True, help="Leave each subject's compatibility level as it is.")
@with_settings
def schemas_register(settings: "Settings", yes: bool, keep_levels: bool) -> None:
    """Register the schemas at the Schema Registry and set their levels; shows its plan first."""
    from workers import schemas_command

    steps = schemas_command.registration_plan(settings, keep_levels)
    for step in steps:
        click.echo(step)
    if any(step.is_change or step.problems for step in steps):
        if not any(step.problems for step in steps):
            agree(yes, "Do this?")
        schemas_command.register(settings, steps, lambda done: click.echo(f"done: {done}"))
    else:
        click.echo("nothing to register")
