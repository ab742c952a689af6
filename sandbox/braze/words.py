"""What Braze says, word for word (page §2.1, §2.4–§2.8, §5). Where the page gives no text, the line says so."""

from typing import NamedTuple


class Mistake(NamedTuple):
    """A complaint about one object: the sentence of live servers, and the documented code if there is one."""

    sentence: str
    code: str = ""

    def told(self, style: str) -> str:
        """As `errors[].type`."""
        return self.code if style == "code" and self.code else self.sentence


NO_IDENTIFIER = Mistake("'external_id', 'braze_id', 'user_alias', 'email' or 'phone' is required")
EXTERNAL_ID_TOO_LARGE = Mistake("'external_id' must be fewer than 988 bytes", "EXTERNAL_USER_ID_TOO_LARGE")
BLOCKED = Mistake("provided external_id is blacklisted and disallowed", "BLACKLISTED_EXTERNAL_USER_ID")
BAD_EMAIL = Mistake("The value provided for the 'email' field is not a valid email.", "EMAIL_BAD_FORMAT")
BAD_QUANTITY = Mistake("'quantity' is not valid")
BAD_CURRENCY = Mistake("'currency' must be an ISO 4217 currency")
BAD_PROPERTIES = Mistake("Invalid 'properties' field")
# no live text known for these: the code stands for itself
BAD_EMAIL_STATE = Mistake("BAD_EMAIL_SUBSCRIPTION_STATE", "BAD_EMAIL_SUBSCRIPTION_STATE")
BAD_PUSH_STATE = Mistake("BAD_PUSH_SUBSCRIPTION_STATE", "BAD_PUSH_SUBSCRIPTION_STATE")
BAD_GROUP_ARRAY = Mistake("BAD_SUBSCRIPTION_GROUP_ARRAY", "BAD_SUBSCRIPTION_GROUP_ARRAY")
BAD_GROUP_HASH = Mistake("BAD_SUBSCRIPTION_GROUP_HASH", "BAD_SUBSCRIPTION_GROUP_HASH")
BAD_GROUP_ID = Mistake("BAD_SUBSCRIPTION_GROUP_ID", "BAD_SUBSCRIPTION_GROUP_ID")
BAD_GROUP_STATE = Mistake("BAD_SUBSCRIPTION_GROUP_STATE", "BAD_SUBSCRIPTION_GROUP_STATE")
BAD_LOCATION = Mistake("BAD_LOCATION_UPDATE", "BAD_LOCATION_UPDATE")
NOT_SETTABLE = Mistake("INVALID_ATTRIBUTE_EMAIL_SUBSCRIPTION_INFO", "INVALID_ATTRIBUTE_EMAIL_SUBSCRIPTION_INFO")
# neither text nor code known: sentences in the style of the others
BAD_NAME = Mistake("'name' is not valid")
BAD_TIME = Mistake("'time' is not valid")
BAD_PRODUCT = Mistake("'product_id' is not valid")
BAD_PRICE = Mistake("'price' is not valid")

NOTHING_VALID = "Valid data must be provided in the 'attributes', 'events', or 'purchases' fields."
BAD_SYNTAX = "Error while parsing request body. Please check your syntax."
TOO_MANY_OBJECTS = "Max Input Length Exceeded"  # a documented label; the live text is unknown
TOO_MANY_RECIPIENTS = "The max number of external_ids and aliases per request was exceeded"
TOO_MANY_IDS = "The max number of ids per request was exceeded"
NO_RECIPIENTS = "No Recipients"
CAMPAIGN_NOT_A_STRING = "campaign_id must be a string of the campaign api identifier"
UNKNOWN_CAMPAIGN = "Invalid Campaign ID"
BAD_CANVAS = "canvas_id must be a string of the Canvas api identifier"  # recorded for a bad id too
BAD_GROUP = "Invalid subscription group ID"
TWO_KINDS = "Either an email address or a phone number should be provided, but not both."
BAD_ADDRESS = "The address is not valid."  # no text is known
NO_CAMPAIGN = "Campaign does not exist"
NOT_TRANSACTIONAL = "The campaign is not a transactional campaign. Only transactional campaigns may use this endpoint"
IN_FLIGHT = "The external reference has been queued.  Please retry to obtain send_id."
STOPPED_CAMPAIGNS = {
    "paused": "The campaign is paused. Resume the campaign in order for trigger requests to take effect.",
    "archived": "The campaign is archived. Unarchive the campaign in order for trigger requests to take effect.",
}
STOPPED_CANVASES = {
    "paused": "The Canvas is paused. Resume the Canvas to ensure trigger requests will take effect.",
    "archived": "The Canvas is archived. Unarchive the Canvas to ensure trigger requests will take effect.",
}
BAD_REQUEST = "Bad Request"  # for what is documented as refused without a text
ACCESS_DENIED = "Access Denied"
RATE_LIMITED = "Rate limited"
TOO_LARGE = "Request Entity Too Large"  # text unknown
NOT_FOUND = "Not Found"  # text unknown
WRONG_METHOD = "Method Not Allowed"  # text unknown
WRONG_CONTENT_TYPE = "Unsupported Media Type"  # text unknown
SUCCESS = "success"
