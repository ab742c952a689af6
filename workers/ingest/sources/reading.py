"""Reading what vendors send: values of any kind as text, moments in UTC, and every fault by its field."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    TypeAdapter,
    ValidationError,
)

from common.errors import InvalidEventError

Model = TypeVar("Model", bound=BaseModel)
Word = TypeVar("Word", bound=StrEnum)

_ATTRIBUTE_CHARACTERS = 500
_LONG = 2**63
"""Avro's long ends here."""


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("is out of range") from None


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""ISO 8601 with a zone, or seconds or milliseconds since 1970."""

_MOMENT: TypeAdapter[datetime] = TypeAdapter(Moment)


def text(value: Any) -> str | None:
    """A value that stands for a text; empty ones are as good as absent, objects and lists are none."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return str(value).strip() or None


Text = Annotated[str | None, BeforeValidator(text)]
"""A text that may be absent, empty, or a number."""


class Block(BaseModel):
    """A part of a payload: what we do not read is ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True, coerce_numbers_to_str=True)


def read(model: type[Model], signal: Any, what: str) -> Model:
    """The signal as a model; raises InvalidEventError naming every missing or wrong field. `what` is one signal."""
    if not isinstance(signal, dict):
        raise InvalidEventError([("", f"must be a JSON object, {what}")])
    try:
        return model.model_validate(signal)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)
        raise InvalidEventError([(".".join(map(str, one["loc"])), one["msg"]) for one in details]) from None


def at(signal: Any, path: str) -> str | None:
    """The text at a dotted path of a signal, None where nothing stands there."""
    return text(value_at(signal, path))


def value_at(signal: Any, path: str) -> Any:
    """What stands at a dotted path, None where nothing does."""
    for name in path.split("."):
        if not isinstance(signal, dict):
            return None
        signal = signal.get(name)
    return signal


def present(values: Mapping[str, Any]) -> dict[str, str]:
    """As attributes of an event: texts only, without what is absent; each has an end."""
    texts = {name: str(value).lower() if isinstance(value, bool) else text(value) for name, value in values.items()}
    return {name: value[:_ATTRIBUTE_CHARACTERS] for name, value in texts.items() if value}


def symbol(words: type[Word], value: Any, field: str, errors: list[tuple[str, str]]) -> Word | None:
    """The word of a closed set, however it is capitalised; None where none is said, an error where it is another."""
    said = text(value)
    found = None if said is None else next((word for word in words if word.value == _as_symbol(said)), None)
    if said is not None and found is None:
        errors.append((field, f"must be one of {', '.join(words)}"))
    return found


def number(value: Any, field: str, errors: list[tuple[str, str]]) -> int | None:
    """A whole number, also one that is written as a text; None where none is said."""
    said = text(value)
    if said is None:
        return None
    try:
        found = Decimal(said)
        if -_LONG < found < _LONG:  # also keeps 1e999999999 from becoming a whole number
            return int(found)
    except InvalidOperation:  # no number, or NaN
        pass
    errors.append((field, "must be a whole number"))
    return None


def moment(value: Any, field: str, errors: list[tuple[str, str]]) -> datetime | None:
    """A moment with its zone; None where none is said."""
    if text(value) is None:
        return None
    try:
        return _MOMENT.validate_python(value)
    except ValidationError as error:
        errors.append((field, error.errors()[0]["msg"]))
        return None


def _as_symbol(said: str) -> str:
    return said.upper().replace(" ", "_").replace("-", "_")
