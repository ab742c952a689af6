"""What the commands print: tables for people, and the live table of the demo."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from topics.plan import Advice, Problem

if TYPE_CHECKING:  # so that a command loads no more than it shows
    from common.settings.show import Row
    from topics.plan import Step
    from workers.check import Problem as Fault
    from workers.check_sink import Checked
    from workers.cursors_command import CursorRow
    from workers.cursors_command import Plan as CursorPlan
    from workers.demo.counted import FlowCount
    from workers.explaining import Explanation
    from workers.flow_needs import Needs
    from workers.flows.entries import LeftOut
    from workers.flows.flow import Flow
    from workers.mailbox import Letter, Line
    from workers.mailbox import Step as RedriveStep
    from workers.offsets_command import Plan as OffsetPlan
    from workers.schemas_command import SchemaRow
    from workers.status_command import TopicLag, WorkerStatus
    from workers.topics_command import Access, TopicRow

_PIPE_WIDTH = 200
"""Columns where nobody's terminal sets them: wide enough not to cut names."""


def console(*, stderr: bool = False) -> Console:
    """Where to print; in a pipe, lines are not folded at 80 columns."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(file=stream, width=None if stream.isatty() else _PIPE_WIDTH, highlight=False)


def settings(rows: "Iterable[Row]") -> None:
    """Every setting in effect and where it came from."""
    table = _table("setting", "value", "from")
    for row in rows:
        table.add_row(row.name, _cell(row.value), row.origin)
    console().print(table)


def faults(found: "Sequence[Fault]") -> None:
    """What cannot work, one line each, or that all is well."""
    for fault in found:
        print(f"{fault.part}: {fault.message}")
    print(f"{len(found)} problems" if found else "config, flows, schemas and topics: all well")


def checked(found: "Sequence[Checked]") -> None:
    """One line for each action: ok, or what is wrong and what to do."""
    for each in found:
        print(f"ok      {each.name}" if each.is_well else f"not ok  {each.name}: {each.trouble}; {each.advice}")


def flows(listed: "Iterable[Flow]", needs: "Mapping[str, Needs]", left_out: "Iterable[LeftOut]" = ()) -> None:
    """Every flow with what it needs configured, in catalogue order; below, the default ones that lack something."""
    table = _table("flow", "on", "type", "do", "repeat", "choice", "consent", "needs", "where")
    for flow in listed:
        types = " ".join(sorted(flow.pattern.symbols))
        do = f"{flow.sink}.{flow.action.name}"
        where = f"{'/'.join(Path(flow.file).parts[-2:])}:{flow.line}"
        row = (flow.name, flow.topic, types, do, flow.action.repeat, flow.choice or "", flow.leave)
        table.add_row(*row, escape(str(needs.get(flow.name, ""))), where)
    console().print(table)
    waiting(left_out)


def waiting(left_out: "Iterable[LeftOut]") -> None:
    """A line for each default entry that does not run, and what it needs."""
    for left in left_out:
        console().print(escape(str(left)), soft_wrap=True)


def explanation(found: "Explanation") -> None:
    """Which flows act on an event, with their requests, and why the others do not."""
    out = console()
    out.print(f"event [bold]{escape(found.event_id)}[/] on {found.topic}")
    for verdict in found.verdicts:
        mark = "[green]acts[/]" if verdict.acts else "[dim]no  [/]"
        out.print(f"{mark} [bold]{verdict.flow}[/]  {verdict.do} ({verdict.repeat})  [dim]{escape(verdict.where)}[/]")
        if verdict.why:
            out.print(f"     {escape(verdict.why)}", soft_wrap=True)
        if verdict.request is not None:
            out.print(f"     would send {escape(_json(verdict.request))}", soft_wrap=True)
    out.print(f"{found.elsewhere} flows of other topics; nothing was sent")


def topics(rows: "Iterable[TopicRow]") -> None:
    """Every topic as it should be, and what is there."""
    table = _table("topic", "kind", "partitions", "there", "retention", "key", "owner")
    for row in rows:
        topic = row.topic
        there = "missing" if row.actual is None else str(row.actual)
        days = "for ever" if topic.retention_ms < 0 else f"{topic.retention_ms / 86_400_000:g} d"
        table.add_row(row.name, topic.kind, str(row.partitions), there, days, topic.key, topic.owner)
    console().print(table)


def topic_plan(steps: "Sequence[Step]") -> None:
    """What `topics apply` would do."""
    for step in steps:
        print(step)
    if not any(not isinstance(step, (Advice, Problem)) for step in steps):
        print("nothing to change")


def cursors(rows: "Iterable[CursorRow]") -> None:
    """Every cursor, its age, and what of its source's slice of today is used."""
    table = _table("cursor", "all published up to", "age", "requests today", "position")
    for row in rows:
        as_of = row.as_of.isoformat(timespec="seconds") if row.as_of else "never polled"
        age = "" if row.age_s is None else f"{row.age_s:.0f} s"
        position = "" if row.position is None else _json(row.position)
        table.add_row(row.feed, as_of, age, f"{row.requests} of {row.of_requests}", escape(position[:60]))
    console().print(table)


def cursor_plan(planned: "CursorPlan") -> None:
    """What `cursors set` would do."""
    was = planned.was.as_of.isoformat(timespec="seconds") if planned.was else "never polled"
    print(f"{planned.feed}: all published up to {was}")
    print(f"  would be read on from {planned.to.isoformat(timespec='seconds')}")
    if planned.was and planned.to > planned.was.as_of:
        print("  what the source shows between the two is SKIPPED: nobody will publish it")
    elif planned.forgotten:
        print(f"  {len(planned.forgotten)} slots of seen ids are dropped: what is read again is published again,")
        print("  with the same event ids, which sinks recognise as far back as they look")
    elif planned.was:
        print("  items that are still remembered are passed over; older ones are published again, with the same ids")


def access(listed: "Iterable[Access]") -> None:
    """What each worker must be allowed to do."""
    table = _table("worker", "principal", "operation", "resource", "name", "pattern", "why")
    for one in listed:
        for grant in one.grants:
            pattern = "prefixed" if grant.is_prefix else "literal"
            row = (one.worker, one.principal, grant.operation, grant.resource, grant.name, pattern, grant.why)
            table.add_row(*map(escape, row))
    console().print(table)


def access_commands(listed: "Iterable[Access]") -> None:
    """The same as lines for a shell."""
    for one in listed:
        print(f"# {one.worker}")
        print("\n".join(one.commands))


def schemas(rows: "Iterable[SchemaRow]") -> None:
    """Every event schema."""
    table = _table("topic", "id", "types", "fields", "personal fields")
    for row in rows:
        table.add_row(row.topic, *map(str, (row.id, row.types, row.fields, row.personal)))
    console().print(table)


def letter_stats(by_sink: "Mapping[str, Sequence[Line]]") -> None:
    """How many open letters there are, by flow and reason."""
    table = _table("sink", "flow", "action", "reason", "letters", "oldest")
    for sink, lines in by_sink.items():
        for line in lines:
            table.add_row(sink, line.flow, line.action, line.reason, str(line.count), _time(line.oldest))
    console().print(table if table.row_count else "no open letters")


def letters(by_sink: "Mapping[str, Sequence[Letter]]") -> None:
    """Open letters, addressed partition:offset; no key, no value."""
    table = _table("sink", "letter", "flow", "reason", "detail", "failed at", "origin")
    for sink, found in by_sink.items():
        for letter in found:
            detail = escape(letter.facts.get("detail", ""))
            where = (_time(letter.failed_at), str(letter.origin.position))
            table.add_row(sink, letter.address, letter.flow, letter.reason, detail, *where)
    console().print(table if table.row_count else "no open letters")


def document(data: Any) -> None:
    """JSON, indented."""
    print(_json(data, indent=2))


def redrive_plan(steps: "Sequence[RedriveStep]") -> None:
    """What a redrive would do with each letter."""
    table = _table("letter", "flow", "reason", "what would happen")
    for step in steps:
        would = escape(f"left: {step.obstacle}") if step.obstacle else "sent again"
        table.add_row(step.letter.address, step.letter.flow, step.letter.reason, would)
    console().print(table if steps else "no letter meets these conditions")


def discard_plan(found: "Sequence[Letter]") -> None:
    """Which letters would be closed."""
    table = _table("letter", "flow", "reason", "failed at", "what would happen")
    for letter in found:
        table.add_row(letter.address, letter.flow, letter.reason, _time(letter.failed_at), "discarded")
    console().print(table if found else "no letter meets these conditions")


def offset_plans(plans: "Sequence[OffsetPlan]") -> None:
    """What accepting offsets would do."""
    table = _table("group", "partition", "offset", "becomes", "because")
    for one in plans:
        for change in one.changes:
            was = "none" if change.was is None else str(change.was)
            becomes = "?" if change.offset is None else str(change.offset)
            table.add_row(one.group.name, str(change.partition), was, becomes, escape(change.why))
    if table.row_count:
        console().print(table)
    for one in plans:
        print(f"{one.group.name}: {len(one.changes)} partitions to accept, {one.kept} stay as they are")


def routes(by_worker: "Mapping[str, Sequence[Mapping[str, Any]]]") -> None:
    """What is held, by worker."""
    table = _table("worker", "route", "cause", "detail")
    for url, held in by_worker.items():
        for hold in held:
            table.add_row(*map(escape, (url, str(hold["route"]), str(hold["cause"]), str(hold["detail"]))))
    console().print(table if table.row_count else "nothing is held")


def worker_status(found: "WorkerStatus") -> None:
    """What one worker says."""
    out = console()
    if found.trouble:
        out.print(escape(found.trouble), soft_wrap=True)
        return
    out.print(f"{escape(found.url)} is {'ready' if found.is_ready else 'not ready'}")
    for name, answer in (found.checks or {}).items():
        if answer != "ok":
            out.print(escape(f"  {name}: {answer}"), soft_wrap=True)
    for group, (records, seconds) in (found.lag or {}).items():
        out.print(f"  {group}: {records} records and {seconds:.0f} s behind")
    if found.memory:
        fresh, due, oldest, outbox = found.memory.values()
        timers = f"{due:.0f} timers due, the oldest for {oldest:.0f} s" if due else "no timer due"
        out.print(f"  customer store: fresh as of {fresh:.0f} s ago, {timers}, {outbox:.0f} events in the outbox")
    for hold in found.holds:
        out.print(escape(f"  held: {hold['route']} ({hold['cause']}): {hold['detail']}"), soft_wrap=True)


def group_lags(found: "Sequence[TopicLag]") -> None:
    """How far groups are behind, by topic."""
    table = _table("group", "topic", "records behind", "partitions never read")
    for lag in found:
        table.add_row(lag.group, lag.topic, str(lag.records), str(lag.unread))
    console().print(table if found else "no group is behind")


class DemoScreen:
    """A live table of flows under a scroll of lines; without a terminal, the lines and the last table only."""

    def __init__(self) -> None:
        self._console = console()
        self._live = Live(console=self._console, auto_refresh=False, transient=False)
        self._table = _counts([])

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()
        if not self._console.is_terminal:
            self._console.print(self._table)

    def say(self, text: str) -> None:
        """One line above the table, as it is."""
        self._console.print(escape(text))

    def update(self, rows: "Sequence[FlowCount]") -> None:
        """The table's new state."""
        self._table = _counts(rows)
        if self._live.is_started:
            self._live.update(self._table, refresh=True)


def _counts(rows: "Sequence[FlowCount]") -> Table:
    table = _table("flow", "delivered", "suppressed", "dead", "what arrived")
    for row in rows:
        dead = f"[red]{row.dead}[/]" if row.dead else "0"
        delivered = f"[green]{row.delivered}[/]" if row.delivered else "0"
        table.add_row(row.flow, delivered, str(row.suppressed), dead, row.about)
    return table


def _table(*names: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in names:
        table.add_column(name, overflow="fold")
    return table


def _cell(text: str) -> str:
    return escape(text) if text else "[dim](empty)[/]"


def _time(at: datetime | None) -> str:
    return at.isoformat(timespec="seconds") if at else ""


def _json(data: Any, indent: int | None = None) -> str:
    return json.dumps(data, ensure_ascii=False, default=str, indent=indent)
