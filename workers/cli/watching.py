"""`commfleet status` and `routes`: what running workers say."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from workers.cli.root import end, main, with_settings

if TYPE_CHECKING:
    from workers.settings import Settings


_with_urls = click.option("--url", "urls", multiple=True, metavar="URL", help="A worker's health port; repeatable.")


@main.group()
def routes() -> None:
    """What running workers hold: routes to vendors that stand still."""


@routes.command("list")
@_with_urls
@with_settings
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
@_with_urls
@with_settings
def routes_release(settings: "Settings", route: str, urls: tuple[str, ...]) -> None:
    """End the hold of ROUTE, as routes list names it: what waits there is sent at once. Needs health.token."""
    from workers import status_command

    released = 0
    for url in urls or (status_command.own_url(settings),):
        with status_command.client(settings, url) as worker:
            is_released = worker.release(route)
        released += is_released
        click.echo(f"{url}: {route} {'released' if is_released else 'is not held'}")
    end(released > 0)


@main.command()
@_with_urls
@with_settings
def status(settings: "Settings", urls: tuple[str, ...]) -> None:
    """What workers say (--url), how far groups are behind in Kafka, how the customer store is, where pollers are.

    Fails when a worker is not ready.

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
        _group_lags(settings)
        if rows := cursors_command.cursor_rows(settings):
            show.cursors(rows)
    end(is_well)


def _group_lags(settings: "Settings") -> None:
    """Of the sinks, and of the journeys where there is a customer store."""
    from workers import journeys_status, show, show_journeys, status_command

    lags = status_command.group_lags(settings)
    if settings.store is None:
        show.group_lags(lags)
        return
    now = datetime.now(UTC)
    journeys = journeys_status.journeys_status(settings, now)
    show.group_lags([*lags, *journeys.lags])
    show_journeys.status(journeys, now)
