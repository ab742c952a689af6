"""The mapping file: which column of a file is which field of an event. What it may say, and reading it.

Everything that is wrong is told at once, each with the mapping's line.
"""

import codecs
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from common.errors import ConfigurationError, LocatedError
from common.yaml import Document, read
from workers.ingest.identity import IdentityPath


class Format(StrEnum):
    """What a file is."""

    CSV = "csv"
    JSONL = "jsonl"
    AVRO = "avro"


class FaultyMappingError(ConfigurationError):
    """A mapping that cannot work; `errors` holds every fault, by file and line."""

    def __init__(self, errors: Sequence[LocatedError]) -> None:
        super().__init__("\n".join(map(str, errors)))
        self.errors = tuple(errors)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def _text_encoding(name: str) -> str:
    try:
        found = codecs.lookup(name)
        if found.name == "utf-8-sig" or '\n",;é'[:4].encode(found.name) != b'\n",;':
            raise LookupError
    except (LookupError, UnicodeError):
        raise ValueError(f"{name!r} is no encoding whose ASCII is one byte: utf-8, cp1252, iso-8859-15") from None
    return found.name


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"there is no time zone {name!r}; such as Europe/Berlin, or UTC") from None
    return name


class CsvForm(_Part):
    """How a CSV file is written."""

    delimiter: str = Field(",", min_length=1, max_length=1, pattern=r'^[^"\r\n]$')
    quote: str = Field('"', max_length=1, pattern=r"^[!-~]?$")
    encoding: Annotated[str, AfterValidator(_text_encoding)] = "utf-8"
    header: bool = True
    columns: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _has_columns(self) -> "CsvForm":
        if not self.header and not self.columns:
            raise ValueError("a file without a header needs `columns`")
        return self


class Rule(_Part):
    """Where a field comes from: a column, or a constant value."""

    column: str | None = Field(None, min_length=1)
    value: Any = None
    default: Any = None
    words: dict[str, Any] = Field(default_factory=dict)
    time: str = "rfc3339"
    zone: Annotated[str, AfterValidator(_zone)] | None = None
    separator: str | None = Field(None, min_length=1)

    @model_validator(mode="after")
    def _says_one(self) -> "Rule":
        if (self.column is None) == ("value" not in self.model_fields_set):
            raise ValueError("must say either `column` or `value`")
        if self.column is None and len(self.model_fields_set) > 1:
            raise ValueError("a constant `value` stands alone")
        return self


class CustomerRule(_Part):
    """Whom a row is about (design: the site's own id, else a substitute). `known`: fields of the customer record."""

    id: IdentityPath | None = None
    local_id: str | None = Field(None, min_length=1)
    address: str | None = Field(None, min_length=1)
    known: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _says_who(self) -> "CustomerRule":
        if not (self.id or self.local_id or self.address):
            raise ValueError("must say `id`, `local_id` or `address`: the column that tells who it is")
        return self

    @property
    def columns(self) -> list[str]:
        """What it reads."""
        return [name for name in (self.id, self.local_id, self.address, *self.known.values()) if name]


class Mapping(_Part):
    """A whole mapping file."""

    format: Format
    topic: str
    source: str = Field(min_length=1, max_length=60, pattern=r"^[A-Za-z0-9._-]+$")
    instance: str = Field("", max_length=200)
    csv: CsvForm = Field(default_factory=lambda: CsvForm())
    id: tuple[str, ...] = ()
    customer: CustomerRule | None = None
    fields: dict[str, str | Rule]

    def rules(self) -> dict[str, Rule]:
        """Every field's rule; a bare text is a column."""
        return {path: Rule(column=one) if isinstance(one, str) else one for path, one in self.fields.items()}

    @property
    def columns(self) -> list[str]:
        """Every column that is read."""
        named = [rule.column for rule in self.rules().values() if rule.column]
        return list(dict.fromkeys([*self.id, *(self.customer.columns if self.customer else ()), *named]))


def read_mapping(path: Path) -> tuple[Mapping, Document]:
    """A mapping and its document. Raises LocatedError or FaultyMappingError."""
    document = read(path)
    try:
        return Mapping.model_validate(document.data), document
    except ValidationError as error:
        raise FaultyMappingError([_located(document, one) for one in error.errors()]) from None


def _located(document: Document, one: Any) -> LocatedError:
    steps = tuple(step for step in one["loc"] if step not in ("Rule", "str"))  # the branch of `str | Rule`
    name = ".".join(map(str, steps))
    message = one["msg"].removeprefix("Value error, ")
    return document.error(f"{name}: {message}" if name else message, *steps)
