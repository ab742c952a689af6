"""The texts by which the server's errors are told apart (§16 of its vendor page): texts first, status second.

500 is what the server says of its own crash and of bad input alike; only the text tells. Texts are
localised to the account's language, so a site may add its own (setting `error_texts`).
"""

import re
from collections.abc import Mapping

SIGNS: Mapping[str, str] = {
    "login_incomplete": r"Argument \"?(username|password)\"? is required",
    "endpoint_missing": r"could not be found in the mappings registry",
    "unreachable": r"Could not get a node for|could not be accessed|does not exist",
    "bad_payload": r"Missing required parameter|Invalid datatype|Body parameter|Parameters are required"
    r"|non-matching attribute",
    "bad_mapping": r"Subtype .{0,40} not registered|External source not found|identity type",
    "not_allowed": r"invalid action|No permissions",
    "taken": r"already exists",
    "bad_attribute": r"Invalid (specification|attribute entry)|Could not find category"
    r"|Error retrieving the version of the attribute",
    "bad_assignee": r"Errors? getting assignee information",
    "edit_conflict": r"edit conflict",
}
"""By name, in the words of §16 (bad_assignee: §11.1); matched anywhere in the text, in any case."""


class Signs:
    """The page's texts, and a site's beside them."""

    def __init__(self, more: Mapping[str, str] | None = None) -> None:
        given = more or {}
        self._patterns = {
            name: re.compile("|".join(filter(None, (text, given.get(name)))), re.IGNORECASE)
            for name, text in SIGNS.items()
        }

    def found(self, name: str, text: str) -> bool:
        """Whether a text bears this sign."""
        return self._patterns[name].search(text) is not None
