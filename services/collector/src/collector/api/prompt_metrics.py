"""`GET /api/v1/prompts/templates/{id}/metrics`: what the calls of a prompt used, by version.

The other routes below `/api/v1/prompts/templates` are the proposer's. These figures are the collector's, which has the
calls.
"""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from collector.domain.prompt_calls import CallSums
from collector.storage.prompt_calls import PromptCalls, PromptCallsReader, VersionSums
from ratchet.prompt import PromptError, prompt_name
from shared.auth.principal import Principal
from shared.problems import Problem
from shared.web.authentication import require
from shared.web.encoded_paths import decode_segment
from shared.web.problem_docs import problems

PREFIX = "/api/v1/prompts/templates"
Admin = Annotated[Principal, Depends(require("admin"))]
TemplateId = Annotated[str, Field(min_length=1, max_length=1024, pattern=r"^[^\x00]+$")]


class CallMetrics(BaseModel):
    """Means over calls; null is unknown.

    `avg_tokens_per_call` is of the `token_calls` that sent their tokens, `avg_latency_ms` (arithmetic) of the
    `timed_calls` that sent a latency, and `success_rate` the share of `ok` in the `outcomes` that were sent.
    """

    avg_tokens_per_call: float | None
    avg_latency_ms: float | None
    success_rate: float | None
    total_calls: int
    token_calls: int
    timed_calls: int
    outcomes: int
    first_call_at: datetime | None
    last_call_at: datetime | None


class VersionMetrics(CallMetrics):
    """`version` is a digest, or `label:` and the app's own label."""

    version: str


class TemplateMetrics(CallMetrics):
    """All versions together, then the 100 that were called last; `total_versions` counts all."""

    template_id: str
    total_versions: int
    versions: list[VersionMetrics]


def prompt_metrics_router(reader: PromptCallsReader) -> APIRouter:
    """Return the router; the route needs the scope `admin`."""
    router = APIRouter(prefix=PREFIX, tags=["few-shots"])

    @router.get("/{template_id}/metrics", responses=problems({404: ["template-unknown"]}))
    async def get_metrics(principal: Admin, template_id: TemplateId) -> TemplateMetrics:
        """Return tokens, latency and success of a prompt's calls, since it was first called."""
        name = decode_segment(template_id)
        try:
            found = await reader.get_calls(principal.project, principal.environment, prompt_name(name))
        except PromptError as error:
            raise Problem(404, "template-unknown", "No prompt has this name", str(error)) from error
        if found is None:
            raise Problem(404, "template-unknown", "No prompt has this name", name)
        return to_metrics(name, found)

    return router


def to_metrics(name: str, calls: PromptCalls) -> TemplateMetrics:
    """Return the metrics of a prompt as JSON."""
    return TemplateMetrics(
        template_id=name,
        total_versions=calls.versions,
        versions=[_version(each) for each in calls.latest],
        **_means(calls.total),
        first_call_at=calls.first_at,
        last_call_at=calls.last_at,
    )


def _version(each: VersionSums) -> VersionMetrics:
    return VersionMetrics(
        version=each.identity, **_means(each.sums), first_call_at=each.first_at, last_call_at=each.last_at
    )


def _means(sums: CallSums) -> dict[str, float | int | None]:
    return {
        "avg_tokens_per_call": sums.avg_tokens,
        "avg_latency_ms": sums.avg_latency_ms,
        "success_rate": sums.success_rate,
        "total_calls": sums.calls,
        "token_calls": sums.token_calls,
        "timed_calls": sums.timed_calls,
        "outcomes": sums.outcomes,
    }
