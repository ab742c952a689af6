"""Exstream's reads as a poller makes them: paid for, and what stands in their way is a pause (§9)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from common.reasons import Cause
from workers.ingest.pollers.api import PausedError
from workers.ingest.pollers.exstream.config import ExstreamPollerConfig, OffsetCounts
from workers.vendors.exstream import signs as s
from workers.vendors.exstream.patience import wait_s
from workers.vendors.exstream.reply import Reply
from workers.vendors.exstream.service import ExstreamService
from workers.vendors.exstream.tokens import NoToken


class GoneError(Exception):
    """What was asked about was there, and is not any more: administrators purge what is finished (§4.4)."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: its name, where the page says so, when it fits, and why to pause."""

    name: str
    page: str
    fits: s.Fits
    cause: Cause
    detail: str
    is_all: bool = True
    has_hint: bool = False


TABLE: Sequence[Row] = (
    Row("untrusted", "§9 #14", s.is_untrusted, Cause.CONFIGURATION, "set ca_file, or correct base_url"),
    Row("no_answer", "§9 #13", s.is_lost, Cause.VENDOR_DOWN, "no answer"),
    Row("key_refused", "§9 #3", s.code(*s.KEY_CODES), Cause.CREDENTIALS, "the OAuth client is refused"),
    Row("token_refused", "§9 #1", s.status(401), Cause.CREDENTIALS, "a fresh token is refused"),
    Row(
        "no_access",
        "§9 #4",
        s.status(403),
        Cause.CREDENTIALS,
        "the client may not read this: jobs and flow models need orchestration, approvals the design service",
        is_all=False,
    ),
    Row("busy", "§9 #12", s.status(429, 503), Cause.THROTTLED, "asks for patience", has_hint=True),
    Row("not_exstream", "§9 #8", s.between(300, 399), Cause.CONFIGURATION, "correct base_url"),
    Row(
        "not_understood", "§9 #5", s.between(400, 499), Cause.CONFIGURATION, "correct base_url or domain", is_all=False
    ),
    Row("down", "§9 #10, #11, #20", s.always, Cause.VENDOR_DOWN, "not an answer that a poller can use"),
)
"""The first row that fits; a read that broke off did nothing, so nothing is ever in doubt."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of a list: its rows, and how many the list has."""

    rows: Sequence[Any]
    total: int


class Reads:
    """Paid reads of one domain."""

    def __init__(
        self, service: ExstreamService, config: ExstreamPollerConfig, spend: Callable[[], None],
        now: Callable[[], datetime],
    ) -> None:  # fmt: skip
        self._service, self._config, self._spend, self._now = service, config, spend, now
        self._runtime = f"/orchestration/api/v1/runtime/{config.domain}"
        self._design = f"/design/api/v1/resources/{config.domain}"
        self._flow_models = f"/orchestration/api/v1/flow-models/{config.domain}"

    def jobs(self, wanted: Mapping[str, str], page: int) -> Listed:
        """A page of jobs by `key:value` pairs (§4.1). Raises PausedError."""
        return self._listed(f"{self._runtime}/jobs", {"filter": _filter(wanted)}, page, "jobs")

    def resources(self, kind: str, page: int) -> Listed:
        """A page of the latest versions of a type of resource (§5.1). Raises PausedError."""
        wanted = {"filter.types": kind, "filter.latestVersion": "true"}
        return self._listed(self._design, wanted, page, "resources")

    def published(self) -> Sequence[Any]:
        """Every published flow model, without pages (§4.4). Raises PausedError."""
        reply = self._service.get(f"{self._flow_models}/published", "flow_models", self._spend)
        if isinstance(reply, Reply) and _is_list(reply):
            return reply.rows
        raise self._refused(reply)

    def instances(self, job_id: str) -> Sequence[Any]:
        """The flow instances of a job (§4.2). Raises PausedError or GoneError."""
        return self._rows("flow-instances", {"jobId": job_id}, "flow_instances")

    def steps(self, instance_id: str) -> Sequence[Any]:
        """The steps of a flow instance (§4.2). Raises PausedError or GoneError."""
        return self._rows("flow-steps", {"flowInstanceId": instance_id}, "flow_steps")

    def manifest(self, step_id: str) -> str:
        """The beginning of an output step's manifest (§4.3). Raises PausedError or GoneError."""
        path = f"{self._runtime}/flow-steps/{quote(step_id, safe='')}/delivery-file"
        reply = self._service.get(path, "delivery_file", self._spend, is_json=False)
        if isinstance(reply, Reply) and reply.is_ok:
            return reply.text
        raise self._refused(reply, is_of_job=True)

    def _rows(self, what: str, wanted: Mapping[str, str], action: str) -> Sequence[Any]:
        query = urlencode({"filter": _filter(wanted), "count": "1000", "offset": "0"})
        reply = self._service.get(f"{self._runtime}/{what}?{query}", action, self._spend)
        if isinstance(reply, Reply) and _is_list(reply):
            return reply.rows
        raise self._refused(reply, is_of_job=True)

    def _listed(self, path: str, wanted: Mapping[str, str], page: int, action: str) -> Listed:
        config = self._config
        offset = page if config.offset_counts is OffsetCounts.PAGES else page * config.page_size
        query = urlencode({**wanted, "count": config.page_size, "offset": offset})
        reply = self._service.get(f"{path}?{query}", action, self._spend)
        if not isinstance(reply, Reply) or not _is_list(reply):
            raise self._refused(reply)
        rows, before = list(reply.values["data"]), page * config.page_size
        is_full = len(rows) >= config.page_size
        return Listed(rows, _total(reply, before + len(rows) + is_full))

    def _refused(self, reply: Reply | NoToken, *, is_of_job: bool = False) -> Exception:
        if isinstance(reply, NoToken):
            return PausedError(reply.cause, reply.detail, reply.retry_after_s)
        if is_of_job and reply.status in (404, 410) and reply.failure is None:
            return GoneError()
        row = next(row for row in TABLE if row.fits(reply))
        wait = wait_s(reply.headers, self._now()) if row.has_hint else None
        return PausedError(row.cause, f"{reply.failure or reply.status}: {row.detail}", wait, is_all=row.is_all)


def _filter(wanted: Mapping[str, str]) -> str:
    return ";".join(f"{key}:{value}" for key, value in wanted.items())


def _is_list(reply: Reply) -> bool:
    return reply.is_ok and reply.said != "error" and isinstance(reply.values.get("data"), list)


def _total(reply: Reply, otherwise: int) -> int:
    page = reply.values.get("page")
    total = page.get("totalElements") if isinstance(page, dict) else None
    return total if isinstance(total, int) and not isinstance(total, bool) else otherwise
