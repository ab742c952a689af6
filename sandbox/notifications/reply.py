"""Answers on their way out, and how the platform says no (page §9: bodies of errors are not documented)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Reply:
    """A status, JSON, and headers beside the usual ones."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)


class RefusedError(Exception):
    """The platform says no."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.reply = Reply(status, {"errors": [{"code": code, "message": message}]}, headers or {})


def invalid_key() -> Reply:
    """The gateway's fault, word for word (page §1)."""
    detail = {"errorcode": "oauth.v2.InvalidApiKey"}
    return Reply(401, {"fault": {"faultstring": "Invalid ApiKey", "detail": detail}})


def collision(status: int) -> Reply:
    """SOAP's failure for an id of somebody else (page §3, §6)."""
    return Reply(status, {"StatusCode": 1, "ErrorCode": 2051, "ErrorText": "message id used by another user"})


def no_data(status: int) -> Reply:
    """SOAP's code for a job that is not there (page §6)."""
    return Reply(status, {"StatusCode": 1, "ErrorCode": 2060, "ErrorText": "no data for job"})
