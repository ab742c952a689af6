"""`commfleet flows` and `journeys`: what is declared, and what it would do."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, BinaryIO

import click

from workers.cli.root import SINKS, agree, end, main, with_settings

if TYPE_CHECKING:
    from workers.settings import Settings


@main.group()
def flows() -> None:
    """The flows: the default catalogue and the site's own."""


@flows.command("list")
@click.option("--sink", type=click.Choice(SINKS), help="The flows of one sink only.")
@with_settings
def flows_list(settings: "Settings", sink: str | None) -> None:
    """Every flow that runs and what it needs configured, in catalogue order; then what waits for a setting."""
    from workers import show
    from workers.catalogue import all_flows
    from workers.flow_needs import flow_needs

    listed = all_flows(settings)
    left_out = [one for one in listed.left_out if sink in (None, one.sink)]
    show.flows([flow for flow in listed if sink in (None, flow.sink)], flow_needs(settings), left_out)


@flows.command("explain")
@click.argument("event", type=click.File("rb"))
@click.option("--topic", help="The event's topic; without it, the one whose schema the event fits.")
@click.option("--reveal", is_flag=True, help="Show personal data.")
@with_settings
def flows_explain(settings: "Settings", event: BinaryIO, topic: str | None, reveal: bool) -> None:
    """Which flows act on a JSON event, why the others do not, and the requests that would be made."""
    from workers import show
    from workers.explaining import explain_event

    show.explanation(explain_event(settings, event.read(), topic, reveal=reveal))


@main.group()
def journeys() -> None:
    """Journeys: what they are, what they would do, what waits, and cancelling it."""


@journeys.command("list")
@with_settings
def journeys_list(settings: "Settings") -> None:
    """Every journey with its steps; nobody is contacted."""
    from workers import journeys_command, show, show_journeys
    from workers.flow_needs import journey_needs

    declared = journeys_command.declared(settings)
    show_journeys.journeys(declared.journeys, journey_needs(settings))
    show.waiting(declared.left_out)


@journeys.command("explain")
@click.argument("events", type=click.File("rb"))
@click.option("--journey", help="This journey only.")
@with_settings
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
@with_settings
def journeys_pending(settings: "Settings", journey: str | None, customer: str | None, limit: int) -> None:
    """Steps that wait, the next first."""
    from workers import journeys_command, show_journeys

    show_journeys.pending(journeys_command.pending(settings, journey, customer, limit))


@journeys.command("cancel")
@click.argument("journey")
@click.argument("instance")
@click.option("--customer", "customer_id", required=True, help="Whose it is.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_settings
def journeys_cancel(settings: "Settings", journey: str, instance: str, customer_id: str, yes: bool) -> None:
    """Cancel the steps of INSTANCE that still wait, as journeys pending names it; the worker applies it."""
    from workers import journeys_command, show_journeys

    waiting = journeys_command.pending(settings, journey, customer_id, 10_000)
    meant = [one for one in waiting if one.instance == instance]
    show_journeys.pending(meant)
    if not meant:
        end(False)
    agree(yes, "Cancel them?")
    event_id = journeys_command.cancel(settings, journey, customer_id, instance)
    click.echo(f"asked for, as event {event_id}; the journey worker applies it")
