"""Tickets and tokens of a sandbox Content Server (page §2)."""

from collections.abc import Callable, Mapping
from itertools import count

from starlette.datastructures import Headers

from sandbox.ecm import words
from sandbox.ecm.options import Options
from sandbox.ecm.reply import RefusedError, Reply


class TicketOffice:
    """Who is in, until when."""

    def __init__(self, options: Options, now: Callable[[], float]) -> None:
        self._options, self._now = options, now
        self._numbers = count(1)
        self._last_seen: dict[str, float] = {}
        self._owners: dict[str, str] = {}
        self.revoked: set[str] = set()
        self.logins = 0

    def login(self, form: Mapping[str, str]) -> Reply:
        """POST /v1/auth."""
        self.logins += 1
        if not form.get("username"):
            raise RefusedError(500, words.NO_USERNAME)
        if not form.get("password"):
            raise RefusedError(500, words.NO_PASSWORD)
        user = form["username"]
        if self._options.users.get(user) != form["password"] or user in self.revoked:
            raise RefusedError(401, words.BAD_LOGIN)
        return Reply(200, {"ticket": self._issue(user, "ticket")})

    def token(self, form: Mapping[str, str]) -> Reply:
        """POST of OTDS's token address, by client credentials; errors after RFC 6749."""
        self.logins += 1
        client = form.get("client_id", "")
        if form.get("grant_type") != "client_credentials":
            return Reply(400, {"error": "unsupported_grant_type"})
        if self._options.clients.get(client) != form.get("client_secret") or client in self.revoked:
            return Reply(401, {"error": "invalid_client", "error_description": "Invalid client."})
        token = self._issue(client, "token")
        return Reply(200, {"access_token": token, "token_type": "Bearer", "expires_in": 3600})

    def admit(self, headers: Headers, cookies: Mapping[str, str]) -> tuple[str, str | None]:
        """The account of a request, and a fresh ticket for its answer where tickets roll; RefusedError(401) else."""
        bearer = headers.get("authorization", "")
        given = headers.get("otcsticket") or headers.get("otdsticket") or cookies.get("LLCookie")
        ticket = given or (bearer[7:] if bearer.lower().startswith("bearer ") else "")
        seen = self._last_seen.get(ticket)
        owner = self._owners.get(ticket, "")
        if seen is None or self._now() - seen > self._options.ticket_idle_s or owner in self.revoked:
            raise RefusedError(401, words.AUTHENTICATION_REQUIRED)
        self._last_seen[ticket] = self._now()
        rolls = self._options.roll_tickets and not bearer
        return owner, self._issue(owner, "ticket") if rolls else None

    def logout(self, headers: Headers) -> None:
        """DELETE /v1/auth."""
        self._last_seen.pop(headers.get("otcsticket", ""), None)

    def expire(self) -> None:
        """No ticket is good any more."""
        self._last_seen.clear()

    def _issue(self, owner: str, kind: str) -> str:
        ticket = f"{kind}-{next(self._numbers):06d}/+="
        self._last_seen[ticket], self._owners[ticket] = self._now(), owner
        return ticket
