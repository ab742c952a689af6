"""Writer schemas that can turn a few bytes into all of our memory, recognised before anything is read.

Eight hostile bytes can claim 2**60 items of an array whose items take no bytes; a recursive type can nest
until the stack ends. A schema of a producer who means well has neither.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

MAX_FREE_VALUES = 100
"""As many values of one type as may be read without consuming a byte (null fields of a record)."""

_PRIMITIVES = {"null": 0, "boolean": 1, "int": 1, "long": 1, "float": 4, "double": 8, "bytes": 1, "string": 1}


def danger(schema: Any) -> str | None:
    """What makes a writer schema unsafe to read with; None when nothing does."""
    try:
        _Weigher().weigh(schema, "")
    except _UnsafeError as unsafe:
        return str(unsafe)
    except RecursionError:
        return "it is nested too deeply"
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return f"it is not an Avro schema ({type(error).__name__})"
    return None


class _UnsafeError(Exception):
    """Carries what is wrong, in words."""


class _Weight(NamedTuple):
    """The fewest bytes a value takes, and the most values that come without any byte of their own."""

    least_bytes: int
    free_values: int


_PAID = _Weight(1, 0)


class _Weigher:
    """Weighs each named type once, so that types nested by name cannot make the check itself explode."""

    def __init__(self) -> None:
        self._known: dict[str, _Weight | None] = {}

    def weigh(self, node: Any, namespace: str) -> _Weight:
        """The weight of one type; raises _UnsafeError, or the errors of reading what is no schema."""
        weight = self._weigh(node, namespace)
        if weight.free_values > MAX_FREE_VALUES:
            raise _UnsafeError(f"one value of it can hold more than {MAX_FREE_VALUES} that take no bytes")
        return weight

    def _weigh(self, node: Any, namespace: str) -> _Weight:
        if isinstance(node, str):
            return self._named(node, namespace)
        if isinstance(node, list):
            return self._union(node, namespace)
        match node["type"]:
            case "array":
                return self._repeated(node["items"], namespace)
            case "map":
                return self._repeated(node["values"], namespace)
            case "enum" | "fixed" | "record" | "error":
                return self._define(node, namespace)
            case inner:
                return self.weigh(inner, namespace)

    def _named(self, name: str, namespace: str) -> _Weight:
        if name in _PRIMITIVES:
            return _Weight(_PRIMITIVES[name], int(name == "null"))
        full = name if "." in name or not namespace else f"{namespace}.{name}"
        weight = self._known.get(full, _PAID)  # a name nobody defined is refused when the schema is parsed
        if weight is None:
            raise _UnsafeError(f"{full} contains itself")
        return weight

    def _union(self, branches: list[Any], namespace: str) -> _Weight:
        weights = [self.weigh(branch, namespace) for branch in branches]
        least = min(weight.least_bytes for weight in weights)
        return _Weight(1 + least, max(0, max(weight.free_values for weight in weights) - 1))

    def _repeated(self, items: Any, namespace: str) -> _Weight:
        if self.weigh(items, namespace).least_bytes == 0:
            raise _UnsafeError("an array or map of it holds items that take no bytes")
        return _PAID

    def _define(self, node: Mapping[str, Any], namespace: str) -> _Weight:
        name: str = node["name"]
        namespace = name.rpartition(".")[0] or node.get("namespace", namespace)
        full = f"{namespace}.{name.rpartition('.')[2]}" if namespace else name
        self._known[full] = None
        self._known[full] = weight = self._definition(node, namespace)
        return weight

    def _definition(self, node: Mapping[str, Any], namespace: str) -> _Weight:
        if node["type"] == "enum":
            return _PAID
        if node["type"] == "fixed":
            return _Weight(node["size"], int(node["size"] == 0))
        weights = [self.weigh(field["type"], namespace) for field in node["fields"]]
        least = sum(weight.least_bytes for weight in weights)
        return _Weight(least, sum(weight.free_values for weight in weights) + int(least == 0))
