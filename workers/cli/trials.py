"""`commfleet demo`, `sandbox` and `broker`: everything on this machine."""

from pathlib import Path

import click

from workers.cli.root import SINKS, end, main


@main.command()
@click.option("--serve", is_flag=True, help="Stay up afterwards, and print curl lines to try.")
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Write what was counted as JSON.")
def demo(serve: bool, report: Path | None) -> None:
    """Run everything on this machine, without any server."""
    from workers import demo as demonstration
    from workers import show

    with show.DemoScreen() as screen:
        is_whole = demonstration.run(serve=serve, report=report, screen=screen)
    end(is_whole)


@main.command()
@click.argument("name", type=click.Choice([*SINKS, "all"]))
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8081, show_default=True, help="0 takes a free one.")
def sandbox(name: str, host: str, port: int) -> None:
    """Serve an emulated vendor on this machine, or all, on ports from --port on; prints the addresses."""
    from workers.processes import run_sandbox, run_sandboxes

    if name == "all":
        end(run_sandboxes(host, port))
    run_sandbox(name, host, port)


@main.command()
def broker() -> None:
    """Keep librdkafka's in-process broker running; prints its bootstrap.servers. For trials only."""
    from workers.processes import run_broker

    run_broker(click.echo)
