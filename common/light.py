"""Values of which several are made for every event."""

from dataclasses import dataclass
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True)
def light(cls: type[T]) -> type[T]:
    """A frozen, slotted dataclass to the type checker; at run time nothing guards its fields.

    With the guard making one takes three times as long (measured, three fields: 0.41 µs, and 0.13 without).
    """
    says = cls.__repr__ is object.__repr__  # what somebody wrote, or inherits, is kept
    return dataclass(slots=True, repr=says, unsafe_hash="__hash__" not in vars(cls))(cls)
