"""Names: the nearest known one for a message, and the 16-bit hash by which a commit names a flow."""

from collections.abc import Iterable
from difflib import get_close_matches
from hashlib import blake2b


def nearest(word: object, known: Iterable[str]) -> str:
    """A hint that ends a message: the known name most like `word`, or nothing when none is near."""
    found = get_close_matches(str(word), sorted(known), n=1, cutoff=0.5)
    return f"; did you mean {found[0]!r}?" if found else ""


def name_hash(name: str) -> int:
    """The 16-bit hash that stands for a flow's name in commit metadata; the same in every process."""
    return int.from_bytes(blake2b(name.encode(), digest_size=2).digest())
