"""The OAuth token of a messaging account (§1): how it is asked for, what an answer grants, how a request carries it."""

from base64 import b64encode
from dataclasses import dataclass

import orjson
from pydantic import SecretStr

from common.http import Answer, HttpClient
from workers.vendors.notifications.account import MessagingAccount
from workers.vendors.notifications.reply import Reply
from workers.vendors.shared_token import Grant

KEY_CODES = ("oauth.v2.InvalidApiKey", "InvalidApiKey", "invalid_client", "unauthorized_client", "invalid_grant")
"""A client that is not known, or not any more (§9 #2)."""

USUAL_LIFE_S, MOST_LIFE_S, RENEWED_AT = 900.0, 86_400.0, 0.8


@dataclass(frozen=True, slots=True, repr=False)
class Granted(Grant):
    """A token of a messaging account."""

    @property
    def used_s(self) -> float:
        """How long it is sent: 80 % of its life (§8)."""
        return self.life_s * RENEWED_AT


def ask_token(account: MessagingAccount, http: HttpClient) -> Answer:
    """POST for a token (§1 auth B): real JSON, not a form. Raises what HttpClient.request raises."""
    if not account.token_url or not account.client_secret:
        raise TypeError("this account uses Basic")
    asked = {
        "client_id": account.client_id,
        "client_secret": account.client_secret.get_secret_value(),
        "grant_type": "client_credentials",
    }
    headers = {"content-type": "application/json"}
    return http.request("POST", account.token_url, headers=headers, content=orjson.dumps(asked), action="token")


def authorization(username: str | None, password: SecretStr | None, token: str | None) -> str:
    """The header's value: the token where there is one, else Basic."""
    if token is not None:
        return f"Bearer {token}"
    said = password.get_secret_value() if password else ""
    return "Basic " + b64encode(f"{username}:{said}".encode()).decode()


def granted_in(reply: Reply) -> Granted | None:
    """What an answer of the token endpoint grants; None where it has no token that a header can carry."""
    token, life = reply.values.get("access_token"), reply.values.get("expires_in")
    fits = isinstance(token, str) and token.isascii() and token.isprintable() and token.strip() == token != ""
    if reply.status != 200 or not isinstance(token, str) or not fits:
        return None
    is_number = isinstance(life, int | float) and not isinstance(life, bool) and life > 0
    return Granted(token, min(float(life), MOST_LIFE_S) if is_number and life is not None else USUAL_LIFE_S)
