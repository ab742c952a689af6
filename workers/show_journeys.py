"""What `commfleet journeys` prints: definitions, what waits, and what would happen when."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from rich.markup import escape
from rich.table import Table

from common.store.times import moment_of
from workers.flow_needs import Needs
from workers.journeys.definition import Date, Join, Journey, Wait
from workers.journeys.durations import shown
from workers.journeys.explain import Line
from workers.journeys_command import Pending
from workers.journeys_status import JourneysStatus
from workers.show import console


def journeys(found: Sequence[Journey], needs: Mapping[str, Needs]) -> None:
    """One row each: kind, steps, what it emits, its sentence, and what it needs configured."""
    table = Table("name", "kind", "steps", "emits", "about", "needs")
    for one in found:
        row = (one.name, type(one.kind).__name__.lower(), escape(_steps(one)), one.emit, escape(one.about))
        table.add_row(*row, escape(str(needs.get(one.name, ""))))
    console().print(table)


def pending(found: Sequence[Pending]) -> None:
    """One row each, and a word on steps that the files do not have any more."""
    if not found:
        console().print("no step waits")
        return
    table = Table("due", "journey", "customer", "step", "instance")
    for one in found:
        step = one.step if one.is_known else f"{one.step} (not in the files: will be dropped)"
        table.add_row(_time(one.due_at), one.journey, escape(one.customer_id), escape(step), escape(one.instance))
    console().print(table)


def status(found: JourneysStatus, now: datetime) -> None:
    """How far behind the store is, what it waits with, and what of it waits for Kafka."""
    state, behind = found.state, sum(one.records for one in found.lags)
    fresh = f"fresh as of {(now - state.fresh_at).total_seconds():.0f} s ago" if state.fresh_at else "not fresh yet"
    due = "no timer is due"
    if state.due:
        oldest_s = (now - moment_of(state.due.oldest)).total_seconds()
        due = f"{state.due.count} timers are due, the oldest for {oldest_s:.0f} s"
    console().print(f"journeys: {behind} records behind, {fresh}; {due}; {state.outbox} events in the outbox")


def explanation(lines: Iterable[Line]) -> list[str]:
    """One text each, in order."""
    return [_line(one) for one in lines]


def _line(one: Line) -> str:
    at = _time(moment_of(one.at))
    if one.what == "event":
        return f"{at}  {one.step} of {one.customer_id or 'nobody'}"
    name = f"{one.journey} {one.step}".strip()
    match one.what:
        case "due" if one.due_at is not None:
            return f"{at}    + {name} is due {_time(moment_of(one.due_at))}"
        case "gone":
            return f"{at}    - {name} is not due any more"
        case "fired":
            kept = ", ".join(f"{key}={value}" for key, value in (one.facts or {}).items())
            return f"{at}  > {name} fires for {one.customer_id}" + (f" ({kept})" if kept else "")
        case "late":
            return f"{at}  > {name} is too late and dropped"
        case _:
            return f"{at}    ! {name}: {one.what}"


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def _steps(journey: Journey) -> str:
    match journey.kind:
        case Wait(after=steps):
            return ", ".join(f"{name} after {shown(length)}" for name, length in steps.items())
        case Date(before=steps, field=field):
            return ", ".join(f"{name} {shown(length)} before {field}" for name, length in steps.items())
        case Join(conditions, length):
            return f"{' and '.join(one.name for one in conditions)} for {shown(length)}"
