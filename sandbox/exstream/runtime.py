"""The addresses of the runtime API (page §4): jobs, flow instances, steps."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request

from sandbox.exstream import filters
from sandbox.exstream.installation import Installation
from sandbox.exstream.options import Options
from sandbox.exstream.reply import RefusedError, Reply, paged, success


class Runtime:
    """Reads and a few deeds; each takes a request that was let in."""

    def __init__(self, options: Options, installation: Installation) -> None:
        self._options, self._jobs, self._steps = options, installation.jobs, installation.steps

    def jobs(self, request: Request) -> Reply:
        """GET and DELETE /jobs."""
        query, fits = request.query_params, filters.parse(request.query_params.get("filter", ""))
        with_deleted = query.get("fetchDeleted") == "true"
        found = [
            job for job in self._jobs.all() if (with_deleted or not job.is_deleted) and fits(self._jobs.shown(job))
        ]
        if request.method == "DELETE":
            for job in found:
                self._jobs.mark(job, is_forced=False)
            return success(len(found))
        return self._paged([self._jobs.shown(job) for job in found], query)

    def job(self, request: Request) -> Reply:
        """GET and DELETE /jobs/{id}."""
        job = self._jobs.find(request.path_params["id"])
        if request.method == "DELETE":
            self._jobs.mark(job, is_forced="force" in request.query_params)
        return success(self._jobs.shown(job))

    def stop(self, request: Request) -> Reply:
        """POST /jobs/{id}/stop."""
        job = self._jobs.find(request.path_params["id"])
        self._jobs.stop(job)
        return success(self._jobs.shown(job))

    def instances(self, request: Request) -> Reply:
        """GET /flow-instances."""
        fits = filters.parse(request.query_params.get("filter", ""))
        shown = [self._jobs.shown_instance(job, each) for job in self._jobs.all() for each in job.instances]
        return self._paged([row for row in shown if fits(row)], request.query_params)

    def instance(self, request: Request) -> Reply:
        """GET /flow-instances/{id}."""
        return success(self._jobs.shown_instance(*self._jobs.instance(request.path_params["id"])))

    def input(self, request: Request) -> Reply:
        """GET /flow-instances/{id}/input: what it was given, byte by byte."""
        job, _ = self._jobs.instance(request.path_params["id"])
        if not self._options.inputs_readable:
            raise RefusedError(404, "the input cannot be retrieved")
        return Reply(200, job.content, media_type=job.headers.get("content-type", "application/json"))

    def release(self, request: Request) -> Reply:
        """POST /flow-instances/{id}/release: continue from holding."""
        job, instance = self._jobs.instance(request.path_params["id"])
        self._jobs.release(instance)
        return success(self._jobs.shown_instance(job, instance))

    def steps(self, request: Request) -> Reply:
        """GET /flow-steps."""
        fits = filters.parse(request.query_params.get("filter", ""))
        return self._paged([row for row in self._steps.all() if fits(row)], request.query_params)

    def step_file(self, request: Request) -> Reply:
        """GET /flow-steps/{id}/message-file and delivery-file."""
        step_id, name = request.path_params["id"], request.path_params["file"]
        if name == "message-file":
            return self._steps.message_file(step_id)
        if name == "delivery-file":
            return self._steps.delivery_file(step_id)
        raise RefusedError(404, f"no file {name}")

    def _paged(self, rows: list[Any], query: Mapping[str, str]) -> Reply:
        count, offset = query.get("count", "100"), query.get("offset", "0")
        if not (count.isdigit() and offset.isdigit() and 1 <= int(count) <= 1000):
            raise RefusedError(400, "count and offset must be numbers")
        return paged(rows, int(count), int(offset), counts=self._options.offset_counts)
