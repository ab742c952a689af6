"""docs/cases.md: what every case comes to for every action, and which cases cannot exist.

`python -m tests.contract.vendors.page > docs/cases.md`
"""

from collections.abc import Iterator

from tests.contract.vendors.adapter import EVERY, Adapter
from tests.contract.vendors.all import ADAPTERS
from tests.contract.vendors.cases import Case

_HEAD = """# What a sink does when the vendor …

<!-- Made from the adapters: `python -m tests.contract.vendors.page > docs/cases.md`. A test keeps it current. -->

Every action of every sink is played against the vendor's sandbox in every case below
(`tests/contract/test_every_action.py`). A cell has the verdict or the hold of the first delivery; the verdict in
the end, once all is well again, by the rules of [the engine](engine.md); how often the action's own request reached
the vendor, and how often it is true there in the end: `unsure time_out → rejected in_doubt, 1 sent, 1 done`.

- A **hold** stops the route: no attempt is spent, and the delivery goes out when the probe says that all is well.
- **Unsure** is what left and got no answer that can be read. It is sent again where that changes nothing, looked up
  where the vendor can tell, and else left to a person as `in_doubt`.
- A time-out is played to its end by another worker than the one that began, without its memory.
"""


def page() -> str:
    """The whole page."""
    return _HEAD + "".join(section for name, adapter in ADAPTERS.items() for section in _section(name, adapter))


def _section(name: str, adapter: type[Adapter]) -> Iterator[str]:
    yield f"\n## {name}\n\n{_first_line(adapter)}\n\n| when | it comes to | for |\n|---|---|---|\n"
    for case in Case:
        for cell, who in _by_cell(adapter, case).items():
            named = "every action" if len(who) == len(adapter.goes_on) else ", ".join(f"`{each}`" for each in who)
            yield f"| {_words(case)} | {cell} | {named} |\n"
    yield "\nNot played:\n\n"
    yield from (f"- {', '.join(what)}: {reason}\n" for reason, what in _excuses(adapter).items())


def _excuses(adapter: type[Adapter]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for (action, case), reason in adapter.cannot.items():
        if action == EVERY or action in adapter.goes_on:
            who = "every action" if action == EVERY else f"`{action}`"
            found.setdefault(reason, []).append(f"{_words(case)} ({who})")
    return found


def _words(case: Case) -> str:
    return case.replace("_", " ")


def _by_cell(adapter: type[Adapter], case: Case) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for action in adapter.goes_on:
        if adapter.excuse(action, case) is None:
            told = adapter.expected(action, case)
            way = told.first if told.first == told.end else f"{told.first} → {told.end}"
            found.setdefault(f"{way}, {told.sent} sent, {told.done} done", []).append(action)
    return found


def _first_line(adapter: type[Adapter]) -> str:
    return (adapter.__doc__ or "").partition("\n")[0]


if __name__ == "__main__":
    print(page(), end="")
