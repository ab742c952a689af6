"""docs/events.md, made from schemas, topic files and examples: `python -m workers.events_page > docs/events.md`."""

from collections.abc import Iterable, Iterator

from schemas.catalogue import catalogue
from schemas.example_files import examples, symbol_of
from schemas.fields import Field, fields
from schemas.review import ENVELOPE, UNKNOWN
from topics.catalogue import Topic, topics

_HEAD = """# Events

<!-- Made from schemas/, topics/ and schemas/examples/: `python -m workers.events_page > docs/events.md`.
A test keeps it current. -->

Every event topic, what its records say, the key they carry and how long they stay. Values are Avro in the
Confluent wire format (byte 0, four bytes of schema id, Avro binary); the schemas are `schemas/*.avsc`. Times are
microseconds since 1970 in Avro, and RFC 3339 text with an offset in JSON, as in the examples here.

An enum may grow: a symbol that a reader does not know yet reads as `UNKNOWN`. **pii** marks personal data, which is
masked wherever events are shown. What is optional may be left out; a field of
an optional record that is not optional itself is required where the record is there. All topics carry the prefix of the
deployment in front of their names.
"""

_KINDS = {"timestamp": "time"}


def events_page() -> str:
    """The whole page."""
    parts = [_HEAD, _contents(), _envelope(), *(_topic(name) for name in catalogue().topics)]
    return "\n".join(parts)


def _contents() -> str:
    rows = [f"| [{name}](#{_anchor(name)}) | {_one_line(topics()[name].description)} |" for name in catalogue().topics]
    return "\n".join(["| topic | what it holds |", "|---|---|", *rows, ""])


def _envelope() -> str:
    every = next(iter(catalogue().topics))
    shared = [one for one in fields(catalogue().schema(every)) if _top(one) in ENVELOPE and one.path != "type"]
    intro = "Every event begins with these; `type` stands second and has symbols of its own on each topic."
    return "\n".join(["## The envelope", "", intro, "", *_table(shared), ""])


def _topic(name: str) -> str:
    topic, schema = topics()[name], catalogue().schema(name)
    known = list(fields(schema))
    own = [one for one in known if _top(one) not in ENVELOPE]
    types = next(one for one in known if one.path == "type")
    return "\n".join(
        [
            f"## {name}",
            "",
            f"`{schema['name']}`. {_one_line(topic.description)}",
            "",
            *_kept(topic),
            f"- **Types**: {_symbols(types.symbols)}",
            "",
            *(_table(own) if own else ["Nothing beside the envelope."]),
            "",
            *_example(name, types.symbols),
            "",
        ]
    )


def _kept(topic: Topic) -> Iterator[str]:
    yield f"- **Key**: {_key(topic)}"
    yield f"- **Lane key**: {topic.lane_key or 'the key'}"
    yield f"- **Kept**: {_retention(topic)}, {topic.partitions} partitions"
    yield f"- **Owner**: {topic.owner}"


def _key(topic: Topic) -> str:
    return f"{topic.key}{'' if topic.prescribes_key else ' (not to be told from the value)'}"


def _retention(topic: Topic) -> str:
    latest = "the latest of each key, for ever" if topic.cleanup_policy == "compact" else ""
    return latest or ("for ever" if topic.retention_ms < 0 else f"{topic.retention_ms / 86_400_000:g} days")


def _table(listed: Iterable[Field]) -> list[str]:
    rows = (f"| `{one.path}` | {_kind(one)} | {_one_line(_told(one))} |" for one in listed)
    return ["| field | type | meaning |", "|---|---|---|", *rows]


def _kind(one: Field) -> str:
    kind = _KINDS.get(one.kind, one.kind)
    if one.items:
        kind = f"{kind} of {_KINDS.get(one.items, one.items)}"
    return f"{kind}, optional" if one.has_default else kind


def _told(one: Field) -> str:
    symbols = f" One of {_symbols(one.symbols)}." if one.symbols else ""
    return f"{'**pii** ' if one.pii else ''}{one.doc}{symbols}"


def _symbols(listed: Iterable[str]) -> str:
    return " ".join(f"`{symbol}`" for symbol in listed if symbol != UNKNOWN)


def _example(name: str, symbols: Iterable[str]) -> Iterator[str]:
    """The plain example of the first type that has one."""
    plain = {symbol_of(path): path for path in examples() if path.parent.name == name and "-" not in path.stem}
    path = next(plain[symbol] for symbol in symbols if symbol in plain)
    yield f"An example, and more in `schemas/examples/{name}/`:"
    yield ""
    yield f"```json\n{path.read_text('utf-8').strip()}\n```"


def _top(one: Field) -> str:
    return one.path.partition(".")[0]


def _anchor(name: str) -> str:
    return name.replace(".", "")


def _one_line(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    print(events_page(), end="")
