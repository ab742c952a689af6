"""Categories of nodes (page §7): keys, tokens, and what is refused with which status."""

import json
import re
from collections.abc import Mapping
from typing import Any

from sandbox.ecm import words
from sandbox.ecm.forms import Form
from sandbox.ecm.options import CategoryDefinition, Options
from sandbox.ecm.reply import RefusedError, Reply, done
from sandbox.ecm.tree import Node, Tree

_IN_SET = re.compile(r"(\d+)_(\d+)_(\d+)(?:_(\d+))?")
_SINGLE = re.compile(r"(\d+)_(\d+)")


class Categories:
    """Applies, changes, shows and removes."""

    def __init__(self, options: Options, tree: Tree) -> None:
        self._options, self._tree = options, tree

    def shown(self, node: Node) -> Reply:
        """GET …/categories: one result a category (§7)."""
        results = [
            {"data": {"categories": dict(values)}, "metadata_order": {"categories": [str(category)]}}
            for category, values in node.categories.items()
        ]
        return done(results, f"/api/v2/nodes/{node.id}/categories")

    def one(self, node: Node, category: int) -> Reply:
        """GET …/categories/{id}."""
        if category not in node.categories:
            raise RefusedError(500, words.NO_CATEGORY)
        return done({"data": {"categories": dict(node.categories[category])}})

    def state(self, node: Node) -> dict[str, Any]:
        """`results.state` (§7)."""
        if not self._options.metadata_tokens:
            return {}
        tokens = {f"{category}_1": {"metadata_token": _token(node, category)} for category in node.categories}
        return {"categories": tokens}

    def apply(self, node: Node, form: Form) -> Reply:
        """POST …/categories."""
        given = self._given(form)
        if "category_id" not in given:
            raise RefusedError(400, words.missing("category_id"))
        category = _number(given.pop("category_id"))
        self.add(node, category, given)
        return done({}, f"/api/v2/nodes/{node.id}/categories", "POST")

    def add(self, node: Node, category: int, given: Mapping[str, Any]) -> None:
        """A category with its first values, here or on creation."""
        definition = self._definition(category)
        if category in node.categories:
            raise RefusedError(400, words.applied(definition.name))
        if any(not given.get(f"{category}_{number}") for number in definition.required):
            raise RefusedError(500, words.BAD_ATTRIBUTE)
        values = _blank(category, definition)
        self._merge(values, category, definition, given)
        node.categories[category], node.tokens[category] = values, 1
        self._tree.touched(node, 10, "Attribute Value Changed", is_dated=self._options.categories_date)

    def change(self, node: Node, category: int, form: Form) -> Reply:
        """PUT …/categories/{id}: values not mentioned stay; a stale token is refused."""
        definition, given = self._definition(category), self._given(form)
        if category not in node.categories:
            raise RefusedError(500, words.NO_CATEGORY)
        lock = given.pop(f"{category}_1", None)
        self._unlocked(node, category, lock)
        values = dict(node.categories[category])
        self._merge(values, category, definition, given)
        node.categories[category] = values
        node.tokens[category] += 1
        self._tree.touched(node, 10, "Attribute Value Changed", is_dated=self._options.categories_date)
        return done({"state": self.state(node)}, f"/api/v2/nodes/{node.id}/categories/{category}", "PUT")

    def remove(self, node: Node, category: int) -> Reply:
        """DELETE …/categories/{id}."""
        if node.categories.pop(category, None) is None:
            raise RefusedError(500, words.NO_CATEGORY)
        return done({})

    def _unlocked(self, node: Node, category: int, lock: Any) -> None:
        if lock is None:
            return
        token = lock.get("metadata_token") if isinstance(lock, dict) else None
        if token != _token(node, category):
            raise RefusedError(409, words.STALE)

    def _definition(self, category: int) -> CategoryDefinition:
        definition = self._options.categories.get(category)
        if definition is None:
            raise RefusedError(500, words.NO_CATEGORY)
        return definition

    def _given(self, form: Form) -> dict[str, Any]:
        """The values of either style, as far as the switch takes it (§3: both seen)."""
        style = self._options.category_style
        if "body" in form.fields and style != "plain":
            return form.json()
        if style == "body":
            raise RefusedError(400, words.NO_BODY)
        return {name: _plain(value) for name, value in form.fields.items()}

    def _merge(
        self, values: dict[str, Any], category: int, definition: CategoryDefinition, given: Mapping[str, Any]
    ) -> None:
        for key, value in given.items():
            if not key.startswith(f"{category}_"):
                raise RefusedError(400, words.foreign(category, key))
            self._checked(key, value, definition)
            if (row := _IN_SET.fullmatch(key)) and row[4] is None:
                _without_row(values, key)
            else:
                values[key] = value

    def _checked(self, key: str, value: Any, definition: CategoryDefinition) -> None:
        """Whether the category has such an attribute, and it takes such a value."""
        if single := _SINGLE.fullmatch(key):
            number, is_list = int(single[2]), isinstance(value, list)
            fits = number in (definition.lists if is_list else definition.attributes | definition.lists)
            if is_list and self._options.empty_list != "both" and not any(value):
                fits &= value == ([] if self._options.empty_list == "none" else [""])
        elif in_set := _IN_SET.fullmatch(key):
            numbers = definition.sets.get(int(in_set[2]), frozenset())
            fits = int(in_set[3]) >= 1 and (int(in_set[4]) in numbers if in_set[4] else bool(numbers) and value == "")
        else:
            fits = False
        if not fits or isinstance(value, dict):
            raise RefusedError(500, words.BAD_ATTRIBUTE)


def _blank(category: int, definition: CategoryDefinition) -> dict[str, Any]:
    """A category as it is applied: each attribute empty, a set with one empty row."""
    values: dict[str, Any] = {f"{category}_{number}": "" for number in sorted(definition.attributes)}
    values |= {f"{category}_{number}": [] for number in sorted(definition.lists)}
    for number, attributes in definition.sets.items():
        values |= {f"{category}_{number}_1_{each}": "" for each in sorted(attributes)}
    return values


def _without_row(values: dict[str, Any], row: str) -> None:
    """Remove one row of a set; those behind it move up."""
    category, set_number, gone = (int(part) for part in row.split("_"))
    kept: dict[str, Any] = {}
    for key in [key for key in values if key.startswith(f"{category}_{set_number}_")]:
        number, attribute = (int(part) for part in key.split("_")[2:])
        value = values.pop(key)
        if number != gone:
            kept[f"{category}_{set_number}_{number - (number > gone)}_{attribute}"] = value
    values |= kept


def _plain(value: str) -> Any:
    """A plain field: lists and objects are JSON-encoded (§3)."""
    if value[:1] not in ("[", "{"):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _token(node: Node, category: int) -> str:
    return f"{node.id}:{category}:{node.tokens[category]}"


def _number(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        raise RefusedError(400, words.BAD_BODY) from None
