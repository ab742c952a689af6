"""The request for a token (§1): JSON, or a form with or without Basic."""

from base64 import b64encode
from urllib.parse import urlencode

import orjson
from pydantic import SecretStr

from common.http import Answer, HttpClient
from workers.vendors.exstream.account import ExstreamAccount, TokenStyle


def ask_token(account: ExstreamAccount, secret: SecretStr, http: HttpClient) -> Answer:
    """POST for a token with the secret of this moment; raises what HttpClient.request raises."""
    said, asked = secret.get_secret_value(), {"grant_type": "client_credentials"}
    headers: dict[str, str] = {}
    if account.token_style is TokenStyle.FORM_BASIC:
        headers["authorization"] = "Basic " + b64encode(f"{account.client_id}:{said}".encode()).decode()
    else:
        asked |= {"client_id": account.client_id, "client_secret": said}
    if account.token_style is TokenStyle.JSON:
        headers["content-type"], content = "application/json", orjson.dumps(asked)
    else:
        asked |= {"scope": account.scope} if account.scope else {}
        headers["content-type"], content = "application/x-www-form-urlencoded", urlencode(asked).encode()
    return http.request("POST", account.token_url, headers=headers, content=content, action="token")
