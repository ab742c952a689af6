"""Everything that is true at one sandbox: accounts, assets, jobs, documents, files received."""

import math
from pathlib import Path
from typing import Any

from sandbox.clock import SandboxClock
from sandbox.exstream.accounts import Accounts
from sandbox.exstream.design import Assets
from sandbox.exstream.engine import Engine
from sandbox.exstream.jobs import Jobs
from sandbox.exstream.options import Options
from sandbox.exstream.publishing import FlowModels
from sandbox.exstream.reply import RefusedError, Reply
from sandbox.exstream.steps import Steps


class Installation:
    """What the control endpoint shows and clears."""

    name = "exstream"

    def __init__(self, options: Options, clock: SandboxClock) -> None:
        self._options, self._clock = options, clock
        self.accounts = Accounts(options, clock.now)
        self.assets = Assets(options, clock.now)
        self.flow_models = FlowModels(options)
        self.jobs = Jobs(options, clock.now, self.flow_models.is_published)
        self.steps = Steps(options, self.jobs)
        self.engine = Engine(options, self.assets)
        self._limit, self._window_s = math.inf, 1.0
        self._started, self._used = -1.0, 0

    def count(self) -> Reply | None:
        """One request; a 429 past the rate, of which the page knows no number (§9)."""
        now = self._clock.now()
        start = now - now % self._window_s
        if start != self._started:
            self._started, self._used = start, 0
        self._used += 1
        if self._used <= self._limit:
            return None
        left_s = max(1, math.ceil(start + self._window_s - now))
        return Reply(429, {"status": "failure", "message": "rate exceeded"}, {"retry-after": str(left_s)})

    def files(self) -> dict[str, str]:
        """What a directory channel would pick up now: whole files, by name (§3)."""
        folder = self._options.input_directory
        if folder is None:
            return {}
        found = sorted(path for path in Path(folder).iterdir() if path.is_file() and not path.name.startswith("."))
        return {path.name: path.read_text(encoding="utf-8") for path in found}

    def state(self) -> dict[str, Any]:
        """Jobs with their input, what was sent, documents that wait, approvals, files received."""
        return {
            "jobs": {job.id: self._job(job) for job in self.jobs.all()},
            "sent": self.engine.sent,
            "documents": self.engine.documents,
            "templates": self.assets.shown(),
            "files": self.files(),
        }

    def history(self) -> dict[str, list[Any]]:
        """What was started, by service, in order."""
        found: dict[str, list[Any]] = {}
        for job in self.jobs.all():
            found.setdefault(job.service, []).append(job.content.decode("utf-8", "replace"))
        return found

    def set_quota(self, endpoint: str, limit: int, window_s: float) -> None:
        """Change the rate, called `requests`; raises KeyError for anything else."""
        if endpoint != "requests":
            raise KeyError(endpoint)
        self._limit, self._window_s, self._started = limit, window_s, -1.0

    def clear(self) -> None:
        """Forget every job and document, approve every template; accounts and tokens stay."""
        self.jobs.clear()
        self.flow_models.clear()
        self.assets.clear()
        self.engine.clear()
        self.accounts.revoked.clear()
        self.accounts.no_access.clear()
        self._limit = math.inf

    def _job(self, job: Any) -> dict[str, Any]:
        shown = self.jobs.shown(job)
        instances = [self.jobs.shown_instance(job, each) for each in job.instances]
        return {**shown, "input": job.content.decode("utf-8", "replace"), "flow_instances": instances}


def not_found(path: str) -> RefusedError:
    """No such address."""
    return RefusedError(404, f"no address {path}", path=path)
