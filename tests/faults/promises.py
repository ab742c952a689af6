"""Which promises the engine does not keep yet: the only place to take them off as it learns them."""

from collections.abc import Callable
from typing import TypeVar

import pytest

Test = TypeVar("Test", bound=Callable[..., None])


def not_yet(reason: str) -> Callable[[Test], Test]:
    """A history that fails, always or at times, until the engine can do this; taken off when it does."""
    return pytest.mark.xfail(strict=False, reason=reason)
