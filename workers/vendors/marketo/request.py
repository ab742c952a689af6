"""A request to Marketo as a value, and the one look-up that both paths make. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlencode

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
LEADS = "/rest/v1/leads.json"


@dataclass(frozen=True, slots=True)
class Request:
    """One request; `path` begins with a single slash, since the gateway refuses two (§0)."""

    method: Literal["GET", "POST", "DELETE"]
    path: str
    body: bytes | None = None
    content_type: str = JSON


def find_leads(field: str, values: Sequence[str], fields: Sequence[str], page: str | None = None) -> Request:
    """Leads by the values of one field, at most 300 (§2.2).

    A POST that reads: the values of 300 customers do not fit into an address of 8 KB (§0).
    """
    query = {
        "filterType": field,
        "filterValues": ",".join(values),
        "fields": ",".join(fields),
        "batchSize": "300",
        **({"nextPageToken": page} if page else {}),
    }
    return Request("POST", f"{LEADS}?_method=GET", urlencode(query).encode(), FORM)
