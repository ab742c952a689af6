"""POST /users/track (page §2.1)."""

from collections.abc import Callable, Mapping
from typing import Any

from sandbox.braze import checks, words
from sandbox.braze.options import Options
from sandbox.braze.reply import Reply, refused
from sandbox.braze.workspace import Workspace

_CHECKS: Mapping[str, checks.Check] = {
    "attributes": checks.attributes,
    "events": checks.event,
    "purchases": checks.purchase,
}
_MOST = 75

Accepted = list[tuple[str, Mapping[str, Any]]]
Errors = list[dict[str, Any]]


def track(body: Mapping[str, Any], options: Options, workspace: Workspace) -> Reply:
    """Check each object on its own; queue the good ones, name the bad ones."""
    arrays = {name: value for name in _CHECKS if isinstance(value := body.get(name), list)}
    if _are_too_many(arrays, options):
        return refused(400, words.TOO_MANY_OBJECTS)
    accepted, errors = _judged(arrays, options)
    if not accepted:
        return refused(400, words.NOTHING_VALID, errors)
    workspace.accept(lambda: _apply(accepted, workspace))
    return Reply(options.success_status, _success(accepted, errors))


def _are_too_many(arrays: Mapping[str, list[Any]], options: Options) -> bool:
    sizes = [len(array) for array in arrays.values()]
    return (sum(sizes) if options.contract == "combined" else max(sizes, default=0)) > _MOST


def _judged(arrays: Mapping[str, list[Any]], options: Options) -> tuple[Accepted, Errors]:
    accepted: Accepted = []
    errors: Errors = []
    for name, array in arrays.items():
        for index, one in enumerate(array):
            is_object = isinstance(one, dict)
            mistake = _CHECKS[name](one, options.blocked_users) if is_object else words.NO_IDENTIFIER
            if mistake is None:
                accepted.append((name, one))
            else:
                told = mistake.told(options.error_style)
                errors.append({"type": told, "input_array": name, "index": index})
    return accepted, errors


def _success(accepted: Accepted, errors: Errors) -> dict[str, Any]:
    """Counters first, in the order that recordings show; an array without an accepted object has none."""
    counted = {name: sum(1 for each, _ in accepted if each == name) for name in _CHECKS}
    counters = {f"{name}_processed": number for name, number in counted.items() if number}
    return {**counters, "message": words.SUCCESS, **({"errors": errors} if errors else {})}


def _apply(accepted: Accepted, workspace: Workspace) -> None:
    """Attributes, then events, then purchases."""
    changes: Mapping[str, Callable[[Mapping[str, Any]], None]] = {
        "attributes": workspace.update,
        "events": workspace.track,
        "purchases": workspace.buy,
    }
    for name, change in changes.items():
        for each, one in accepted:
            if each == name:
                change(one)
