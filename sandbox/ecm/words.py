"""What Content Server says, word for word (page §2, §7, §8, §9, §11, §16).

Where the page gives no text, a line says so.
"""

AUTHENTICATION_REQUIRED = "Authentication Required"
BAD_LOGIN = "Invalid username/password specified"
NO_USERNAME = "Argument username is required"
NO_PASSWORD = "Argument password is required"
NO_SUCH_CALL = "The REST API URL could not be found in the mappings registry"
STALE = "Could not update metadata (edit conflict)."
NO_BODY = "Missing required parameter body"
BAD_BODY = "Invalid datatype specified for parameter body"  # after §16 #6
UNKNOWN_SOURCE = "External source not found"
UNKNOWN_IDENTITY_TYPE = "Error getting identity type id"
BAD_ATTRIBUTE = "Invalid specification. Invalid attribute entry found."
NO_CATEGORY = "Could not find category"
REMINDER_REFUSED = "Sorry, the item you requested could not be accessed. It may not exist, or you may lack permission."
BAD_ASSIGNEE = "Errors getting assignee information."
NOT_ALLOWED = "No permissions"
BAD_NAME = "Invalid datatype specified for parameter name"  # text unknown: a colon, or over 248 characters
NOT_FOUND = "no exact match was found"
DUPLICATE_OBJECT = "A workspace for this business object already exists."  # text unknown (§6)


def no_node(node: object) -> str:
    """Deleted, or hidden: the same words."""
    return f"Could not get a node for {node}"


def taken(name: str) -> str:
    """A name that is there."""
    return f"An item with the name '{name}' already exists."


def applied(name: str) -> str:
    """A category that is there."""
    return f"The attribute group '{name}' already exists"


def foreign(category: int, key: str) -> str:
    """An attribute of another category."""
    said = f"Category ID '{category}' was specified for Categories Update"
    return f"{said}, but a non-matching attribute ('{key}') was found"


def missing(parameter: str) -> str:
    """A parameter that is not there."""
    return f"Missing required parameter {parameter}"


def no_subtype(kind: object) -> str:
    """A type of node that is not there."""
    return f"Subtype {kind} not registered"
