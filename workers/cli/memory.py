"""`commfleet store`, `show`, `consent` and `customer`: what is remembered."""

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from workers.cli.root import agree, main, moment_of, with_settings

if TYPE_CHECKING:
    from workers.settings import Settings


@main.group()
def store() -> None:
    """The customer store: its schema and its partitions."""


@store.command("migrate")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_settings
def store_migrate(settings: "Settings", yes: bool) -> None:
    """Create the store's tables, or bring them up to date; shows its plan first."""
    from workers import store_command

    steps = store_command.migrations(settings)
    for step in steps:
        click.echo(step)
    if not steps:
        click.echo("the schema is up to date")
        return
    agree(yes, "Do this?")
    store_command.migrate_store(settings)
    click.echo("done")


@store.command("repartition")
@click.argument("count", type=click.IntRange(1, 10_000))
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_settings
def store_repartition(settings: "Settings", count: int, yes: bool) -> None:
    """Move the store to COUNT partitions, after the topics got more; shows its plan first.

    Journey workers must be stopped, and must have read their topics to the end before the count was raised.
    """
    from workers import store_command

    plan = store_command.repartition_plan(settings, count)
    click.echo(f"from {plan.before or 'no'} to {plan.after} partitions: {plan.moving} customers and alerts move")
    agree(yes, "Do this?")
    with click.progressbar(length=plan.moving, label="moving") as bar:
        store_command.repartition_store(settings, count, bar.update)


@main.group("show")
def show_group() -> None:
    """What the customer store knows."""


@show_group.command("customer")
@click.argument("customer")
@click.option("--reveal", is_flag=True, help="Show personal data.")
@with_settings
def show_customer(settings: "Settings", customer: str, reveal: bool) -> None:
    """What a customer was sent, how they responded, what they agreed to; personal data is masked."""
    from workers import customers, show_customers

    show_customers.customer(customers.everything(settings, customer, reveal))


@show_group.command("alerts")
@click.option("--open", "only_open", is_flag=True, help="Only those that are not resolved.")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="At most so many.")
@with_settings
def show_alerts(settings: "Settings", only_open: bool, limit: int) -> None:
    """Alerts, the latest first, and what became of them."""
    from workers import customers, show_customers

    show_customers.alerts(customers.alerts(settings, only_open, limit))


@show_group.command("report")
@click.option("--since", callback=moment_of, default="30d", show_default=True, help="Since a time, or an age: 30m, 7d.")
@with_settings
def show_report(settings: "Settings", since: datetime) -> None:
    """How communications fared: delivered, opened, responded, and what drove the responses."""
    from workers import customers, show_customers

    show_customers.report(customers.report(settings, since), settings.store.last_touch_days if settings.store else 0)


@main.group()
def consent() -> None:
    """Who may be contacted."""


@consent.command("export")
@click.option("--format", "kind", type=click.Choice(["csv", "json"]), default="csv", show_default=True, help="How.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write, whole or not at all; else the output.",
)
@with_settings
def consent_export(settings: "Settings", kind: str, out: Path | None) -> None:
    """Every customer's allowed channels by purpose, for runs that commfleet does not start.

    Refused while the store is further behind than consent.max_age_s.
    """
    from workers import consent_command
    from workers.consent.export import Format

    if out is None:
        consent_command.export(settings, Format(kind), sys.stdout.buffer)
        return
    click.echo(f"{consent_command.export_to(settings, Format(kind), out)} customers in {out}")


@main.group()
def customer() -> None:
    """A customer's rights: to know, and to be forgotten."""


@customer.command("export")
@click.argument("customer_id")
@with_settings
def customer_export(settings: "Settings", customer_id: str) -> None:
    """Everything that the store holds about a customer, as JSON; nothing is masked."""
    from workers import customers, show

    show.document(customers.everything(settings, customer_id, reveal=True))


@customer.command("erase")
@click.argument("customer_id")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_settings
def customer_erase(settings: "Settings", customer_id: str, yes: bool) -> None:
    """Forget a customer: an event that the partition's owner applies. Kafka's log, backups and vendors keep theirs."""
    from workers import customers

    agree(yes, f"Forget {customer_id} for good?")
    click.echo(f"asked for, as event {customers.erase(settings, customer_id)}; the journey worker applies it")
