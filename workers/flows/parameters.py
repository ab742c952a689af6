"""A flow's `with` against its action's parameter model: checked once when loaded, and for each event."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, assert_never

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from common.errors import UnusableEventError
from common.reasons import Reason
from workers.flows.fields import EventField
from workers.flows.names import nearest
from workers.flows.place import Place
from workers.flows.template import (
    Constant,
    Domain,
    Entries,
    Expression,
    Items,
    Rules,
    Template,
    Text,
    below,
    compile_template,
    possible,
    reads,
    reads_store,
)
from workers.flows.variants import variants

# An int that no timestamp, and no boolean, can be read from: pydantic reads small ones as either.
_SAMPLES: dict[str, Any] = {
    "boolean": True,
    "int": 2**62,
    "long": 2**62,
    "double": 0.5,
    "timestamp": datetime(2000, 1, 1, tzinfo=UTC),
    "record": {},
    "map": {},
}
_UNREADABLE = frozenset(
    f"{kind}_parsing" for kind in ("int", "float", "bool", "decimal", "datetime", "datetime_from_date", "date", "time")
) | {"int_from_float"}
_OF_KEY = "[key]"  # how pydantic ends the location of a mapping's key
_OF_VALIDATORS = frozenset({"value_error", "assertion_error"})


class Parameters:
    """Renders a flow's `with` and validates it."""

    def __init__(self, flow: str, model: type[BaseModel], template: Template) -> None:
        self._flow, self._model, self._template = flow, model, template
        self._render = compile_template(template)
        self.reads_store = reads_store(template)
        """Whether they are made of what the customer store knows, too."""
        self._validate = model.__pydantic_validator__.validate_python  # model_validate, less a call

    def render(self, value: Mapping[str, Any]) -> BaseModel:
        """The parameters for one event; raises UnusableEventError(INVALID_PARAMETER)."""
        try:
            valid: BaseModel = self._validate(self._render(value))
        except ValidationError as error:
            detail = "; ".join(map(self._explained, error.errors(include_input=False, include_url=False)))
            raise UnusableEventError(Reason.INVALID_PARAMETER, f"flow {self._flow}: {detail}") from error
        return valid

    def reads(self) -> Iterator[str]:
        """The fields that they are made of."""
        return reads(self._template)

    def possible(self, parameter: str, domain: Domain) -> tuple[str, ...] | None:
        """Every text that a parameter can become; None when it is unbounded or not given."""
        found = _parameter(self._template, parameter)
        return None if found is None else possible(found, domain)

    def _explained(self, error: ErrorDetails) -> str:
        where = below(self._template, error["loc"])
        made_from = ", ".join(dict.fromkeys(reads(where)))
        what = "the event has no value for it" if error["type"] == "missing" and made_from else error["msg"]
        return f"parameter {_dotted(error)}" + (f" (from {made_from})" if made_from else "") + f": {what}"


def check_parameters(template: Template, model: type[BaseModel], place: Place) -> None:
    """Note every parameter that is unknown, missing or of the wrong type.

    A constant is judged by its value, an expression by the static type of its field: the model
    validates one sample, and of a sampled expression only errors of type count.
    """
    names = {field.alias or name for name, field in model.model_fields.items()}
    given = {str(key) for key in _keys(template)}
    for name in sorted(given - names):
        place.at(name).fault(f"the action has no parameter {name!r}{nearest(name, names)}")
    noted: set[str] = set()
    for variant in variants(template):
        for error in _errors(model, {key: value for key, value in _sample(variant).items() if key in names}):
            what = "is missing" if error["type"] == "missing" else f"does not fit: {error['msg']}"
            message = f"parameter {_dotted(error)} {what}{_made_of(variant, error)}"
            if _counts(error, variant) and message not in noted:
                noted.add(message)
                place.at(*error["loc"]).fault(message)


def _errors(model: type[BaseModel], sample: Any) -> list[ErrorDetails]:
    try:
        model.model_validate(sample)
    except ValidationError as error:
        return error.errors(include_input=False, include_url=False)
    return []


def _counts(error: ErrorDetails, template: Template) -> bool:
    """Whether an error about the sample will be an error about every event."""
    kind, where = error["type"], below(template, error["loc"])
    match where:
        case _ if error["loc"][-1:] == (_OF_KEY,):
            return True  # a key is always constant
        case Constant():
            return True
        case Expression():
            return kind.endswith("_type") or kind in _UNREADABLE
        case Text():
            return kind.endswith("_type")
        case Entries() | Items() | Rules():
            return kind not in _OF_VALIDATORS
        case _:
            assert_never(where)


def _made_of(template: Template, error: ErrorDetails) -> str:
    where = below(template, error["loc"])
    if isinstance(where, Expression) and error["loc"][-1:] != (_OF_KEY,):
        return f"; ${{{where.field.path}}} is {where.field.described}"
    return ""


def _sample(template: Template) -> Any:
    """What an event could make of a template, as far as types go."""
    match template:
        case Constant(value):
            return value
        case Expression(field):
            return _sample_of(field)
        case Text():
            return "text"
        case Entries(entries):
            return {key: _sample(value) for key, value in entries}
        case Items(items):
            return [_sample(item) for item in items]
        case Rules():
            raise TypeError("a variant has no rules")
        case _:
            assert_never(template)


def _sample_of(field: EventField) -> Any:
    if field.many:
        return []
    return field.symbols[0] if field.symbols else _SAMPLES.get(field.kind, "text")


def _keys(template: Template) -> Iterator[str]:
    match template:
        case Constant(dict() as value):
            yield from value
        case Entries(entries):
            yield from (key for key, _ in entries)


def _parameter(template: Template, name: str) -> Template | None:
    match template:
        case Constant(dict() as value):
            return Constant(value[name]) if name in value else None
        case Entries(entries):
            return dict(entries).get(name)
    return None


def _dotted(error: ErrorDetails) -> str:
    return ".".join(map(str, error["loc"])) or "the whole"
