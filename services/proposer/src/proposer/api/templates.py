"""`/api/v1/prompts/templates`: tuning of prompts by their users' feedback. A template is a prompt; its id is its name.

Tuning drafts an example set and proposes it. Where a grant covers the proposal, the gatekeeper applies it at once, and
the answer counts what was applied; else a person decides, and the answer says so: `status` is `proposed`.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from proposer.api.response_models import AllTunedView, TemplateView, TunedView, TuningCandidateList
from proposer.domain.tuning_settings import (
    MAX_EXAMPLES,
    MAX_RATING,
    MAX_WINDOW_DAYS,
    MIN_RATING,
    BatchLimits,
    TuningSettings,
)
from proposer.template_tuner import TemplateTuner
from ratchet.prompt import PromptError, prompt_name
from shared.auth.principal import Principal
from shared.problems import Problem
from shared.web.authentication import require
from shared.web.encoded_paths import decode_segment
from shared.web.problem_docs import problems
from shared.web.response_models import describe_response

Admin = Annotated[Principal, Depends(require("admin"))]
TemplateId = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^\x00]+$")]
Rating = Annotated[float, Field(ge=MIN_RATING, le=MAX_RATING)]

PREFIX = "/api/v1/prompts/templates"
_DEFAULTS = TuningSettings()
_UNKNOWN = problems({404: ["template-unknown"]})


class AutoTune(BaseModel):
    """Limits of one run; what is left out has the target's setting. Answers rated below 4 are not stored."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"max_examples": 5, "min_rating": 4.0, "time_window_days": 30}]},
    )

    max_examples: Annotated[int, Field(ge=1, le=MAX_EXAMPLES)] | None = None
    min_rating: Rating | None = None
    time_window_days: Annotated[int, Field(ge=1, le=MAX_WINDOW_DAYS)] | None = None

    def limits(self) -> BatchLimits:
        """Return the limits that were given."""
        return BatchLimits(self.max_examples, self.min_rating, self.time_window_days)


def templates_router(tuning: TemplateTuner) -> APIRouter:
    """Return the router; all routes need the scope `admin`."""
    router = APIRouter(prefix=PREFIX, tags=["few-shots"])

    @router.post("/auto-tune-all", responses=describe_response(AllTunedView))
    async def tune_all(principal: Admin, body: AutoTune | None = None) -> dict[str, Any]:
        """Tune every prompt of the key's environment that is in use."""
        scope = (principal.project, principal.environment)
        return await tuning.tune_all(scope, (body or AutoTune()).limits())

    @router.post("/{template_id}/auto-tune", responses=describe_response(TunedView) | _UNKNOWN)
    async def tune(principal: Admin, template_id: TemplateId, body: AutoTune | None = None) -> dict[str, Any]:
        """Select the example set of a prompt, and apply or propose it."""
        scope = (principal.project, principal.environment)
        found = await tuning.tune(scope, name_of(template_id), (body or AutoTune()).limits())
        return _known(found, template_id)

    @router.get("/{template_id}/tuning-candidates", responses=describe_response(TuningCandidateList) | _UNKNOWN)
    async def list_candidates(
        principal: Admin,
        template_id: TemplateId,
        min_rating: Annotated[float, Query(ge=MIN_RATING, le=MAX_RATING)] = _DEFAULTS.batch_min_rating,
    ) -> dict[str, Any]:
        """Return at most 500 candidates from which tuning would select, best first."""
        scope = (principal.project, principal.environment)
        return _known(await tuning.list_candidates(scope, name_of(template_id), min_rating), template_id)

    @router.get("/{template_id}", responses=describe_response(TemplateView) | _UNKNOWN)
    async def get_template(principal: Admin, template_id: TemplateId) -> dict[str, Any]:
        """Return the version of a prompt that is in use."""
        scope = (principal.project, principal.environment)
        return _known(await tuning.get_template(scope, name_of(template_id)), template_id)

    return router


def name_of(template_id: str) -> str:
    """Return the prompt name in a segment of the path. Raises Problem 404 if no prompt can have this name."""
    try:
        return prompt_name(decode_segment(template_id))
    except PromptError as error:
        raise Problem(404, "template-unknown", "No prompt has this name", str(error)) from error


def _known(found: dict[str, Any] | None, template_id: str) -> dict[str, Any]:
    if found is None:
        raise Problem(404, "template-unknown", "No prompt has this name", decode_segment(template_id))
    return found
