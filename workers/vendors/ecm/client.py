"""The only I/O with a Content Server: one HTTP request for an Ask, whose reply is never an exception."""

from urllib.parse import quote, urlencode

import httpx

from common.errors import AmbiguousError, NotSentError
from common.http import HttpClient, Permit
from workers.vendors.ecm.ask import Ask, Query
from workers.vendors.ecm.reply import Reply

_FORM = "application/x-www-form-urlencoded"


class EcmClient:
    """Requests to one Content Server. Thread-safe. `slow` waits longer, for creations and uploads."""

    def __init__(self, base_url: str, http: HttpClient, slow: HttpClient | None = None) -> None:
        self._base, self._http, self._slow = f"{base_url}/api/", http, slow or http

    def send(self, ask: Ask, permit: Permit | None, action: str) -> Reply:
        """Make one request, at most once; raises only what entering the permit raised."""
        content, headers = encoded(ask)
        http = self._slow if ask.is_slow else self._http
        url = ask.path if "://" in ask.path else f"{self._base}{ask.path}"
        try:
            return Reply(
                http.request(
                    ask.method,
                    url + query_text(ask.query),
                    headers={**headers, **ask.headers},
                    content=content,
                    permit=permit if ask.writes else None,
                    action=action,
                )
            )
        except (NotSentError, AmbiguousError) as error:
            return Reply(error)

    def close(self) -> None:
        """Let connections go."""
        self._http.close()
        if self._slow is not self._http:
            self._slow.close()


def query_text(query: Query) -> str:
    """A query in the page's ways: a list repeats its key, a flag has no value (§3)."""
    parts = [quote(name) if value is None else urlencode({name: value}) for name, value in query]
    return f"?{'&'.join(parts)}" if parts else ""


def encoded(ask: Ask) -> tuple[bytes | None, dict[str, str]]:
    """Body and content type: a form, multipart where there is a file; never JSON (§3)."""
    if ask.form is None:
        return None, {}
    if ask.file is None:
        return urlencode(ask.form).encode(), {"content-type": _FORM}
    part = (ask.file.name, ask.file.content, ask.file.media_type)
    made = httpx.Request("POST", "http://form.invalid", data=dict(ask.form), files={"file": part})
    return made.read(), {"content-type": made.headers["content-type"]}
