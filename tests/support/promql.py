"""What a PromQL expression names: metrics, matchers, and the labels that it groups by."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import promql_parser as promql

_GRAFANA = {"$__rate_interval": "5m", "$__range": "1h", "$__interval": "1m"}


@dataclass(frozen=True, slots=True)
class Matched:
    """A label that an expression compares: of which metric, and with which values."""

    metric: str
    label: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Grouped:
    """The labels of one `by`, `on` or `group_left`, and the metrics beneath."""

    labels: frozenset[str]
    metrics: frozenset[str]


@dataclass(frozen=True, slots=True)
class Named:
    """Everything that an expression names."""

    metrics: frozenset[str]
    matched: tuple[Matched, ...]
    grouped: tuple[Grouped, ...]


def named(text: str) -> Named:
    """What an expression names; Grafana's variables count as values. Raises ValueError when it is no PromQL."""
    for variable, value in _GRAFANA.items():
        text = text.replace(variable, value)
    expression = promql.parse(text)
    return Named(_metrics(expression), tuple(_matched(expression)), tuple(_grouped(expression)))


def result_labels(text: str) -> tuple[str, ...]:
    """The labels of a result that is one aggregation with `by`; raises TypeError for any other expression."""
    expression = promql.parse(text)
    if not (isinstance(expression, promql.AggregateExpr) and expression.modifier):
        raise TypeError(f"not an aggregation with `by`: {text}")
    return tuple(expression.modifier.labels)


def _metrics(expression: promql.Expr) -> frozenset[str]:
    return frozenset(selector.name or "" for selector in _selectors(expression))


def _selectors(expression: promql.Expr) -> list[promql.VectorSelector]:
    return [each for each in _all(expression) if isinstance(each, promql.VectorSelector)]


def _all(expression: promql.Expr) -> list[promql.Expr]:
    found: list[promql.Expr] = []
    promql.walk(expression, found.append)
    return found


def _matched(expression: promql.Expr) -> Iterator[Matched]:
    for selector in _selectors(expression):
        for matcher in selector.matchers.matchers:
            is_list = matcher.op in (promql.MatchOp.Re, promql.MatchOp.NotRe)
            values = matcher.value.split("|") if is_list else [matcher.value]
            yield Matched(selector.name or "", matcher.name, tuple(values))


def _grouped(expression: promql.Expr) -> Iterator[Grouped]:
    for each in _all(expression):
        match each:
            case promql.AggregateExpr(modifier=modifier) if modifier:
                yield Grouped(frozenset(modifier.labels), _metrics(each.expr))
            case promql.BinaryExpr(modifier=modifier) if modifier and modifier.matching:
                yield Grouped(frozenset(modifier.matching.labels), _metrics(each))


def known(declared: Mapping[str, tuple[str, ...]], name: str) -> tuple[str, ...] | None:
    """The labels of a metric, or None when nobody declares it; a histogram's series have names of their own."""
    if name in declared:
        return declared[name]
    for suffix in ("_bucket", "_sum", "_count"):
        base = name.removesuffix(suffix)
        if base != name and base in declared:
            return (*declared[base], *(("le",) if suffix == "_bucket" else ()))
    return None
